"""Documents: files of many formats as text, read once for search and for the audit."""

"""Documents: a folder of Markdown, text and HTML files, read once for search and for the audit."""

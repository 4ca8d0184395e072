"""Taking a project's rows, prompt and answers elsewhere, in the files of other tools."""

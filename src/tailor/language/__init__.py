"""Which language a text is in, and how its words are told apart: used by scoring, by checks and by keyword search."""

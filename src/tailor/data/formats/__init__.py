"""Readers of file formats: each turns a file into rows and says what it did to them."""

"""The workbench: pages on which people label rows, see where they differ, and settle it."""

"""The files of a project's store: opening, migrating, checking, salvaging them."""

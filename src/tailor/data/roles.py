"""What files and columns call the splits of a data set."""

from __future__ import annotations

ROLES = {
    "train": ("train", "training"),
    "dev": ("dev", "val", "valid", "validation", "development"),
    "test": ("test", "testing"),
}
ROLE_OF = {word: role for role, words in ROLES.items() for word in words}
"""Word -> split."""
COLUMN_NAMES = ("split", "subset", "partition", "fold", "set", "data_split", "dataset_split")
"""What a column is called that names the split of each row."""

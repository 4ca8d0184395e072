"""Space kept back on the disk, so that answers that were paid for can still be saved when it is full."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from tailor.errors import StoreError
from tailor.files import open_private

NAME = "ballast"
BYTES = 4 << 20
"""Room for a few dozen answers with their passages, more than are under way at once."""


def make(folder: Path) -> None:
    """Keep space back, where there is plenty; without it nothing is worse than on a disk that is full anyway."""
    path = folder / NAME
    with suppress(OSError, StoreError):
        if path.exists() or shutil.disk_usage(folder).free < 16 * BYTES:
            return
        handle = open_private(path)
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, BYTES)
            else:
                os.write(handle, bytes(BYTES))
        finally:
            os.close(handle)


def free(folder: Path) -> bool:
    """Give the space back; whether there was any."""
    try:
        (folder / NAME).unlink()
    except OSError:
        return False
    return True


def is_full(error: StoreError) -> bool:
    """Whether a write failed because the disk is full."""
    return str(error).startswith("the disk is full")

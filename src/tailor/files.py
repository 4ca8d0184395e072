"""Files that Tailor writes: whole or not at all, for their owner only, and never through a link to somewhere else."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO

from tailor.errors import ConfigError, StoreError, quoted

LONGEST_NOTE = 200
"""Characters that are read of what the holder of a file wrote there."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def as_path(given: object, name: str) -> Path:
    """A path that came from a program.

    Args:
        given: what was given.
        name: of the argument.

    Raises:
        ConfigError: it is none, or an empty one.
    """
    if isinstance(given, str | os.PathLike) and os.fspath(given):
        return Path(given)
    raise ConfigError(
        f"{quoted(name)} is {quoted(given) if given else 'empty'}, but a path is accepted", "Give a `str` or a `Path`."
    )


def real_path(path: Path) -> Path:
    """The absolute path without links; links that lead to each other stay as they are, and are then no file.

    `Path.resolve` raises for these, up to Python 3.12.
    """
    return Path(os.path.realpath(path))


def write_atomically(path: Path, data: bytes | str, *, mode: int = 0o600) -> None:
    """Write a file in one step: after a crash or a power cut it is there as a whole, or what was there before.

    What is under the name is replaced and never written through, so that a link there loses only itself.

    Args:
        path: the file.
        data: what it will hold; text is written as UTF-8.
        mode: its permissions.

    Raises:
        StoreError: it cannot be written; the file that was there is as it was.
    """
    content = data.encode("utf-8") if isinstance(data, str) else data
    part = ""
    try:
        handle, part = tempfile.mkstemp(prefix=f".{path.name}-", suffix=".part", dir=path.parent)
        with open(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
        sync_folder(path.parent)
    except OSError as error:
        if part:
            with suppress(OSError):
                os.unlink(part)
        raise write_failure(path, error) from error


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """A descriptor of a file that belongs to this user alone; made with mode 0600 where `flags` has O_CREAT.

    Raises:
        StoreError: the name is a link, not a file, another user's, or another name of a file that lies elsewhere too; or it
            cannot be opened.
    """
    truncate = flags & os.O_TRUNC
    try:
        # Truncated only once it is known to be ours; a FIFO must not be waited for.
        handle = os.open(path, flags & ~os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
            raise _not_ours(path, "is a link, or not a file") from error
        raise write_failure(path, error) from error
    try:
        refuse_foreign(path, os.fstat(handle))
        if truncate:
            os.ftruncate(handle, 0)
        return handle
    except BaseException:
        os.close(handle)
        raise


def refuse_foreign(path: Path, status: os.stat_result | None = None) -> None:
    """Refuse what is not a file of this user's alone; nothing there is well.

    Args:
        path: the file.
        status: what `os.fstat` or `os.lstat` says of it; looked up if left out.

    Raises:
        StoreError: it is a link, not a file, another user's, or has further names elsewhere.
    """
    if status is None:
        try:
            status = os.lstat(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise write_failure(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise _not_ours(path, "is a link, or not a file")
    if status.st_nlink > 1:
        raise _not_ours(path, "is a second name of a file that lies elsewhere")
    if status.st_uid != os.geteuid():
        raise _not_ours(path, "belongs to another user")


def parts_of(path: Path) -> list[Path]:
    """The files that a name with a wildcard (`*`, `?`, `[...]`) stands for, sorted; of a plain name, that file, there or not."""
    if path.exists() or not path.parent.is_dir() or not any(sign in path.name for sign in "*?["):
        return [path]
    return sorted(part for part in path.parent.iterdir() if fnmatchcase(part.name, path.name) and part.is_file())


def seen_from_here(path: Path) -> str:
    """The path as one would type it in the folder of the process."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def private_folder(path: Path) -> Path:
    """The folder, made with mode 0700 if absent.

    Raises:
        StoreError: the name is a link, not a folder or another user's, or the folder cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = os.lstat(path)
    except FileExistsError as error:
        raise StoreError(f"{path} cannot be written to: it is not a folder", "make it a folder that you may write to") from error
    except OSError as error:
        raise write_failure(path, error) from error
    if not stat.S_ISDIR(status.st_mode):
        raise _not_ours(path, "is a link, or not a folder")
    if status.st_uid != os.geteuid():
        raise _not_ours(path, "belongs to another user")
    return path


def tighten(folder: Path) -> Path:
    """The folder, made if absent, after everybody else's permissions were taken from all that it holds.

    Raises:
        StoreError: something in it is a link, no file, or another user's. Nothing is written through it, now or later.
    """
    private_folder(folder)
    try:
        os.chmod(folder, 0o700)
    except OSError as error:
        raise write_failure(folder, error) from error
    for parent, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(parent, name)
            try:
                status = os.lstat(path)
                if not stat.S_ISDIR(status.st_mode):
                    refuse_foreign(path, status)
                if stat.S_IMODE(status.st_mode) & 0o077:
                    os.chmod(path, stat.S_IMODE(status.st_mode) & 0o700)
            except FileNotFoundError:  # a file that another process made for a moment
                continue
            except OSError as error:
                raise write_failure(path, error) from error
    return folder


@contextmanager
def private_files() -> Iterator[None]:
    """What is made in this block, by libraries too, is for its owner only."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; where a file system cannot, nothing is done."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Held(Exception):
    """Another process holds a file.

    Args:
        told: what it wrote there; empty where it has not yet.
    """

    def __init__(self, told: str) -> None:
        super().__init__(told)
        self.told = told


def hold_alone(path: Path, told: str) -> IO[str]:
    """An open file that only one process can hold; the system frees it when the process ends, however it ends.

    Args:
        path: the file; made where it is absent.
        told: what others read in it.

    Raises:
        Held: another process holds it.
        StoreError: it cannot be opened, held or written.
    """
    file = open(open_private(path), "r+", encoding="utf-8", errors="replace")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(told)
        file.flush()
    except BlockingIOError:
        with file:
            raise Held(file.read(LONGEST_NOTE).strip()) from None
    except OSError as error:
        with suppress(OSError):
            file.close()
        raise write_failure(path, error) from error
    return file


def unwritten(error: OSError) -> StoreError | None:
    """What an error of the system means that no one has taken for a failed write yet; None where it is no such error."""
    if error.errno in (*_FULL, errno.EROFS, errno.EIO):
        return write_failure(Path(error.filename or "a file of the project"), error)
    return None


def write_failure(path: Path, error: OSError) -> StoreError:
    """What an error of the system means for the user: a full disk, no permission, and a failing disk ask for different things."""
    why = error.strerror or str(error)
    if error.errno in _FULL:
        return StoreError(
            f"the disk is full: {path} could not be written",
            "free some space and run the same command again; it continues from here",
        )
    if error.errno in _REFUSED:
        return StoreError(f"{path} cannot be written to: {why}", "make it writable for your user, then run the same command again")
    if error.errno == errno.EIO:
        return StoreError(
            f"the disk reports an error at {path}",
            "copy the whole project folder to another disk and continue there; delete nothing",
        )
    return StoreError(f"{path} cannot be written to: {why}", "make it a place that you may write to")


def _not_ours(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} {why}, so it is not used", "look at it; if you do not need it, remove it and run the command again")

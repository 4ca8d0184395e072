"""Files are written whole or not at all, and never through a link."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tailor.errors import StoreError
from tailor.files import open_private, private_folder, refuse_foreign, write_atomically, write_failure


def test_a_file_is_replaced_as_a_whole_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_atomically(path, "first")
    write_atomically(path, "zweite, größer")
    assert path.read_text(encoding="utf-8") == "zweite, größer"
    assert path.stat().st_mode & 0o777 == 0o600
    write_atomically(path, b"\0\xff", mode=0o644)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"\0\xff", 0o644)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("step", ["fsync", "replace", "fchmod"])
def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "notes"
    path.write_text("before", encoding="utf-8")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(StoreError, match="^the disk is full: .*notes could not be written$"):
        write_atomically(path, "after")
    assert path.read_text(encoding="utf-8") == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["notes"]


def test_a_link_is_replaced_and_its_target_stays_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("dear to me", encoding="utf-8")
    link = tmp_path / "project" / "out"
    link.parent.mkdir()
    link.symlink_to(mine)
    write_atomically(link, "new")
    assert (mine.read_text(encoding="utf-8"), link.read_text(encoding="utf-8")) == ("dear to me", "new")
    assert not link.is_symlink()


def soft(path: Path, mine: Path) -> None:
    path.symlink_to(mine)


def hard(path: Path, mine: Path) -> None:
    path.hardlink_to(mine)


def fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, _: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [soft, hard, fifo])
@pytest.mark.parametrize("flags", [os.O_RDWR | os.O_CREAT, os.O_RDWR | os.O_CREAT | os.O_TRUNC, os.O_WRONLY, os.O_RDONLY])
def test_only_a_plain_file_of_ones_own_is_opened(make: Callable[[Path, Path], None], flags: int, tmp_path: Path) -> None:
    mine, path = tmp_path / "mine", tmp_path / "lock"
    mine.write_text("of value", encoding="utf-8")
    make(path, mine)
    with pytest.raises(StoreError, match="so it is not used"):
        open_private(path, flags)
    with pytest.raises(StoreError, match="so it is not used"):
        refuse_foreign(path)
    assert mine.read_text(encoding="utf-8") == "of value"


def test_a_new_file_is_private_and_truncated_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    refuse_foreign(path)
    for flags, left in ((os.O_RDWR | os.O_CREAT, b""), (os.O_RDWR, b"12"), (os.O_RDWR | os.O_TRUNC, b"")):
        handle = open_private(path, flags)
        assert os.read(handle, 10) == left
        os.pwrite(handle, b"12", 0)
        os.close(handle)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("make", [soft, hard, fifo])
def test_a_folder_is_no_link_and_no_file(make: Callable[[Path, Path], None], tmp_path: Path) -> None:
    mine, path = tmp_path / "mine", tmp_path / ".tailor"
    mine.write_text("", encoding="utf-8")
    make(path, mine)
    with pytest.raises(StoreError):
        private_folder(path)
    made = private_folder(tmp_path / "a" / "b")
    assert made.stat().st_mode & 0o777 == 0o700 and private_folder(made) == made


def test_a_link_to_a_folder_is_no_folder_of_the_store(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".tailor").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link, or not a folder"):
        private_folder(tmp_path / ".tailor")


def test_another_users_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    for refuse in (open_private, refuse_foreign):
        with pytest.raises(StoreError, match="belongs to another user"):
            refuse(path)


@pytest.mark.parametrize(
    ("number", "said", "advised"),
    [
        (errno.ENOSPC, "the disk is full", "free some space"),
        (errno.EROFS, "cannot be written to", "make it writable"),
        (errno.EIO, "reports an error", "copy the whole project folder"),
        (errno.ENOTDIR, "cannot be written to", "make it a place"),
    ],
)
def test_each_cause_has_its_own_advice_and_none_is_to_delete(number: int, said: str, advised: str) -> None:
    failure = write_failure(Path("p"), OSError(number, os.strerror(number)))
    assert said in str(failure) and advised in failure.hint
    assert "move it away" not in failure.hint

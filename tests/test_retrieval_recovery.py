"""The index after damage and after updates that were killed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_retrieval_index import PAGES, QUERIES, HashingEmbedder, new_index, page, search_all

from tailor.errors import StoreError
from tailor.retrieval.index import Index
from tailor.retrieval.manifest import Manifest
from tailor.retrieval.store import Store


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and ".damaged-" not in str(path))


def _delete_everything(folder: Path) -> None:
    shutil.rmtree(folder)


def _fill_with_noise(folder: Path) -> None:
    for path in _files(folder):
        path.write_bytes(b"noise" * 50)


def _cut_files(folder: Path) -> None:
    for path in _files(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flip_one_byte(folder: Path) -> None:
    path = max((path for path in _files(folder) if path.suffix == ".lance"), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 0xFF
    path.write_bytes(data)


def _delete_data(folder: Path) -> None:
    for path in _files(folder):
        if path.parent.name == "data":
            path.unlink()


def _spoil_manifest(folder: Path) -> None:
    (path,) = (path for path in _files(folder) if path.name == "manifest.json")
    path.write_text('{"version": "', encoding="utf-8")


def _lose_manifest_and_data(folder: Path) -> None:
    _spoil_manifest(folder)
    _delete_data(folder)


def _file_in_place(folder: Path) -> None:
    (table,) = folder.iterdir()
    shutil.rmtree(table)
    table.write_text("not a folder", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        _delete_everything,
        _fill_with_noise,
        _cut_files,
        _flip_one_byte,
        _delete_data,
        _spoil_manifest,
        _lose_manifest_and_data,
        _file_in_place,
    ],
)
def test_a_damaged_index_is_made_anew_with_the_same_results(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    index = new_index(tmp_path / "index", PAGES)
    expected, digest = search_all(index), index.digest
    damage(tmp_path / "index")
    again = Index.open(tmp_path / "index", HashingEmbedder())
    assert again.search(["hotel"], "bm25", 3) == [[]]
    again.update(PAGES)
    assert (search_all(again), again.digest) == (expected, digest)


def test_damage_is_set_aside_and_not_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2):
        new_index(tmp_path, PAGES)
        _cut_files(tmp_path)
        Index.open(tmp_path, HashingEmbedder())
        assert len(list(tmp_path.glob("*.damaged-*"))) == number
    assert "is damaged" in caplog.text


def test_damage_after_opening_is_one_clear_error(tmp_path: Path) -> None:
    new_index(tmp_path, PAGES)
    index = Index.open(tmp_path, HashingEmbedder())
    _delete_data(tmp_path)
    with pytest.raises(StoreError, match="cannot be read"):
        index.search(QUERIES, "vector", 3)


@pytest.mark.parametrize(("owner", "step"), [(Store, "drop"), (Store, "commit"), (Manifest, "write")])
def test_an_update_killed_on_its_way_is_invisible_and_then_completed(tmp_path: Path, owner: type, step: str) -> None:
    old, new = PAGES[:3], [page("hotels.md", "A zebra hotel."), *PAGES[2:]]
    before = search_all(new_index(tmp_path / "a", old))
    embedder = HashingEmbedder()
    killed = Index.open(tmp_path / "a", embedder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, step, _killed)
        with pytest.raises(KeyboardInterrupt):
            killed.update(new)
    assert len(embedder.seen) == 2
    assert search_all(killed) == search_all(Index.open(tmp_path / "a", HashingEmbedder())) == before
    embedder.seen.clear()
    healed = Index.open(tmp_path / "a", embedder)
    update = healed.update(new)
    assert (update.added, update.removed, update.kept, embedder.seen) == (2, 1, 1, [])
    fresh = new_index(tmp_path / "b", new)
    assert (search_all(healed), healed.digest) == (search_all(fresh), fresh.digest)


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_killed_first_build_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.retrieval.index._BATCH_PASSAGES", 1)

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Index.open(tmp_path, HashingEmbedder()).update(PAGES, stop)
    embedder = HashingEmbedder()
    index = Index.open(tmp_path, embedder)
    assert index.search(["hotel"], "bm25", 3) == [[]]
    index.update(PAGES)
    assert len(embedder.seen) == 1
    assert search_all(index) == search_all(new_index(tmp_path / "b", PAGES))

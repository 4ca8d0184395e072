"""The cache of vectors: computed once, never trusted when damaged, never needed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import apsw
import numpy as np
import pytest

from tailor.models.base import Array
from tailor.models.fake import FakeEmbedder
from tailor.models.vectors import CachedEmbedder

TEXTS = ["a lost card", "", "my card is lost", "a lost card", "\ud800 zero\x00byte", "東京"]


class Counting(FakeEmbedder):
    """Remembers what it was asked to embed."""

    def __init__(self, digest: str = "1") -> None:
        super().__init__()
        self.digest = digest
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> Array:
        self.seen += texts
        return super().embed(texts)


def test_a_text_is_computed_once_in_all_processes_that_share_the_file(tmp_path: Path) -> None:
    expected = FakeEmbedder().embed(TEXTS)
    first, second = Counting(), Counting()
    one = CachedEmbedder(first, tmp_path / "vectors.db")
    np.testing.assert_array_equal(one.embed(TEXTS), expected)
    np.testing.assert_array_equal(one.embed(TEXTS[::-1]), expected[::-1])
    assert sorted(first.seen) == sorted(set(TEXTS))
    two = CachedEmbedder(second, tmp_path / "vectors.db")
    np.testing.assert_array_equal(two.embed([*TEXTS, "new"])[:-1], expected)
    assert second.seen == ["new"]
    assert two.embed([]).shape == (0, first.dimensions)


def test_embedders_that_share_a_file_do_not_mix(tmp_path: Path) -> None:
    CachedEmbedder(Counting("1"), tmp_path / "vectors.db").embed(TEXTS)
    other = Counting("2")
    CachedEmbedder(other, tmp_path / "vectors.db").embed(TEXTS[:1])
    assert other.seen == TEXTS[:1]


def test_a_damaged_file_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "vectors.db"
    path.write_bytes(b"noise" * 2000)
    embedder = CachedEmbedder(Counting(), path)
    np.testing.assert_array_equal(embedder.embed(TEXTS), FakeEmbedder().embed(TEXTS))
    assert "not kept" in caplog.text and not path.exists()
    embedder.embed(["new"])
    CachedEmbedder(Counting(), path).embed(TEXTS)
    last = Counting()
    CachedEmbedder(last, path).embed(TEXTS)
    assert last.seen == []


def test_a_vector_that_is_not_whole_is_computed_again(tmp_path: Path) -> None:
    path = tmp_path / "vectors.db"
    CachedEmbedder(Counting(), path).embed(TEXTS[:2])
    with apsw.Connection(str(path)) as db:
        db.execute("UPDATE sealed SET vector=zeroblob(length(vector))")
    again = Counting()
    np.testing.assert_array_equal(CachedEmbedder(again, path).embed(TEXTS[:2]), FakeEmbedder().embed(TEXTS[:2]))
    assert sorted(again.seen) == sorted(TEXTS[:2])


def test_a_place_that_cannot_be_written_costs_only_the_cache(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    embedder = CachedEmbedder(counting := Counting(), tmp_path / "absent" / "vectors.db")
    np.testing.assert_array_equal(embedder.embed(TEXTS), FakeEmbedder().embed(TEXTS))
    embedder.embed(TEXTS)
    assert len(counting.seen) == len(set(TEXTS)) and caplog.text.count("not kept") == 1

"""One version of an index in memory: exact search by vectors, and passages without reading the disk for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tailor.models.base import Array
from tailor.retrieval.passage import Passage

PASSAGE = ["document", "title", "start", "end", "text"]
SCORE_DIGITS = 5

_BATCH_ROWS = 8_192
_SCORES_AT_ONCE = 8_000_000
# Scores that round to the same five digits are up to 1e-5 apart; the rest is for sums that were rounded in another order.
_MARGIN = 2e-5


class Snapshot:
    """The passages of a table, numbered in the order in which it was read.

    Args:
        table: a LanceDB table that stays at its version.
        dimensions: length of its vectors; 0 for none. They are read at the first search that needs them.
        restricted: whether its rows say who may read them.
    """

    def __init__(self, table: Any, dimensions: int, *, restricted: bool = False) -> None:
        from pyarrow.compute import sort_indices

        self._table = table
        self._dimensions = dimensions
        found = self._read([*PASSAGE, "allowed"] if restricted else PASSAGE).combine_chunks()
        self._allowed = found["allowed"] if restricted else None
        self._passages = found.select(PASSAGE)
        row_ids = found["_rowid"].to_numpy()
        self._by_row_id = np.argsort(row_ids)
        self._row_ids = row_ids[self._by_row_id]
        # Of equal scores the first in the order of documents and places comes first.
        self._rank = np.empty(len(row_ids), dtype=np.int64)
        self._rank[sort_indices(found, [("document", "ascending"), ("start", "ascending")])] = np.arange(len(row_ids))

    def numbers(self, row_ids: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Numbers of the passages in these rows of the table."""
        numbers: NDArray[np.int64] = self._by_row_id[np.searchsorted(self._row_ids, row_ids)]
        return numbers

    def passages(self, numbers: NDArray[np.int64], scores: Sequence[float]) -> list[Passage]:
        """The passages with these numbers, and their scores."""
        rows = self._passages.take(numbers).to_pylist()
        return [Passage(**row, score=score) for row, score in zip(rows, scores, strict=True)]

    def _readable(self, allowed: frozenset[str] | None) -> NDArray[np.int64] | None:
        """Numbers of the passages that may be read; None for all.

        Raises:
            ValueError: it is not said who asks, and rows are restricted.
        """
        if (self._allowed is None) is not (allowed is None):
            raise ValueError("a restricted index is searched for someone, and no other index is")
        if self._allowed is None or allowed is None:
            return None
        from pyarrow import array
        from pyarrow.compute import is_in

        numbers: NDArray[np.int64] = np.flatnonzero(is_in(self._allowed, value_set=array(sorted(allowed))).to_numpy())
        return numbers

    def nearest(self, queries: Array, limit: int, allowed: frozenset[str] | None = None) -> list[list[Passage]]:
        """For each unit vector the passages with the highest cosine similarities, at most `limit`, of those that may be read.

        Every one of them is compared.

        Blocks of the product choose candidates; the scores that count are summed again in float64 for the few that are near the
        best, so that they do not depend on which queries shared a block.
        """
        readable = self._readable(allowed)
        vectors, ranks = (self._vectors, self._rank) if readable is None else (self._vectors[readable], self._rank[readable])
        if not len(vectors):
            return [[] for _ in queries]
        limit = min(limit, len(vectors))
        step = max(1, _SCORES_AT_ONCE // len(vectors))
        found = []
        for start in range(0, len(queries), step):
            block = queries[start : start + step]
            for query, similarities in zip(block, block @ vectors.T, strict=True):
                least = np.partition(similarities, -limit)[-limit]
                near = np.flatnonzero(similarities >= least - _MARGIN)
                scores = (vectors[near] * query).sum(axis=1, dtype=np.float64).round(SCORE_DIGITS)
                best = np.lexsort((ranks[near], -scores))[:limit]
                numbers = near[best] if readable is None else readable[near[best]]
                found.append(self.passages(numbers, scores[best].tolist()))
        return found

    @cached_property
    def _vectors(self) -> Array:
        vectors = np.empty((len(self._row_ids), self._dimensions), dtype=np.float32)
        for batch in self._table.search().select(["vector"]).with_row_id(True).to_batches(_BATCH_ROWS):  # never two copies at once
            values = batch["vector"].flatten().to_numpy().reshape(-1, self._dimensions)
            vectors[self.numbers(batch["_rowid"].to_numpy())] = values
        return vectors

    def _read(self, columns: list[str]) -> Any:
        return self._table.search().select(columns).with_row_id(True).to_arrow()

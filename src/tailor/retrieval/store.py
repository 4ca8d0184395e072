"""The passages of an index on disk: a versioned LanceDB table, and a manifest that says which version counts."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tailor.errors import ConfigError, StoreError
from tailor.models.base import Array
from tailor.retrieval.fusion import ranked
from tailor.retrieval.manifest import Manifest, checksums
from tailor.retrieval.passage import Passage
from tailor.retrieval.snapshot import PASSAGE, SCORE_DIGITS, Snapshot
from tailor.retrieval.waiting import begin
from tailor.retrieval.words import Words

_TABLE = "passages"
_BATCH_QUERIES = 256
_BATCH_ROWS = 1024
# Up to so many passages searches read memory, where comparing a vector with each of them is nine times as fast as on the disk:
# 1,000,000 with 384 dimensions take 2.5 GB (`python -m benchmarks search-scale`), and so many only a machine with 16 GB holds.
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
_IN_MEMORY = 1_000_000 if _MEMORY >= 15 << 30 else 200_000
# Every 40 versions small files are joined, and versions are deleted that are a day old, so that no reader still uses them. Nothing
# is deleted before the manifest names another version than the last.
_TIDY_EVERY = 40
_KEEP, _FOREVER = timedelta(days=1), timedelta(days=36_500)
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class PassageRow:
    """A passage to be stored.

    Attributes:
        revision: names the document in exactly this form; all rows of a revision are added together.
        key: names the searched text; rows with the same key have the same vector.
        searched: title and text, which are what searches look at.
        passage: what a search gives.
        allowed: the hash by which it is known who may read it (`tailor.access`); empty for nobody, where that is asked.
    """

    revision: str
    key: str
    searched: str
    passage: Passage
    allowed: str = ""


class Store:
    """Rows that are added and dropped in any number of steps, and become visible to searches by `commit`.

    Args:
        folder: where the table is; made if there is none, set aside if it is damaged.
        dimensions: length of the vectors; 0 for none.
        restricted: whether rows say who may read them, and searches for whom they are.

    Attributes:
        folder: where the table is.
        manifest: what the last commit left.
        revisions: the revisions whose rows are saved, committed or not.
        keys: the keys whose vectors are saved, committed or not.

    Raises:
        ConfigError: the package lancedb is not installed.
        StoreError: the folder cannot be written.
    """

    def __init__(self, folder: Path, dimensions: int, *, restricted: bool = False) -> None:
        self.folder = folder
        self._dimensions = dimensions
        self._restricted = restricted
        self.manifest = Manifest.read(folder)
        self.revisions: set[str] = set()
        self.keys: set[str] = set()
        self._snapshot: Snapshot | None = None
        self._asked: Any = None
        self._lancedb = _lancedb()
        try:
            if not self.manifest.is_intact(folder):
                raise OSError("files are missing or have changed")
            self._attach()
        except Exception as error:  # whatever LanceDB makes of damaged files, see _guard
            self._set_aside(error)
            with self._guard():
                self._attach()

    def add(self, rows: Sequence[PassageRow], vectors: Array | None) -> None:
        """Save rows, with vectors of shape (len(rows), dimensions), in one step."""
        import pyarrow

        columns: dict[str, Any] = {name: [getattr(row.passage, name) for row in rows] for name in PASSAGE}
        columns |= {name: [getattr(row, name) for row in rows] for name in ("revision", "key", "searched")}
        if self._restricted:
            columns["allowed"] = [row.allowed for row in rows]
        if vectors is not None:
            flat = pyarrow.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
            columns["vector"] = pyarrow.FixedSizeListArray.from_arrays(flat, self._dimensions)
        with self._guard():
            self._saved.add(pyarrow.table(columns, schema=self._schema()))
        self.revisions.update(row.revision for row in rows)
        self.keys.update(row.key for row in rows)

    def vectors(self, keys: Collection[str]) -> dict[str, Array]:
        """The saved vectors of those keys that have one."""
        known = [key for key in keys if key in self.keys]
        if not known:
            return {}
        with self._guard():
            found = self._saved.search().where(_among("key", known)).select(["key", "vector"]).to_arrow()
        values = np.asarray(found["vector"].combine_chunks().flatten(), dtype=np.float32).reshape(-1, self._dimensions)
        return dict(zip(found["key"].to_pylist(), values, strict=True))

    def drop(self, revisions: Collection[str]) -> None:
        """Drop the rows of these revisions."""
        if revisions:
            with self._guard():
                self._saved.delete(_among("revision", revisions))
            self.revisions.difference_update(revisions)

    def commit(self, documents: Mapping[str, str], words: Words) -> None:
        """Rebuild the word index and let searches see the rows as they are now.

        Args:
            documents: path -> digest of the documents whose rows these are.
            words: how words are told apart.
        """
        from lancedb.index import FTS

        with self._guard():
            tidy = self._saved.version // _TIDY_EVERY > self.manifest.version // _TIDY_EVERY
            if tidy:
                # Files are joined while there is no word index, which LanceDB would bring up to date for nothing.
                for index in self._saved.list_indices():
                    self._saved.drop_index(index.name)
                self._saved.optimize(cleanup_older_than=_FOREVER)
            self._saved.create_index("searched", config=FTS(**words), replace=True)
            if tidy:
                self._write_manifest(documents, words, files={})
                self._saved.optimize(cleanup_older_than=_KEEP)
            self._write_manifest(documents, words, checksums(self.folder, self.manifest.files))

    def by_words(self, queries: Sequence[str], limit: int, allowed: frozenset[str] | None = None) -> Future[list[list[Passage]]]:
        """For each query the passages with the highest BM25 scores, at most `limit`, of those that may be read.

        LanceDB's threads search while the caller goes on. Queries are asked together: one by one, each would wait for threads five
        times, which takes longer than the search.
        """
        from lancedb.query import MatchQuery

        with self._guard():
            readable = self._readable(allowed)
            # Row ids alone are found in half the time that the passages take.
            columns = ["_score"] if self._held() else [*PASSAGE, "_score"]

        async def fetch(places: Sequence[int], limit: int) -> list[list[Passage]]:
            table = await self._asked_table()
            found: list[list[Passage]] = []
            for first in range(0, len(places), _BATCH_QUERIES):
                batch = places[first : first + _BATCH_QUERIES]
                searches = (table.query().nearest_to_text(MatchQuery(queries[place], "searched")) for place in batch)
                chosen = (search.where(readable) if readable else search for search in searches)
                tables = (search.select(columns).with_row_id().limit(limit).to_arrow() for search in chosen)
                found += [self._scored(table) for table in await asyncio.gather(*tables)]
            return found

        return begin(self._guarded(_with_ties(fetch, len(queries), limit)))

    async def _asked_table(self) -> Any:
        """The table as searches see it, opened for several questions at a time."""
        if self._asked is None:
            database = await self._lancedb.connect_async(str(self.folder))
            table = await database.open_table(_TABLE)
            if self.manifest.version:
                await table.checkout(self.manifest.version)
            self._asked = table
        return self._asked

    def by_vectors(self, vectors: Array, limit: int, allowed: frozenset[str] | None = None) -> list[list[Passage]]:
        """For each vector the passages with the highest cosine similarities, at most `limit`, of those that may be read.

        Every passage is compared.
        """
        with self._guard():
            held, readable = self._held(), self._readable(allowed)
            if held is not None:
                return held.nearest(vectors, limit, allowed)

        async def fetch(places: Sequence[int], limit: int) -> list[list[Passage]]:
            table = await self._asked_table()
            found: list[list[Passage]] = [[] for _ in places]
            for first in range(0, len(places), _BATCH_QUERIES):
                search = table.query().nearest_to(vectors[list(places[first : first + _BATCH_QUERIES])]).distance_type("dot")
                if readable:
                    search = search.where(readable)
                for row in (await search.select([*PASSAGE, "_distance"]).limit(limit).to_arrow()).to_pylist():
                    found[first + row.get("query_index", 0)].append(_passage(row, 1 - row["_distance"]))
            return found

        return begin(self._guarded(_with_ties(fetch, len(vectors), limit))).result()

    def _readable(self, allowed: frozenset[str] | None) -> str:
        """The condition of rows that may be read, which are chosen before any is scored; empty where all may be.

        Raises:
            ValueError: it is not said who asks, and rows are restricted.
        """
        if self._restricted is (allowed is None):
            raise ValueError("a restricted index is searched for someone, and no other index is")
        return "" if allowed is None else _among("allowed", allowed)

    def read(self, but: Collection[str] = ()) -> Iterator[tuple[list[PassageRow], Array]]:
        """What searches see, in batches with their vectors, without these revisions."""
        left_out = set(but)
        columns = [*PASSAGE, "revision", "key", "searched", *(["allowed"] if self._restricted else []), "vector"]
        with self._guard():
            for batch in self._seen.search().select(columns).to_batches(_BATCH_ROWS):
                vectors = np.asarray(batch["vector"].flatten(), dtype=np.float32).reshape(-1, self._dimensions)
                rows = batch.drop_columns(["vector"]).to_pylist()
                kept = [place for place, row in enumerate(rows) if row["revision"] not in left_out]
                yield [_row(rows[place]) for place in kept], vectors[kept]

    def _held(self) -> Snapshot | None:
        """What searches see, in memory; None where it is too much."""
        if self._snapshot is None and self.manifest.passages <= _IN_MEMORY:
            self._snapshot = Snapshot(self._seen, self._dimensions, restricted=self._restricted)
        return self._snapshot

    def _scored(self, found: Any) -> list[Passage]:
        """What a search by words found."""
        held = self._held()
        if held is None:
            return [_passage(row, row["_score"]) for row in found.to_pylist()]
        scores = found["_score"].to_numpy().astype(np.float64).round(SCORE_DIGITS)
        return held.passages(held.numbers(found["_rowid"].to_numpy()), scores.tolist())

    def refresh(self) -> None:
        """Take in what another process may have saved and committed since this store was opened."""
        with self._guard():
            self._see(Manifest.read(self.folder))
            self._list()

    def _attach(self) -> None:
        database = self._lancedb.connect(str(self.folder))
        if not (self.folder / f"{_TABLE}.lance").exists():
            database.create_table(_TABLE, schema=self._schema())
        self._saved: Any = database.open_table(_TABLE)
        self._seen: Any = database.open_table(_TABLE)
        self._see(self.manifest)
        self._list()
        if self._saved.version != self.manifest.version:  # rows that no checksum vouches for must at least be readable
            self._saved.list_versions()
            self._saved.to_arrow()

    def _see(self, manifest: Manifest) -> None:
        if manifest.version:
            self._seen.checkout(manifest.version)
        if manifest != self.manifest:
            self._snapshot = self._asked = None
        self.manifest = manifest

    def _list(self) -> None:
        self._saved.checkout_latest()
        found = self._saved.search().select(["revision", "key"]).to_arrow()
        self.revisions, self.keys = set(found["revision"].to_pylist()), set(found["key"].to_pylist())

    def _set_aside(self, error: Exception) -> None:
        try:
            names = (self.folder.with_name(f"{self.folder.name}.damaged-{number}") for number in range(1, 1_000_000))
            aside = next(path for path in names if not path.exists())
            os.replace(self.folder, aside)
        except OSError:
            raise StoreError(
                f"the index in {self.folder} cannot be opened: {error}", "check that the folder can be written"
            ) from error
        _log.warning("the index in %s is damaged (%s); it was renamed to %s and is rebuilt", self.folder, error, aside.name)
        self.manifest = Manifest()

    def _write_manifest(self, documents: Mapping[str, str], words: Words, files: dict[str, str]) -> None:
        passages = self._saved.count_rows()
        manifest = Manifest(
            version=self._saved.version, passages=passages, documents=dict(documents), files=files, words=dict(words)
        )
        manifest.write(self.folder)
        self._see(manifest)

    def _schema(self) -> Any:
        import pyarrow

        text, number = pyarrow.string(), pyarrow.int64()
        fields = [("document", text), ("title", text), ("start", number), ("end", number), ("text", text)]
        fields += [("revision", text), ("key", text), ("searched", text)]
        if self._restricted:
            fields.append(("allowed", text))
        if self._dimensions:
            fields.append(("vector", pyarrow.list_(pyarrow.float32(), self._dimensions)))
        return pyarrow.schema(fields)

    async def _guarded(self, work: Awaitable[T]) -> T:
        with self._guard():
            return await work

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """The boundary to LanceDB, all of whose failures become one kind of error.

        Where files are missing, damaged or not writable it raises OSError, RuntimeError, ValueError, or the panics of its native
        code, whose class cannot be imported. That is why Exception is caught here.
        """
        try:
            yield
        except Exception as error:
            message = f"the index in {self.folder} cannot be read or written: {error}"
            raise StoreError(message, "check the disk, then run the same command again; a damaged index is rebuilt") from error


def _lancedb() -> Any:
    try:
        import lancedb
    except ImportError as error:
        raise ConfigError("retrieval needs the package lancedb, which is not installed", "pip install 'tailor[rag]'") from error
    return lancedb


def _among(column: str, digests: Collection[str]) -> str:
    """A condition of SQL; digests are hexadecimal, so nothing needs to be escaped."""
    return f"{column} IN ({', '.join(repr(digest) for digest in sorted(digests))})"


def _row(row: Mapping[str, Any]) -> PassageRow:
    passage = Passage(**{name: row[name] for name in PASSAGE})
    return PassageRow(row["revision"], row["key"], row["searched"], passage, row.get("allowed", ""))


def _passage(row: Mapping[str, Any], score: float) -> Passage:
    return Passage(row["document"], row["title"], row["start"], row["end"], row["text"], round(score, SCORE_DIGITS))


async def _with_ties(
    fetch: Callable[[Sequence[int], int], Awaitable[list[list[Passage]]]], n_queries: int, limit: int
) -> list[list[Passage]]:
    """The first `limit` passages of each query, where those with equal scores at the end are chosen by document and place.

    `fetch` gives the passages of some queries, best first, in any order where scores are equal. More are fetched until it is clear
    which passages share the last score.
    """
    done: list[list[Passage]] = [[] for _ in range(n_queries)]
    places = list(range(n_queries))
    width = limit + 1
    while places:
        open_places = []
        for place, found in zip(places, await fetch(places, width), strict=True):
            found = ranked(found)
            if len(found) == width and found[-1].score == found[limit - 1].score:
                open_places.append(place)
            else:
                done[place] = found[:limit]
        places, width = open_places, width * 4
    return done

"""Openings of sealed test sets, as a chain: each holds the seal of the one before, so that a removed or altered one is noticed.

An opening that cannot be read any more counts as one of every test set: in doubt a certificate is the stricter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any

import apsw

from tailor.data.doubt import Data, Doubt, Shown, doubt
from tailor.data.identity import Identity, Known
from tailor.data.looks import SeenTexts, looks
from tailor.store.database import dump, failure, seal, transaction
from tailor.store.facts import read_fact, write_fact
from tailor.store.registry import OpeningsRegistry, Seen

Rated = Mapping[str, Sequence[tuple[str, str]]]
"""Id of an answer -> who rated it and how."""
RESEMBLING = 0.05
"""Share of a test set that is small edits of rows shown in another project, by hashes alone, from which on these are the same rows.

Of 300 texts of banking77 or clinc150, 0.4 to 0.9 % resemble one of 300 others of the same data so, and 2 % at most in 20 draws.
"""


@dataclass(frozen=True)
class Opening:
    """An opening of a sealed test set.

    Attributes:
        number: how often any of its rows had been shown, this time included, from 1.
        changed: how many of its rows were ever shown with other answers.
        elsewhere: how many of the earlier openings were those of other project folders.
        lost: how many earlier openings cannot be read any more, and count for every row.
        doubt: the rows that show nothing, because of what was done to them after they had been seen.
    """

    number: int
    changed: int = 0
    elsewhere: int = 0
    lost: int = 0
    doubt: Doubt = Doubt()


@dataclass(frozen=True)
class Recorded:
    """An opening as it was kept; `old` is its key in the first version of the store, `whole` that all its rows are known, and
    `deal` how rows were dealt to splits.
    """

    number: int
    key: str
    at: str
    rows: tuple[Identity, ...]
    counted: int
    old: str
    whole: bool
    sha256: str
    previous: str
    deal: str | None
    rated: Rated

    @property
    def is_known(self) -> bool:
        """Whether its rows can be known again in another project; those of the first version may have keys alone."""
        return self.whole and all(row.asked for row in self.rows)


class Openings:
    """The openings that a ledger holds, and those that the user's other projects have noted down.

    Args:
        db: the ledger's database.
        path: where it is.
        project: the store's own random name.
        registry: what all of the user's projects share.
    """

    def __init__(self, db: apsw.Connection, path: Path, project: str, registry: OpeningsRegistry) -> None:
        self._db = db
        self._path = path
        self._project = project
        self._registry = registry

    def open_test(
        self, rows: Sequence[Identity], systems: Iterable[str], data: Data | None = None, rated: Rated | None = None
    ) -> Opening:
        """Note down that these rows are shown to these systems; the same again is the same opening.

        Args:
            rows: the test rows.
            systems: fingerprints of whatever answers or scores.
            data: the other rows; left out, there are none.
            rated: people's ratings that scores are corrected by. The first ones are no further opening, since nothing could be
                shown without them.

        Raises:
            StoreError: it could not be written.
        """
        with self._registry.alone():
            return self._open(rows, sorted(systems), data or Data(), rated or {})

    def earlier(self, rows: Sequence[Identity], data: Data) -> int:
        """How many openings there were that count for these rows. Nothing is noted down.

        Raises:
            StoreError: the record cannot be read.
        """
        records, missing = self.read()
        keys, met = {record.key for record in records}, _Meeting(rows, data)
        here = sum(not record.whole or met.of(record.rows) for record in records)
        elsewhere = (seen for seen in self._registry.read() if seen.key not in keys)
        return here + missing + sum(met.of(seen.rows) or _resemble(rows, seen.rows) for seen in elsewhere)

    def _open(self, rows: Sequence[Identity], systems: Sequence[str], data: Data, rated: Rated) -> Opening:
        exact = dump(sorted(row.exact for row in rows))
        unrated = seal("test", self._project, exact, dump(systems))
        key = seal("test", self._project, exact, dump([*systems, _of_ratings(rated)])) if rated else unrated
        old = seal_of_old(rows, systems)
        records, missing = self.read()
        keys, noted = {record.key for record in records}, self._registry.read()
        met = _Meeting(rows, data)
        earlier = [record for record in records if not record.whole or met.of(record.rows)]
        strangers = [seen for seen in noted if seen.key not in keys and (met.of(seen.rows) or _resemble(rows, seen.rows))]
        shown = _oldest_first(earlier, strangers)
        changed, doubtful = _changed(rows, [opening.rows for opening in shown]), doubt(rows, data, shown)
        known = {seen.key for seen in noted}
        unnoted = [
            Seen(one.key, self._project, one.at, one.rows, one.deal) for one in records if one.key not in known and one.is_known
        ]
        for record in records:
            if record.key == key or (record.old and record.old == old and not changed):
                self._registry.add(unnoted)
                return Opening(record.counted, changed, doubt=doubtful)
        counted = [record for record in earlier if record.key != unrated]
        opening = Opening(1 + len(counted) + len(strangers) + missing, changed, len(strangers), missing, doubtful)
        at = datetime.now(UTC).isoformat()
        self.write([(key, at, rows, opening.number, "")], deal=data.deal, rated=rated)
        with suppress(apsw.Error):  # out of the log into the file: a damaged log is taken for a shorter one, silently
            self._db.execute("PRAGMA wal_checkpoint(FULL)")
        self._registry.add([*unnoted, Seen(key, self._project, at, tuple(rows), data.deal)])
        return opening

    def shown(self) -> list[Identity]:
        """Every row that was ever shown in an opened test set, here or in another project of the user's, oldest first."""
        records = self.read()[0]
        keys = {record.key for record in records}
        elsewhere = [row for seen in self._registry.read() if seen.key not in keys for row in seen.rows]
        return elsewhere + [row for record in records for row in record.rows]

    def rated(self) -> Rated:
        """The ratings that decisions rested on, each as it was first used here."""
        found: dict[str, Sequence[tuple[str, str]]] = {}
        for record in self.read()[0]:
            found = {**record.rated, **found}
        return found

    def read(self) -> tuple[list[Recorded], int]:
        """The openings that can be read, oldest first, and how many cannot.

        Raises:
            StoreError: the file cannot be read.
        """
        try:
            known = {sha256: row for sha256, row in self._rows()}
            records = [record for record in self._records(known)]
        except apsw.Error as error:
            raise failure(error, self._path) from error
        counted = read_fact(self._db, "openings")
        count, head = counted if counted is not None else (len(records) + 1, "")
        whole = {record.number: record for record in records}
        altered = {
            record.number - 1
            for record in records
            if record.number - 1 in whole and whole[record.number - 1].sha256 != record.previous
        }
        if count in whole and head != whole[count].sha256:
            altered.add(count)
        numbers = range(1, max([count, *whole]) + 1)
        missing = [number for number in numbers if number not in whole or number in altered]
        return [record for record in records if record.number not in altered], len(missing)

    def write(
        self,
        openings: Sequence[tuple[str, str, Sequence[Identity], int, str]],
        *,
        inside: bool = False,
        deal: str | None = None,
        rated: Rated | None = None,
    ) -> None:
        """Add openings, given as (key, time, rows, number counted, old key), to the end of the chain.

        Args:
            openings: what to add.
            inside: whether a transaction is under way already.
            deal: how rows were dealt to splits; None where it is not known.
            rated: people's ratings that scores were corrected by.
        """
        if not inside:
            with transaction(self._db, self._path):
                return self.write(openings, inside=True, deal=deal, rated=rated)
        number, head = read_fact(self._db, "openings") or self._last()
        for key, at, rows, counted, old in openings:
            shown = [(sha256, text, row.answers) for row in rows for text, sha256 in [_sealed(row)]]
            self._db.executemany("INSERT OR REPLACE INTO shown VALUES (?,?)", [(sha256, text) for sha256, text, _ in shown])
            number += 1
            kept = [[sha256, answers] for sha256, _, answers in shown]
            fields = {"key": key, "at": at, "rows": kept, "counted": counted, "old": old, "previous": head, "deal": deal}
            record = dump(fields | {"rated": rated or {}})
            head = seal("opening", number, record)
            self._db.execute("INSERT OR REPLACE INTO openings VALUES (?,?,?)", (number, record, head))
        write_fact(self._db, "openings", [number, head])

    def _last(self) -> tuple[int, str]:
        """Where the chain goes on when its end is not known: a number is left out, so that the gap counts."""
        (number,) = self._db.execute("SELECT COALESCE(MAX(number), 0) FROM openings").fetchone() or (0,)
        return int(str(number)) + 1, ""

    def _rows(self) -> Iterator[tuple[str, Identity]]:
        for row in self._db.execute("SELECT CAST(sha256 AS BLOB), CAST(record AS BLOB) FROM shown"):
            sha256, text = (bytes(column).decode("ascii", "replace") for column in row)
            if seal("shown", text) == sha256:
                yield sha256, row_of(json.loads(text))

    def _records(self, known: dict[str, Identity]) -> Iterator[Recorded]:
        statement = "SELECT number, CAST(record AS BLOB), CAST(sha256 AS BLOB) FROM openings ORDER BY number"
        for number, *columns in self._db.execute(statement):
            text, sha256 = (bytes(column).decode("ascii", "replace") for column in columns)
            if seal("opening", int(str(number)), text) != sha256:
                continue
            record = json.loads(text)
            rows = tuple(_answered(known[row], answers) for row, answers in record["rows"] if row in known)
            fields = (record["key"], record["at"], rows, record["counted"], record["old"])
            whole = len(rows) == len(record["rows"])
            yield Recorded(int(str(number)), *fields, whole, sha256, record["previous"], record.get("deal"), _ratings(record))


def _oldest_first(records: Sequence[Recorded], strangers: Sequence[Seen]) -> list[Shown]:
    """Openings here and elsewhere. The chain knows the order of those here: clocks may have been set back since."""
    times = accumulate((record.at for record in records), max)
    here = [(at, Shown(record.rows, record.deal)) for at, record in zip(times, records, strict=True)]
    elsewhere = [(seen.at, Shown(seen.rows, seen.deal)) for seen in strangers]
    return [opening for _, opening in sorted([*here, *elsewhere], key=lambda pair: pair[0])]


def seal_of_old(rows: Iterable[Identity], systems: Sequence[str]) -> str:
    """The key that the first version of the store gave to an opening."""
    keys = sorted({row.old for row in rows})
    return hashlib.sha256(dump([keys, sorted(systems)]).encode()).hexdigest()


def row_of(record: dict[str, Any]) -> Identity:
    """A row as it was kept; what is asked may have been left out."""
    return Identity(
        tuple(record["asked"]), tuple(record["values"]), record["characters"], record.get("text", ""), "", record["old"], ""
    )


def record_of(row: Identity, *, text: bool) -> dict[str, Any]:
    """A row as it is kept, with or without what is asked."""
    record = {"asked": row.asked, "values": row.values, "characters": row.characters, "old": row.old}
    return {**record, "text": row.text} if text else record


def _sealed(row: Identity) -> tuple[str, str]:
    text = dump(record_of(row, text=True))
    return text, seal("shown", text)


def _answered(row: Identity, answers: str) -> Identity:
    return Identity(row.asked, row.values, row.characters, row.text, answers, row.old, row.exact)


def _of_ratings(rated: Rated) -> str:
    return f"ratings {hashlib.sha256(json.dumps(rated, sort_keys=True).encode()).hexdigest()}"


def _ratings(record: dict[str, Any]) -> Rated:
    return {case: [(rater, said) for rater, said in given] for case, given in record.get("rated", {}).items()}


class _Meeting:
    """Whether an opening counts for a test set: it showed one of its rows, or one that says nearly the same.

    Where Tailor deals the rows, it counts for whatever test set the same data are dealt into: with another seed, rows that nobody
    has seen are tested, but whoever goes on until one seed shows the target looks as often as they try.
    """

    def __init__(self, rows: Sequence[Identity], data: Data) -> None:
        self._test, self._others = Known(rows), Known(data.others if data.deal else ())

    def of(self, rows: Sequence[Identity]) -> bool:
        """Whether these rows were."""
        found = any(self._test.find(row) is not None or self._others.find(row) is not None for row in rows)
        return found or any(self._test.near([row.text for row in rows if row.text]))


def _resemble(rows: Sequence[Identity], shown: Sequence[Identity]) -> bool:
    """Whether more than a few of the rows are small edits of shown ones, by hashes alone: two data sets may have some in common."""
    seen = SeenTexts(row.looks for row in shown)
    return sum(looks(row.text) in seen for row in rows if row.text) > RESEMBLING * len(rows)


def _changed(rows: Sequence[Identity], openings: Iterable[Sequence[Identity]]) -> int:
    """How many rows were ever shown with other answers."""
    changed = set[int]()
    for opening in openings:
        shown = Known([row for row in opening if row.answers])
        found = [(n, place) for n, row in enumerate(rows) if (place := shown.find(row)) is not None]
        changed.update(n for n, place in found if shown.rows[place].answers != rows[n].answers)
    return len(changed)

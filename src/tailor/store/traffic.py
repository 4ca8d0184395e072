"""What a served system was asked and answered, in a file of its own next to the ledger: a full or slow disk there is no one else's.

Unlike the ledger it certifies nothing, so its records carry no seals. Texts go after a while, and figures stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

import apsw

from tailor.errors import StoreError
from tailor.store.database import connect, failure, is_damage, transaction

TRAFFIC = "traffic.db"
DAY = 86_400.0
Said = Literal["right", "wrong", "corrected"]
SAID: tuple[Said, ...] = get_args(Said)
AUDITOR = "audit"
"""Who says what stands on the sheet of the audit. Nobody says so from outside."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, at REAL NOT NULL, system TEXT NOT NULL, audited INTEGER NOT NULL,
    outcome TEXT NOT NULL, words INTEGER NOT NULL, language TEXT NOT NULL, label TEXT, retrieved REAL, confidence REAL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, seconds REAL NOT NULL, price REAL, fields TEXT, answer TEXT);
CREATE INDEX IF NOT EXISTS audited ON requests (number) WHERE audited;
CREATE TABLE IF NOT EXISTS feedback (
    number INTEGER PRIMARY KEY, request TEXT NOT NULL, at REAL NOT NULL, said TEXT NOT NULL, correct TEXT, who TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS about ON feedback (request);
CREATE TABLE IF NOT EXISTS gaps (
    number INTEGER PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL, lost INTEGER NOT NULL, why TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spans (number INTEGER PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL);
CREATE TABLE IF NOT EXISTS windows (
    number INTEGER PRIMARY KEY, system TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, at REAL NOT NULL,
    record TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Request:
    """A request as it is kept.

    Attributes:
        id: as the response names it.
        at: when, in seconds since 1970.
        system: fingerprint of the system that answered.
        audited: whether it was drawn for the audit, before anything was known of its answer.
        outcome: `answered`, or why there is no answer: `empty`, `unparsed`, `cut`, `refused` or `failed`.
        words: words of what was asked.
        language: ISO 639-1 code of the language of what was asked; empty where it cannot be told.
        label: the label answered, where the kind of task has a closed set of them.
        retrieved: score of the best passage found; None where nothing was searched for.
        confidence: how sure the system was; None where it does not say.
        tokens_in: prompt tokens.
        tokens_out: answer tokens.
        seconds: time for the answer.
        price: of the answer, in the project's currency; None where it is not known.
        fields: the columns asked about; None where no texts are kept, or they are gone.
        answer: what was answered, as it came; None likewise.
        number: its place in the order of writing, from 1; 0 before it is written.
    """

    id: str
    at: float
    system: str
    audited: bool
    outcome: str
    words: int
    language: str
    label: str | None
    retrieved: float | None
    confidence: float | None
    tokens_in: int
    tokens_out: int
    seconds: float
    price: float | None
    fields: Mapping[str, str] | None
    answer: str | None
    number: int = 0


@dataclass(frozen=True)
class Feedback:
    """What someone said of an answer.

    Attributes:
        request: id of the request.
        said: `right`, `wrong`, or `corrected`, which is wrong with the right answer given.
        correct: the right answer, as a cell of the data holds it; empty for none.
        who: who says so, such as `user` or a name.
        at: when, in seconds since 1970.
    """

    request: str
    said: Said
    correct: str = ""
    who: str = "user"
    at: float = 0.0


def last_words(remarks: Iterable[Feedback]) -> dict[str, Feedback]:
    """What counts of a request: the last word, and an auditor's before anybody else's, whoever spoke later.

    Args:
        remarks: oldest first.
    """
    said: dict[str, Feedback] = {}
    for remark in remarks:
        before = said.get(remark.request)
        if before is None or before.who != AUDITOR or remark.who == AUDITOR:
            said[remark.request] = remark
    return said


@dataclass(frozen=True)
class Gap:
    """A time in which requests were answered and not kept.

    Attributes:
        since: when it began, in seconds since 1970.
        until: when it ended.
        lost: how many requests and remarks were not kept.
        why: in a sentence.
    """

    since: float
    until: float
    lost: int
    why: str


_COLUMNS = [field.name for field in fields(Request)]


class Traffic:
    """The traffic of one project.

    Args:
        folder: the project's store.

    Raises:
        StoreError: it cannot be opened. A damaged one is put aside, and another is begun.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / TRAFFIC
        self.aside: Path | None = None
        try:
            self._db = connect(self._path)
        except StoreError as error:
            if not is_damage(error):
                raise
            self.aside = _put_aside(self._path)
            self._db = connect(self._path)
        try:
            # A power cut may take the last seconds of what is watched; nothing that was paid for is kept here.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("PRAGMA secure_delete=ON")
            with transaction(self._db, self._path):
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
        except BaseException:
            self._db.close(force=True)
            raise

    def add(self, requests: Sequence[Request], remarks: Sequence[Feedback], gaps: Sequence[Gap] = ()) -> None:
        """Write all of it, or nothing; a request whose id is known already is left as it is.

        Raises:
            StoreError: it could not be written.
        """
        columns = ", ".join(_COLUMNS)
        places = ",".join("?" * len(_COLUMNS))
        with transaction(self._db, self._path):
            self._db.executemany(f"INSERT OR IGNORE INTO requests ({columns}) VALUES ({places})", map(_row_of, requests))
            self._db.executemany(
                "INSERT INTO feedback (request, at, said, correct, who) VALUES (?,?,?,?,?)",
                [(_utf8(one.request), one.at, one.said, _utf8(one.correct) or None, _utf8(one.who)) for one in remarks],
            )
            self._db.executemany(
                "INSERT INTO gaps (since, until, lost, why) VALUES (?,?,?,?)",
                [(gap.since, gap.until, gap.lost, gap.why) for gap in gaps],
            )

    def begin_span(self, now: float) -> int:
        """Note down that keeping begins; gives the number to go on under."""
        with transaction(self._db, self._path):
            self._db.execute("INSERT INTO spans (since, until) VALUES (?,?)", (now, now))
            return self._db.last_insert_rowid()

    def go_on(self, span: int, now: float) -> None:
        """Note down that everything asked until now was kept, or is among the gaps."""
        with transaction(self._db, self._path):
            self._db.execute("UPDATE spans SET until = max(until, ?) WHERE number = ?", (now, span))

    def forget(self, before: float) -> None:
        """Take out the texts of requests and remarks from before a time; their figures stay."""
        with transaction(self._db, self._path):
            self._db.execute("UPDATE requests SET fields = NULL, answer = NULL WHERE at < ? AND fields IS NOT NULL", (before,))
            self._db.execute("UPDATE feedback SET correct = NULL WHERE at < ? AND correct IS NOT NULL", (before,))

    def requests(self, *, system: str = "", audited: bool = False, after: int = 0, since: float = 0.0) -> Iterator[Request]:
        """The requests in the order in which they were written.

        Args:
            system: fingerprint of the system that answered; of any unless given.
            audited: only those that were drawn for the audit.
            after: only those behind this number.
            since: only those from this time on, in seconds since 1970.
        """
        wanted = "number > ? AND at >= ?" + (" AND audited" if audited else "") + (" AND system = ?" if system else "")
        given = (after, since, system) if system else (after, since)
        try:
            for row in self._db.execute(f"SELECT {', '.join(_COLUMNS)} FROM requests WHERE {wanted} ORDER BY number", given):
                yield _request_of(dict(zip(_COLUMNS, row, strict=True)))
        except apsw.Error as error:
            raise failure(error, self._path) from error

    def days(self, system: str, since: float) -> dict[str, int]:
        """How many requests to a system were kept on each day, in Coordinated Universal Time, oldest first."""
        statement = (
            "SELECT date(at, 'unixepoch') AS day, count(*) FROM requests WHERE system = ? AND at >= ? GROUP BY day ORDER BY day"
        )
        return {str(name): int(number) for name, number in self._all(statement, system, since)}

    def feedback(self) -> list[Feedback]:
        """Everything that was said of answers, oldest first."""
        rows = self._all("SELECT request, said, COALESCE(correct, ''), who, at FROM feedback ORDER BY number")
        return [Feedback(*row) for row in rows]

    def gaps(self) -> list[Gap]:
        """The times in which requests were not kept, oldest first."""
        return [Gap(*row) for row in self._all("SELECT since, until, lost, why FROM gaps ORDER BY number")]

    def spans(self) -> list[tuple[float, float]]:
        """The times in which requests were kept, oldest first."""
        return [(float(since), float(until)) for since, until in self._all("SELECT since, until FROM spans ORDER BY number")]

    def windows(self, system: str) -> list[dict[str, Any]]:
        """What was found in each window of a system's requests, oldest first, with `first`, `last` and `at`."""
        rows = self._all("SELECT first, last, at, record FROM windows WHERE system = ? ORDER BY number", system)
        return [{"first": first, "last": last, "at": at} | json.loads(record) for first, last, at, record in rows]

    def add_window(self, system: str, first: int, last: int, at: float, record: Mapping[str, Any]) -> None:
        """Keep what was found in a window, which is never looked for again."""
        with transaction(self._db, self._path):
            self._db.execute(
                "INSERT INTO windows (system, first, last, at, record) VALUES (?,?,?,?,?)",
                (system, first, last, at, json.dumps(record)),
            )

    def _all(self, statement: str, *given: str | float) -> list[Any]:
        try:
            return list(self._db.execute(statement, given))
        except apsw.Error as error:
            raise failure(error, self._path) from error

    def close(self) -> None:
        """Close the file."""
        try:
            self._db.close()
        except apsw.Error:
            self._db.close(force=True)

    def __enter__(self) -> Traffic:
        """The traffic itself; it is closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()


def _row_of(request: Request) -> list[Any]:
    values = {name: getattr(request, name) for name in _COLUMNS} | {"number": None}  # the file numbers them
    if request.fields is not None:
        values["fields"] = json.dumps(dict(request.fields), ensure_ascii=True)
    if request.answer is not None:
        values["answer"] = json.dumps(request.answer, ensure_ascii=True)
    return [_utf8(value) if isinstance(value, str) else value for value in values.values()]


def _utf8(text: str) -> str:
    """The text with a question mark for half a surrogate pair, which JSON can hold and SQLite cannot."""
    return text.encode("utf-8", "replace").decode()


def _request_of(row: dict[str, Any]) -> Request:
    texts = {name: None if row[name] is None else json.loads(row[name]) for name in ("fields", "answer")}
    return Request(**{**row, **texts, "audited": bool(row["audited"])})


def _put_aside(path: Path) -> Path:
    """Rename a damaged file and what belongs to it; the new name."""
    number = next(number for number in range(1, 10_000) if not path.with_name(f"{path.name}.damaged-{number}").exists())
    aside = path.with_name(f"{path.name}.damaged-{number}")
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside

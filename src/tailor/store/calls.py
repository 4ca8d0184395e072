"""The notes on calls to endpoints: sealed and counted, so that one that is damaged or gone is noticed and never counts as free."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import apsw

from tailor.store.database import connect, dump, read_whole, seal, transaction
from tailor.store.pages import Row

SPENDING = "spending.db"
SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS total (number INTEGER PRIMARY KEY, record TEXT NOT NULL, sha256 TEXT NOT NULL)
"""
"""`total` has one row: how many calls there are, and the most that any of them can cost."""
DAMAGED = "unknown, since its record is damaged"
Prices = tuple[float | None, float | None, float | None]
"""Of a million tokens read, written, and read that had been read before; None where not known, the last: as others."""
_COLUMNS = "number, CAST(record AS BLOB), CAST(sha256 AS BLOB)"


@dataclass(frozen=True)
class Call:
    """One call to an endpoint, or a batch of them.

    Attributes:
        model: name of the model.
        at: when it was made, ISO time.
        worst: the most that it can cost; None where no price is known.
        paid: what it cost; None while that is not known: it may have been paid.
        counted: whether `paid` rests on a count of the endpoint's, not on an estimate.
        tokens_in: prompt tokens.
        tokens_out: answer tokens.
        cached: prompt tokens that the endpoint had read before.
        billed: what the endpoint said that it cost, in USD; None where it did not say.
        calls: how many calls this is: those of a batch that were answered, once that is known.
        batch: mark of the batch; empty for a call on its own.
        share: of the ordinary price.
        reasoning: answer tokens that a hidden thought took, which are among `tokens_out`.
        prices: those that `paid` rests on, which may be edited later; for a batch, those when it was handed in. None for a call of
            an older Tailor, and where it is not paid.
    """

    model: str
    at: str
    worst: float | None
    paid: float | None = None
    counted: bool = True
    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    billed: float | None = None
    calls: int = 1
    batch: str = ""
    share: float = 1.0
    reasoning: int = 0
    prices: Prices | None = None

    @property
    def most(self) -> float:
        """What counts against a cap: what it cost, where that is known for certain, else the most that it can have cost."""
        if self.paid is not None and self.counted:
            return self.paid
        return max(self.paid or 0.0, self.worst or 0.0)


@dataclass(frozen=True)
class Noted:
    """What a file of notes holds.

    Attributes:
        calls: by number; one that is damaged or gone counts as much as the most expensive there was.
        whole: how many of them are whole.
        is_counted: whether it is known how many there were.
    """

    calls: Mapping[int, Call]
    whole: int
    is_counted: bool

    @property
    def costliest(self) -> float:
        """The most that any of the calls can have cost."""
        return max((call.worst or call.most for call in self.calls.values()), default=0.0)

    def problems_found(self, currency: str = "") -> list[str]:
        """What is damaged or gone, and what that costs, one sentence each."""
        told = []
        if lost := len(self.calls) - self.whole:
            notes = "1 note on a call to an endpoint is" if lost == 1 else f"{lost:,} notes on calls to endpoints are"
            amount = f"{self.costliest:.2g} {currency}".strip()
            told.append(f"{notes} damaged or gone; each counts as the most expensive call so far ({amount}).")
        if not self.is_counted:
            told.append(
                "How many calls to endpoints were made is damaged: whether notes on others are gone is not known. Look up what was "
                "spent at the provider, and take off `budget` what is missing here."
            )
        return told


NOTHING = Noted({}, 0, is_counted=True)


def read_calls(db: apsw.Connection) -> Noted:
    """The calls that are noted down, damaged ones among them."""
    tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master")}
    rows = [tuple(row) for row in db.execute(f"SELECT {_COLUMNS} FROM calls")] if "calls" in tables else []
    totals = [tuple(row) for row in db.execute(f"SELECT {_COLUMNS} FROM total")] if "total" in tables else []
    total = next((found for row in totals if (found := _total(row)) is not None), None)
    calls = {int(str(row[0])): _call(row) for row in rows}
    # The first version kept no total, and so has no such table.
    return _noted(calls, total, "total" not in tables or not (calls or totals) or total is not None)


def count_calls(db: apsw.Connection) -> int:
    """How many calls were noted down, as far as that is known."""
    return _totals(db)[0]


def keep_calls(db: apsw.Connection, calls: Mapping[int, Call]) -> int:
    """Note calls down, in place of those that are there, for use inside a transaction; gives how many there are then."""
    count, costliest = _totals(db)
    for number, call in calls.items():
        count += db.execute("SELECT 1 FROM calls WHERE number=?", (number,)).fetchone() is None
        costliest = max(costliest, call.worst or 0.0, call.most)
        text = dump(asdict(call))
        db.execute("INSERT OR REPLACE INTO calls VALUES (?,?,?)", (number, text, seal("call", number, text)))
    text = dump([count, costliest])
    db.execute("INSERT OR REPLACE INTO total VALUES (1,?,?)", (text, seal("total", text)))
    return count


def _totals(db: apsw.Connection) -> tuple[int, float]:
    return next((found for row in db.execute(f"SELECT {_COLUMNS} FROM total") if (found := _total(row))), (0, 0.0))


def prepare(db: apsw.Connection, path: Path) -> Noted:
    """Make the tables where they are absent; gives the calls that are noted down. The first version's are counted.

    Raises:
        StoreError: they cannot be read or written.
    """
    with transaction(db, path):
        noted = read_calls(db)
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        if noted.is_counted and not db.execute("SELECT 1 FROM total").fetchone():
            text = dump([len(noted.calls), noted.costliest])
            db.execute("INSERT INTO total VALUES (1,?,?)", (text, seal("total", text)))
    return noted


def check_calls(path: Path) -> Noted:
    """The calls in a file, which may be absent; nothing is changed.

    Raises:
        StoreError: it cannot be read.
    """
    return read_whole(path, read_calls, NOTHING)


def salvage(rows: Iterable[Row], new: Path) -> Noted:
    """Rewrite a file from rows that were found in the pages of a damaged one; gives what it held.

    Raises:
        StoreError: it cannot be written.
    """
    calls: dict[int, Call | None] = {}
    total: tuple[int, float] | None = None
    for number, values in rows:
        if number is None or len(values) != 3 or not isinstance(values[1], bytes) or not isinstance(values[2], bytes):
            continue
        row = (number, *values[1:])
        if found := _total(row):
            total = max(found, total or found)
        elif call := _call(row):
            before = calls.get(number)
            # A call is settled once, so that of two states of its note the settled one is the newer.
            if before is None or (call.paid is not None, call.most) > (before.paid is not None, before.most):
                calls[number] = call
    noted = _noted(calls, total, total is not None)
    db = connect(new)
    try:
        prepare(db, new)
        with transaction(db, new):
            keep_calls(db, noted.calls)
    finally:
        db.close()
    return noted


def _noted(calls: Mapping[int, Call | None], total: tuple[int, float] | None, is_counted: bool) -> Noted:
    whole = {number: call for number, call in calls.items() if call is not None}
    costliest = max(total[1] if total else 0.0, *(call.worst or call.most for call in whole.values()), 0.0)
    damaged = Call(DAMAGED, "", costliest)
    gone = max(0, total[0] - len(calls)) if total else 0
    lost = [number for number, call in calls.items() if call is None] + [secrets.randbits(62) for _ in range(gone)]
    return Noted(whole | dict.fromkeys(lost, damaged), len(whole), is_counted)


def _call(row: tuple[object, ...]) -> Call | None:
    number, text, sha256 = _texts(row)
    if seal("call", number, text) != sha256:
        return None
    record = json.loads(text)
    return Call(**(record | {"prices": tuple(record["prices"]) if record.get("prices") else None}))


def _total(row: tuple[object, ...]) -> tuple[int, float] | None:
    _, text, sha256 = _texts(row)
    if seal("total", text) != sha256:
        return None
    count, costliest = json.loads(text)
    return count, costliest


def _texts(row: tuple[object, ...]) -> tuple[int, str, str]:
    number, *columns = row
    text, sha256 = (column.decode("ascii", "replace") if isinstance(column, bytes) else "" for column in columns)
    return int(str(number)), text, sha256

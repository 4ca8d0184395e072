"""Saved answers: each sealed with the system and the example that it answers, so that none is ever used for another row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import apsw

from tailor.store.database import dump, seal
from tailor.store.facts import read_fact, write_fact

_COLUMNS = "CAST(system AS BLOB), CAST(example AS BLOB), CAST(record AS BLOB), CAST(sha256 AS BLOB), CAST(at AS BLOB)"
_TOKENS = re.compile(rb'"tokens_(?:in|out)": (\d{1,9})\b')
_PAID = re.compile(
    rb'"amount": (\d{1,6}(?:\.\d{1,20})?(?:e-\d{1,2})?), "cached_per_million": [^,]{1,25}, "calls": \d+, "currency": "([A-Z]{3})"'
)
"""As `dump` writes a payment; quotes in the text of an answer come after a backslash, so no answer can look like one."""


def read(db: apsw.Connection, system: str, examples: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The answers of a system to these examples that are there and whole."""
    found: dict[str, dict[str, Any]] = {}
    for example in examples:
        for row in db.execute(f"SELECT {_COLUMNS} FROM answers WHERE system=? AND example=?", (system, example)):
            if (text := _whole(system, example, row[2:])) is not None:
                found[example] = json.loads(text)
    return found


def add(db: apsw.Connection, system: str, records: Mapping[str, Mapping[str, Any]]) -> None:
    """Keep answers, in place of those that are there; for use inside a transaction."""
    at = datetime.now(UTC).isoformat()
    new = 0
    for example, record in records.items():
        known = db.execute("SELECT 1 FROM answers WHERE system=? AND example=?", (system, example)).fetchone()
        new += known is None
        text = dump(record)
        row = (system, example, text, seal("answer", system, example, text, at), at)
        db.execute("INSERT OR REPLACE INTO answers VALUES (?,?,?,?,?)", row)
    if new:
        write_fact(db, "answers", (read_fact(db, "answers") or 0) + new)


@dataclass(frozen=True)
class Survey:
    """What the saved answers are worth: how many are whole, the rows that are damaged, and the count that was kept of them."""

    whole: int
    damaged: tuple[tuple[bytes, ...], ...]
    counted: int | None

    def problems_found(self) -> list[str]:
        """What is damaged or gone, and what that costs, one sentence each."""
        told = []
        if self.damaged:
            tokens = sum(int(number) for row in self.damaged for number in _TOKENS.findall(row[2]))
            price = f"about {tokens:,} tokens{_paid(self.damaged)}" if tokens else "their tokens are not known any more"
            told.append(f"{_answers(len(self.damaged))} damaged, and asked for again where needed ({price}).")
        missing = 0 if self.counted is None else self.counted - self.whole - len(self.damaged)
        if missing > 0:
            told.append(f"{_answers(missing)} gone, and asked for again where needed (how many tokens is not known).")
        if self.counted is None:
            told.append(f"The count of saved answers is damaged: {self.whole:,} are there; whether others are gone is not known.")
        return told


def survey(db: apsw.Connection) -> Survey:
    """Every saved answer compared with its seal."""
    whole, damaged = 0, []
    for row in db.execute(f"SELECT {_COLUMNS} FROM answers"):
        system, example, *rest = columns = tuple(bytes(column) for column in row)
        if _whole(system.decode("ascii", "replace"), example.decode("ascii", "replace"), rest) is None:
            damaged.append(columns)
        else:
            whole += 1
    return Survey(whole, tuple(damaged), read_fact(db, "answers"))


def sweep(db: apsw.Connection) -> list[str]:
    """Take out the answers that are damaged and say what was lost, one sentence each; for use inside a transaction.

    Raises:
        apsw.CorruptError: a damaged answer cannot be taken out, since the order of the rows is disturbed.
    """
    found = survey(db)
    for system, example, record, _, at in found.damaged:
        db.execute("DELETE FROM answers WHERE system=CAST(? AS TEXT) AND example=CAST(? AS TEXT)", (system, example))
        if db.changes() != 1:
            raise apsw.CorruptError("a damaged answer stands out of its place")
        db.execute(
            "INSERT INTO lost (kind, key, record, at) VALUES ('answer',?,?,?)", (example, record, at.decode("ascii", "replace"))
        )
    if found.counted != found.whole:
        write_fact(db, "answers", found.whole)
    return found.problems_found()


def _paid(damaged: Iterable[tuple[bytes, ...]]) -> str:
    """What was paid for them, where that can still be read."""
    amounts: dict[str, float] = {}
    for row in damaged:
        for amount, currency in _PAID.findall(row[2]):
            name = currency.decode("ascii")
            amounts[name] = amounts.get(name, 0.0) + float(amount)
    return "".join(f", {amount:.2g} {currency}" for currency, amount in amounts.items())


def _answers(number: int) -> str:
    return "1 saved answer is" if number == 1 else f"{number:,} saved answers are"


def _whole(system: str, example: str, rest: Iterable[Any]) -> str | None:
    """The text of the record, if it is what was written for this system and example."""
    text, sha256, at = (bytes(column).decode("ascii", "replace") for column in rest)
    return text if seal("answer", system, example, text, at) == sha256 else None

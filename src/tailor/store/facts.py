"""Single facts about a store: its own name, how many answers it holds, where the chain of openings ends."""

from __future__ import annotations

import json
from typing import Any

import apsw

from tailor.store.database import dump, seal


def read_fact(db: apsw.Connection, name: str) -> Any:
    """The fact of this name; None where there is none that is whole."""
    for row in db.execute("SELECT CAST(value AS BLOB), CAST(sha256 AS BLOB) FROM facts WHERE name=?", (name,)):
        value, sha256 = (bytes(column).decode("ascii", "replace") for column in row)
        if seal("fact", name, value) == sha256:
            return json.loads(value)
    return None


def read_facts(db: apsw.Connection, beginning: str) -> dict[str, Any]:
    """The facts whose names begin so and that are whole."""
    found = [
        str(name) for (name,) in db.execute("SELECT name FROM facts WHERE substr(name, 1, ?) = ?", (len(beginning), beginning))
    ]
    return {name: fact for name in found if (fact := read_fact(db, name)) is not None}


def write_fact(db: apsw.Connection, name: str, value: Any) -> None:
    """Keep a fact, or forget it where it is None; for use inside a transaction."""
    if value is None:
        db.execute("DELETE FROM facts WHERE name=?", (name,))
        return
    text = dump(value)
    db.execute("INSERT OR REPLACE INTO facts VALUES (?,?,?)", (name, text, seal("fact", name, text)))

"""Every turn of the assistant as a row: asked by the turns before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tailor.conversation import COLUMN, Turn, place_asked, transcript, turns_in, written
from tailor.data.jsontext import Value
from tailor.data.table import Table
from tailor.errors import DataError
from tailor.task import CHAT, DataFiles

Row = Mapping[str, Value]


def with_all_turns(table: Table, settings: DataFiles) -> Table:
    """The table with a row for each text that an assistant says to a user, those of one chat next to each other.

    A call of a tool is no such text: it stays among the turns that are asked. A row that is made of an earlier turn has the id of
    its chat with the number of the turn behind it.

    Args:
        table: with a column of conversations (`tailor.conversation`).
        settings: of the data.

    Raises:
        DataError: no chat has several turns, or there is a column of the name that is needed.
    """
    if COLUMN not in table.columns or "output" not in table.columns:
        raise DataError(f"`data.turns: all` needs chats of several turns, and {table.file} has none", "Take `turns` out.")
    if CHAT in table.columns:
        raise DataError(f"{table.file} has a column `{CHAT}`, which `data.turns: all` makes itself", "Rename the column.")
    rows: list[Row] = []
    places: list[tuple[str, int]] = []
    for index, row in enumerate(table.rows):
        file, number = table.where(index)
        made = [*_earlier(row, settings), row]
        rows += [{**one, CHAT: f"{file} {number}"} for one in made]
        places += [(file, number)] * len(made)
    return replace(table, columns=(*table.columns, CHAT), rows=tuple(rows), places=tuple(places))


def _earlier(row: Row, settings: DataFiles) -> Iterator[Row]:
    """The rows that ask for the assistant's turns before the last one; images belong to the user's last turn."""
    turns = turns_in(str(row[COLUMN]))
    for place, turn in enumerate(turns):
        before = turns[:place]
        asked = place_asked(before)
        if turn.role != "assistant" or turn.calls or not turn.text.strip() or asked < 0:
            continue
        made = {"input": before[asked].text, "output": turn.text, COLUMN: written(before)}
        made |= {"history": _shown(before[:asked])} | ({"steps": _shown(before[asked + 1 :])} if "steps" in row else {})
        made |= dict.fromkeys(settings.images if asked < place_asked(turns) else (), "")
        made |= {settings.id: f"{row[settings.id]}-{place}"} if settings.id else {}
        yield {**row, **made}


def _shown(turns: tuple[Turn, ...]) -> str:
    return transcript(turn for turn in turns if turn.role != "system")

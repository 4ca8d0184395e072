"""What a reader of new settings should know of the data that they were guessed from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tailor.data.asked import AskedTemplate
from tailor.data.cells import MISSING, answers_in, is_record, without_thought
from tailor.data.columns import CONTEXT_NAMES, OUTPUT_NAMES, Column, Columns, listed, named
from tailor.data.finding import Finding
from tailor.data.joined import joined_labels
from tailor.data.table import Table
from tailor.errors import quoted
from tailor.kinds.base import Kind

ROWS_NAMED = 5


def noticed(tables: Mapping[str, Table], columns: Columns, output: str, kind: Kind, documents: Path | None) -> Iterator[Finding]:
    """What a reader of the new settings should know about the right answers."""
    places = [table.place(index) for table in tables.values() for index in range(len(table.rows))]
    column = columns[output]
    if kind.closed and not kind.several and column.several:
        rows = _rows([places[index] for index in column.several])
        what = f"{quoted(output)} holds several labels in {rows}; kind `{kind.name}` takes one label per row."
        yield Finding("warning", what, advice="Keep the one that matters most; until then the data are refused.")
    thought = sum(1 for cell in column.cells if isinstance(cell, str) and without_thought(cell) != cell)
    if thought:
        what = f"{quoted(output)} holds thoughts or working before the answer in {thought:,} rows; only what follows is the answer."
        yield Finding("note", what)
    records = [places[index] for index, given in enumerate(column.answers) if any(map(is_record, given))]
    if records and not kind.parted:
        what = f"{quoted(output)} holds objects with values of their own in {_rows(records)}; each counts as one text."
        yield Finding("warning", what, advice="Put the value that is the right answer into a column of its own.")
    joined = joined_labels(column.values) if kind.closed and not kind.several else ()
    if joined:
        what = f"{quoted(output)} may hold several labels in one cell: {listed(joined)}; each counts as a label of its own."
        yield Finding("warning", what, advice="If these are several, keep the one that matters most.")
    missing = sorted({text for cell in column.cells for text in answers_in(cell) if text in MISSING})
    if missing:
        empty = zip(places, column.cells, column.answers, strict=True)
        rows = _rows([place for place, cell, given in empty if not given and any(text in MISSING for text in answers_in(cell))])
        what = f"{listed(missing)} in {quoted(output)} is what programs write for a missing value; {rows} count as having none."
        yield Finding("warning", what, advice="If it is meant, list it in `labels`." if kind.closed else "")
    hidden = named(CONTEXT_NAMES, columns.values())
    if documents is not None and hidden:
        what = f"{quoted(hidden)} is not shown to the model, because documents are searched instead."
        yield Finding("note", what, advice="To give every question its own passage, leave the documents out.")


def other_answers(columns: Columns, output: str, others: Sequence[Column]) -> Iterator[Finding]:
    """Says which columns could be the right answer as well; one that names each answer in another way says nothing new."""
    pairs = ((column, set(zip(column.values, columns[output].values, strict=False))) for column in others)
    differ = [column for column, both in pairs if not len(both) == column.distinct == columns[output].distinct]
    also = [column.name for column in differ if column.name.casefold() in OUTPUT_NAMES and column.is_answer]
    if also:
        what = (
            f"{quoted(output)} is taken as the right answer, but {listed(also)} could be it as well, and is not shown to the model."
        )
        yield Finding("warning", what, advice=f"If it is, say so: --output {also[0]}.")


def instructed(asked: AskedTemplate) -> Iterator[Finding]:
    """Says what every row tells the model, which is no part of the rows any more."""
    if asked.instruction:
        yield Finding(
            "note", f"Every row gives the model the same text ({quoted(asked.instruction)}); this is now the `instruction`."
        )


def _rows(places: Sequence[str]) -> str:
    more = f" and {len(places) - ROWS_NAMED:,} more" if len(places) > ROWS_NAMED else ""
    return ", ".join(places[:ROWS_NAMED]) + more

"""CSV with annotators: a row for each label (`annotator,item,label`), or a row for each item with a column for each annotator.

Columns of annotators are called `label (NAME)`, and the settled label `label (adjudicated)`. A file without such columns is read as
long where it has a column that names annotators. What a spreadsheet would run as a formula is written behind an apostrophe.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from tailor.data.formats.delimited import read_delimited
from tailor.data.spreadsheets import defused, restored
from tailor.errors import DataError, quoted
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source
from tailor.labelling.marks import Answer, Item, Labels, Layer

NAME = "annotators"
FILE = "labels.csv"
SETTLED = "adjudicated"
_WIDE = re.compile(r"(?P<question>.+?) \((?P<who>[^()]+)\)")
_WHO = ("annotator", "worker", "rater", "annotator_id", "worker_id", "rater_id", "user", "user_id", "labeller", "coder")
_ITEM = ("item", "task", "item_id", "task_id", "instance_id", "id", "question", "unit")
_LABEL = ("label", "response", "rating", "answer", "class", "category", "value")
_SECONDS, _AT, _SKIPPED = "seconds", "at", "skipped"

Row = Mapping[str, str]


def _knows(source: Source) -> bool:
    if len(source.names) != 1 or not source.ending(".csv", ".tsv"):
        return False
    try:
        columns = read_delimited(source.names[0], source.text(source.names[0]), delimiter="", columns=()).columns
    except DataError:
        return False
    return any(map(_WIDE.fullmatch, columns)) or _long(columns) is not None


def _long(columns: Sequence[str]) -> tuple[str, str, str] | None:
    """The columns with annotators, items and labels; None where one of them is missing."""
    lower = {column.casefold(): column for column in columns}
    who, label = (next((lower[name] for name in names if name in lower), "") for names in (_WHO, _LABEL))
    item = next((lower[name] for name in _ITEM if name in lower and lower[name] not in (who, label)), "")
    return (who, item, label) if who and item and label else None


def _read(source: Source) -> Labels:
    (name,) = source.names
    sheet = read_delimited(name, source.text(name), delimiter="", columns=())
    rows = [dict(zip(sheet.columns, map(restored, row), strict=True)) for row in sheet.rows]
    wide = {column: match for column in sheet.columns if (match := _WIDE.fullmatch(column))}
    notes: dict[str, Any] = {"columns": list(sheet.columns)}
    if wide:
        return Labels(_wide(rows, wide), (), NAME, tuple(sheet.findings), {NOTES: notes})
    long = _long(sheet.columns)
    if long is None:
        raise DataError(
            f"{name} has no columns of annotators: {', '.join(map(quoted, sheet.columns))}",
            "Call them `label (NAME)`, one for each annotator; or give columns `annotator`, `item` and `label`.",
        )
    return Labels(_items(rows, *long, name), (), NAME, tuple(sheet.findings), {NOTES: {**notes, "long": long}})


def _wide(rows: Sequence[Row], wide: Mapping[str, re.Match[str]]) -> tuple[Item, ...]:
    items = []
    for number, row in enumerate(rows, start=1):
        layers: dict[str, list[Answer]] = {}
        for column, match in wide.items():
            if row[column] != "":
                layers.setdefault(match["who"], []).append(Answer(match["question"], _value(row[column])))
        fields = {key: value for key, value in row.items() if key not in wide}
        made = tuple(
            Layer("" if who == SETTLED else who, "adjudicated" if who == SETTLED else "label", tuple(said))
            for who, said in layers.items()
        )
        identity = next((row[key] for key in ("id", "item") if row.get(key)), str(number))
        items.append(Item(identity, fields, made))
    return tuple(items)


def _value(text: str) -> Any:
    """A label, or the list that a cell with JSON holds."""
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, list) else text
    return text


def _items(rows: Sequence[Row], who: str, item: str, label: str, name: str) -> tuple[Item, ...]:
    """Items of a file with a row for each label; other columns are the item's, if they are the same in all of its rows."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if not row[who].strip():
            raise DataError(f"{name} holds a row without an annotator, for the item {quoted(row[item])}")
        found.setdefault(row[item], []).append(row)
    about = (_SECONDS, _AT, _SKIPPED)
    items = []
    for identity, of in found.items():
        others = [key for key in of[0] if key not in (who, item, label, *about)]
        shared = {key: of[0][key] for key in others if len({row[key] for row in of}) == 1}
        layers = tuple(_layer(row, who, label, [key for key in others if key not in shared]) for row in of)
        items.append(Item(identity, {item: identity, **shared}, layers))
    return tuple(items)


def _layer(row: Row, who: str, label: str, own: Sequence[str]) -> Layer:
    settled = row[who] == SETTLED
    spent = row.get(_SECONDS, "")
    return Layer(
        annotator="" if settled else row[who],
        role="adjudicated" if settled else "label",
        marks=(Answer(label, _value(row[label])),) if row[label] != "" else (),
        skipped=row.get(_SKIPPED, "") or ("" if row[label] != "" else "no label"),
        at=row.get(_AT, ""),
        seconds=float(spent) if re.fullmatch(r"\d+(\.\d+)?", spent) else None,
        extra={key: row[key] for key in own},
    )


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    for item in labels.items:
        for layer in item.layers:
            losses.layer(layer, "answers", *(("seconds", "skipped", "at") if _is_long(labels) else ()))
            for region in layer.regions:
                losses.region(region)
    rows = _long_rows(labels) if _is_long(labels) else _wide_rows(labels, losses)
    order = labels.extra.get(NOTES, {}).get("columns", []) if own else []
    columns = list(
        dict.fromkeys((*(key for key in order if any(key in row for row in rows)), *(key for row in rows for key in row)))
    )
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return {FILE: text.getvalue().encode("utf-8", "backslashreplace")}


def _is_long(labels: Labels) -> bool:
    """Whether a row is written for each label: where the file had it so, or where someone skipped an item or was timed."""
    if labels.format == NAME:
        return "long" in labels.extra.get(NOTES, {})
    return any(layer.skipped or layer.seconds is not None for item in labels.items for layer in item.layers)


def _long_rows(labels: Labels) -> list[dict[str, Any]]:
    who, item_column, label = labels.extra.get(NOTES, {}).get("long", ("annotator", "item", "label"))
    rows = []
    for item in labels.items:
        for layer in (layer for layer in item.layers if layer.role != "prediction"):
            name = SETTLED if layer.role == "adjudicated" else layer.annotator
            about = {_SECONDS: layer.seconds, _AT: layer.at, _SKIPPED: layer.skipped if layer.skipped != "no label" else ""}
            told = {key: value for key, value in about.items() if value not in (None, "")}
            fields = {key: value for key, value in item.fields.items() if key != item_column}
            extra = layer.extra if labels.format == NAME else {}
            said: list[Answer | None] = [*layer.answers] or [None]
            rows += [
                {who: name, item_column: item.id, label: answer.value if answer else "", **fields, **extra, **told}
                for answer in said
            ]
    return rows


def _wide_rows(labels: Labels, losses: Losses) -> list[dict[str, Any]]:
    rows = []
    for item in labels.items:
        row: dict[str, Any] = {} if {"id", "item"} & set(item.fields) or not item.id else {"id": item.id}
        row |= dict(item.fields)
        for layer in item.layers:
            if layer.role == "prediction":
                losses.add("predictions")
                continue
            name = SETTLED if layer.role == "adjudicated" else layer.annotator.replace("(", "[").replace(")", "]") or "unknown"
            for answer in layer.answers:
                row[f"{answer.by or 'label'} ({name})"] = answer.value
        rows.append(row)
    return rows


def _cell(value: object) -> str:
    """A value as text that no spreadsheet runs."""
    return defused("" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


ANNOTATORS = Format(NAME, _knows, _read, _write, several=True)

"""Potato: JSON Lines, what one person said of one item on each: labels by scheme, and spans.

After the `annotated_instances.jsonl` of https://github.com/davidjurgens/potato. Places of spans are UTF-16 units, since the page
that writes them counts so. A file without names, in a folder of its user, is that user's. `user_id` names who labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, dump_json, text_field
from tailor.labelling.formats.offsets import READ, WRITE, counted, is_plain
from tailor.labelling.marks import Answer, Item, Labels, Layer, Mark, Region, Span

NAME = "potato"
FILE = "annotated_instances.jsonl"
TEXT, LABELS, SPANS, TIMES = "displayed_text", "label_annotations", "span_annotations", "behavioral_data"
_IDS, _WHO = ("instance_id", "id"), ("user_id", "user", "annotator")
_SPAN = ("start", "end", "label", "annotation", "name", "span", "text", "schema", "id")
_YES = (True, "true", "True", "1", 1)

Object = Mapping[str, Any]


def _knows(source: Source) -> bool:
    names = source.ending(".jsonl")
    if not names or len(names) != len(source.names):
        return False
    rows = source.lines(names[0])[:50]
    return bool(rows) and all({LABELS, SPANS} & set(row) for row in rows)


def _read(source: Source) -> Labels:
    items: dict[str, Item] = {}
    for name in source.ending(".jsonl"):
        folder = PurePosixPath(name).parent.name
        for number, row in enumerate(source.lines(name), start=1):
            try:
                key = next(key for key in _IDS if key in row)
                layer = _layer(row, folder)
            except (StopIteration, KeyError, TypeError, ValueError) as error:
                raise DataError(f"{name} row {number} is no row of Potato: {error}") from error
            identity = str(row[key])
            before = items.get(identity)
            fields = {TEXT: row[TEXT]} if TEXT in row else {}
            items[identity] = Item(
                identity, fields or (before.fields if before else {}), (*(before.layers if before else ()), layer)
            )
    return Labels(tuple(items.values()), (), NAME)


def _layer(row: Object, folder: str) -> Layer:
    who_key = next((key for key in _WHO if key in row), "")
    used = (*_IDS, *_WHO, TEXT, LABELS, SPANS)
    marks = [*_answers(row.get(LABELS) or {}), *_spans(row)]
    notes = {
        "keys": list(row),
        LABELS: row.get(LABELS),
        SPANS: row.get(SPANS),
        "known": {key: row[key] for key in (*_IDS, *_WHO) if key in row},
    }
    extra = {key: value for key, value in row.items() if key not in used}
    return Layer(
        str(row[who_key]) if who_key else folder, marks=tuple(marks), seconds=_time(row.get(TIMES)), extra={**extra, NOTES: notes}
    )


def _time(given: object) -> float | None:
    spent = given.get("time_spent") if isinstance(given, Mapping) else None
    return float(spent) if isinstance(spent, int | float) else None


def _answers(schemes: Object) -> Iterator[Mark]:
    """Each scheme's answer: the labels that hold, or what was written."""
    for scheme, given in schemes.items():
        if not isinstance(given, Mapping):
            yield Answer(str(scheme), given, "choices" if isinstance(given, list) else "textarea")
            continue
        held = [str(label) for label, value in given.items() if value in _YES or value == label]
        written = [
            value
            for value in given.values()
            if isinstance(value, str) and value not in ("true", "True", "1", "false", "False", "0", "")
        ]
        if held or not written:
            yield Answer(str(scheme), held[0] if len(held) == 1 else held)
        else:
            yield Answer(str(scheme), written[0] if len(written) == 1 else written, "textarea")


def _spans(row: Object) -> Iterator[Mark]:
    text = row.get(TEXT)
    given = row.get(SPANS) or ()
    for number, span in enumerate(given if isinstance(given, list) else (), start=1):
        if isinstance(span, list):  # a span and whether it holds
            span = span[0]
        label = next(str(span[key]) for key in ("label", "annotation", "name") if key in span)
        start, end = int(span["start"]), int(span["end"])
        words = str(next((span[key] for key in ("span", "text") if key in span), ""))
        unit = counted(text, start, end, words, "utf16") if isinstance(text, str) else None
        if unit and isinstance(text, str):
            start, end = READ[unit](text, start), READ[unit](text, end)
        rest = {key: value for key, value in span.items() if key not in _SPAN}
        notes = {} if unit in (None, "utf16") or is_plain(str(text)) else {NOTES: {"offsets": unit}}
        yield Region(
            str(span.get("id", number)),
            Span(start, end, words),
            (label,),
            TEXT,
            str(span.get("schema", "")),
            extra={**rest, **notes},
        )


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    rows = []
    for item in labels.items:
        field = text_field(item.fields)
        for key in item.fields:
            losses.add(f"fields `{key}` of items", key != field)
        losses.add("items that nobody labelled", not item.layers)
        for layer in item.layers:
            if layer.role == "prediction":
                losses.add("predictions")
                continue
            losses.layer(layer, "answers", "seconds")
            losses.add("layers that settle a difference, of which no more is kept than who gave them", layer.role != "label")
            rows.append(_row(item, layer, field, losses, own=own))
    return {FILE: dump_json(rows, lines=True)}


def _row(item: Item, layer: Layer, field: str, losses: Losses, *, own: bool) -> dict[str, Any]:
    notes: Object = layer.extra.get(NOTES, {}) if own else {}
    whole = {**notes.get("known", {"user_id": layer.annotator, "id": item.id}), **({TEXT: item.fields[field]} if field else {})}
    was = {TEXT: item.fields.get(field), LABELS: notes.get(LABELS), SPANS: notes.get(SPANS)}
    if notes and (*_answers(was[LABELS] or {}), *_spans(was)) == layer.marks:
        whole |= {LABELS: was[LABELS], SPANS: was[SPANS]}
    else:
        text = item.fields.get(field, "")
        whole |= {LABELS: {}, SPANS: [span for region in layer.regions for span in _written(region, str(text), losses)]}
        for answer in layer.answers:
            values = answer.value if isinstance(answer.value, list) else [answer.value]
            given = {str(value): True for value in values} if answer.form == "choices" else {"text_box": answer.value}
            whole[LABELS][answer.by or "label"] = given
    if not notes and layer.seconds is not None:
        whole[TIMES] = {"time_spent": layer.seconds}
    whole |= {key: value for key, value in layer.extra.items() if key != NOTES} if own else {}
    return {key: whole[key] for key in notes["keys"] if key in whole} if notes else whole


def _written(region: Region, text: str, losses: Losses) -> Iterator[dict[str, Any]]:
    shape = region.shape
    if not isinstance(shape, Span):
        losses.region(region)
        return
    losses.add("scores", region.score is not None)
    losses.add("regions without a label", not region.labels)
    unit = region.extra.get(NOTES, {}).get("offsets", "utf16")
    start, end = (WRITE[unit](text, place) for place in (shape.start, shape.end))
    for label in region.labels:
        yield {
            "start": start,
            "end": end,
            "schema": region.by or "span",
            "annotation": label,
            "span": text[shape.start : shape.end],
        }


POTATO = Format(NAME, _knows, _read, _write, several=True)

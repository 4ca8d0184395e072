"""Prodigy: JSON Lines, a decision of one annotator on each, with spans of a text, shapes on an image, relations or options.

After https://prodi.gy/docs/api-interfaces. Places are characters, coordinates pixels. Decisions on the same input (`_input_hash`)
belong to one item; `accept` gives the marks, `reject` says that they are wrong, `ignore` is a skipped one. Who decided is in
`_annotator_id` or `_session_id`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, dump_json, pixels
from tailor.labelling.marks import Answer, Box, Item, Labels, Layer, Link, Mark, Path, Region, Span

NAME = "prodigy"
FILE = "labels.jsonl"
IGNORED = "ignore"
_DECISIONS = ("accept", "reject", IGNORED)
_WHO = ("_annotator_id", "_session_id")
_MARKED = ("spans", "relations", "accept", "label")
_ANSWERED = (*_MARKED, "answer", "_task_hash", "_timestamp", "_view_id", *_WHO)
_SPAN = ("start", "end", "label", "score", "points", "x", "y", "width", "height", "center", "type")

Object = Mapping[str, Any]


def _knows(source: Source) -> bool:
    if len(source.names) != 1 or not source.ending(".jsonl"):
        return False
    rows = source.lines(source.names[0])[:50]
    return bool(rows) and all(
        row.get("answer") in _DECISIONS and {"text", "image", "_input_hash", "html"} & set(row) for row in rows
    )


def _read(source: Source) -> Labels:
    (name,) = source.names
    items: dict[str, Item] = {}
    for number, row in enumerate(source.lines(name), start=1):
        try:
            item = _item(row)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{name} row {number} is no decision of Prodigy: {error}") from error
        before = items.get(item.id)
        layers = (*(before.layers if before else ()), *item.layers)
        items[item.id] = Item(item.id, item.fields, layers, item.size or (before.size if before else None), item.extra)
    return Labels(tuple(items.values()), (), NAME)


def _item(row: Object) -> Item:
    fields = {
        key: value for key, value in row.items() if key not in (*_ANSWERED, "_input_hash", "tokens", "options", "config", "meta")
    }
    asked = [row.get(key) for key in ("text", "image", "html")]
    identity = row.get("_input_hash", hashlib.sha256(repr(asked).encode()).hexdigest()[:16])
    size = (row["width"], row["height"]) if "image" in row and row.get("width") and row.get("height") else None
    answered = row.get("answer", "accept")
    marks = tuple(_marks(row))
    who = next((str(row[key]) for key in _WHO if row.get(key)), "")
    notes = {"row": {key: row[key] for key in row if key not in fields}, "keys": list(row)}
    layer = Layer(
        annotator=who,
        marks=() if answered == IGNORED else marks,
        skipped=IGNORED if answered == IGNORED else "",
        rejected=answered == "reject",
        at=_time(row.get("_timestamp")),
        extra={NOTES: notes},
    )
    return Item(str(identity), fields, (layer,), size)


def _time(given: object) -> str:
    return datetime.fromtimestamp(given, UTC).isoformat() if isinstance(given, int | float) and 0 < given < 1e11 else ""


def _marks(row: Object) -> Iterator[Mark]:
    spans: dict[tuple[int, int], str] = {}
    for number, span in enumerate(row.get("spans") or (), start=1):
        rest = {key: value for key, value in span.items() if key not in _SPAN}
        labels = (str(span["label"]),) if "label" in span else ()
        score = float(span["score"]) if isinstance(span.get("score"), int | float) else None
        if "start" in span:
            start, end = int(span["start"]), int(span["end"])
            spans.setdefault((start, end), str(number))
            shape: Span | Box | Path = Span(start, end, str(row.get("text", ""))[start:end])
            yield Region(str(number), shape, labels, "text", score=score, extra=rest)
        else:
            sides = [span.get(side) for side in ("x", "y", "width", "height")]
            rect = span.get("type", "rect") == "rect" and all(isinstance(side, int | float) for side in sides)
            shape = Box(*sides) if rect else Path(tuple((x, y) for x, y in span["points"]))
            keys = {
                "keys": [key for key in _SPAN if key in span],
                "span": {key: span[key] for key in ("center", "type") if key in span},
            }
            yield Region(str(number), shape, labels, "image", score=score, extra={**rest, NOTES: keys})
    for relation in row.get("relations") or ():
        ends = [relation.get(key) or {} for key in ("head_span", "child_span")]
        ids = [spans.get((int(end.get("start", -1)), int(end.get("end", -1))), "") for end in ends]
        yield Link(ids[0], ids[1], (str(relation.get("label", "")),), extra={NOTES: {"relation": dict(relation)}})
    if "accept" in row:
        yield Answer("accept", row["accept"])
    elif "label" in row:
        yield Answer("label", row["label"])


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    rows = []
    for item in labels.items:
        for layer in item.layers:
            if layer.role == "prediction":
                losses.add("predictions")
                continue
            losses.layer(layer, "links", "answers", "skipped", "rejected", "at")
            losses.add("layers that settle a difference, of which no more is kept than who gave them", layer.role != "label")
            rows.append(_row(item, layer, losses, own=own))
        losses.add("items that nobody labelled", not item.layers)
    return {FILE: dump_json(rows, lines=True)}


def _row(item: Item, layer: Layer, losses: Losses, *, own: bool) -> dict[str, Any]:
    notes: Object = layer.extra.get(NOTES, {}) if own else {}
    answer = IGNORED if layer.skipped else "reject" if layer.rejected else "accept"
    if notes and (layer.skipped or _same(layer, notes)):
        whole = {**item.fields, **notes["row"]}
        return {key: whole[key] for key in notes["keys"] if key in whole}
    row: dict[str, Any] = {**item.fields, "_input_hash": int(item.id) if item.id.lstrip("-").isdecimal() else item.id}
    if item.size and "image" in row:
        row |= {"width": item.size[0], "height": item.size[1]}
    ids: dict[str, dict[str, Any]] = {}
    spans = []
    for region in layer.regions:
        placed = pixels(region, item, losses)
        made = _span(placed, losses) if placed else None
        if made is not None:
            spans.append(made)
            ids[region.id] = made
    row["spans"] = spans
    links = [_relation(link, ids) for link in layer.links if {link.source, link.target} <= set(ids)]
    losses.add("links between regions that Prodigy does not hold", len(layer.links) - len(links))
    if links:
        row["relations"] = links
    for given in layer.answers:
        row["accept" if isinstance(given.value, list) else given.by if given.by in ("label", "accept") else "label"] = given.value
        losses.add("answers to a second question", len(layer.answers) - 1 if given is layer.answers[0] else 0)
    row |= {"answer": answer, **({"_annotator_id": layer.annotator, "_session_id": layer.annotator} if layer.annotator else {})}
    return {**row, **({"_timestamp": _seconds(layer.at)} if layer.at else {})}


def _same(layer: Layer, notes: Object) -> bool:
    """Whether a layer still says what its row in the file says."""
    return tuple(_marks({**notes["row"], "text": ""})) == tuple(
        _without_words(mark) for mark in layer.marks
    ) and layer.rejected == (notes["row"].get("answer") == "reject")


def _without_words(mark: Mark) -> Mark:
    if isinstance(mark, Region) and isinstance(mark.shape, Span):
        return replace(mark, shape=replace(mark.shape, text=""))
    return mark


def _seconds(at: str) -> int:
    try:
        return int(datetime.fromisoformat(at).timestamp())
    except ValueError:
        return 0


def _span(region: Region, losses: Losses) -> dict[str, Any] | None:
    shape = region.shape
    losses.add("second labels of a region", max(0, len(region.labels) - 1))
    label = {"label": region.labels[0]} if region.labels else {}
    score = {"score": region.score} if region.score is not None else {}
    if isinstance(shape, Span):
        return {"start": shape.start, "end": shape.end, **label, **score}
    if isinstance(shape, Box) and not shape.rotation:
        left, top, right, bottom = shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
        points = [[left, top], [left, bottom], [right, bottom], [right, top]]
        sides = {"x": left, "y": top, "width": shape.width, "height": shape.height}
        return {**label, **score, **sides, "center": [(left + right) / 2, (top + bottom) / 2], "type": "rect", "points": points}
    if isinstance(shape, Path) and shape.form == "polygon":
        return {**label, **score, "type": "polygon", "points": [list(place) for place in shape.points]}
    losses.region(region)
    return None


def _relation(link: Link, ids: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    ends = {f"{end}_span": ids[name] for end, name in (("head", link.source), ("child", link.target))}
    return {**ends, "label": ", ".join(link.labels)}


PRODIGY = Format(NAME, _knows, _read, _write, several=True)

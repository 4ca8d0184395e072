"""doccano: JSON Lines with a text or the name of an image, and its labels, spans, relations, boxes or texts.

After `backend/data_export` of https://github.com/doccano/doccano. Places are characters. Each annotator has a file of their own
(`admin.jsonl`), and `all.jsonl` holds what a group labelled together, so that one file holds one annotator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, dump_json, media_field, pixels, text_field, upright
from tailor.labelling.marks import Answer, Box, Item, Labels, Layer, Link, Mark, Region, Span

NAME = "doccano"
FILE = "labels.jsonl"
TOGETHER = ("all", "unknown", "labels")
"""Names of files that say nothing of who labelled."""
_TEXTS, _LABELS = ("text", "data"), ("label", "labels")
_IMAGE = "filename"

Object = Mapping[str, Any]


def _knows(source: Source) -> bool:
    if not source.ending(".jsonl") or len(source.ending(".jsonl")) != len(source.names):
        return False
    rows = source.lines(source.names[0])[:50]
    return bool(rows) and all(map(_is_row, rows)) and any(_said(row) for row in rows)


def _is_row(row: Object) -> bool:
    if not any(isinstance(row.get(key), str) for key in (*_TEXTS, _IMAGE)) or {"answer", "displayed_text", "_input_hash"} & set(
        row
    ):
        return False
    return bool({*_LABELS, "entities", "bbox", "cats"} & set(row))


def _said(row: Object) -> bool:
    given = row.get("label", row.get("labels"))
    dicts = [*(row.get("entities") or ()), *(row.get("bbox") or ())]
    return isinstance(given, list) or any(isinstance(one, dict) and ("start_offset" in one or "width" in one) for one in dicts)


def _read(source: Source) -> Labels:
    items: dict[str, Item] = {}
    for name in source.ending(".jsonl"):
        stem = PurePosixPath(name).stem
        who = "" if stem in TOGETHER else stem
        for number, row in enumerate(source.lines(name), start=1):
            try:
                item = _item(row, who, number)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(f"{name} row {number} is no row of doccano: {error}") from error
            known = items.get(item.id)
            if known is not None and known.fields == item.fields:
                item = Item(known.id, known.fields, (*known.layers, *item.layers), known.size, known.extra)
            elif known is not None:
                raise DataError(f"{name} row {number} has the id of another text: {item.id}")
            items[item.id] = item
    return Labels(tuple(items.values()), (), NAME)


def _item(row: Object, who: str, number: int) -> Item:
    main = next(key for key in (*_TEXTS, _IMAGE) if key in row)
    under = next((key for key in _LABELS if key in row), "")
    marks = list(_marks(row, main, under))
    used = {main, under, "entities", "relations", "bbox", "id"}
    notes = {"main": main, "under": under, "keys": [key for key in ("id", "entities", "relations", "bbox") if key in row]}
    extra = {key: value for key, value in row.items() if key not in used}
    identity = str(row["id"]) if "id" in row else f"{number}"
    return Item(
        identity, {main: row[main]}, (Layer(who, marks=tuple(marks), extra={**extra, NOTES: {**notes, "id": row.get("id")}}),)
    )


def _marks(row: Object, main: str, under: str) -> Iterator[Mark]:
    given = row.get(under) if under else None
    if isinstance(given, str):
        yield Answer(under, given, on=main)
    elif isinstance(given, list) and given and all(isinstance(one, str) for one in given):
        yield Answer(under, given, on=main)
    elif isinstance(given, list):
        for number, one in enumerate(given, start=1):
            start, end, label = one
            yield _span(row[main], str(number), int(start), int(end), str(label), main, {NOTES: {"triple": True}})
    for number, one in enumerate(row.get("entities") or (), start=1):
        rest = {key: value for key, value in one.items() if key not in ("id", "start_offset", "end_offset", "label")}
        yield _span(row[main], str(one.get("id", number)), one["start_offset"], one["end_offset"], one["label"], main, rest)
    for one in row.get("relations") or ():
        rest = {key: value for key, value in one.items() if key not in ("from_id", "to_id", "type")}
        yield Link(str(one["from_id"]), str(one["to_id"]), (str(one["type"]),), extra=rest)
    for number, one in enumerate(row.get("bbox") or (), start=1):
        rest = {key: value for key, value in one.items() if key not in ("id", "x", "y", "width", "height", "label")}
        box = Box(one["x"], one["y"], one["width"], one["height"])
        rest |= {NOTES: {"id": one["id"]}} if "id" in one else {}
        yield Region(str(one.get("id", number)), box, (str(one["label"]),), main, extra=rest)


def _span(text: str, identity: str, start: int, end: int, label: str, main: str, extra: Object) -> Region:
    if not 0 <= start < end <= len(text):
        raise ValueError(f"a mark from {start} to {end} of {len(text):,} characters")
    return Region(identity, Span(start, end, text[start:end]), (label,), main, extra=extra)


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    rows = []
    for item in labels.items:
        layers = [layer for layer in item.layers if layer.role != "prediction"]
        losses.add("predictions", len(item.layers) - len(layers))
        text, image = text_field(item.fields), media_field(item.fields)
        if not text and not image:
            losses.add("items without a text or an image")
            continue
        for key in item.fields:
            losses.add(f"fields `{key}` of items", key not in (text, image) or (key == image and bool(text)))
        for layer in layers or [Layer()]:
            losses.layer(layer, "links", "answers")
            rows.append(_row(item, layer, text, image, losses, own=own))
    return {FILE: dump_json(rows, lines=True)}


def _row(item: Item, layer: Layer, text: str, image: str, losses: Losses, *, own: bool) -> dict[str, Any]:
    notes: Object = layer.extra.get(NOTES, {}) if own else {}
    keys = notes.get("keys", [])
    main = notes.get("main") or ("text" if text else _IMAGE)
    row: dict[str, Any] = (
        {"id": notes["id"]} if "id" in keys else {} if own else {"id": int(item.id) if item.id.isdecimal() else item.id}
    )
    row[main] = item.fields[text or image]
    spans, boxes = [], []
    for region in layer.regions:
        losses.add("scores", region.score is not None)
        losses.add("regions without a label", not region.labels)
        if isinstance(region.shape, Span):
            spans.append(region)
        elif placed := pixels(region, item, losses):
            box = upright(placed, losses)
            boxes += [_box(box, region, label, own=own) for label in region.labels if box]
    given = [
        str(value) for answer in layer.answers for value in (answer.value if isinstance(answer.value, list) else [answer.value])
    ]
    under = notes.get("under") or ("label" if not own else "")
    triples = all(region.extra.get(NOTES, {}).get("triple") for region in spans) if own else not layer.links
    ids = _ids(layer, spans)
    if triples and under:
        shapes = [(region.shape, label) for region in spans for label in region.labels if isinstance(region.shape, Span)]
        row[under] = given or [[shape.start, shape.end, label] for shape, label in shapes]
        if own and len(given) == 1 and isinstance(layer.answers[0].value, str):
            row[under] = given[0]
    else:
        row |= {under: given} if under else {"label": given} if given else {}
        row["entities"] = [_entity(region, label, ids) for region in spans for label in region.labels]
        links = [_link(link, ids, own=own) for link in layer.links if {link.source, link.target} <= set(ids)]
        losses.add("links between regions that are no spans", len(layer.links) - len(links))
        row["relations"] = links
    if boxes or "bbox" in keys:
        row["bbox"] = boxes
    if own:
        unused = [key for key in ("entities", "relations") if key in row and key not in keys and not row[key]]
        row = {key: value for key, value in row.items() if key not in unused}
        row |= {key: [] for key in keys if key not in row}
        row |= {key: value for key, value in layer.extra.items() if key != NOTES}
    return row


def _ids(layer: Layer, spans: list[Region]) -> dict[str, int]:
    """A number for each span, which doccano's relations name it by: its own, if all have one."""
    if all(region.id.isdecimal() for region in spans):
        return {region.id: int(region.id) for region in spans}
    return {region.id: number for number, region in enumerate(spans)}


def _entity(region: Region, label: str, ids: Mapping[str, int]) -> dict[str, Any]:
    shape = region.shape
    assert isinstance(shape, Span)
    rest = {key: value for key, value in region.extra.items() if key != NOTES}
    return {"id": ids[region.id], "label": label, "start_offset": shape.start, "end_offset": shape.end, **rest}


def _link(link: Link, ids: Mapping[str, int], *, own: bool) -> dict[str, Any]:
    rest = dict(link.extra) if own else {}
    return {"from_id": ids[link.source], "to_id": ids[link.target], "type": ", ".join(link.labels), **rest}


def _box(box: Box, region: Region, label: str, *, own: bool) -> dict[str, Any]:
    rest = {key: value for key, value in region.extra.items() if key != NOTES} if own else {}
    identity = {"id": region.extra[NOTES]["id"]} if own and "id" in region.extra.get(NOTES, {}) else {}
    return {**identity, "x": box.x, "y": box.y, "width": box.width, "height": box.height, "label": label, **rest}


DOCCANO = Format(NAME, _knows, _read, _write)

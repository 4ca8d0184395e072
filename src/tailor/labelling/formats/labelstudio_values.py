"""The values inside Label Studio's results: each becomes one mark, and a mark becomes results again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tailor.labelling.formats.base import NOTES, VIDEOS, media_field, text_field
from tailor.labelling.formats.offsets import READ, WRITE, counted, is_plain
from tailor.labelling.marks import (
    Answer,
    Box,
    Item,
    KeyFrame,
    Link,
    Mark,
    Opaque,
    Path,
    Point,
    Region,
    Segment,
    Shape,
    Size,
    Span,
    Track,
    around,
    in_unit,
)

MISPLACED = "marks of a text hold other words than stand at their places"
FIRST_FRAME = 1
"""Label Studio counts frames from 1; inside Tailor they count from 0."""
_SHAPES = {  # by the keys that a value must have
    ("x", "y", "width", "height"): "box",
    ("points",): "path",
    ("sequence",): "track",
    ("ranges",): "segment",
    ("start", "end"): "span",
    ("x", "y"): "point",
}
_ANSWERS = ("choices", "text", "rating", "number", "datetime", "taxonomy", "selected", "ranker", "chatmessage")
_OPAQUE = (
    "ellipselabels",
    "ellipse",
    "brushlabels",
    "brush",
    "hypertextlabels",
    "paragraphlabels",
    "timeserieslabels",
    "vectorlabels",
)
_ONE_LABEL = "labels"
_KNOWN = ("from_name", "to_name", "type", "original_width", "original_height", "image_rotation", "score")

Object = Mapping[str, Any]


def relation(result: Object) -> Link:
    """A relation between two regions."""
    extra = {key: value for key, value in result.items() if key not in ("type", "from_id", "to_id", "labels", "direction")}
    extra[NOTES] = {"keys": [key for key in ("labels", "direction") if key in result]}
    labels = result.get("labels") or []
    return Link(
        str(result["from_id"]), str(result["to_id"]), tuple(map(str, labels)), str(result.get("direction") or "right"), extra
    )


def read_mark(data: Object, result: Object) -> tuple[Mark, str]:
    """A result as a mark, and what is wrong with it; empty where nothing is."""
    value, form = result.get("value"), str(result.get("type") or "")
    on, by = str(result.get("to_name") or ""), str(result.get("from_name") or "")
    if not isinstance(value, Mapping) or _is_answer(value, form):
        return _answer(result, value, form, on, by), ""
    names = [key for key in value if isinstance(value[key], list) and key == form] or [_ONE_LABEL] * isinstance(
        value.get(_ONE_LABEL), list
    )
    labels = tuple(str(label) for name in names for label in value[name])
    shape, used, more, problem = _shape(data, value, form, on)
    field = _field(data, on, shape)
    rest = {key: inner for key, inner in value.items() if key not in (*used, *names)}
    notes: dict[str, Any] = {"known": {key: result[key] for key in _KNOWN if key in result}, "id": "id" in result, **more}
    notes |= {"rest": rest} if rest else {}
    notes |= {"under": names[0]} if names else {}
    extra = {key: inner for key, inner in result.items() if key not in ("id", "value", *_KNOWN)}
    score = result.get("score")
    return (
        Region(
            id=str(result.get("id") or ""),
            shape=shape,
            labels=labels,
            on=field,
            by=by,
            unit="percent",
            size=_size(result),
            score=float(score) if isinstance(score, int | float) else None,
            extra={**extra, NOTES: notes},
        ),
        problem,
    )


def _is_answer(value: Object, form: str) -> bool:
    if form in _OPAQUE or "sequence" in value or "ranges" in value:
        return False
    return (
        any(key in value for key in _ANSWERS if key != "text")
        or (isinstance(value.get("text"), list) or form == "textarea")
        or (
            form in (_ONE_LABEL, "choices", "taxonomy")
            and not {"x", "start", "points"} & set(value)
            or form in ("choices", "taxonomy")
        )
    )


def _answer(result: Object, value: Any, form: str, on: str, by: str) -> Answer:
    """A choice, a text, a rating; one that says where a region lies is about that region."""
    key = next((key for key in (form, *_ANSWERS, _ONE_LABEL) if isinstance(value, Mapping) and key in value), "")
    said = value[key] if key else value
    rest = {name: inner for name, inner in value.items() if name != key} if key else {}
    known = {name: result[name] for name in ("id", *_KNOWN) if name in result}
    notes = {"known": known, "under": key, **({"rest": rest} if rest else {})}
    extra = {name: inner for name, inner in result.items() if name not in ("id", "value", *_KNOWN)}
    return Answer(by, said, form, str(result.get("id") or ""), on, {**extra, NOTES: notes})


def _shape(data: Object, value: Object, form: str, on: str) -> tuple[Shape, tuple[str, ...], dict[str, Any], str]:
    """The shape of a value, the keys that it is made of, what is needed to write it again, and what is wrong with it."""
    kind = next((kind for keys, kind in _SHAPES.items() if all(key in value for key in keys)), "")
    try:
        if form in _OPAQUE:
            kind = ""
        if kind == "box":
            return (
                _box(value),
                _used(value, "x", "y", "width", "height", "rotation"),
                _as_written(value, "rotation"),
                "",
            )
        if kind == "path":
            return Path(tuple((x, y) for x, y in value["points"])), ("points",), {}, ""
        if kind == "point":
            return Point(value["x"], value["y"]), ("x", "y"), {}, ""
        if kind == "track":
            return Track(tuple(map(_key_frame, value["sequence"]))), ("sequence",), {}, ""
        if kind == "segment" and len(value["ranges"]) == 1 and set(value["ranges"][0]) == {"start", "end"}:
            (held,) = value["ranges"]
            return Segment(held["start"] - FIRST_FRAME, held["end"] - FIRST_FRAME), ("ranges",), {}, ""
        if kind == "span" and isinstance(value["start"], int) and isinstance(value["end"], int) and "startOffset" not in value:
            return _span(data, value, on)
        if kind == "span" and "startOffset" not in value and "channel" in value:
            return (
                Segment(float(value["start"]), float(value["end"]), "second"),
                ("start", "end"),
                {"written": [value["start"], value["end"]]},
                "",
            )
    except (TypeError, ValueError, KeyError):
        pass
    return Opaque(form or "shape", dict(value)), tuple(value), {}, ""


def _used(value: Object, *keys: str) -> tuple[str, ...]:
    return tuple(key for key in keys if key in value)


def _as_written(value: Object, key: str) -> dict[str, Any]:
    """A note that a key is absent, so that it is not added when the value is written again."""
    return {} if key in value else {f"no_{key}": True}


def _box(given: Object) -> Box:
    return Box(given["x"], given["y"], given["width"], given["height"], given.get("rotation") or 0)


def _key_frame(given: Object) -> KeyFrame:
    sides = ("x", "y", "width", "height")
    extra = {key: value for key, value in given.items() if key not in ("frame", "enabled", "rotation", *sides)}
    if "rotation" not in given:
        extra["no_rotation"] = True
    return KeyFrame(
        given["frame"] - FIRST_FRAME,
        _box(given),
        bool(given.get("enabled", True)),
        extra,
    )


def _span(data: Object, value: Object, on: str) -> tuple[Shape, tuple[str, ...], dict[str, Any], str]:
    words = value.get("text")
    words = words if isinstance(words, str) else ""
    start, end = value["start"], value["end"]
    text = data.get(_text_of(data, on))
    if not isinstance(text, str):
        return (
            Span(start, end, words),
            _used(value, "start", "end", "text"),
            {"offsets": "characters", **_as_written(value, "text")},
            "",
        )
    unit = counted(text, start, end, words, "utf16")
    if unit is None:
        return Span(start, end, words), _used(value, "start", "end", "text"), {"offsets": "characters"}, MISPLACED
    first, last = (READ[unit](text, place) for place in (start, end))
    more = {} if unit == "utf16" or is_plain(text) else {"offsets": unit}
    return Span(first, last, words), _used(value, "start", "end", "text"), {**more, **_as_written(value, "text")}, ""


def _text_of(data: Object, on: str) -> str:
    return on if isinstance(data.get(on), str) else text_field(data)


def _field(data: Object, on: str, shape: Shape) -> str:
    """The field of the task that a region lies in: the one that is called like its tag, or the only one that can be meant."""
    if on in data:
        return on
    if isinstance(shape, Span):
        return text_field(data) or on
    if isinstance(shape, Track | Segment):
        return media_field(data, VIDEOS) or on
    return media_field(data) or on


def _size(result: Object) -> Size | None:
    width, height = result.get("original_width"), result.get("original_height")
    return (
        (int(width), int(height))
        if isinstance(width, int | float) and isinstance(height, int | float) and width and height
        else None
    )


# Writing

_FORMS = {
    Box: "rectanglelabels",
    Path: "polygonlabels",
    Point: "keypointlabels",
    Span: "labels",
    Track: "videorectangle",
    Segment: "timelinelabels",
}
_QUESTIONS = {Box: "box", Path: "polygon", Point: "point", Span: "span", Track: "track", Segment: "segment"}


def written_mark(mark: Mark, item: Item, *, own: bool) -> Iterator[dict[str, Any]]:
    """The results that a mark becomes; two for a shape whose labels stand apart."""
    notes: Object = mark.extra.get(NOTES, {}) if own else {}
    others = {key: value for key, value in mark.extra.items() if key != NOTES} if own else {}
    if isinstance(mark, Link):
        yield {**_relation(mark, notes), **others}
    elif isinstance(mark, Answer):
        yield {**(_answered(mark, notes) if notes else _new_answer(mark)), **others}
    else:
        yield {**_written_region(mark, item, notes), **others}
        if "split" in notes:
            yield {**notes["split"], "value": {**notes["split"]["value"], notes["split"]["type"]: list(mark.labels)}}


def _relation(link: Link, notes: Object) -> dict[str, Any]:
    keys = notes.get("keys", ("labels", "direction"))
    made: dict[str, Any] = {"type": "relation", "from_id": link.source, "to_id": link.target}
    made |= {"direction": link.directed} if "direction" in keys else {}
    return {**made, "labels": list(link.labels)} if "labels" in keys or link.labels else made


def _answered(answer: Answer, notes: Object) -> dict[str, Any]:
    under = notes["under"]
    return {**notes["known"], "value": {**notes.get("rest", {}), under: answer.value} if under else answer.value}


def _new_answer(answer: Answer) -> dict[str, Any]:
    single = answer.form in ("rating", "number", "datetime", "pairwise")
    key = {"textarea": "text", "pairwise": "selected"}.get(answer.form, answer.form)
    listed = answer.value if isinstance(answer.value, list) else [answer.value]
    by = answer.by or "label"
    return {
        "id": answer.region or f"{by}-1",
        "from_name": by,
        "to_name": answer.on or "text",
        "type": answer.form,
        "value": {key: answer.value if single else listed},
    }


def _written_region(region: Region, item: Item, notes: Object) -> dict[str, Any]:
    if isinstance(region.shape, Opaque) and notes:
        value = dict(region.shape.value)
    else:
        value = {**_value(region, item, notes), **notes.get("rest", {})}
    form = notes.get("known", {}).get("type") or _FORMS.get(type(region.shape), region.name)
    under = notes.get("under") or (_ONE_LABEL if form == "videorectangle" else form)
    if (region.labels or "under" in notes) and "split" not in notes:
        value[under] = list(region.labels)
    if notes:
        return {**({"id": region.id} if notes["id"] else {}), **notes["known"], "value": value}
    by, on = region.by or _QUESTIONS.get(type(region.shape), "mark"), region.on or "text"
    made: dict[str, Any] = {"id": region.id, "from_name": by, "to_name": on, "type": form}
    if size := region.size or item.size:
        made |= {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    return {**made, **({"score": region.score} if region.score is not None else {}), "value": value}


def _value(region: Region, item: Item, notes: Object) -> dict[str, Any]:
    shape = in_unit(region, "percent", item.size).shape
    if isinstance(shape, Box):
        return {**_sides(shape), **({} if "no_rotation" in notes else {"rotation": shape.rotation})}
    if isinstance(shape, Path):
        return {"points": [list(place) for place in shape.points], **({} if notes else {"closed": shape.form == "polygon"})}
    if isinstance(shape, Point):
        return {"x": shape.x, "y": shape.y}
    if isinstance(shape, Segment) and shape.unit == "frame":
        return {"ranges": [{"start": shape.start + FIRST_FRAME, "end": shape.end + FIRST_FRAME}]}
    if isinstance(shape, Segment):
        start, end = notes.get("written", (shape.start, shape.end))
        return {"start": start, "end": end}
    if isinstance(shape, Track):
        return _written_track(shape, item, notes)
    if isinstance(shape, Span):
        return _written_span(shape, region, item, notes)
    return dict(shape.value)


def _sides(box: Box) -> dict[str, Any]:
    return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}


def _written_track(track: Track, item: Item, notes: Object) -> dict[str, Any]:
    """A track; one that was not read from Label Studio gets the times and the count of frames that it expects."""
    if notes:
        return {"sequence": [_written_key(key) for key in track.frames]}
    times = [{"time": round((key.frame + FIRST_FRAME) / item.rate, 6)} for key in track.frames]
    sequence = [{**_written_key(key), **time} for key, time in zip(track.frames, times, strict=True)]
    count = max(key.frame for key in track.frames) + FIRST_FRAME
    return {"framesCount": count, "duration": round(count / item.rate, 6), "sequence": sequence}


def _written_key(key: KeyFrame) -> dict[str, Any]:
    extra = {name: value for name, value in key.extra.items() if name != "no_rotation"}
    box = key.shape if isinstance(key.shape, Box) else around(key.shape) or Box(0, 0, 0, 0)
    turned = {} if "no_rotation" in key.extra else {"rotation": box.rotation}
    return {"frame": key.frame + FIRST_FRAME, "enabled": key.goes_on, **_sides(box), **turned, **extra}


def _written_span(shape: Span, region: Region, item: Item, notes: Object) -> dict[str, Any]:
    text = item.fields.get(region.on if isinstance(item.fields.get(region.on), str) else text_field(item.fields))
    unit = notes.get("offsets", "utf16")
    places = [WRITE[unit](text, place) if isinstance(text, str) else place for place in (shape.start, shape.end)]
    words = shape.text or (text[shape.start : shape.end] if isinstance(text, str) else "")
    return {"start": places[0], "end": places[1], **({} if "no_text" in notes else {"text": words})}

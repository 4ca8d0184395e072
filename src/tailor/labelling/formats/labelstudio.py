"""Label Studio: a JSON list of tasks with the annotations of several people, predictions and relations.

After https://labelstud.io/guide/task_format and the schemas of label-studio-sdk 2.1. Coordinates are percent of the image; places
in texts are UTF-16 units, since browsers count them. Relations are read flat, and nested in a list as the SDK dumps them; they
are written flat. Nothing that a task holds is lost when it is written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tailor.data.finding import Finding
from tailor.errors import DataError
from tailor.labelling.formats.base import NOTES, Files, Format, Losses, Source, dump_json, sized
from tailor.labelling.formats.labelstudio_values import read_mark, relation, written_mark
from tailor.labelling.marks import Answer, Item, Labels, Layer, Mark, Region

NAME = "labelstudio"
FILE = "labelstudio.json"
SKIPPED = "skipped"
_KNOWN = (
    *("id", "completed_by", "was_cancelled", "ground_truth", "lead_time", "created_at", "model_version", "score", "skip_reason"),
    *("tailor_role", "tailor_rejected"),
)

Object = Mapping[str, Any]


def _knows(source: Source) -> bool:
    if len(source.names) != 1 or not source.ending(".json"):
        return False
    text = source.text(source.names[0])
    labelled = any(f'"{key}"' in text for key in ("annotations", "completions", "predictions"))
    return '"data"' in text and labelled and '"categories"' not in text


def _read(source: Source) -> Labels:
    name = source.names[0]
    held = source.json(name)
    tasks = [held] if isinstance(held, dict) else held
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks):
        raise DataError(f"{name} is no export of Label Studio: it is no list of tasks with `data`", "Export as JSON.")
    told: dict[str, int] = {}
    items = tuple(_item(task, number, told) for number, task in enumerate(tasks, start=1))
    findings = tuple(Finding("warning", f"{name}: {count:,} {what}.") for what, count in told.items())
    return Labels(items, (), NAME, findings, {NOTES: {"single": True}} if isinstance(held, dict) else {})


def _item(task: Object, number: int, told: dict[str, int]) -> Item:
    data = task["data"]
    key = "annotations" if "annotations" in task else "completions"
    layers = [_layer(data, given, told, prediction=False) for given in task.get(key) or ()]
    layers += [_layer(data, given, told, prediction=True) for given in task.get("predictions") or ()]
    extra = {name: value for name, value in task.items() if name not in ("data", "id", key, "predictions")}
    notes = {"lists": [name for name in (key, "predictions") if name in task], **({"id": task["id"]} if "id" in task else {})}
    return Item(str(task.get("id", "")), data, tuple(layers), None, {**extra, NOTES: notes})


def _layer(data: Object, given: object, told: dict[str, int], *, prediction: bool) -> Layer:
    if not isinstance(given, dict):  # a prediction may be named by its number alone
        return Layer(role="prediction" if prediction else "label", extra={NOTES: {"whole": given}})
    extra = {name: value for name, value in given.items() if name not in ("result", *_KNOWN)}
    notes: dict[str, Any] = {"known": {name: given[name] for name in _KNOWN if name in given}, "result": "result" in given}
    role: Any = "prediction" if prediction else given.get("tailor_role") or ("gold" if given.get("ground_truth") else "label")
    who = str(given.get("model_version") or "") if prediction else _name(given.get("completed_by"))
    score = given.get("score") if prediction else None
    seconds = given.get("lead_time")
    return Layer(
        annotator=who,
        role=role,
        marks=tuple(_marks(data, given.get("result") or [], told)),
        skipped=str(given.get("skip_reason") or SKIPPED) if given.get("was_cancelled") else "",
        rejected=bool(given.get("tailor_rejected")),
        at=str(given.get("created_at") or ""),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        score=float(score) if isinstance(score, int | float) else None,
        extra={**extra, NOTES: notes},
    )


def _name(given: object) -> str:
    """Who annotated: an address, or a number, where the export gives no more."""
    if isinstance(given, Mapping):
        return str(given.get("email") or given.get("username") or given.get("id") or "")
    return "" if given is None else str(given)


def _marks(data: Object, results: Sequence[object], told: dict[str, int]) -> Iterator[Mark]:
    """The marks of an annotation. A shape and its labels under one id are one region."""
    held: list[Mark] = []
    for result in _flat(results):
        if result.get("type") == "relation" and "from_id" in result:
            held.append(relation(result))
            continue
        mark, problem = read_mark(data, result)
        if problem:
            told[problem] = told.get(problem, 0) + 1
        if isinstance(mark, Answer) and mark.form in ("labels", "choices") and mark.region and isinstance(mark.value, list):
            bare = next(
                (place for place, one in enumerate(held) if isinstance(one, Region) and one.id == mark.region and not one.labels),
                None,
            )
            if bare is not None and (region := held[bare]) and isinstance(region, Region):
                held[bare] = replace(
                    region,
                    labels=tuple(map(str, mark.value)),
                    extra={**region.extra, NOTES: {**region.extra[NOTES], "split": dict(result)}},
                )
                continue
        held.append(mark)
    yield from held


def _flat(results: Sequence[object]) -> Iterator[Object]:
    for result in results:
        if isinstance(result, list):
            yield from _flat(result)
        elif isinstance(result, Mapping):
            yield result


def _write(labels: Labels, losses: Losses) -> Files:
    losses.foreign(labels)
    own = labels.format == NAME
    labels = sized(labels, losses)
    tasks = [_task(item, own=own) for item in labels.items]
    whole: object = tasks[0] if own and labels.extra.get(NOTES, {}).get("single") and len(tasks) == 1 else tasks
    return {FILE: dump_json(whole)}


def _task(item: Item, *, own: bool) -> dict[str, Any]:
    notes: Object = item.extra.get(NOTES, {}) if own else {}
    identity: dict[str, Any] = {"id": notes["id"]} if "id" in notes else {}
    if not own:
        identity = {"id": int(item.id)} if item.id.isdecimal() else {"meta": {"id": item.id}} if item.id else {}
    annotations = [_annotation(layer, item, own=own) for layer in item.layers if layer.role != "prediction"]
    predictions = [_prediction(layer, item, own=own) for layer in item.layers if layer.role == "prediction"]
    made: dict[str, Any] = {**identity, "data": dict(item.fields), **_fields(item.extra, own=own)}
    lists = notes.get("lists", ["annotations"])
    if annotations or {"annotations", "completions"} & set(lists):
        made["annotations"] = annotations
    if predictions or "predictions" in lists:
        made["predictions"] = predictions
    return made


def _fields(extra: Object, *, own: bool) -> dict[str, Any]:
    return {key: value for key, value in extra.items() if key != NOTES} if own else {}


def _annotation(layer: Layer, item: Item, *, own: bool) -> Any:
    notes: Object = layer.extra.get(NOTES, {}) if own else {}
    if "whole" in notes:
        return notes["whole"]
    base: dict[str, Any] = dict(notes.get("known", {}))
    if layer.annotator and _name(base.get("completed_by")) != layer.annotator:
        base["completed_by"] = {"email": layer.annotator}
    if layer.skipped or "was_cancelled" in base or not notes:
        base["was_cancelled"] = bool(layer.skipped)
    if layer.skipped not in ("", SKIPPED):
        base["skip_reason"] = layer.skipped
    if layer.role != "label" or "ground_truth" in base or not notes:
        base["ground_truth"] = layer.role != "label"
    if layer.role == "adjudicated":
        base["tailor_role"] = layer.role
    if layer.rejected:
        base["tailor_rejected"] = True
    if not notes:
        base |= {"lead_time": layer.seconds} if layer.seconds is not None else {}
        base |= {"created_at": layer.at} if layer.at else {}
    return {**base, **_fields(layer.extra, own=own), **_results(layer, item, own=own)}


def _prediction(layer: Layer, item: Item, *, own: bool) -> Any:
    notes: Object = layer.extra.get(NOTES, {}) if own else {}
    if "whole" in notes:
        return notes["whole"]
    base: dict[str, Any] = dict(notes.get("known", {}))
    if not notes:
        base |= {"model_version": layer.annotator} if layer.annotator else {}
        base |= {"score": layer.score} if layer.score is not None else {}
    return {**base, **_fields(layer.extra, own=own), **_results(layer, item, own=own)}


def _results(layer: Layer, item: Item, *, own: bool) -> dict[str, Any]:
    if own and not layer.marks and not layer.extra.get(NOTES, {}).get("result", True):
        return {}
    return {"result": [made for mark in layer.marks for made in written_mark(mark, item, own=own)]}


LABEL_STUDIO = Format(NAME, _knows, _read, _write, several=True)

"""Exports of annotation tools: Label Studio's tasks and Prodigy's decisions, as one row per task.

The marks of texts in them, those of Label Studio's flat exports and doccano's lines are brought to one form by `formats/spans.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted

ROWS_NAMED = 5

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]

_DECISIONS = {"accept", "reject", "ignore"}
_PLAIN_RESULTS = ("choices", "text", "rating", "number", "datetime", "taxonomy")
_FLAT = {"annotation_id", "annotator", "lead_time"}
"""Columns of Label Studio's flat exports, of which two tell them."""


def flatten_annotations(name: str, rows: Sequence[Object]) -> Read:
    """Rows of an annotation tool's export as plain rows; other rows as they are.

    Raises:
        DataError: the export marks regions of anything but text, or its annotators disagree; the rows are named.
    """
    if rows and all(len(_FLAT & set(row)) > 1 for row in rows):
        return [{key: _chosen(cell) for key, cell in row.items()} for row in rows], ()
    if rows and all(isinstance(row.get("data"), Mapping) and _annotations(row) is not None for row in rows):
        return _label_studio(name, rows)
    if rows and all(_decided(row) and {"label", "accept", "spans"} & set(row) for row in rows):
        return _prodigy(name, rows)
    return rows, ()


def _chosen(cell: object) -> object:
    """What was chosen, where a cell of a flat export holds that and nothing else."""
    return cell["choices"] if isinstance(cell, Mapping) and set(cell) == {"choices"} else cell


def _decided(row: Object) -> bool:
    decision = row.get("answer")
    return isinstance(decision, str) and decision in _DECISIONS


# Label Studio


def _annotations(row: Object) -> Sequence[Object] | None:
    found = row.get("annotations", row.get("completions"))
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        return None
    return found


def _label_studio(name: str, rows: Sequence[Object]) -> Read:
    made: list[Object] = []
    bad: list[str] = []
    given = {key for row in rows if isinstance(data := row["data"], Mapping) for key in data} | {"id"}
    for number, row in enumerate(rows, start=1):
        data = row["data"]
        try:
            agreed = _agreed(_annotations(row) or ())
            said = {f"{key} (annotated)" if key in given else key: value for key, value in agreed.items()}
        except ValueError as error:
            bad.append(f"row {number} ({error})")
            continue
        identity = {"id": row["id"]} if "id" in row else {}
        made.append({**identity, **(data if isinstance(data, Mapping) else {}), **said})
    if bad:
        more = f" and {len(bad) - ROWS_NAMED:,} more" if len(bad) > ROWS_NAMED else ""
        raise DataError(
            f"{name} holds annotations that are no right answers: {', '.join(bad[:ROWS_NAMED])}{more}",
            "Export choices, texts or labels of texts, with one annotation per task, or mark the right one as ground truth.",
        )
    return made, tuple(_told(name, rows))


def _told(name: str, rows: Sequence[Object]) -> Iterator[Finding]:
    yield Finding("note", f"{name} holds tasks with annotations; what was chosen or written is a column under its own name.")
    results = [item for row in rows for annotation in _annotations(row) or () for item in _items(annotation)]
    if related := sum(item.get("type") == "relation" for item in results):
        yield Finding("warning", f"{name} has {related:,} relations between labels, which are not used.")
    if predicted := sum(bool(row.get("predictions")) and not _annotations(row) for row in rows):
        yield Finding(
            "note", f"{name} has {predicted:,} tasks with a prediction and no annotation; a prediction is no right answer."
        )


def _agreed(annotations: Sequence[Object]) -> dict[str, object]:
    """What a task's annotations say, if they say the same; one that is marked as ground truth counts alone."""
    valid = [item for item in annotations if not item.get("was_cancelled")]
    valid = [item for item in valid if item.get("ground_truth")] or valid
    said = [_results(item) for item in valid]
    if any(other != said[0] for other in said[1:]):
        raise ValueError("its annotators disagree")
    return said[0] if said else {}


def _results(annotation: Object) -> dict[str, object]:
    said: dict[str, object] = {}
    for item in _items(annotation):
        value = item.get("value")
        if not isinstance(value, Mapping):
            continue
        column = str(item.get("from_name", "label"))
        if isinstance(value.get("labels"), list) and str(value.get("start")).isdecimal() and str(value.get("end")).isdecimal():
            mark = {key: value[key] for key in ("start", "end", "text", "labels") if key in value}
            said[column] = [*_listed(said.get(column)), mark]
            continue
        kind = next((kind for kind in _PLAIN_RESULTS if kind in value), "")
        if not kind or {"start", "x"} & set(value):
            raise ValueError(f"holds {quoted(str(item.get('type', column)), 40)}, which is no choice, text or label of a text")
        before, new = said.get(column), value[kind]
        together = [*_listed(before), *_listed(new)]
        said[column] = together[0] if len(together) == 1 else together
    return said


def _items(annotation: Object) -> list[Object]:
    results = annotation.get("result")
    return [item for item in results if isinstance(item, Mapping)] if isinstance(results, list) else []


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


# Prodigy


def _prodigy(name: str, rows: Sequence[Object]) -> Read:
    """Rows that were accepted keep their label or their marks; the others have none, so that they are left out and named."""
    made = []
    for row in rows:
        key = next(key for key in ("accept", "label", "spans") if key in row)
        said = {"spans" if key == "spans" else "label": row[key] if row["answer"] == "accept" else None}
        left_out = ("accept", "tokens") if key == "spans" else ("accept",)
        made.append({**{name: value for name, value in row.items() if name not in left_out}, **said})
    dropped = [number for number, row in enumerate(rows, start=1) if row["answer"] != "accept"]
    if not dropped:
        return made, ()
    more = f" and {len(dropped) - ROWS_NAMED:,} more" if len(dropped) > ROWS_NAMED else ""
    named = f"{', '.join(map(str, dropped[:ROWS_NAMED]))}{more}"
    what = f"{name}: {len(dropped):,} of {len(rows):,} decisions are not `accept`, so these rows have no label (rows {named})."
    advice = "A rejected label says only what is wrong; add the right one to use such a row."
    return made, (Finding("warning", what, advice=advice),)

"""Exports of annotation tools: Label Studio's tasks and Prodigy's decisions, as one row per task.

Label Studio's flat exports and doccano's lines need no more than what their cells hold (`tailor.data.cells`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding
from tailor.errors import DataError

ROWS_NAMED = 5

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]

_DECISIONS = {"accept", "reject", "ignore"}
_PLAIN_RESULTS = ("choices", "text", "rating", "number", "datetime", "taxonomy")
_SPAN = "marks regions or stretches of text, which cannot be measured yet"


def flatten_annotations(name: str, rows: Sequence[Object]) -> Read:
    """Rows of an annotation tool's export as plain rows; other rows as they are.

    Raises:
        DataError: the export marks regions or spans, or its annotators disagree; the rows are named.
    """
    if rows and all(isinstance(row.get("data"), Mapping) and _annotations(row) is not None for row in rows):
        return _label_studio(name, rows)
    if rows and all(_decided(row) and ("label" in row or "accept" in row) for row in rows):
        return _prodigy(name, rows)
    return rows, ()


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
    for number, row in enumerate(rows, start=1):
        data = row["data"]
        try:
            said = _agreed(_annotations(row) or ())
        except ValueError as error:
            bad.append(f"row {number} ({error})")
            continue
        identity = {"id": row["id"]} if "id" in row else {}
        made.append({**identity, **(data if isinstance(data, Mapping) else {}), **said})
    if bad:
        more = f" and {len(bad) - ROWS_NAMED:,} more" if len(bad) > ROWS_NAMED else ""
        raise DataError(
            f"{name} holds annotations that are no right answers: {', '.join(bad[:ROWS_NAMED])}{more}",
            "Export choices or texts, with one annotation per task, or mark the right one as ground truth.",
        )
    return made, (
        Finding("note", f"{name} holds tasks with annotations; what was chosen or written is a column under its own name."),
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
    results = annotation.get("result")
    said: dict[str, object] = {}
    for item in results if isinstance(results, list) else []:
        value = item.get("value") if isinstance(item, Mapping) else None
        if not isinstance(value, Mapping):
            continue
        kind = next((kind for kind in _PLAIN_RESULTS if kind in value), "")
        if not kind or {"start", "x"} & set(value):
            raise ValueError(_SPAN)
        column = str(item.get("from_name", "label"))
        before, new = said.get(column), value[kind]
        together = [*_listed(before), *_listed(new)]
        said[column] = together[0] if len(together) == 1 else together
    return said


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


# Prodigy


def _prodigy(name: str, rows: Sequence[Object]) -> Read:
    """Rows that were accepted keep their label; the others have none, so that they are left out and named."""
    spans = [number for number, row in enumerate(rows, start=1) if row.get("spans") and "accept" not in row and "label" not in row]
    if spans:
        raise DataError(f"{name} {_SPAN} (row {spans[0]})", "Export labels for whole texts.")
    made = []
    for row in rows:
        label = row["accept"] if "accept" in row else row["label"]
        made.append(
            {**{key: value for key, value in row.items() if key != "accept"}, "label": label if row["answer"] == "accept" else None}
        )
    dropped = [number for number, row in enumerate(rows, start=1) if row["answer"] != "accept"]
    if not dropped:
        return made, ()
    more = f" and {len(dropped) - ROWS_NAMED:,} more" if len(dropped) > ROWS_NAMED else ""
    named = f"{', '.join(map(str, dropped[:ROWS_NAMED]))}{more}"
    what = f"{name}: {len(dropped):,} of {len(rows):,} decisions are not `accept`, so these rows have no label (rows {named})."
    advice = "A rejected label says only what is wrong; add the right one to use such a row."
    return made, (Finding("warning", what, advice=advice),)

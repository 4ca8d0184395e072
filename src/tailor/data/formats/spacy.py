"""spaCy's training pairs: a text and an object with its `entities` or its `cats`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.data.finding import Finding

LEAST = 0.5
"""A category holds from this value on, as spaCy's own scorer has it."""

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def is_annotated(item: object) -> bool:
    """Whether something is what spaCy puts behind a text."""
    return isinstance(item, Mapping) and bool({"entities", "cats"} & set(item))


def annotated_pairs(name: str, items: Sequence[Sequence[object]]) -> Read:
    """The pairs as rows with `text`, and `entities` or the categories that hold as `label`."""
    rows: list[Object] = []
    others: set[str] = set()
    for text, said in items:
        assert isinstance(said, Mapping)
        row: dict[str, object] = {"text": text}
        if "entities" in said:
            row["entities"] = said["entities"]
        if isinstance(cats := said.get("cats"), Mapping):
            row["label"] = [label for label, value in cats.items() if _holds(value)]
        others |= set(said) - {"entities", "cats"}
        rows.append(row)
    unused = f"; not used: {', '.join(sorted(others))}" if others else ""
    return rows, (Finding("note", f"{name} holds texts with what spaCy learns of each{unused}."),)


def _holds(value: object) -> bool:
    try:
        return float(str(value).replace("True", "1").replace("False", "0").replace("true", "1").replace("false", "0")) >= LEAST
    except ValueError:
        return False

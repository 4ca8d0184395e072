"""What a page sends as what someone said of a row: read as a judgement, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tailor.errors import DataError
from tailor.labelling.judgement import LABEL, Judgement
from tailor.web.door import Refused
from tailor.workbench.desk import Desk
from tailor.workbench.showing import marks_in, names_in

LONGEST_REASON = 1_000
"""Characters of a reason for a skip or a flag, and of a source."""


def as_kept(desk: Desk, judgement: Judgement) -> Judgement:
    """The judgement as it was kept before, where it is sent again: by now the guideline may be another, or suggestions gone."""
    kept = desk.judgements.find(judgement.key)
    if kept is None:
        return judgement
    was = {name: getattr(kept, name) for name in ("at", "seconds", "guideline", "suggested", "chosen", "labelled_before")}
    again = replace(judgement, **was)
    return kept if again == kept else judgement


def said_in(desk: Desk, name: str, body: Mapping[str, Any], *, settles: str) -> Judgement:
    """The judgement in what a page sends.

    Args:
        desk: has the rows.
        name: who says it.
        body: what was sent.
        settles: who may settle differences; everyone where it is empty.

    Raises:
        DataError: it is no judgement that can be kept.
        Refused: someone else settles differences.
    """
    texts = {field: body.get(field, "") for field in ("key", "row", "skipped", "flagged", "role", "source")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise DataError("`key`, `row`, `skipped`, `flagged`, `role` and `source` are texts")
    if any(len(texts[field]) > LONGEST_REASON for field in ("skipped", "flagged", "source")):
        raise DataError(f"a reason or a source of more than {LONGEST_REASON:,} characters was given", "Say it in fewer.")
    seconds, is_settled = body.get("seconds"), texts["role"] == "adjudicated"
    if is_settled and settles not in ("", name):
        raise Refused(f"Differences are settled by {settles}.", 403)
    values: dict[str, Any] = {}
    if "label" in body and not texts["skipped"]:
        values[LABEL] = desk.checked(body["label"])
        if texts["source"].strip():
            values["source"] = texts["source"].strip()
    item = desk.items.get(texts["row"])
    if item is not None and not texts["skipped"]:
        settled = desk.settled(texts["row"])
        known = names_in([*desk.of_row(texts["row"]).values(), *([settled] if settled else [])])
        values |= marks_in(desk.task, item.example, body.get("marks"), known=known, settles=is_settled)
    if is_settled and (before := desk.settled(texts["row"])):
        values = {**before.values, **values}  # a label and marks are settled one after the other
    return Judgement(
        key=texts["key"],
        row=texts["row"],
        annotator=name,
        values=values,
        seconds=float(seconds) if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) else None,
        guideline=desk.guideline.version,
        suggested=desk.suggestions.get(texts["row"]) if body.get("suggested") is True else None,
        skipped=texts["skipped"],
        flagged=texts["flagged"],
        role="adjudicated" if is_settled else "label",
    )

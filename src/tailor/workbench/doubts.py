"""What the workbench shows of how sure the labels are: how far people agree, and labels that look wrong to the last study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tailor.content import question, text_of
from tailor.diagnose.types import Suspect
from tailor.errors import StoreError
from tailor.kinds.base import kind_of
from tailor.labelling.agreement import agreement_of, limits_of
from tailor.labelling.judgement import Judgement
from tailor.labelling.marked import sentences_on_marks
from tailor.project import Project
from tailor.saved import NotMeasured, load_study
from tailor.stats.agreement import Coefficient
from tailor.stats.intervals import Interval
from tailor.workbench.desk import Desk
from tailor.workbench.items import shown_label

MOST_SUSPECTS = 200
"""Suspected errors that are listed."""
SUSPECTS_ON_PAGE = 50


@dataclass(frozen=True)
class Doubtful:
    """A row whose label looks wrong.

    Attributes:
        row: its name.
        place: where it is in its file.
        text: what is asked.
        choices: the given label and the likelier one, as they are shown and as JSON.
        odds: how probable a classifier that learned from other rows finds the two, in percent.
        settled: the label that settled it; empty where none did.
        by: who settled it.
        key: of the judgement that settled it.
    """

    row: str
    place: str
    text: str
    choices: tuple[tuple[str, str], ...]
    odds: tuple[int, int]
    settled: str
    by: str
    key: str


def agreement_page(desk: Desk) -> dict[str, Any]:
    """How far people agree, in sentences and by label and person, and how the label that counts is found."""
    judgements = [one for one in desk.judgements.standing() if one.row in desk.every and not one.about]
    found, counts = agreement_of(judgements), desk.aggregation()
    people = [(name, round(100 * near.mean), _limits_in_percent(near), near.n) for name, near in found.by_annotator.items()]
    return {
        "sentences": [*found.sentences, *sentences_on_marks(judgements)],
        "measure": found.measure,
        "by_label": [(label, *_limits(one)) for label, one in found.by_label.items()],
        "people": people,
        "over_time": [limits_of(one) if one.chance_corrected else "not defined" for one in found.over_time],
        "method": counts.method,
        "why": counts.why,
        "differs": counts.differs,
        "untied": counts.untied,
        "tied": sum(bool(one.tied) for one in counts.labels.values()),
    }


def study_stamp(project: Project) -> tuple[int, ...]:
    """Changes when there may be another study: when the ledger's files were last written, in nanoseconds; 0 for one not there."""
    files = [project.store / f"ledger.db{ending}" for ending in ("", "-wal")]
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in files)


def suspects_page(desk: Desk, project: Project) -> dict[str, Any]:
    """The labels that look wrong to the last study, the surest first; or why there are none to show."""
    try:
        study = load_study(project.folder)
    except NotMeasured:
        return {
            "rows": [],
            "why": "Nothing has been measured yet. `tailor run` looks for labels that look wrong; they come here.",
        }
    except StoreError as error:
        return {"rows": [], "why": f"{error}. {error.hint[:1].upper()}{error.hint[1:]}."}
    suspects = study.diagnosis.suspects if study.diagnosis else ()
    if not suspects:
        return {
            "rows": [],
            "why": "The last study suspects no label. With fewer than ten rows a label it does not look for errors.",
        }
    asked = {text_of(question(desk.task.input, item.example)): row for row, item in desk.every.items()}
    settled = {one.row: one for one in desk.judgements.standing() if one.role == "adjudicated" and one.label is not None}
    known = [(suspect, asked[suspect.text]) for suspect in suspects if suspect.text in asked]
    rows = [_doubtful(desk, suspect, row, settled) for suspect, row in known[:MOST_SUSPECTS]]
    return {"rows": rows, "why": "" if rows else "The rows that the last study suspected are not in the data any more."}


def suspects_from(found: Mapping[str, Any], start: int) -> dict[str, Any]:
    """One page of the suspected errors, and where the pages before and after begin."""
    rows, end = found["rows"], start + SUSPECTS_ON_PAGE
    return {
        **found,
        "rows": rows[start:end],
        "before": max(0, start - SUSPECTS_ON_PAGE) if start and rows else None,
        "after": end if end < len(rows) else None,
    }


def _doubtful(desk: Desk, suspect: Suspect, row: str, settled: Mapping[str, Judgement]) -> Doubtful:
    kind = kind_of(desk.task)

    def as_json(label: str) -> str:
        return json.dumps(list(kind.labels_in(label)) if kind.several else label)

    choices = tuple((kind.shown(label), as_json(label)) for label in (suspect.given, suspect.likely))
    odds = round(100 * suspect.given_probability), round(100 * suspect.likely_probability)
    said = settled.get(row)
    told = ("", "", "") if said is None else (shown_label(desk.task, said.label), said.annotator, said.key)
    return Doubtful(row, f"{suspect.file} row {suspect.row}", suspect.text, choices, odds, *told)


def _limits_in_percent(found: Interval) -> str:
    if found.low is None or found.high is None:
        return "not known from so few rows"
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"


def _limits(found: Coefficient) -> tuple[str, str]:
    """A coefficient and its limits, as they are shown."""
    beyond = found.chance_corrected
    if beyond is None:
        return "not defined", found.why_not
    known = beyond.low is not None and beyond.high is not None
    return f"{beyond.mean:.2f}", f"{beyond.low:.2f} to {beyond.high:.2f}" if known else "not known from so few rows"

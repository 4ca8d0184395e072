"""Tailor's own scorer as an assertion of promptfoo, whose other assertions compare texts word for word.

An exported configuration names a script of a few lines, which promptfoo runs with a Python that has Tailor. What the script has to
know of the task and of the form of an answer lies next to it as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tailor.data.example import Example
from tailor.data.formats.promptfoo import SCORED
from tailor.export.rows import Export, ExportedRow
from tailor.kinds.base import kind_of, score
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Score
from tailor.system import System
from tailor.task import Task

SCRIPT, SETTINGS = SCORED.removeprefix("file://"), "tailor_score.json"

Grade = Callable[[object, Mapping[str, Any]], dict[str, object]]

_LINES = f'''"""Says of an answer what Tailor says. promptfoo must run a Python that has Tailor: PROMPTFOO_PYTHON names it."""

from pathlib import Path

from tailor.export.grading import grader

get_assert = grader(Path(__file__).with_name("{SETTINGS}"))
'''


def script_files(export: Export) -> dict[str, bytes]:
    """The script and what it has to know, by the name of the file."""
    task = export.task.model_dump(
        mode="json", exclude_defaults=True, exclude={"model", "models", "judge", "data", "budget", "facts"}
    )
    if task.get("metric") == "judged":
        del task["metric"]  # no judge is asked here
    system = export.system.with_(prompt=export.system.prompt.with_(shots=(), nearest=0, embedder=""))
    known = {"task": task, "system": system.model_dump(mode="json")}
    return {SCRIPT: _LINES.encode(), SETTINGS: (json.dumps(known, ensure_ascii=False, indent=1) + "\n").encode()}


def assertion(row: ExportedRow) -> dict[str, object]:
    """The assertion that holds an answer to this row."""
    read: dict[str, object] = {"answers": list(row.example.answers), "fields": {**row.example.fields}}
    if row.example.checked:
        read["checked"] = {**row.example.checked}
    if row.passages:
        read["passages"] = [asdict(passage) for passage in row.passages]
    return {"type": "python", "value": SCORED, "config": read}


def grader(settings: Path) -> Grade:
    """What promptfoo calls with an answer and its context: gives `pass`, `score` and `reason`.

    Args:
        settings: the JSON that was exported next to the script.
    """
    known = json.loads(settings.read_text(encoding="utf-8"))
    task, system = Task.model_validate(known["task"]), System.model_validate(known["system"])

    def get_assert(output: object, context: Mapping[str, Any]) -> dict[str, object]:
        row = context["config"]
        example = Example("", row["fields"], tuple(row["answers"]), checked=row.get("checked", {}))
        said = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)  # promptfoo may have parsed it
        passages = tuple(Passage(**passage) for passage in row.get("passages", ()))
        found = score(task, system, example, Answer("", said, passages=passages))
        return {"pass": found.outcome == "right", "score": found.value, "reason": _reason(task, example, found)}

    return get_assert


def _reason(task: Task, example: Example, found: Score) -> str:
    """What is wrong, in a few words."""
    if found.outcome != "wrong":
        return {"right": "right", "unparsed": "the answer has not the form asked for"}.get(found.outcome, found.outcome)
    kind = kind_of(task)
    wrong = [
        f"{part.name}: {part.said or 'nothing'} instead of {part.wanted or 'nothing'}"
        for part in kind.parts(task, example, found)
        if not part.is_right
    ]
    broken = [detail.name for detail in kind.details(task) if detail.required and found.details.get(detail.name) == 0]
    if wrong or broken:
        return "; ".join([*wrong, *(f"not kept: {name}" for name in broken)])
    return f"{kind.shown(found.answer)} instead of {kind.shown(example.label)}"

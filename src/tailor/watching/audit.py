"""The sheet on which people judge the requests that were drawn for the audit."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tailor.data.spreadsheets import defused, read_sheet
from tailor.data.table import Table
from tailor.errors import DataError, quoted
from tailor.evaluate.ratings import replace_sheet
from tailor.kinds.base import Unreadable, kind_of
from tailor.project import Project
from tailor.store.traffic import AUDITOR, SAID, Feedback, Request, Said, last_words
from tailor.task import Task, columns_in
from tailor.watching.watch import recorded

OWN = ("id", "at", "answer", "said", "correct")


def take_over(project: Project, path: Path) -> int:
    """Put the verdicts on a sheet into the project's record; returns how many were new.

    Raises:
        ConfigError: nothing was recorded.
        DataError: the sheet cannot be read, or says something that is not accepted.
    """
    with recorded(project) as traffic:
        new = read_audit(path, project.task, list(traffic.requests(audited=True)), traffic.feedback())
        traffic.add((), new)
    return len(new)


def read_audit(path: Path, task: Task, asked: Sequence[Request], known: Sequence[Feedback]) -> list[Feedback]:
    """What is filled in on a sheet and was not known before; nothing where there is no such file.

    Args:
        path: the sheet, with columns `id`, `said` and `correct`.
        task: what is asked.
        asked: the requests that were drawn.
        known: all that was said before, oldest first.

    Raises:
        DataError: the sheet cannot be read, or says something that is not accepted.
    """
    if not path.exists():
        return []
    table = read_sheet(path)
    for name in ("id", "said"):
        if name not in table.columns:
            raise DataError(f"{table.file} lacks the column {quoted(name)}", "Move the file away for a fresh one.")
    ids = {request.id for request in asked}
    last = {request: one for request, one in last_words(known).items() if one.who == AUDITOR}
    found = []
    for index, row in enumerate(table.rows):
        said, correct = (str(row.get(name) or "").strip() for name in ("said", "correct"))
        if not said and not correct:
            continue
        remark = _remark(table, index, task, str(row["id"]).strip(), said, correct)
        before = last.get(remark.request)
        if remark.request in ids and (before is None or (before.said, before.correct) != (remark.said, remark.correct)):
            found.append(remark)
    return found


def _remark(table: Table, index: int, task: Task, request: str, said: str, correct: str) -> Feedback:
    known: dict[str, Said] = {word: word for word in SAID}
    word = known.get((said or "corrected").casefold())
    if word is None:
        raise DataError(f"{table.place(index)} says {quoted(said)}; right and wrong are accepted, and corrected with `correct`")
    if word == "corrected" and not correct:
        raise DataError(f"{table.place(index)} says corrected, but `correct` is empty", "Write the right answer there, or `wrong`.")
    if correct and word == "right":
        raise DataError(f"{table.place(index)} says right, but gives another answer as correct", "Keep one of the two.")
    if correct:
        refuse_unknown(task, correct, table.place(index))
    return Feedback(request, "corrected" if correct else word, correct, AUDITOR, time.time())


def refuse_unknown(task: Task, correct: str, where: str) -> None:
    """Refuse a right answer that the kind of task does not take, or a label that the task does not know.

    Raises:
        DataError: it is one.
    """
    kind = kind_of(task)
    try:
        answers = kind.accepted(task, correct)
    except Unreadable as error:
        raise DataError(f"{where} {error.holds}, but {error.but}", error.advice) from error
    unknown = [label for answer in answers for label in kind.labels_in(answer) if task.labels and label not in task.labels]
    if kind.closed and unknown:
        raise DataError(
            f"{where} names {quoted(unknown[0])}, which is none of the task's labels", "Add it to `labels`, or correct it."
        )


def write_audit(path: Path, task: Task, waiting: Sequence[Request]) -> int:
    """Write the requests that wait for a verdict to a sheet, the first that holds up the others first; returns how many.

    Raises:
        ConfigError: the sheet cannot be written.
    """
    columns = columns_in(task.input)
    rows = [request for request in waiting if request.fields is not None]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, ("id", "at", *(name for name in columns if name not in OWN), "answer", "said", "correct"))
    writer.writeheader()
    for request in rows:
        fields = {name: (request.fields or {}).get(name, "") for name in columns if name not in OWN}
        at = datetime.fromtimestamp(request.at, UTC).isoformat(timespec="seconds")
        own = {"id": request.id, "at": at, "answer": request.answer or "", "said": "", "correct": ""}
        writer.writerow({name: defused(cell) for name, cell in {**fields, **own}.items()})
    replace_sheet(path, text.getvalue())
    return len(rows)

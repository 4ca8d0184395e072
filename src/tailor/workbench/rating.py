"""Answers that people rate, one at a time or two side by side, without a word on which system gave them.

What is asked is in the sheets that a run writes for a judge (`tailor.evaluate.ratings` and `tailor.evaluate.pairwise`), in the
order of ids that say nothing of systems. What people say is kept as a judgement first, which is never changed, and then in the
sheet, which is what the judge is corrected by.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tailor.data.spreadsheets import read_sheet
from tailor.errors import DataError, quoted
from tailor.evaluate.judge import NO, YES
from tailor.evaluate.pairwise import pairs_file
from tailor.evaluate.ratings import fill_in
from tailor.labelling.judgement import Judgement
from tailor.labelling.judgements import Judgements, KeyTaken
from tailor.project import Project
from tailor.task import JudgeSettings
from tailor.workbench.guideline import Guideline

RATING, BETTER = "rating", "better"
"""The columns of the two sheets that people fill in; also what a judgement is about."""
CHOICES: Mapping[str, tuple[str, ...]] = {RATING: (YES, NO), BETTER: ("A", "B", "tie")}


@dataclass(frozen=True)
class Case:
    """What is rated.

    Attributes:
        id: its id in the sheet.
        about: "rating" for one answer, "better" for two.
        question: what was asked.
        reference: the accepted answers.
        rubric: what an answer is held to.
        answers: the answer, or the two, blind and in the order of the sheet.
        said: what people said; empty where nobody has.
    """

    id: str
    about: str
    question: str
    reference: str
    rubric: str
    answers: tuple[str, ...]
    said: str


class Rating:
    """Gives out answers to rate and takes in ratings; safe to use from several threads.

    Args:
        project: its task has a judge.
        judge: the settings of the judge.
        judgements: where every rating is kept.
        guideline: what people are told; each rating notes its version.
    """

    def __init__(self, project: Project, judge: JudgeSettings, judgements: Judgements, guideline: Guideline) -> None:
        self._judgements, self._guideline, self._lock = judgements, guideline, threading.RLock()
        ratings = project.path(judge.ratings)
        self._sheets = {RATING: ratings, BETTER: pairs_file(ratings)}
        self.criteria: Mapping[str, str] = judge.criteria if len(judge.criteria) > 1 else {}

    def next(self, skip: Sequence[str] = ()) -> dict[str, Any]:
        """The next answer or pair that nobody rated, and how many there are.

        Args:
            skip: ids that a page passed over.

        Raises:
            DataError: a sheet cannot be read.
        """
        with self._lock:
            cases = [case for about in self._sheets for case in self._cases(about)]
        open_cases = [case for case in cases if not case.said]
        first = next((case for case in open_cases if case.id not in skip), None)
        return {"case": None if first is None else self._shown(first), "rated": len(cases) - len(open_cases), "all": len(cases)}

    def say(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what someone says of an answer or a pair.

        Raises:
            DataError: it is not asked, cannot be said, or someone else said something before.
            StoreError: it could not be kept.
        """
        about, case, key, said = (body.get(field) for field in ("about", "id", "key", "said"))
        if not (isinstance(about, str) and isinstance(case, str) and isinstance(key, str)) or about not in self._sheets:
            raise DataError("`about`, `id` and `key` are needed")
        values = self._values(about, said)
        with self._lock:
            found = next((one for one in self._cases(about) if one.id == case), None)
            if found is None:
                raise DataError("this answer is not asked any more", "Load the page again.")
            kept = self._judgements.find(key)
            if kept is not None and (kept.row, kept.about, kept.annotator, kept.values) != (case, about, name, values):
                raise KeyTaken(f"the key {quoted(key)} was used for something else")
            if found.said and kept is None:
                raise DataError(f"someone said {quoted(found.said)} of it meanwhile; the first rating counts")
            seconds = body.get("seconds")
            taken = float(seconds) if isinstance(seconds, int | float) and not isinstance(seconds, bool) else None
            if kept is None:
                self._judgements.append(
                    Judgement(key, case, name, values, about=about, seconds=taken, guideline=self._guideline.version)
                )
            fill_in(self._sheets[about], case, about, values[about])
        return {"kept": key}

    def undo(self, name: str, key: str) -> dict[str, Any]:
        """Take back the last rating of someone.

        Raises:
            StoreError: it could not be kept.
        """
        with self._lock:
            own = [one for one in self._judgements.standing() if one.annotator == name and one.about in self._sheets and one.values]
            if not own:
                return {"id": None}
            last = own[-1]
            self._judgements.append(Judgement(key, last.row, name, about=last.about, retracts=last.key))
            fill_in(self._sheets[last.about], last.row, last.about, "")
        return {"id": last.row}

    def _values(self, about: str, said: Any) -> dict[str, Any]:
        """What someone says, as it is kept: of several criteria, all of which must be met, what they say of each."""
        if about == RATING and self.criteria and isinstance(said, dict):
            if set(said) != set(self.criteria) or not all(one in CHOICES[RATING] for one in said.values()):
                raise DataError("yes or no is needed for each criterion")
            return {RATING: YES if all(one == YES for one in said.values()) else NO, "criteria": dict(said)}
        if said not in CHOICES[about]:
            raise DataError(f"one of {', '.join(CHOICES[about])} is needed")
        return {about: said}

    def _cases(self, about: str) -> Iterator[Case]:
        path: Path = self._sheets[about]
        if not path.exists():
            return
        table = read_sheet(path)
        names = {column.strip().casefold(): column for column in table.columns}
        columns = ("a", "b") if about == BETTER else ("answer",)
        if missing := [column for column in ("id", about, *columns) if column not in names]:
            raise DataError(f"{path.name} lacks the column {quoted(missing[0])}", "Move it away and run `tailor judge`.")

        def cell(row: Mapping[str, object], name: str) -> str:
            return str(row.get(names.get(name, ""), ""))

        for row in table.rows:
            case, question, reference, rubric = (cell(row, name).strip() for name in ("id", "question", "reference", "rubric"))
            yield Case(
                case, about, question, reference, rubric, tuple(cell(row, name) for name in columns), cell(row, about).strip()
            )

    def _shown(self, case: Case) -> dict[str, Any]:
        criteria = [{"name": name, "says": says} for name, says in self.criteria.items()] if case.about == RATING else []
        return {
            "id": case.id,
            "about": case.about,
            "question": case.question,
            "reference": case.reference,
            "rubric": "" if criteria else case.rubric,
            "criteria": criteria,
            "answers": list(case.answers),
        }

"""Whether the answers have become worse: evidence from the audited stream, valid whenever it is looked at.

The audited stream is drawn when a request arrives, by a number that knows nothing of it. Each request in it counts, in the order in
which they were drawn, up to the first that nobody has judged yet: so nobody chooses which answers are judged. What users say of
other requests is shown and never counted: they complain about bad answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, groupby

from tailor.data.example import Example
from tailor.errors import TailorError
from tailor.kinds.base import Unreadable, kind_of, metric_of, score
from tailor.results import Study
from tailor.score.parse import parse_answer
from tailor.score.types import Answer
from tailor.stats.betting import dealt_over, evidence_of_fall, reaches, rows_to_notice
from tailor.stats.intervals import Interval, mean_interval
from tailor.store.traffic import DAY, Feedback, Request, last_words
from tailor.system import System
from tailor.task import Task
from tailor.watching.levels import FALSE_ALARMS, QUALITY

YEAR = 365 * DAY
NO_ANSWER = ("refused", "failed", "unparsed")
"""Outcomes that are wrong whatever was asked, as the study counts them."""


@dataclass(frozen=True)
class Quality:
    """What the audited stream says.

    Attributes:
        certified: the lower limit that the study certified; 0 where it certified nothing.
        drawn: requests that were drawn for the audit.
        values: what the answers that count are worth, in the order in which they were drawn.
        numbers: the numbers of these requests.
        waiting: requests that wait for a verdict, the first of which holds up those behind it.
        score: the mean of `values` with an ordinary interval, which is for one look only.
        evidence: logarithm of the evidence that the mean has fallen below `certified`, after each value.
        alarm: after how many values it was enough; None where it never was.
        complaints: what was said of requests that were not drawn: how many wrong, of how many.
    """

    certified: float
    drawn: int
    values: tuple[float, ...]
    numbers: tuple[int, ...]
    waiting: tuple[Request, ...]
    score: Interval
    evidence: tuple[float, ...]
    alarm: int | None
    complaints: tuple[int, int]

    def not_worse_since(self, number: int, margin: float) -> bool:
        """Whether the requests from this number on show that answers are not worse than certified by more than a margin.

        By the same betting, against "the mean is at most `certified` less the margin", with an error of 5 %.
        """
        values = [1 - value for value, own in zip(self.values, self.numbers, strict=True) if own >= number]
        most = self.certified - margin
        if most <= 0:
            return bool(self.certified)
        return reaches(evidence_of_fall(values, 1 - most, alpha=FALSE_ALARMS), FALSE_ALARMS) is not None

    def rows_wanted(self, number: int, margin: float, measured: float) -> int | None:
        """About how many audited rows that would take, if answers are as good as the study measured; None where it cannot be."""
        most = self.certified - margin
        return rows_to_notice(1 - most, 1 - measured, FALSE_ALARMS) if most > 0 else None

    @property
    def share_of_alarm(self) -> float:
        """How far the evidence is on its way to an alarm, from 0 to 1, on a scale of logarithms."""
        return min(1.0, max(0.0, (self.evidence[-1] if self.evidence else 0.0) / -math.log(QUALITY)))


def quality_of(study: Study, system: System, drawn: Sequence[Request], remarks: Sequence[Feedback]) -> Quality:
    """What the audited stream says of a system.

    Args:
        study: the study that chose it.
        system: the chosen system.
        drawn: its requests that were drawn for the audit, in order.
        remarks: all that was said of answers, oldest first.
    """
    said = last_words(remarks)
    certified = study.decision.winner.certified if study.decision else 0.0
    values: list[float] = []
    for request in drawn:
        value = worth(study.task, system, request, said.get(request.id))
        if value is None:
            break
        values.append(value)
    waiting = tuple(request for request in drawn if worth(study.task, system, request, said.get(request.id)) is None)
    evidence = evidence_by_year(values, [request.at for request in drawn[: len(values)]], certified, decided_at(study))
    ids = {request.id for request in drawn}
    others = [remark for request, remark in said.items() if request not in ids]
    return Quality(
        certified=certified,
        drawn=len(drawn),
        values=tuple(values),
        numbers=tuple(request.number for request in drawn[: len(values)]),
        waiting=waiting,
        score=mean_interval(values),
        evidence=tuple(evidence),
        alarm=reaches(evidence, QUALITY),
        complaints=(sum(remark.said != "right" for remark in others), len(others)),
    )


def decided_at(study: Study) -> float:
    """When a study ended, in seconds since 1970: what came before, an earlier study had other rows for, and another level."""
    return datetime.fromisoformat(study.finished).timestamp()


def evidence_by_year(values: Sequence[float], times: Sequence[float], certified: float, since: float) -> list[float]:
    """Logarithm of the evidence that quality has fallen, after each value. It starts over each year, which has an error of its own.

    Args:
        values: what the answers are worth.
        times: when each was asked, in seconds since 1970; a clock that went back is taken to have stood still.
        certified: the lower limit that the study certified.
        since: when the study ended.
    """
    years = [max(0.0, at - since) / YEAR for at in accumulate(times, max)]
    found: list[float] = []
    for year, part in groupby(zip(years, values, strict=True), key=lambda one: int(one[0])):
        passed, worths = zip(*((at - year, value) for at, value in part), strict=True)
        found += evidence_of_fall(worths, certified, alpha=QUALITY, dealt=dealt_over(passed))
    return found


def worth(task: Task, system: System, request: Request, remark: Feedback | None) -> float | None:
    """What an answer is worth by the task's metric; None where that is not known yet.

    Where answers can be right in part, one that is wrong has no worth until the right answer is given.
    """
    if request.outcome in NO_ANSWER:
        return 0.0
    if remark is None:
        return None
    if remark.said == "right":
        return 1.0
    if not metric_of(task).graded:
        return 0.0
    row = as_example(task, system, request, remark)
    if row is None or request.answer is None:
        return None
    return score(task, system, row, Answer(row.id, request.answer)).value


def as_example(task: Task, system: System, request: Request, remark: Feedback | None) -> Example | None:
    """An audited request as a row with its right answer; None where that is not known, or no texts were kept.

    An answer that was found right is a right answer.
    """
    if request.fields is None or request.answer is None or remark is None:
        return None
    cell = remark.correct or ((parse_answer(system, request.answer) or "") if remark.said == "right" else "")
    kind = kind_of(task)
    try:
        answers = tuple(kind.accepted(task, cell)) if cell else ()
    except (Unreadable, TailorError, ValueError):
        return None
    labels = [label for answer in answers for label in kind.labels_in(answer)] if kind.closed and task.labels else []
    if not answers or not set(labels) <= set(task.labels):
        return None
    return Example(f"audited {request.id}", dict(request.fields), answers, file="audited requests", row=request.number)


def rows_of(task: Task, system: System, requests: Sequence[Request], remarks: Mapping[str, Feedback]) -> list[Example]:
    """The audited requests whose right answers are known, as rows, each question once."""
    found: dict[str, Example] = {}
    for request in requests:
        row = as_example(task, system, request, remarks.get(request.id))
        if row is not None:
            found.setdefault(row.answer_key, row)
    return list(found.values())

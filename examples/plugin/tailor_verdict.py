"""A kind of task of its own: yes or no, with a reason. Install this folder, and `kind: verdict` is there."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tailor.data.example import Example
from tailor.kinds.base import Draft, Kind, Metric
from tailor.retrieval.passage import Passage
from tailor.score.parse import parse_answer
from tailor.score.scorer import is_failed
from tailor.score.text import without_citations
from tailor.score.types import Answer, Score
from tailor.system import System
from tailor.task import Task

VERDICT_FIRST = re.compile(r"\W*(yes|no)\b(?!\s+or\s+(?:yes|no)\b)[\s,.:;-]*(.*)", re.IGNORECASE | re.DOTALL)
LEAST_WORDS = 3  # of a reason


class Verdict(Kind):
    """Yes or no, with a reason: right when the verdict is, and a reason follows it."""

    name = "verdict"
    says = "yes or no, with a reason"
    noun = "verdict"
    metrics = (Metric("upheld", "the share of verdicts that are right and give a reason", "right, with a reason"),)
    closed = True  # yes and no are known beforehand; but no classifier gives reasons, so `reference` stays False
    sourced = True  # `data.quote` may hold the reason, which worked examples then show
    stratified_by = "verdict"
    label_work = "Deciding one case"
    label_price = 1.0

    def check(self, task: Task) -> None:
        """Only yes and no are verdicts.

        Raises:
            ValueError: other labels are listed.
        """
        super().check(task)
        if other := sorted(set(task.labels) - {"yes", "no"}):
            raise ValueError(f"`labels` lists {other[0]!r}, but a verdict is 'yes' or 'no'")

    def instruction(self, draft: Draft) -> str:
        """The form of an answer, behind what the data say."""
        return f"{draft.instruction or f'Judge {draft.asked}.'} Answer yes or no, then give the reason in a few words.".strip()

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The verdict with the reason on record."""
        return f"{example.label}, {example.quote}" if example.quote else example.label

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when the verdict is the accepted one and a reason follows."""
        if is_failed(answer):
            return Score("refused" if answer.finish == "refused" else "failed", 0.0, "")
        found = VERDICT_FIRST.match(without_citations(parse_answer(system, answer.raw) or ""))
        if found is None:
            return Score("cut" if answer.finish == "length" else "unparsed", 0.0, answer.raw.strip())
        reason = float(len(found[2].split()) >= LEAST_WORDS)
        right = found[1].lower() in example.answers and reason == 1
        return Score("right" if right else "wrong", float(right), found[1].lower(), {"form": reason})


VERDICT = Verdict()

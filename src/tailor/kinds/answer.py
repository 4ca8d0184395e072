"""A short answer to a question, from documents if there are some."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tailor.data.example import Example
from tailor.kinds.base import ColumnProfile, Draft, Kind, Metric, tokens_for
from tailor.retrieval.passage import Passage
from tailor.score.scorer import holds_answer, score_answer
from tailor.score.text import normalise
from tailor.score.types import Answer, Score
from tailor.system import Decoding, System
from tailor.task import Task

OVERLAP = "the mean overlap in words with the accepted answer"
NOTHING_MORE = "the share of answers that are the accepted answer and nothing more"


class FreeAnswer(Kind):
    """A short answer to a question."""

    name = "answer"
    says = "a short answer to a question, from documents if there are some"
    noun = "answer"
    metrics = (
        Metric("correct", "the share of answers that are right, or rightly say that the documents do not answer", "answers right"),
        Metric("f1", f"{OVERLAP} (F1)", "overlap with the right answer (F1)", graded=True),
        Metric("exact", NOTHING_MORE, "exact matches"),
        Metric("squad_f1", f"{OVERLAP}, in SQuAD's normal form (F1)", "overlap with the right answer (SQuAD's F1)", graded=True),
        Metric("squad_exact", f"{NOTHING_MORE}, in SQuAD's normal form", "exact matches (SQuAD's)"),
        Metric(
            "judged",
            "the share of answers that meet the rubric: the judge's verdicts, corrected by people's ratings",
            "answers that meet the rubric",
            judged=True,
        ),
    )
    abstains = True
    reads = True
    sourced = True
    stratified_by = "answerability and source"

    def likelihood(self, column: ColumnProfile) -> float:
        """As likely as not: what nothing else fits; marks of spans are no answer."""
        return 0.0 if column.spans else 0.5

    def instruction(self, draft: Draft) -> str:
        """What the data say, else to answer in a few words."""
        if draft.instruction:
            return draft.instruction
        if draft.instructed:
            return "Do what is asked, in as few words as possible."
        source = f", using only the {draft.source}" if draft.source else ""
        return f"Answer {draft.asked} in as few words as possible{source}."

    def settings(self, draft: Draft) -> Iterator[str]:
        """What to say instead of an answer, and how long one may be."""
        yield "# What to say when the documents do not answer; rows with an empty answer expect it."
        yield 'not_found: "not in the documents"'
        yield "# The longest answer that still counts as short."
        yield f"max_words: {draft.max_words}"

    def stratum(self, example: Example) -> str:
        """The document that answers, or that none does."""
        return f"answered by {example.source}" if example.answers else "not answered"

    def topic(self, example: Example) -> str:
        """Free answers are all different: only whether there is one is worth covering."""
        return str(bool(example.answers))

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """Free text, held to the form that the task asks for."""
        return Decoding(max_tokens=tokens_for(task.max_words), pattern=_pattern(task, train), json_schema=task.json_schema)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The accepted answer with the passage it is in.

        With retrieval, an answer that no passage holds is "not found": teaching the answer itself would teach to invent. JSON
        stands alone: nothing can be cited behind it.
        """
        if system.knowledge.kind != "index" or system.decoding.json_schema:
            return example.label or system.prompt.not_found
        holders = [number for number, passage in enumerate(passages, start=1) if holds_answer(passage.text, example)]
        return f"{example.label} [{holders[0]}]" if example.answers and holders else system.prompt.not_found

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when the text commits to an accepted answer, or rightly says that there is none."""
        return score_answer(task, system, example, answer)

    def comparable(self, score: Score) -> str | None:
        """The text in normal form, and one word for all that say "not found"; free text that was cut off counts."""
        if score.outcome in ("unparsed", "refused"):
            return None
        return "\0not found" if score.details.get("abstained") else normalise(score.answer)


def _pattern(task: Task, train: Sequence[Example]) -> str:
    """What an answer must match: the task's pattern, or `not_found` where that may be the right answer."""
    may_abstain = bool(task.documents) or any(not example.answers for example in train)
    return f"(?:{task.pattern})|{re.escape(task.not_found)}" if task.pattern and may_abstain else task.pattern


ANSWER = FreeAnswer()

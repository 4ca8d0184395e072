"""One label out of a closed set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tailor.data.example import Example
from tailor.kinds.base import ColumnProfile, Draft, Kind, Metric, label_set
from tailor.kinds.entry import Entry
from tailor.kinds.lines import label_lines
from tailor.labels import display_labels
from tailor.retrieval.passage import Passage
from tailor.score.scorer import score_label
from tailor.score.types import Answer, Score
from tailor.system import Decoding, System
from tailor.task import Task

LABEL_ONLY = "Answer with one of the labels and nothing else."


class Classify(Kind):
    """One label out of a closed set."""

    name = "classify"
    says = "one label out of a closed set"
    noun = "label"
    metrics = (Metric("accuracy", "the share of examples whose label is right", "labels right"),)
    closed = True
    reference = True
    stratified_by = "label"
    label_work = "Labelling one row"
    label_price = 0.25
    cue = "Classify."  # one word (docs/log.md)

    def likelihood(self, column: ColumnProfile) -> float:
        """Certain where a few values are in many rows, and nothing says that they are answers."""
        if column.documents or not column.few_values:
            return 0.0
        if column.choices:
            return 1.0
        if column.several:
            return 0.75 * column.is_label if column.few_parts else float(column.is_label)
        return 0.75 if column.few_parts else float(column.name not in ("answer", "answers"))

    def instruction(self, draft: Draft) -> str:
        """What the data say, else to name the label; and nothing else."""
        if draft.instruction:
            return f"{draft.instruction} {LABEL_ONLY}"
        if draft.instructed:
            return LABEL_ONLY
        look, its = "Look at" if draft.is_image else "Read", "their" if draft.is_pair else "its"
        return f"{look} {draft.asked} and name {its} {draft.right}. {LABEL_ONLY}"

    def entry(self, task: Task, labels: Sequence[str]) -> Entry:
        """One of the labels; whoever presses a button need not be told to write nothing else."""
        return replace(super().entry(task, labels), asks=task.instruction.removesuffix(LABEL_ONLY).strip())

    def settings(self, draft: Draft) -> Iterator[str]:
        """The labels, where they can be listed."""
        return label_lines(draft)

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """All labels are scored, where the model can do that; else one is written."""
        labels = label_set(task, train)
        longest = max((len(label) for label in display_labels(labels)), default=0)
        return Decoding(method="score" if scores else "generate", labels=labels, max_tokens=longest // 2 + 8)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The label as the model reads it."""
        labels = system.decoding.labels
        # A label that no training row has may be in dev.
        return dict(zip(labels, display_labels(labels), strict=True)).get(example.label, example.label)

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when the label read off the answer is the accepted one."""
        return score_label(task, system, example, answer)

    def comparable(self, score: Score) -> str | None:
        """The label, to the letter."""
        return None if score.outcome in ("unparsed", "refused", "cut") else score.answer


CLASSIFY = Classify()

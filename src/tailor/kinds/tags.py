"""Several labels out of a closed set, or none of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tailor.data.cells import answers_in, are_spans, is_missing, written_list
from tailor.data.example import Example
from tailor.data.joined import split_joined
from tailor.data.jsontext import Value
from tailor.kinds.base import ColumnProfile, Draft, Kind, Metric, label_set
from tailor.kinds.entry import Entry
from tailor.kinds.lines import label_lines
from tailor.labels import as_set, in_set, no_label, written_set
from tailor.retrieval.passage import Passage
from tailor.score.parse import parse_answer
from tailor.score.scorer import broken, is_failed, missing
from tailor.score.tagging import example_f1
from tailor.score.text import normalise
from tailor.score.types import Answer, Score
from tailor.system import Decoding, System
from tailor.task import Task

LABELS_ONLY = 'Answer with the labels that apply and nothing else, or with "{none}" where none applies.'


class Tags(Kind):
    """Several labels out of a closed set, or none of them.

    A right answer is a set, kept as a JSON list. In a cell, `[]` says that no label applies; an empty cell says nothing, so its row
    is left out, as in every other kind.
    """

    name = "tags"
    says = "several labels out of a closed set, or none of them"
    noun = "set of labels"
    metrics = (
        Metric(
            "example_f1",
            "the mean overlap of the labels given with the right ones (F1 of each example)",
            "overlap with the right labels (F1)",
            graded=True,
        ),
        Metric("exact_set", "the share of examples that get all of their labels and no other", "sets of labels right"),
    )
    closed = True
    several = True
    reference = True
    stratified_by = "set of labels"
    label_work = "Labelling one row"
    label_price = 0.35
    cue = "Tag."

    def likelihood(self, column: ColumnProfile) -> float:
        """Certain where rows hold several of a few values, unless that many accepted answers are meant."""
        if column.documents or column.spans or column.records or not column.few_parts:
            return 0.0
        return 1.0 if column.name not in ("answer", "answers") else 0.25

    def instruction(self, draft: Draft) -> str:
        """What the data say, else to name the labels; and nothing else."""
        only = LABELS_ONLY.format(none=no_label(draft.labels))
        if draft.instruction:
            return f"{draft.instruction} {only}"
        if draft.instructed:
            return only
        look, its = "Look at" if draft.is_image else "Read", "their" if draft.is_pair else "its"
        return f"{look} {draft.asked} and name all of {its} {draft.right}. {only}"

    def entry(self, task: Task, labels: Sequence[str]) -> Entry:
        """Any of the labels; how a model writes a set down is not said."""
        only = LABELS_ONLY.format(none=no_label(task.labels))
        return replace(super().entry(task, labels), asks=task.instruction.removesuffix(only).strip())

    def settings(self, draft: Draft) -> Iterator[str]:
        """The labels, where they can be listed."""
        return label_lines(draft)

    def accepted(self, task: Task, cell: Value) -> tuple[str, ...]:
        """The set that a cell holds: a list, or names with `;`, `|` or commas between them; a name in `labels` is never divided."""
        if are_spans(cell):
            return super().accepted(task, cell)
        items = written_list(cell) if isinstance(cell, str) else cell
        if items is not None and not items:
            return (as_set(()),)
        texts = answers_in(cell)
        whole = items is not None or len(texts) > 1
        parts = [part for text in texts for part in ((text,) if whole or text in task.labels else split_joined(text))]
        labels = [part for part in parts if not is_missing(part) or part in task.labels]
        return (as_set(labels),) if labels else ()

    def labels_in(self, answer: str) -> tuple[str, ...]:
        """The labels of the set."""
        return in_set(answer)

    def shown(self, answer: str) -> str:
        """The labels with commas between them, or with semicolons where a label has commas itself."""
        labels = in_set(answer)
        return ("; " if any("," in label for label in labels) else ", ").join(labels) or (
            "none" if answer == as_set(()) else answer
        )

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """Each label is scored with yes and with no, where the model can do that; else the list is written."""
        labels = label_set(task, train)
        longest = max((len(written_set(in_set(example.label), labels)) for example in train), default=0)
        return Decoding(method="score" if scores else "generate", labels=labels, several=True, max_tokens=longest // 2 + 16)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The labels as the model reads them, with semicolons between them."""
        return written_set(in_set(example.label), system.decoding.labels)

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when all labels are given and no other; worth what the metric says.

        Details: `f1`, `exact`, and `form` for generated answers, 1 when the text is a list of labels and nothing else.
        """
        if is_failed(answer):
            return Score(missing(answer), 0.0, "")
        found = parse_answer(system, answer.raw)
        generated = system.decoding.method == "generate" and not system.prompt.reasoning
        if found is None:
            return Score(broken(answer), 0.0, answer.raw.strip(), {"form": 0.0} if generated else {})
        given, right = frozenset(in_set(found)), frozenset(in_set(example.label))
        f1, exact = example_f1(given, right), float(given == right)
        details = {"f1": f1, "exact": exact}
        if generated:
            plain = written_set(given, system.decoding.labels)
            details["form"] = float(sorted(_parts(answer.raw)) == sorted(_parts(plain)))
        return Score("right" if exact else "wrong", exact if task.scored_by == "exact_set" else f1, found, details)

    def comparable(self, score: Score) -> str | None:
        """The set."""
        return None if score.outcome in ("unparsed", "refused", "cut") else score.answer


def _parts(text: str) -> list[str]:
    return [normalise(part) for part in text.split(";")]


TAGS = Tags()

"""What a kind of task is: traits that other parts read, and pure functions on rows, systems and answers.

A kind stands low, so that reading data, prompting, scoring and the report can all ask it. It knows nothing of them: what a trait
means for the ladder or the report is decided there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tailor.data.cells import answers_in, are_spans, is_missing
from tailor.data.example import Example
from tailor.data.jsontext import Value, as_text
from tailor.errors import did_you_mean
from tailor.kinds.entry import Entry
from tailor.plugins import KINDS, METRICS
from tailor.retrieval.passage import Passage
from tailor.score.requirements import criterion_detail
from tailor.score.text import normalise
from tailor.score.types import Answer, Part, Score
from tailor.system import Decoding, System
from tailor.task import Task


@dataclass(frozen=True)
class Metric:
    """What an answer is worth.

    Attributes:
        name: as `metric` names it.
        says: what a score is, as in "A score is ...".
        short: the same in a few words, as the head of a column.
        graded: whether an answer can be right in part, so that a mean is no share of right answers.
        judged: whether a judge says what an answer is worth.
        value: worth of an answer's text in [0, 1], an answer being right from 1 on; None where the kind works it out itself.
        kinds: names of the kinds it is for, where it is added from outside.
    """

    name: str
    says: str
    short: str
    graded: bool = False
    judged: bool = False
    value: Callable[[str, Example], float] | None = None
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detail:
    """A measure of a kind's own that the report shows of every system, with its interval: a mean over `Score.details`.

    Attributes:
        name: its key in `Score.details`.
        short: it in a few words, as the head of a column.
        says: what it is, in a sentence; empty where `short` says it all.
        required: whether it is a requirement: 1 where an answer keeps it, else 0, and then the answer is wrong.
        criterion: whether it is a criterion of the rubric, by the judge's verdict, which nobody has corrected.
        reads: whether only an answer that was given passages can keep it, so that a row's own right answer is not held to it.
    """

    name: str
    short: str
    says: str = ""
    required: bool = False
    criterion: bool = False
    reads: bool = False


@dataclass(frozen=True)
class ColumnProfile:
    """What `tailor init` sees in the column with the right answers.

    Attributes:
        name: of the column, in small letters.
        is_label: whether labels are often called so.
        few_values: whether the values are short, few, and each in several rows.
        several: whether some rows hold several values.
        choices: whether a value is the letter or number of one of the choices that a row names.
        documents: whether a folder of documents was named.
        few_parts: whether rows hold several values, in a list or joined by a sign, that are short, few, and each in several rows.
        spans: whether stretches of a text are marked, each with a start, an end and a label.
        records: whether values are objects with values of their own.
        words: how many words a value has on average.
    """

    name: str
    is_label: bool
    few_values: bool
    several: bool
    choices: bool
    documents: bool
    few_parts: bool = False
    spans: bool = False
    records: bool = False
    words: float = 0.0


@dataclass(frozen=True)
class Draft:
    """What `tailor init` knows of a task when it writes its settings.

    Attributes:
        asked: what is asked about, such as "the text".
        is_pair: whether these are two texts.
        right: what the right answer is called.
        instruction: what the data tell the model in every row alike; empty for nothing.
        instructed: whether each row says what to do.
        source: where the answers stand, such as "documents"; empty where that is not known.
        labels: the different right answers of a closed set; none where there are too many to list.
        n_labels: how many there are.
        max_words: words of the longest answer that counts as short.
        is_image: whether it is an image that is asked about.
        longest: words of the longest right answer; 0 where that is not known.
        answers: cells with right answers, as text, for a kind that reads what they hold.
    """

    asked: str
    is_pair: bool
    right: str
    instruction: str
    instructed: bool
    source: str
    labels: tuple[str, ...]
    n_labels: int
    max_words: int
    is_image: bool = False
    longest: int = 0
    answers: tuple[str, ...] = ()


class Unreadable(ValueError):
    """A cell with right answers holds what a kind of task does not take; the reader names the rows.

    Args:
        holds: what it holds, as in "`tags` marks spans of a text in row 3".
        but: what the kind takes instead.
        advice: what to do.
    """

    def __init__(self, holds: str, but: str, advice: str) -> None:
        super().__init__(holds, but, advice)
        self.holds, self.but, self.advice = holds, but, advice


class Kind(ABC):
    """A kind of task; a subclass sets its traits and says what differs from an answer in free text.

    Attributes:
        name: as `kind` names it.
        says: what is asked for, in a few words.
        noun: what a right answer is called.
        metrics: how answers can be scored, the first one unless the task says otherwise.
        closed: whether right answers come out of a set that is known beforehand: labels.
        several: whether one answer may hold several of these labels, or none.
        parted: whether an answer has parts that are right or wrong by themselves (`parts`), and may have prices of their own.
        abstains: whether "nothing" may be the right answer, so that a row may have none.
        reads: whether answers normally come from documents.
        sourced: whether rows may say where their answer stands (`data.source`, `data.quote`).
        brief: whether an answer is a few words, so that a question behind passages ends with a reminder to be brief.
        reference: whether a classifier on the embedder gives such answers without a generative model.
        stratified_by: what `stratum` is, in words.
        label_work: what it takes to make one row, in words.
        label_price: what that is taken to cost, unless the user says so.
        cue: what is left of the instruction once weights are tuned, since the rows teach the rest; empty to keep all of it.
    """

    name: str
    says: str
    noun: str = "answer"
    metrics: tuple[Metric, ...]
    closed: bool = False
    several: bool = False
    parted: bool = False
    abstains: bool = False
    reads: bool = False
    sourced: bool = False
    brief: bool = True
    reference: bool = False
    stratified_by: str = "answer"
    label_work: str = "Writing one question with its answer"
    label_price: float = 0.8
    cue: str = ""

    @property
    def a_noun(self) -> str:
        """The noun with its article, such as "a label"."""
        return f"{'an' if self.noun[0] in 'aeiou' else 'a'} {self.noun}"

    # Settings

    def check(self, task: Task) -> None:
        """Refuse settings that this kind cannot use: requirements, and a form of answers where labels say what may be answered.

        Raises:
            ValueError: what was given, and what is accepted.
        """
        if task.requirements is not None:
            raise ValueError(f"`requirements` are for texts; kind `{self.name}` does not check them")
        if self.closed and (task.pattern or task.json_schema):
            raise ValueError(
                f"`pattern` and `json_schema` are for free answers; with kind `{self.name}`, `labels` say what may be answered"
            )
        self._check_fields(task)

    def _check_fields(self, task: Task) -> None:
        if not self.parted and (task.fields or task.prices.fields):
            named = "`fields`" if task.fields else "`prices.fields`"
            raise ValueError(f"{named} are for answers that have fields; those of kind `{self.name}` have none")

    def metric(self, name: str | None) -> Metric:
        """The metric of this name, its own or one added from outside; its first one for None.

        Raises:
            ValueError: it has none of this name.
        """
        for metric in self.metrics:
            if name in (None, metric.name):
                return metric
        added = [metric for metric in METRICS.usable().values() if self.name in metric.kinds]
        found: dict[str, Metric] = {metric.name: metric for metric in (*self.metrics, *added)}
        if name in found:
            return found[name]
        meant = did_you_mean(str(name), found)
        raise ValueError(f"metric {name!r} does not fit kind {self.name!r}; use one of {', '.join(found)}{meant}")

    def undecided(self, task: Task) -> str:
        """Why no score can tell a good answer from a bad one, and what to add to the settings; empty where one can."""
        return ""

    # Making settings (`tailor init`)

    def likelihood(self, column: ColumnProfile) -> float:
        """How likely such a column is of this kind, in [0, 1]; the likeliest kind is taken. 0 for one that the user must name."""
        return 0.0

    def instruction(self, draft: Draft) -> str:
        """What the model is told to do."""
        return f"Answer {draft.asked} in as few words as possible."

    def settings(self, draft: Draft) -> Iterator[str]:
        """Further lines of ``tailor.yaml``, behind `output`."""
        return iter(())

    # Rows

    def accepted(self, task: Task, cell: Value) -> tuple[str, ...]:
        """The accepted answers in a cell of the task's `output`, the preferred one first, each spelled in one way.

        None where the value is missing, or says that there is no answer: such a row is left out, unless the kind `abstains`.

        Raises:
            Unreadable: the cell holds what this kind does not take.
        """
        if are_spans(cell):
            advice = "Name a column with one label or one answer for the whole text."
            raise Unreadable("marks spans of a text", f"kind `{task.kind}` takes none", advice)
        # With a schema, an answer is an object itself.
        texts = tuple(filter(None, [as_text(cell).strip()])) if task.json_schema else answers_in(cell)
        given = tuple(text for text in texts if not is_missing(text) or text in task.labels)
        if self.closed and len(given) > 1:
            but = f"kind `{task.kind}` takes one label per row"
            raise Unreadable("holds several labels", but, "Keep the one that matters most.")
        if not self.abstains:
            return given
        return tuple(answer for answer in given if answer.casefold() != task.not_found.strip().casefold())

    def labels_in(self, answer: str) -> tuple[str, ...]:
        """The labels that an answer holds, right or as parsed, where the kind is `closed`: the answer itself."""
        return (answer,)

    def shown(self, answer: str) -> str:
        """An answer, right or as parsed, as people read it: the text itself."""
        return answer

    def can_be_right(self, example: Example, labels: Collection[str]) -> bool:
        """Whether a system that knows these labels can give an accepted answer."""
        return any(set(self.labels_in(answer)) <= set(labels) for answer in example.answers)

    def stratum(self, example: Example) -> str:
        """What is the same in rows of one sort: splits get the same share of each."""
        return example.label

    def topic(self, example: Example) -> str:
        """What worked examples should differ in."""
        return self.stratum(example)

    # Labelling (`tailor label`)

    def entry(self, task: Task, labels: Sequence[str]) -> Entry:
        """How people give a right answer on a page. What they give is a cell, which `accepted` reads.

        Where the kind is `closed`, `labels` are those of the task, else those used so far.
        """
        if self.closed:
            return Entry("choices" if self.several else "choice", choices=tuple(labels), adds=not task.labels)
        return Entry("text", lines=2 if self.brief else 8, nothing=task.not_found if self.abstains else "", source=self.sourced)

    def check_entry(self, task: Task, given: Any) -> None:  # noqa: B027 - most kinds ask no more
        """Raise `Unreadable` for what people give on a page and the task cannot hold, though `accepted` takes it from a cell."""

    # Asking

    def form(self, task: Task) -> str:
        """What the model is told of the form of an answer, behind the instruction; nothing where that says it all."""
        return ""

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """How an answer is read off a model that has not been tuned.

        Args:
            task: the task.
            train: training rows.
            scores: whether the model can score given answers.
        """
        return Decoding(max_tokens=tokens_for(task.max_words), pattern=task.pattern, json_schema=task.json_schema)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """What the system should have written for a row, having read these passages: such an answer is worth 1.

        Worked examples and training show it. Forecasts and controls say it too, of a row with the label that they mean.
        """
        return example.label

    # Scoring

    @abstractmethod
    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """How good one answer is, in one of the outcomes of `tailor.score.types.Score`.

        Read the answer by `tailor.score.parse.parse_answer`: it takes off the reasoning of a system that reasons, and gives None
        where the form asked for is missing. `tailor.score.text.without_citations` takes off the numbers of passages. The outcome
        says what an answer costs: one that is not right costs an error, whatever its value, unless `Score.loss` and `Score.errors`
        say otherwise. What counts as the label stands in `Score.answer`.
        """

    def details(self, task: Task) -> tuple[Detail, ...]:
        """Measures of its own that the report shows; of any kind the criteria of a rubric that has several."""
        criteria = task.judge.criteria if task.judge else {}
        return tuple(Detail(criterion_detail(name), name, says, criterion=True) for name, says in criteria.items() if name)

    def parts(self, task: Task, example: Example, score: Score) -> tuple[Part, ...]:
        """What of an answer is right by itself, and what is not, where the kind is `parted`: fields, next to the right ones."""
        return ()

    def comparable(self, score: Score) -> str | None:
        """What counts of an answer when two are compared; None for one without the form asked for."""
        return None if score.outcome in ("unparsed", "refused") else normalise(score.answer)


def kind_of(task: Task) -> Kind:
    """The task's kind.

    Raises:
        ConfigError: the package that adds it is not installed any more.
    """
    kind: Kind = KINDS.load(task.kind)
    return kind


def metric_of(task: Task) -> Metric:
    """The metric in force: the one that the task names, else the first of its kind."""
    return kind_of(task).metric(task.metric)


def score(task: Task, system: System, example: Example, answer: Answer) -> Score:
    """How good one answer is, as the task's kind and metric say.

    A call that failed has outcome "failed", one that was refused "refused", an answer without the form asked for "unparsed", or
    "cut" if it reached its greatest length before it had it; their value is 0.
    """
    found, metric = kind_of(task).score(task, system, example, answer), metric_of(task)
    if metric.value is None or found.outcome not in ("right", "wrong", "cut"):
        return found
    value = metric.value(found.answer, example)
    return replace(found, value=value, outcome="right" if value >= 1 else "cut" if found.outcome == "cut" else "wrong")


def score_run(task: Task, system: System, examples: Sequence[Example], answers: Sequence[Answer]) -> tuple[Score, ...]:
    """One score per example, in order.

    Raises:
        ValueError: the answers are not those to the examples, in the same order.
    """
    if [answer.example for answer in answers] != [example.id for example in examples]:
        raise ValueError("the answers are not those to the examples, in the same order")
    return tuple(score(task, system, example, answer) for example, answer in zip(examples, answers, strict=True))


def label_set(task: Task, train: Sequence[Example]) -> tuple[str, ...]:
    """The closed set of labels: the task's own, else those of the training rows in order of first use."""
    return task.labels or tuple(dict.fromkeys(label for example in train for label in kind_of(task).labels_in(example.label)))


def tokens_for(words: int) -> int:
    """Room for an answer of so many words, in tokens."""
    return round(words * 1.6) + 8

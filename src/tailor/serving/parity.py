"""The parity gate: what is served must answer measured rows as it was measured, before anybody else is answered.

First the prompts are compared, by their passages and their number of tokens, then the answers, then the score: the certified score,
moved by what changed on these rows (a difference estimator), must lie inside the certified interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice

from tailor.data.example import Example
from tailor.decide.formats import format_percent
from tailor.errors import quoted
from tailor.kinds.base import metric_of, score_run
from tailor.score.types import Answer
from tailor.serving.certified import Certified, Measured
from tailor.serving.served import Served
from tailor.serving.worker import Worker

PIECES = (1, 2, 4, 8, 16)
"""Rows asked at once while others are answered, too, over and over: of several sizes, so that it is known from the first request on
how long batches take."""
BILLED_ROWS = 16
"""Rows of a system whose answers are paid for, unless said otherwise."""
BILLED_AGREEMENT = 0.75
"""Share of the answers that must be equal behind an endpoint, which may answer a question differently each time."""
SHOWN = 5
"""Rows that differ which are shown."""


@dataclass(frozen=True)
class Difference:
    """A row that is answered in another way than it was measured.

    Attributes:
        row: id of the row.
        what: what differs first: the passages, the prompt's tokens, or the answer.
        measured: what was measured.
        served: what is served.
    """

    row: str
    what: str
    measured: str
    served: str

    def __str__(self) -> str:
        return f"row {quoted(self.row, 30)}: {self.what} {quoted(self.measured, 60)} when measured, {quoted(self.served, 60)} now"


@dataclass(frozen=True)
class Parity:
    """What the gate found.

    Attributes:
        rows: how many rows were asked.
        equal: how many were answered alike.
        moved: rows whose passages differ since the documents have changed; they count by their score alone.
        differences: the rows that differ.
        score: the certified score, moved by what changed on these rows; None where only a judge can score.
        low: the certified interval begins here; None where there is no interval.
        high: it ends here.
        why: why the gate does not hold; empty where it does.
    """

    rows: int
    equal: int
    moved: int
    differences: tuple[Difference, ...]
    score: float | None
    low: float | None
    high: float | None
    why: str

    @property
    def holds(self) -> bool:
        """Whether what is served may be called what was measured."""
        return not self.why

    def sentences(self) -> Iterator[str]:
        """What was found, for people."""
        if not self.rows:
            yield self.why
            return
        inside = ""
        if self.score is not None and self.low is not None and self.high is not None:
            inside = f"; score {format_percent(self.score)}, certified in [{format_percent(self.low)}, {format_percent(self.high)}]"
        yield f"{self.equal} of {self.rows} measured rows are answered alike{inside}."
        if self.moved:
            yield f"Documents have changed since the study: {self.moved} rows read other passages."
        yield from map(str, self.differences[:SHOWN])
        if len(self.differences) > SHOWN:
            yield f"and {len(self.differences) - SHOWN} more."
        if self.why:
            yield f"Refused: {self.why}."


def parity(
    found: Certified, answers: Sequence[Answer], *, agreement: float = 1.0, documents_changed: bool = False, tokens: bool = True
) -> Parity:
    """Hold answers to what was measured.

    Args:
        found: what was certified.
        answers: to its rows, from the first on.
        agreement: share of the answers that must be equal.
        documents_changed: whether other passages are no fault.
        tokens: whether prompts must have as many tokens as when they were measured.
    """
    rows = found.rows[: len(answers)]
    if not rows:
        return Parity(0, 0, 0, (), None, found.score.low, found.score.high, "there are no measured rows to hold it to")
    moved = [documents_changed and _passages(row.answer) != _passages(answer) for row, answer in zip(rows, answers, strict=True)]
    compared = [pair for pair, is_moved in zip(zip(rows, answers, strict=True), moved, strict=True) if not is_moved]
    differences = [one for row, answer in compared if (one := _difference(row, answer, tokens)) is not None]
    equal = len(compared) - sum(one.what == "answer" for one in differences)
    score = _score(found, rows, answers)
    return Parity(
        rows=len(rows),
        equal=equal,
        moved=sum(moved),
        differences=tuple(differences),
        score=score,
        low=found.score.low,
        high=found.score.high,
        why=_why(found, differences, equal, len(compared), agreement, score),
    )


def ask(served: Served, worker: Worker, rows: int, *, whole: bool = False) -> list[Answer]:
    """Answers to the first measured rows, from the thread that serves.

    Args:
        served: who answers.
        worker: the thread.
        rows: how many rows.
        whole: ask all at once, as they were measured; else in pieces between which others are answered.

    Raises:
        TailorError: no request can succeed.
    """
    examples = [row.example for row in served.certified.rows[:rows]]
    if served.is_billed:
        return _called(served, worker, examples)
    sizes, rest, answers = cycle(PIECES), iter(examples), list[Answer]()
    while piece := list(islice(rest, len(examples) if whole else next(sizes))):
        # The first piece warms the model up, so its time says nothing of others.
        call = served.timed if answers and not whole else served.answers
        answers += worker.background(partial(call, piece)).result()
    return answers


def hold(served: Served, worker: Worker, *, rows: int, agreement: float) -> Parity:
    """Hold a configuration to what was measured; rows that differ are asked once more in the company they were measured in.

    Raises:
        TailorError: no request can succeed.
    """

    def compared(whole: bool) -> Parity:
        answers = ask(served, worker, rows, whole=whole)
        changed, counted = served.documents_changed, not served.is_billed
        return parity(served.certified, answers, agreement=agreement, documents_changed=changed, tokens=counted)

    found = compared(whole=False)
    invariant = served.is_billed or served.model.capabilities.batch_invariant
    return found if found.holds or invariant else compared(whole=True)


def _called(served: Served, worker: Worker, examples: Sequence[Example]) -> list[Answer]:
    asked = worker.background(lambda: served.asked(examples)).result()
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda one: served.called(one[0], *one[1]), zip(examples, asked, strict=True)))


def _difference(row: Measured, answer: Answer, tokens: bool) -> Difference | None:
    """The first thing that differs in a row."""
    before = row.answer
    if answer.error and not before.error:
        return Difference(row.example.id, "answer", before.raw, f"none: {answer.error}")
    if _passages(before) != _passages(answer):
        found = [", ".join(passage.document for passage in one.passages) or "none" for one in (before, answer)]
        return Difference(
            row.example.id, "passages", found[0], found[1] if found[0] != found[1] else "others of the same documents"
        )
    if tokens and before.tokens_in != answer.tokens_in:
        return Difference(row.example.id, "prompt tokens", f"{before.tokens_in:,}", f"{answer.tokens_in:,}")
    return None if before.raw == answer.raw else Difference(row.example.id, "answer", before.raw, answer.raw)


def _passages(answer: Answer) -> list[tuple[str, int, str]]:
    return [(passage.document, passage.start, passage.text) for passage in answer.passages]


def _score(found: Certified, rows: Sequence[Measured], answers: Sequence[Answer]) -> float | None:
    if metric_of(found.task).judged:
        return None
    now = score_run(found.task, found.system, [row.example for row in rows], answers)
    change = sum(new.value - row.score.value for new, row in zip(now, rows, strict=True)) / len(rows)
    return found.score.mean + change


def _why(
    found: Certified, differences: Sequence[Difference], equal: int, compared: int, agreement: float, score: float | None
) -> str:
    prompts = [one for one in differences if one.what != "answer"]
    if prompts:
        what = " and ".join(sorted({one.what for one in prompts}))
        return f"the prompts of {len(prompts)} of {compared} rows are others than those measured ({what})"
    if equal < agreement * compared:
        return f"{equal} of {compared} answers are those measured, fewer than {format_percent(agreement)}"
    low, high = found.score.low, found.score.high
    if score is not None and low is not None and high is not None and not low <= score <= high:
        return "the score is outside the certified interval"
    return ""

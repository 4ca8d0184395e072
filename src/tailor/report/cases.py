"""Dev examples set side by side: where the systems disagree, or the one looked at errs.

Never examples of the sealed test set: what is shown is there to improve prompts, documents and rows by, and a test set whose errors
were worked on says little of errors to come. That each further opening may spend less of the error allows for more looks at scores,
not for that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tailor.content import described, whole
from tailor.data.example import Example
from tailor.evaluate.run import Run
from tailor.kinds.base import Detail, kind_of
from tailor.report.fields import FieldDiff, field_diffs
from tailor.report.ladder import focus, shown_runs
from tailor.results import Study
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Outcome, Score
from tailor.task import Task

MAX_CASES = 30
CITATION = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True)
class Cited:
    """A passage with its number in the prompt."""

    number: int
    passage: Passage


@dataclass(frozen=True)
class CaseAnswer:
    """What one system said.

    Attributes:
        system: its name.
        text: the answer as parsed, or as it came when it could not be.
        raw: the model's whole text where it differs from `text`, else empty.
        outcome: right, wrong, unparsed, cut, refused or failed.
        broken: names of the requirements that it breaks.
        error: why there is no answer.
        cited: passages whose numbers are in the answer.
        read: titles of all the passages it was given.
        focus: whether this is the system looked at most closely.
    """

    system: str
    text: str
    raw: str
    outcome: Outcome
    broken: tuple[str, ...]
    error: str
    cited: tuple[Cited, ...]
    read: tuple[str, ...]
    focus: bool


@dataclass(frozen=True)
class ExampleCase:
    """One example and every shown system's answer to it.

    Attributes:
        id: the example's id.
        asked: what was asked, as the task's input template makes it.
        accepted: accepted answers; empty when the documents do not answer.
        source: where the answer stands, if the data say so.
        quote: the sentence that answers it, if the data say so.
        answers: what each system said.
        kind: why it is shown, in words.
        fields: the answers field by field, where they have parts.
    """

    id: str
    asked: str
    accepted: tuple[str, ...]
    source: str
    quote: str
    answers: tuple[CaseAnswer, ...]
    kind: str
    fields: tuple[FieldDiff, ...] = ()


@dataclass(frozen=True)
class Cases:
    """Up to 30 examples, of `total` on which systems disagree or the one looked at errs."""

    shown: tuple[ExampleCase, ...]
    total: int


def cases(study: Study) -> Cases:
    """First where the system looked at errs and another is right, then where it errs, then where others do."""
    _, shown = shown_runs(study)
    runs = tuple(run for one in shown if (run := study.dev_run(one.system.fingerprint)) is not None)
    looked_at = focus(study)
    key = looked_at.key if looked_at else None
    by_example: dict[str, list[tuple[Run, Answer, Score]]] = {}
    examples: dict[str, Example] = {}
    for run in runs:
        for example, answer, score in zip(run.examples, run.answers, run.scores, strict=True):
            examples[example.id] = example
            by_example.setdefault(example.id, []).append((run, answer, score))
    ranked = []
    for id_, said in by_example.items():
        kind = _kind([(run.key == key, score.outcome == "right") for run, _, score in said])
        if kind is not None:
            ranked.append((kind, id_))
    ranked.sort(key=lambda pair: pair[0][0])
    worst = [_case(study.task, examples[id_], kind[1], by_example[id_], key) for kind, id_ in ranked[:MAX_CASES]]
    return Cases(tuple(worst), len(ranked))


def _kind(results: Sequence[tuple[bool, bool]]) -> tuple[int, str] | None:
    """Rank and words for (is the system looked at, is right) pairs; None when there is nothing to learn."""
    focus_errs = any(looked_at and not right for looked_at, right in results)
    any_right = any(right for _, right in results)
    if focus_errs and any_right:
        return 0, "another system was right"
    if focus_errs:
        return 1, "no system was right" if len(results) > 1 else "not right"
    if any(not right for _, right in results):
        return 2, "others were not right"
    return None


def _case(
    task: Task, example: Example, kind: str, said: Sequence[tuple[Run, Answer, Score]], looked_at: tuple[str, str] | None
) -> ExampleCase:
    required = [detail for detail in kind_of(task).details(task) if detail.required]
    answers = tuple(_case_answer(task, run, answer, score, looked_at, required) for run, answer, score in said)
    parts = [kind_of(task).parts(task, example, score) for _, _, score in said]
    fields = field_diffs(parts) if kind_of(task).parted else ()
    accepted = tuple(kind_of(task).shown(accepted) for accepted in example.answers)
    return ExampleCase(
        example.id, _asked(task, example), accepted, ", ".join(example.sources), example.quote, answers, kind, fields
    )


def _asked(task: Task, example: Example) -> str:
    try:
        return described(whole(task.input, example))
    except KeyError:
        # A study of an older tailor.yaml can name a column that its saved examples do not have.
        return "\n".join(f"{name}: {value}" for name, value in example.fields.items())


def _case_answer(
    task: Task, run: Run, answer: Answer, score: Score, looked_at: tuple[str, str] | None, required: Sequence[Detail]
) -> CaseAnswer:
    is_read = score.answer and score.outcome not in ("unparsed", "cut")
    text = kind_of(task).shown(score.answer) if is_read else answer.raw
    numbers = dict.fromkeys(int(number) for number in CITATION.findall(answer.raw))
    cited = tuple(Cited(n, answer.passages[n - 1]) for n in numbers if 1 <= n <= len(answer.passages))
    return CaseAnswer(
        system=run.system.name,
        text=text,
        raw=answer.raw if answer.raw.strip() not in (text.strip(), score.answer) else "",
        outcome=score.outcome,
        broken=tuple(detail.short for detail in required if not score.details.get(detail.name, 1.0)),
        error=answer.error,
        cited=cited,
        read=tuple(dict.fromkeys(passage.title or passage.document for passage in answer.passages)),
        focus=run.key == looked_at,
    )

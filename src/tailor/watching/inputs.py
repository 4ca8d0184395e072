"""Whether what is asked has changed: each window of requests against the study's rows, by tests with an error that is shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tailor.data.example import Example
from tailor.decide.formats import format_percent
from tailor.kinds.base import kind_of
from tailor.language.detect import NAMES, language_of
from tailor.results import Study
from tailor.score.confidence import confidence
from tailor.score.parse import parse_answer
from tailor.stats.shift import Floats, counts_p, energy_p, level_p, share_p
from tailor.store.traffic import DAY, Request
from tailor.task import Task
from tailor.watching.levels import STILL, window_level
from tailor.watching.recorder import asked_text, outcome_of

WINDOW = 100
"""Different questions in a window."""
ROWS = 300
"""Rows of the study that windows are held against, at most."""
PERMUTATIONS = 199
"""Permutations that are always drawn; more where a window may have changed."""
NAMED = ("length", "language", "labels", "retrieval", "confidence", "unreadable", "refused or failed")
"""The named tests. Those that say nothing of a task keep their share of the error, which is then not spent."""
Embed = Callable[[Sequence[str]], Floats]


@dataclass(frozen=True)
class Known:
    """What the study's rows and the chosen system's answers to its test rows were like.

    Attributes:
        texts: what is asked in its rows, one of each unit.
        words: of each of them.
        languages: of each of them, by code; empty where it cannot be told.
        labels: those answered on the test set, where the kind of task has a closed set of them.
        outcomes: of the test answers, as requests have them.
        retrieved: scores of the best passages on the test set.
        confidence: of the test answers, where the system says it.
    """

    texts: tuple[str, ...]
    words: tuple[int, ...]
    languages: tuple[str, ...]
    labels: tuple[str, ...]
    outcomes: tuple[str, ...]
    retrieved: tuple[float, ...]
    confidence: tuple[float, ...]


@dataclass(frozen=True)
class Finding:
    """One test of one window.

    Attributes:
        name: what was tested: `texts`, or one of `NAMED`.
        p_value: of "drawn from where the study's rows were"; above `level` it is rough.
        level: at or below which it is an alarm.
        says: what was seen, such as "54 words on average, in the study 21".
    """

    name: str
    p_value: float
    level: float
    says: str

    @property
    def is_alarm(self) -> bool:
        """Whether it says that something has changed."""
        return self.p_value <= self.level


@dataclass(frozen=True)
class Window:
    """Requests that were tested together.

    Attributes:
        first: number of its first request.
        last: number of its last one.
        at: when the last one came, in seconds since 1970.
        nth: which window of its week it is, from 1.
        requests: how many requests it has, repeated questions included.
        findings: what the tests say.
    """

    first: int
    last: int
    at: float
    nth: int
    requests: int
    findings: tuple[Finding, ...]

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """The tests that say that something has changed."""
        return tuple(finding for finding in self.findings if finding.is_alarm)


def known_of(study: Study, fingerprint: str) -> Known:
    """What windows are held against.

    All rows that Tailor split, since they are from one source; where the splits were given, the test rows, of which the decision
    speaks. Only what they ask is read, and of the test set what the decision has seen anyway.
    """
    task, splits = study.task, study.splits
    dealt = bool(task.data.file) and not task.data.split_by
    rows = (*splits.test, *splits.dev, *splits.train) if dealt else splits.test
    asked = list(_alone(task, rows))[:ROWS]
    run = study.test_run(fingerprint)
    answers, system = (run.answers, run.system) if run is not None else ((), None)
    parsed = [parse_answer(system, answer.raw) for answer in answers if not answer.error] if system else []
    found = [[passage.score for passage in answer.passages if passage.score] for answer in answers]
    sure = [confidence(answer, several=system.decoding.several) for answer in answers] if system else []
    return Known(
        texts=tuple(asked),
        words=tuple(len(text.split()) for text in asked),
        languages=tuple(map(language_of, asked)),
        labels=tuple(label for label in parsed if label) if kind_of(task).closed else (),
        outcomes=tuple(outcome_of(system, answer) for answer in answers) if system else (),
        retrieved=tuple(max(scores) for scores in found if scores),
        confidence=tuple(value for value in sure if value is not None),
    )


def _alone(task: Task, rows: Sequence[Example]) -> Iterator[str]:
    """What the rows ask, one of each unit, since rows that say nearly the same are one observation."""
    seen = set[str]()
    for row in rows:
        text = asked_text(task, row.fields)
        if not {text, row.unit} & seen:
            yield text
        seen |= {text, row.unit} - {""}


def cut(requests: Iterable[Request], before: Sequence[Window], size: int = WINDOW) -> Iterator[tuple[Sequence[Request], int]]:
    """New windows that are full, each with its number in its week. A question that is asked again counts once.

    Args:
        requests: those behind the last window, oldest first.
        before: the windows that were tested already.
        size: different questions in a window.
    """
    weeks = Counter(_week(window.at) for window in before)
    window: list[Request] = []
    questions = set[object]()
    for request in requests:
        window.append(request)
        questions.add(_question(request))
        if len(questions) == size:
            week = _week(request.at)
            weeks[week] += 1
            yield window, weeks[week]
            window, questions = [], set()


def _week(at: float) -> int:
    return int(at // (7 * DAY))


def _question(request: Request) -> object:
    return tuple(sorted(request.fields.items())) if request.fields is not None else request.id


def tested(
    task: Task,
    requests: Sequence[Request],
    nth: int,
    known: Known,
    embed: Embed | None,
    vectors: Floats | None,
    *,
    alarmed: bool = False,
) -> Window:
    """A window held against what is known.

    Args:
        task: what is asked.
        requests: of the window.
        nth: its number in its week.
        known: what the study's rows were like.
        embed: makes unit vectors of texts; None where that cannot be done here.
        vectors: those of `known.texts`; None likewise.
        alarmed: whether a window before has alarmed.
    """
    alone = list({_question(request): request for request in requests}.values())
    level = STILL if alarmed else window_level(nth, len(NAMED))
    findings = [_named(name, alone, known, level) for name in NAMED]
    texts = [asked_text(task, request.fields) for request in alone if request.fields is not None]
    if embed is not None and vectors is not None and texts and len(vectors):
        level = STILL if alarmed else window_level(nth, 1)
        p_value = energy_p(embed(texts), vectors, least=level, first=PERMUTATIONS, seed=requests[0].number)
        says = f"what {len(texts)} questions say, against {len(vectors)} rows of the study"
        findings.insert(0, Finding("texts", p_value, level, says))
    last = requests[-1]
    done = tuple(finding for finding in findings if finding is not None)
    return Window(requests[0].number, last.number, last.at, nth, len(requests), done)


def _named(name: str, window: Sequence[Request], known: Known, level: float) -> Finding | None:
    """One named test; None where it says nothing of this task."""
    test = _NAMED_TESTS[name](window, known, level)
    return None if test is None else Finding(name, test[0], level, test[1])


_Test = Callable[[Sequence[Request], Known, float], tuple[float, str] | None]


def _length(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    ours = [float(request.words) for request in window]
    return _numbers(ours, known.words, "have", lambda low, high: f"{low:,.0f} to {high:,.0f} words")


def _retrieval(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    return _numbers(
        [r.retrieved for r in window if r.retrieved is not None],
        known.retrieved,
        "have a best passage that scores",
        lambda low, high: f"{low:.2f} to {high:.2f}",
    )


def _confidence(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    return _numbers(
        [r.confidence for r in window if r.confidence is not None],
        known.confidence,
        "are",
        lambda low, high: f"{format_percent(low)} to {format_percent(high)} sure",
    )


def _numbers(
    ours: Sequence[float], theirs: Sequence[float], verb: str, says: Callable[[float, float], str]
) -> tuple[float, str] | None:
    """The test, and the middle half of both: that numbers spread in another way shows there, and not in their median."""
    if not ours or not theirs:
        return None
    here, there = (says(*map(float, np.quantile(list(numbers), (0.25, 0.75)))) for numbers in (ours, theirs))
    return level_p(ours, theirs), f"the middle half {verb} {here}, in the study {there}"


def _language(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    """The most usual languages of both, each, and all others together."""
    if not known.languages:
        return None
    said = [request.language for request in window]
    usual = [code for code, _ in Counter(sorted([*said, *known.languages])).most_common(5)]
    ours, theirs = _counted(said, usual), _counted(known.languages, usual)
    code, share = max(Counter(request.language for request in window).items(), key=lambda item: item[1])
    before = known.languages.count(code) / len(known.languages)
    name = NAMES.get(code, "no language that can be told")
    return counts_p(
        ours, theirs, least=level
    ), f"{format_percent(share / len(window))} {name}, in the study {format_percent(before)}"


def _labels(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    """How often each label is answered."""
    said = [request.label for request in window if request.label is not None]
    if not said or not known.labels:
        return None
    names = [label for label, _ in Counter([*known.labels, *said]).most_common()]
    ours, theirs = (np.array([counts.count(name) for name in names]) for counts in (said, list(known.labels)))
    gaps = ours / len(said) - theirs / len(known.labels)
    most = int(np.argmax(np.abs(gaps)))
    here, there = (format_percent(counts[most] / total) for counts, total in ((ours, len(said)), (theirs, len(known.labels))))
    seen = f"{names[most]} is {here} of the answers, in the study {there}"
    return counts_p(ours.tolist(), theirs.tolist(), least=level), seen


def _unreadable(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    return _outcomes(window, known, ("unparsed", "cut", "empty"), "are empty, or lack the form asked for")


def _refused(window: Sequence[Request], known: Known, level: float) -> tuple[float, str] | None:
    return _outcomes(window, known, ("refused", "failed"), "were refused, or failed")


def _outcomes(window: Sequence[Request], known: Known, which: Sequence[str], says: str) -> tuple[float, str] | None:
    if not known.outcomes:
        return None
    ours, theirs = (sum(one in which for one in all_of) for all_of in ([r.outcome for r in window], known.outcomes))
    seen = (
        f"{format_percent(ours / len(window))} of the answers {says}, in the study {format_percent(theirs / len(known.outcomes))}"
    )
    return share_p((ours, len(window)), (theirs, len(known.outcomes))), seen


def _counted(values: Sequence[str], names: Sequence[str]) -> list[int]:
    return [*(list(values).count(name) for name in names), sum(value not in names for value in values)]


_NAMED_TESTS: Mapping[str, _Test] = {
    "length": _length,
    "language": _language,
    "labels": _labels,
    "retrieval": _retrieval,
    "confidence": _confidence,
    "unreadable": _unreadable,
    "refused or failed": _refused,
}

"""The rungs of the ladder, from cheap to expensive: which candidates each one holds, given what was measured below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from tailor.approaches.approach import Approach, Chain
from tailor.approaches.distil import Distil
from tailor.approaches.named import approach_named
from tailor.approaches.prompting import (
    ChainOfThought,
    Constraints,
    FewShot,
    FreeForm,
    Grounded,
    Persona,
    QuoteSources,
    RemovePrior,
    WriteLabels,
    ZeroShot,
)
from tailor.approaches.retrieval import Rerank, Retrieve, WholeDocuments, Widen
from tailor.approaches.tuning import FineTune, Reference, TfidfReference
from tailor.decide.prices import tokens_of
from tailor.decide.race import Record, ranked
from tailor.diagnose.forecast import Pulls
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.models.base import Capabilities
from tailor.stats.intervals import mean_interval
from tailor.system import System
from tailor.task import Task


@dataclass(frozen=True)
class Proposal:
    """An approach and the System it starts from."""

    approach: Approach
    base: System

    @property
    def name(self) -> str:
        """The name the fitted System will have."""
        return self.base.then(self.approach.name).name


@dataclass(frozen=True)
class Rung:
    """A step of the ladder.

    Attributes:
        name: as shown; nothing goes by it.
        candidates: made from the complete dev Runs so far and the starting System.
        pulls: the levers that it pulls, whose forecasts say what it promises (`tailor.diagnose.forecast`).
        takes: what making its candidates takes before they are measured: nothing worth counting, answers of the model, or a
            training, which needs labels and time.
        is_open: whether it also tries what nobody can forecast, such as reasoning in steps, and costs little: no forecast
            leaves it out.
        learns_from_all: whether it is given the Runs of every model, and not only those of its own and of the references.
        optional: climbed only when everything is asked for.
        builds_on: the rung whose best candidate it starts from; None where it starts from the baseline.
        is_complete: whether all its candidates are measured on all of dev, since none stands for another.
    """

    name: str
    candidates: Callable[[System, Sequence[Run]], Sequence[Proposal]]
    pulls: Pulls = ()
    takes: Literal["nothing", "answers", "training"] = "nothing"
    is_open: bool = False
    learns_from_all: bool = False
    optional: bool = False
    builds_on: Rung | None = None
    is_complete: bool = False

    @property
    def trains(self) -> bool:
        """Whether weights are trained."""
        return self.takes == "training"


@dataclass
class NamedSearch:
    """The ways to search besides those that every task with documents tries: here those that its settings name.

    Args:
        task: the task.
    """

    task: Task

    def cuts(self, start: System) -> tuple[Approach, ...]:
        """Retrieval over documents that are cut in other ways."""
        return ()

    def orders(self, run: Run) -> tuple[Approach, ...]:
        """What orders passages, or searches by more than the question, on top of a Run's system."""
        settings = self.task.retrieval
        return (*map(Rerank, settings.rerank), *map(Widen, settings.queries))


def ladder(
    task: Task,
    has_documents: bool,
    can: Capabilities,
    *,
    unlabelled: bool = False,
    talks: bool = False,
    search: NamedSearch | None = None,
) -> tuple[Rung, ...]:
    """The rungs for a task and what its model can do, cheapest first.

    Args:
        task: the task.
        has_documents: whether there are some.
        can: what its model can do.
        unlabelled: whether there are rows without a label.
        talks: whether rows end conversations, so that what is said last may be no question to search by.
        search: which further ways to search there are; those that the settings name unless given.
    """
    search = search or NamedSearch(task)
    prompt = _prompt(task)
    rungs = [_baseline(task), prompt]
    if kind_of(task).closed:
        scored = partial(best, wanted=_is_scored, near=tie(task))
        rungs.append(Rung("calibrate", lambda start, runs: _on(scored(runs), RemovePrior()), takes="answers", builds_on=prompt))
    found = RETRIEVE if task.reads_text else RETRIEVE[:1]  # an image cannot be searched by
    found = (*found, Retrieve("hybrid", rewrites=True)) if talks and task.reads_text else found
    retrieve = Rung("retrieve", lambda start, runs: [Proposal(one, start) for one in (*found, *search.cuts(start))], ("knowledge",))
    if has_documents:
        both = Rung(
            "retrieve and prompt",
            lambda start, runs: _prompted_retrieval(task, runs, search),
            ("knowledge", "form", "examples"),
            is_open=True,
            builds_on=retrieve,
        )
        rungs += [retrieve, both]
    if can.tunes and not task.retrieval.filter:  # weights know for everybody what they have learned from anybody
        rungs += _tuning(task, retrieve if has_documents else None)
        if unlabelled:
            rungs.insert(-1, Rung("distil", _distilled, takes="training", learns_from_all=True))
    return tuple(rungs)


RETRIEVE: tuple[Approach, ...] = (
    WholeDocuments(),
    Retrieve("bm25"),
    Retrieve("vector"),
    Retrieve("hybrid"),
    Retrieve("hybrid", passages=3),
)


def _baseline(task: Task) -> Rung:
    is_reference = kind_of(task).reference and task.reads_text  # the embedder and the words of a row know nothing of an image
    first: tuple[Approach, ...] = (ZeroShot(), Reference(), TfidfReference()) if is_reference else (ZeroShot(),)
    return Rung(
        "baseline",
        lambda start, runs: [Proposal(approach, start) for approach in first],
        is_complete=True,
    )


def _prompt(task: Task) -> Rung:
    kind = kind_of(task)
    shown: list[Approach] = [FewShot(3, "diverse"), Grounded()]
    if kind.closed or kind.parted:
        count = 5 if kind.closed else 3
        shown = [FewShot(count, "nearest")] if task.reads_text else []
        shown.append(FewShot(count, "diverse"))
    tried: list[Approach] = []
    if task.persona:
        tried.append(Persona())
    if task.constraints:
        tried.append(Constraints())
    tried += [ChainOfThought(), *map(approach_named, task.approaches)]

    def candidates(start: System, runs: Sequence[Run]) -> list[Proposal]:
        written = [WriteLabels()] if start.decoding.method == "score" else []
        formed: list[Approach] = [FreeForm(), QuoteSources()] if kind.parted and start.decoding.json_schema else []
        return [Proposal(approach, start) for approach in (*shown, *written, *formed, *tried)]

    return Rung("prompt", candidates, ("form", "examples"), is_open=True)


def _prompted_retrieval(task: Task, runs: Sequence[Run], search: NamedSearch) -> list[Proposal]:
    found = best(runs, lambda run: run.system.knowledge.kind == "index" and not run.system.is_tuned, tie(task))
    extra: list[Approach] = [Grounded(), FewShot(3, "diverse")]
    if task.constraints:
        extra.append(Constraints())
    return [Proposal(approach, found.system) for approach in (*extra, *search.orders(found))] if found else []


def _tuning(task: Task, retrieve: Rung | None) -> list[Rung]:
    def alone(start: System, runs: Sequence[Run]) -> list[Proposal]:
        kept = [FineTune("lora", replays=True)] if task.tuning.forgetting == "exclude" and task.tuning.replay else []
        return [Proposal(approach, start) for approach in (FineTune("lora"), *kept)]

    def with_retrieval(start: System, runs: Sequence[Run]) -> list[Proposal]:
        plain = best(runs, _reads_without_examples, tie(task))
        return _on(plain, FineTune("lora"))

    def with_examples(start: System, runs: Sequence[Run]) -> list[Proposal]:
        return [Proposal(Chain((FewShot(2, "nearest"), FineTune("lora"))), start)]

    def full(start: System, runs: Sequence[Run]) -> list[Proposal]:
        return [Proposal(FineTune("full"), start)]

    kind = kind_of(task)
    tune = Rung("tune", alone, ("behaviour",), "training", optional=kind.reads)
    combine = Rung("retrieve and tune", with_retrieval, ("knowledge", "behaviour"), "training", builds_on=retrieve)
    rungs = [tune] if retrieve is None else [combine, tune] if kind.reads else [tune, combine]
    if kind.closed:
        rungs.append(Rung("prompt and tune", with_examples, ("examples", "behaviour"), "training", optional=True))
    return [*rungs, Rung("tune fully", full, ("behaviour",), "training", optional=True)]


def _distilled(start: System, runs: Sequence[Run]) -> list[Proposal]:
    """A student of the best system so far, the reference classifiers among them: who only labels need not be allowed to win."""
    teacher = best(runs)
    if teacher is None:
        return []
    return [Proposal(Distil(teacher.system, mean_interval(teacher.values, 0.95, groups=teacher.units)), start)]


def _on(run: Run | None, approach: Approach) -> list[Proposal]:
    return [Proposal(approach, run.system)] if run else []


def _reads_without_examples(run: Run) -> bool:
    return run.system.knowledge.kind == "index" and not run.system.prompt.shots and not run.system.is_tuned


def _is_scored(run: Run) -> bool:
    """Whether the label prior can be removed from a Run: the model says, for most rows at least, how likely labels are."""
    scored = sum(bool(answer.scores) for answer in run.answers)
    return run.system.is_generative and not run.system.is_tuned and 2 * scored > len(run.answers)


def best(
    runs: Sequence[Run],
    wanted: Callable[[Run], bool] = lambda run: True,
    near: float = 0.0,
    weigh: Callable[[Run], float] = tokens_of,
) -> Run | None:
    """The best Run of those wanted: the highest mean, or what is `near` it and clearly cheaper (`tailor.decide.race.ranked`).

    What an answer costs is its tokens, or what `weigh` says where models with other prices are compared. Two Runs are compared on
    the rows that both have. Not all have the same: what chose something by some rows counts on others.
    """
    found = [run for run in runs if wanted(run)]
    if not found:
        return None
    top = found[0]
    for run in found[1:]:
        top = run if _leads(run, top, weigh) else top
    return next(run for run in sorted(found, key=weigh) if run is top or _leads(run, top, weigh, near))


def record(run: Run, weigh: Callable[[Run], float] = tokens_of) -> Record:
    """How a Run does in a race."""
    return Record(run.mean, weigh(run))


def tie(task: Task) -> float:
    """Difference of means on dev up to which a clearly cheaper system is taken for the better one: half of the smallest effect.

    So what the tie gives away and what a race may have missed stay together below it.
    """
    return task.smallest_effect / 2


def _leads(run: Run, top: Run, weigh: Callable[[Run], float], near: float = 0.0) -> bool:
    """Whether a Run is to be preferred to one that comes before it, on the rows that both have."""
    shared = run.on(top.examples).examples
    first, second = (part.on(shared) if shared else part for part in (top, run))
    return ranked({0: record(first, weigh), 1: record(second, weigh)}, near)[0] == 1

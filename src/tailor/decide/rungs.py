"""The rungs of the ladder, from cheap to dear: which candidates each one holds, given what was measured below it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tailor.approaches.approach import Approach, Chain
from tailor.approaches.prompting import ChainOfThought, Constraints, FewShot, Generated, Grounded, Persona, RemovePrior, ZeroShot
from tailor.approaches.retrieval import Retrieve, WholeDocuments
from tailor.approaches.tuning import FineTune, Reference
from tailor.evaluate.run import Run
from tailor.system import System
from tailor.task import Task


@dataclass(frozen=True)
class Option:
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
        name: as shown.
        candidates: made from the complete dev Runs so far and the starting System.
        trains: whether weights are trained, which needs labels and time.
        optional: climbed only when everything is asked for.
    """

    name: str
    candidates: Callable[[System, Sequence[Run]], Sequence[Option]]
    trains: bool = False
    optional: bool = False


def ladder(task: Task, has_documents: bool, can_score: bool, can_tune: bool) -> tuple[Rung, ...]:
    """The rungs for a task, cheapest first."""
    rungs = [_baseline(task), _prompt(task, can_score)]
    if task.kind == "classify" and can_score:
        rungs.append(Rung("calibrate", lambda start, runs: _on(best(runs, _is_scored), RemovePrior())))
    if has_documents:
        rungs.append(Rung("retrieve", lambda start, runs: [Option(approach, start) for approach in RETRIEVE]))
        rungs.append(Rung("retrieve and prompt", lambda start, runs: _prompted_retrieval(task, runs)))
    if can_tune:
        rungs += _tuning(task, has_documents)
    return tuple(rungs)


RETRIEVE: tuple[Approach, ...] = (
    WholeDocuments(),
    Retrieve("bm25"),
    Retrieve("vector"),
    Retrieve("hybrid"),
    Retrieve("hybrid", passages=3),
)


def _baseline(task: Task) -> Rung:
    first: tuple[Approach, ...] = (ZeroShot(), Reference()) if task.kind == "classify" else (ZeroShot(),)
    return Rung(
        "baseline",
        lambda start, runs: [Option(approach, start) for approach in first],
    )


def _prompt(task: Task, can_score: bool) -> Rung:
    tried: list[Approach] = []
    if task.kind == "classify":
        tried += [FewShot(5, "nearest"), FewShot(5, "diverse")]
        if can_score:
            tried.append(Generated())
    else:
        tried += [FewShot(3, "diverse"), Grounded()]
    if task.persona:
        tried.append(Persona())
    if task.constraints:
        tried.append(Constraints())
    tried.append(ChainOfThought())
    return Rung("prompt", lambda start, runs: [Option(approach, start) for approach in tried])


def _prompted_retrieval(task: Task, runs: Sequence[Run]) -> list[Option]:
    found = best(runs, lambda run: run.system.knowledge.kind == "index" and not run.system.is_tuned)
    extra: list[Approach] = [Grounded(), FewShot(3, "diverse")]
    if task.constraints:
        extra.append(Constraints())
    return [Option(approach, found.system) for approach in extra] if found else []


def _tuning(task: Task, has_documents: bool) -> list[Rung]:
    def alone(start: System, runs: Sequence[Run]) -> list[Option]:
        return [Option(FineTune("lora"), start)]

    def with_retrieval(start: System, runs: Sequence[Run]) -> list[Option]:
        plain = best(
            runs, lambda run: run.system.knowledge.kind == "index" and not run.system.prompt.shots and not run.system.is_tuned
        )
        return _on(plain, FineTune("lora"))

    def with_examples(start: System, runs: Sequence[Run]) -> list[Option]:
        return [Option(Chain((FewShot(2, "nearest"), FineTune("lora"))), start)]

    def full(start: System, runs: Sequence[Run]) -> list[Option]:
        return [Option(FineTune("full"), start)]

    tune = Rung("tune", alone, trains=True, optional=task.kind == "answer")
    combine = Rung("retrieve and tune", with_retrieval, trains=True)
    rungs = [tune] if not has_documents else [tune, combine] if task.kind == "classify" else [combine, tune]
    if task.kind == "classify":
        rungs.append(Rung("prompt and tune", with_examples, trains=True, optional=True))
    return [*rungs, Rung("tune fully", full, trains=True, optional=True)]


def _on(run: Run | None, approach: Approach) -> list[Option]:
    return [Option(approach, run.system)] if run else []


def _is_scored(run: Run) -> bool:
    return run.system.decoding.method == "score" and not run.system.is_tuned


def best(runs: Sequence[Run], wanted: Callable[[Run], bool] = lambda run: True) -> Run | None:
    """The Run with the highest mean among those wanted; ties go to the shorter prompt, then to the one measured first."""
    found = [run for run in runs if wanted(run)]
    return max(found, key=lambda run: (run.mean, -run.tokens_in - run.tokens_out)) if found else None

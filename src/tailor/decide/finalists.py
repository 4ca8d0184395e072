"""Who meets the sealed test set: the baseline and the best of each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tailor.decide.prices import tokens_of
from tailor.decide.rungs import best
from tailor.evaluate.run import Run
from tailor.stats.spending import MOST_OF_SEVERAL
from tailor.system import System

ROLES = ("baseline", "best prompt", "best with retrieval", "best tuned", "best combination", "reference classifier")


def roles(system: System) -> tuple[str, ...]:
    """The roles that a System may have; the baseline is also a prompt."""
    if not system.is_generative:
        return ("reference classifier",)
    if system.is_tuned:
        return ("best tuned",) if len(system.steps) == 1 else ("best combination",)
    if system.has_knowledge:
        return ("best with retrieval",)
    return ("baseline", "best prompt") if system.is_start else ("best prompt",)


def finalists(runs: Sequence[Run], near: float = 0.0, weigh: Callable[[Run], float] = tokens_of) -> dict[str, Run]:
    """Role -> dev Run: the baseline and the best of each kind, each system once; with several models also the best of each.

    They are `MOST_OF_SEVERAL` at most, since each takes a share of the error that may be made. The best of a model goes before the
    best of a kind: which model is worth its price is what such a study asks, and no price changes which system is a model's best.

    Args:
        runs: on dev.
        near: as in `best`.
        weigh: what an answer costs where models are compared.
    """
    kinds = {role: best([run for run in runs if role in roles(run.system)], near=near, weigh=weigh) for role in ROLES}
    digests = list(dict.fromkeys(run.system.weights.digest for run in runs if run.system.is_generative))
    models: dict[str, Run | None] = {}
    for digest in digests if len(digests) > 1 else ():
        own = [run for run in runs if run.system.is_generative and run.system.weights.digest == digest]
        models[f"best on {own[0].system.label or own[0].system.weights.model}"] = best(own, near=near)
    first = {ROLES[0]: kinds.pop(ROLES[0])}
    chosen: dict[str, Run] = {}
    for role, run in [*first.items(), *models.items(), *kinds.items()]:
        known = run is None or any(run.system.fingerprint == other.system.fingerprint for other in chosen.values())
        if run is not None and not known and (not models or len(chosen) < MOST_OF_SEVERAL):
            chosen[role] = run
    return chosen

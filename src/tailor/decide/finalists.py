"""Who meets the sealed test set: the baseline and the best of each kind."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.decide.rungs import best
from tailor.evaluate.run import Run
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


def finalists(runs: Sequence[Run], near: float = 0.0) -> dict[str, Run]:
    """Role -> dev Run: the baseline and the best of each kind, each system once. `near` is that of `best`."""
    chosen: dict[str, Run] = {}
    for role in ROLES:
        members = [run for run in runs if role in roles(run.system)]
        run = best(members, near=near)
        if run is not None and all(run.system.fingerprint != other.system.fingerprint for other in chosen.values()):
            chosen[role] = run
    return chosen

"""Pruning and ordering rungs by forecasts: the climb leaves out what cannot win, and tries first what promises most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tailor.decide.formats import listed
from tailor.decide.rungs import Proposal, Rung, best
from tailor.decide.step import Step
from tailor.diagnose.forecast import forecast_for, promises_more
from tailor.diagnose.types import Diagnosis
from tailor.diagnose.words import cannot_win
from tailor.evaluate.run import Run

SHORTEST = 1e-3
"""Seconds that anything is taken to last at least: what is answered already is not infinitely promising."""


def reason_to_prune(diagnosis: Diagnosis, rung: Rung, candidates: Sequence[Proposal], runs: Sequence[Run]) -> str | None:
    """Why the forecasts leave a rung no hope of beating the leader, or None; an open rung always has some.

    A forecast that the rung's own start already beats is refuted, and speaks against nothing. The leader may have been measured on
    a part of dev; it must be ahead also with what the baseline has on these rows and on all of dev taken into account.

    Args:
        diagnosis: of the baseline.
        rung: which one.
        candidates: what it holds.
        runs: complete Runs on dev of systems that may win.
    """
    leader, baseline = best(runs), next((run for run in runs if run.system.is_start), None)
    forecast = None if rung.is_open else forecast_for(diagnosis, rung.pulls)
    if leader is None or baseline is None or forecast is None or forecast.high is None or not candidates:
        return None
    bases = {candidate.base.fingerprint for candidate in candidates}
    starts = [diagnosis.baseline, *(run.mean for run in runs if run.system.fingerprint in bases)]
    on_all = diagnosis.baseline + leader.mean - baseline.on(leader.examples).mean
    if max(starts) >= forecast.high or on_all < forecast.high:
        return None
    return cannot_win(forecast, rung.name, leader.system.name, leader.mean)


def in_order(diagnosis: Diagnosis, rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs in their order, but tuning goes before retrieving where it clearly promises more.

    The other rungs are cheap, or build on what these two find.
    """
    order = list(rungs)
    tune = next((rung for rung in order if rung.pulls == ("behaviour",)), None)
    retrieve = next((rung for rung in order if rung.pulls == ("knowledge",)), None)
    if tune and retrieve and promises_more(diagnosis, tune.pulls, retrieve.pulls):
        order.remove(tune)
        order.insert(order.index(retrieve), tune)
    return order


def most_promising(
    diagnoses: Sequence[Diagnosis], rungs: Sequence[Rung], leader: Run, seconds: Mapping[str, float], smallest_effect: float
) -> Rung:
    """The rung that promises the largest gain for its time; of equals the earlier one.

    A rung promises what its best forecast lies above the leader. Where that is little, or nothing was forecast, it is taken for the
    smallest effect, so that the quick ones of them come first. A rung that builds on another waits for it.

    Args:
        diagnoses: of the baselines of one or several models.
        rungs: those not climbed yet, in order.
        leader: the best Run on dev so far.
        seconds: what each rung is expected to take, by name.
        smallest_effect: the least gain that matters.
    """

    def per_second(rung: Rung) -> float:
        forecasts = [forecast_for(diagnosis, rung.pulls) for diagnosis in diagnoses]
        gain = max([smallest_effect, *(forecast.mean - leader.mean for forecast in forecasts if forecast)])
        return gain / max(seconds[rung.name], SHORTEST)

    return max((rung for rung in rungs if rung.builds_on not in rungs), key=per_second)


def all_climbed(steps: Sequence[Step]) -> str:
    """The sentence that ends a climb which nothing stopped but perhaps a time limit."""
    late = [step.system for step in steps if step.status == "no time"]
    partly = [step.system for step in steps if step.status == "measured in part"]
    if late or partly:
        some = [f"to measure {listed(partly)} on more of dev"] if partly else []
        none = [f"for {listed(late)}"] if late else []
        return f"The time limit left no room {' and none '.join(some + none)}."
    pruned = dict.fromkeys(step.rung for step in steps if step.status == "cannot pay")
    but = f", but for what is not expected to pay ({', '.join(pruned)})" if pruned else ""
    return f"Every rung that this task, its documents and its model allow was climbed{but}."

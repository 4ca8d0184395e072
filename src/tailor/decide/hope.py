"""Whether a rung may still win, by what was forecast of it: the climb leaves out what has no hope."""

from __future__ import annotations

from collections.abc import Sequence

from tailor.decide.rungs import Option, best
from tailor.decide.step import Step
from tailor.diagnose.forecast import forecast_for
from tailor.diagnose.types import Diagnosis
from tailor.diagnose.words import cannot_win
from tailor.evaluate.run import Run
from tailor.system import START


def hopeless(diagnosis: Diagnosis, rung: str, candidates: Sequence[Option], runs: Sequence[Run]) -> str | None:
    """Why the forecasts leave a rung no hope of beating the leader, or None.

    A forecast that the rung's own start already beats is refuted, and speaks against nothing. The leader may have been measured on
    a part of dev; it must be ahead also with what the baseline has on these rows and on all of dev taken into account.

    Args:
        diagnosis: of the baseline.
        rung: its name.
        candidates: what it holds.
        runs: complete Runs on dev of systems that may win.
    """
    leader, baseline = best(runs), next((run for run in runs if run.system.name == START), None)
    forecast = forecast_for(diagnosis, rung)
    if leader is None or baseline is None or forecast is None or forecast.high is None or not candidates:
        return None
    bases = {candidate.base.fingerprint for candidate in candidates}
    starts = [diagnosis.baseline, *(run.mean for run in runs if run.system.fingerprint in bases)]
    on_all = diagnosis.baseline + leader.mean - baseline.on(leader.examples).mean
    if max(starts) >= forecast.high or on_all < forecast.high:
        return None
    return cannot_win(diagnosis, rung, leader.system.name, leader.mean)


def all_climbed(steps: Sequence[Step]) -> str:
    """The sentence that ends a climb which nothing stopped."""
    hopeless_ones = dict.fromkeys(step.rung for step in steps if step.status == "cannot pay")
    but = f", but for what is not expected to pay ({', '.join(hopeless_ones)})" if hopeless_ones else ""
    return f"Every rung that this task, its documents and its model allow was climbed{but}."

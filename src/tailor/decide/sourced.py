"""Whether the winner's passages hold its answers, asked once it is known who wins."""

from __future__ import annotations

from collections.abc import Iterable

from tailor.decide.ladder import Climb
from tailor.decide.types import Decision
from tailor.errors import CallsFailed, EndpointError
from tailor.evaluate.run import Run
from tailor.evaluate.sources import Sources, sources_of


def sourced(climb: Climb, tests: Iterable[Run], decision: Decision | None) -> Sources | None:
    """What `sources_of` finds for the winner; under a time limit nothing is asked for that."""
    winner = decision.winner.fingerprint if decision else ""
    test = next((run for run in tests if run.system.fingerprint == winner), None)
    dev = next((run for run in climb.runs if run.system.fingerprint == winner), None)
    if test is None or dev is None or climb.budget.is_limited:
        return None
    climb.observer.began("sources", test.system.name)
    try:
        return sources_of(climb.data.task, test, dev, climb.engine)
    except (CallsFailed, EndpointError) as error:
        climb.observer.message(f"Whether answers are in their sources could not be found out: {error}.")
        return None

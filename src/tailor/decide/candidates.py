"""What races on the ladder, and on which rows: the candidates of a rung with what they have answered, and dev cut into blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tailor.approaches.approach import looks_at_dev
from tailor.data.example import Example
from tailor.decide.prices import tokens_of
from tailor.decide.race import Record, blocks_of, looked_and_counted
from tailor.decide.rungs import Proposal, record
from tailor.evaluate.run import Run
from tailor.system import System


@dataclass
class RaceCandidate:
    """A candidate in a race.

    Attributes:
        proposal: how it was made.
        system: what it is.
        setup: seconds of making it.
        weigh: what an answer costs, in the unit of the race.
        run: what it has answered so far, in the order of answering.
        out: whether it is out of the race.
    """

    proposal: Proposal
    system: System
    setup: float
    weigh: Callable[[Run], float] = tokens_of
    run: Run | None = None
    out: bool = False

    @property
    def record(self) -> Record | None:
        """How it does so far; None when it is out."""
        return None if self.out or self.run is None else record(self.run, self.weigh)


@dataclass(frozen=True)
class RaceRows:
    """The rows of a race.

    Attributes:
        shown: dev rows by which candidates may choose something about themselves; they count for nobody in this race.
        rows: those that all are measured on, in the order of dev.
        blocks: the same rows in the order of answering.
    """

    shown: tuple[Example, ...]
    rows: tuple[Example, ...]
    blocks: tuple[tuple[Example, ...], ...]


def race_rows(dev: Sequence[Example], candidates: Sequence[Proposal]) -> RaceRows:
    """Where these candidates race: on all of dev, or behind the rows that one of them may choose by."""
    looks = any(looks_at_dev(candidate.approach) for candidate in candidates)
    seen, counted = looked_and_counted([example.unit for example in dev]) if looks else ((), range(len(dev)))
    rows = tuple(dev[i] for i in sorted(counted))
    blocks = tuple(tuple(rows[i] for i in block) for block in blocks_of([example.unit for example in rows]))
    return RaceRows(tuple(dev[i] for i in seen), rows, blocks)

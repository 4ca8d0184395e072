"""What is asked of an endpoint, how far it is, and how patiently: rows on their way to an answer, calls under way, rules."""

from __future__ import annotations

from dataclasses import dataclass

from tailor.models.base import Request
from tailor.models.endpoint.faults import Fault

UNREADABLE_TRIES = 4
TRIES = {"moderated": 1, "long": 1, "request": 3, "unreadable": UNREADABLE_TRIES}
"""How often a row is asked for that alone is refused, or whose answers alone cannot be read. It is then given up for good, once
others are known to be answered. Answers that cannot be read may be billed; where one in ten is spoilt by chance, this befalls one
row in ten thousand. A refusal costs nothing, and one that does not say why may be a slip."""


@dataclass(eq=False)
class QueuedRow:
    """One request on its way to an answer."""

    place: int
    request: Request
    tries: int = 0
    repeats: int = 0
    failed_at: float | None = None
    refusals: int = 0
    refused_at: float = 0.0
    fault: Fault | None = None
    waits: bool = False
    done: bool = False

    @property
    def is_unreadable(self) -> bool:
        """Whether what came back last cannot be read."""
        return self.fault is not None and self.fault.kind == "unreadable"

    @property
    def is_told(self) -> bool:
        """Whether it was refused often enough to tell that from a slip."""
        return self.fault is not None and self.refusals >= TRIES.get(self.fault.kind, UNREADABLE_TRIES)


@dataclass(eq=False)
class InFlight:
    """One call under way."""

    row: QueuedRow
    started: float
    slow: bool = False
    hung: bool = False


@dataclass
class Rules:
    """How a crew behaves.

    Attributes:
        places: calls under way at once.
        attempts: how often a request that fails while others succeed is tried.
        backoff: first wait between attempts, in seconds; each further one is twice as long.
        patience: seconds without any answer after which the endpoint is given up.
        timeout: longest wait for one answer.
    """

    places: int
    attempts: int = 6
    backoff: float = 0.5
    patience: float = 300.0
    timeout: float = 60.0

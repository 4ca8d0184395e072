"""What was paid for an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Payment:
    """What the calls for an answer cost when they were made, and the prices that this rests on, which may be edited later.

    Attributes:
        amount: all calls together, in `currency`; what the endpoint said that it billed goes before its tokens at these prices.
        currency: of the amount and the prices.
        input_per_million: price of prompt tokens; None where it was not known.
        output_per_million: price of answer tokens; None where it was not known.
        cached_per_million: price of prompt tokens that the endpoint had read before; None = as others.
        calls: how many it took: an empty answer or one that was cut off by a thought is asked for again.
    """

    amount: float
    currency: str
    input_per_million: float | None
    output_per_million: float | None
    cached_per_million: float | None
    calls: int = 1

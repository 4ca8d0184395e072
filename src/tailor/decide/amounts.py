"""Amounts from the least to the most: calls, tokens and money, and what a model is known to take of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from tailor.decide.formats import format_money
from tailor.decide.types import Rates
from tailor.score.types import Answer

UNCOUNTED, COUNTED = (0.65, 1.5), (0.9, 1.15)
"""How far prompts may differ in tokens from their estimate: before and after the endpoint has counted some."""
SHORTER, LONGER = 0.5, 3.0
"""How far answers may differ in length from the few that are known."""
CITED = 6
"""Tokens of the number of a passage, or of a label that is longer than those known."""


@dataclass(frozen=True)
class Range:
    """From the least to the most."""

    low: float = 0.0
    high: float = 0.0

    def __add__(self, other: Range) -> Range:
        """Both together."""
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factors: Range | tuple[float, float]) -> Range:
        """Each end multiplied by the same end of another."""
        low, high = (factors.low, factors.high) if isinstance(factors, Range) else factors
        return Range(self.low * low, self.high * high)

    def less(self, done: float) -> Range:
        """What is left when so much is done."""
        return Range(max(0.0, self.low - done), max(0.0, self.high - done))


@dataclass(frozen=True)
class Estimate:
    """What a study asks endpoints for: answered calls, those of a judge and of asking again included.

    Attributes:
        calls: how many.
        tokens_in: prompt tokens.
        tokens_out: answer tokens, those of thoughts included.
        money: what they cost; None where a price is not known.
        currency: of the money.
    """

    calls: Range = Range()
    tokens_in: Range = Range()
    tokens_out: Range = Range()
    money: Range | None = Range()
    currency: str = "USD"

    def __add__(self, other: Estimate) -> Estimate:
        """Both together."""
        money = None if self.money is None or other.money is None else self.money + other.money
        parts = (self.calls + other.calls, self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)
        return Estimate(*parts, money, self.currency)

    @property
    def sentence(self) -> str:
        """All of it in a sentence."""
        calls, read, written = (_numbers(found) for found in (self.calls, self.tokens_in, self.tokens_out))
        return (
            f"The whole study is expected to take {calls} answered calls, a judge's and those of asking again included: {read} "
            f"tokens read and {written} written, for {self._cost(self.money)}. What is answered already is not asked again."
        )

    def rest(self, paid: float) -> str:
        """What is left of it when so much was paid, as the end of a sentence; empty where that is not known."""
        if self.money is None or self.money.high <= paid:
            return ""
        return f"; the rest of the study is expected to take {self._cost(self.money.less(paid))}"

    def _cost(self, money: Range | None) -> str:
        return "an unknown price" if money is None else _between(*(format_money(end, self.currency) for end in _ends(money)))


def _numbers(found: Range) -> str:
    return _between(*(f"{end:,.0f}" for end in _ends(found)))


def _ends(found: Range) -> tuple[float, float]:
    return found.low, found.high


def _between(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


@dataclass(frozen=True)
class Asker:
    """A model that is asked, and what is known of the lengths of its prompts and answers.

    Attributes:
        rates: prices of its tokens.
        known: answers that it gave before, with the estimated length of their prompts.
    """

    rates: Rates
    known: Sequence[tuple[Answer, int]] = ()

    def estimate(self, calls: Range, tokens_in: float, most_out: int, *, steps: bool = False) -> Estimate:
        """What so many calls take.

        Args:
            calls: how many.
            tokens_in: estimated length of a prompt.
            most_out: the most tokens of an answer without a thought.
            steps: whether it is to write steps in front of the answer, as none of the known ones did.
        """
        counted = [(answer.tokens_in / guess, answer.tokens_out) for answer, guess in self.known if answer.counted and guess]
        low, high = COUNTED if counted else UNCOUNTED
        scale = mean(ratio for ratio, _ in counted) if counted else 1.0
        read = calls.times((tokens_in * scale * low, tokens_in * scale * high))
        written = calls.times(self._written(most_out, steps))
        return Estimate(calls, read, written, self._money(read, written), self.rates.currency)

    def _written(self, most: int, steps: bool) -> tuple[float, float]:
        """Tokens of an answer, from the fewest to the most that they are on average."""
        seen = [answer.tokens_out for answer, _ in self.known]
        if any(answer.thought or answer.tokens_out > 2 * most for answer, _ in self.known):
            return SHORTER * min(seen), LONGER * max(seen) + most
        if steps or not seen:
            return 1.0, most
        return min(SHORTER * min(seen), most), min(LONGER * max(seen) + CITED, most)

    def _money(self, read: Range, written: Range) -> Range | None:
        high = self.rates.price(read.high, written.high)
        low = self.rates.price(read.low, written.low, cached=read.low)
        if high is None or low is None:
            return None
        billed = [
            answer.billed / price
            for answer, _ in self.known
            if answer.billed is not None and (price := self.rates.price(answer.tokens_in, answer.tokens_out, cached=answer.cached))
        ]
        believed = billed if self.rates.currency == "USD" else []
        return Range(low * min(1.0, *believed, 1.0), high * max(1.0, *believed, 1.0))

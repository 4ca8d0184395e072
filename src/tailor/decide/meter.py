"""What the calls of a model cost: from tokens to money, between the model that calls and the record of what was spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from tailor.decide.prices import batch_share, judge_rates, rates_for
from tailor.decide.types import Rates
from tailor.errors import ConfigError, quoted
from tailor.models.base import Metered, Model, Reply
from tailor.payment import Payment
from tailor.store.calls import Call, Prices
from tailor.store.spending import Spending
from tailor.task import Task


@dataclass
class Meter:
    """Notes down what the calls of one model cost (`tailor.models.base.Meter`).

    An endpoint that takes more tokens than a call allows it, or bills more than they cost, is taken to do so again, in later runs
    too.

    Args:
        spending: where it is noted down.
        model: what the model is called: its name, or its label in a study of several.
        rates: prices of its tokens.
        batch_share: what a call in a batch costs, as a share of its ordinary price.
    """

    spending: Spending
    model: str
    rates: Rates
    batch_share: float = 1.0
    _allowed: dict[int, tuple[int, int]] = field(default_factory=dict)
    _over: float = 1.0

    def __post_init__(self) -> None:
        self.spending.reprice(self.model, self._price)
        self._over = self.spending.overrun(self.model)

    def reserve(self, *, tokens_in: int, tokens_out: int) -> int:
        """Note a call down that may take so many tokens; gives its number.

        Raises:
            OverBudget: the cap would be passed.
            StoreError: it cannot be noted down.
        """
        worst = self.rates.worst(tokens_in, tokens_out)
        number = self.spending.reserve(self.model, None if worst is None else worst * self._over)
        self._allowed[number] = (tokens_in, tokens_out)
        return number

    def settle(self, number: int, reply: Reply | None) -> Payment | None:
        """Say what a call cost: the tokens of its reply, nothing for one without tokens; None where it may have been paid.

        Gives what it cost at the prices of now; None where that is nothing, or not known.
        """
        allowed, call = self._allowed.pop(number), self.spending.call(number)
        if reply is not None:
            taken = replace(_taken(call, [reply], self.rates.currency), prices=self._prices)
            call = replace(taken, paid=self._price(taken) or 0.0)
            worst = self.rates.worst(*allowed)
            if worst and call.paid:
                self._over = max(self._over, call.paid / worst)
        self.spending.settle(number, call)
        return Payment(call.paid, self.rates.currency, *self._prices) if call.paid else None

    @property
    def _prices(self) -> Prices:
        return (self.rates.input_per_million, self.rates.output_per_million, self.rates.cached_per_million)

    def fitting(self, sizes: Sequence[tuple[int, int]]) -> int:
        """How many of these calls, the first ones, a batch may hold at the most without passing the cap; at least one."""
        left, fit = self.spending.left, 0
        for worst in accumulate(self._worst_in_batch(size) or 0.0 for size in sizes):
            if worst > left:
                break
            fit += 1
        return max(1, fit)

    def reserve_batch(self, mark: str, sizes: Sequence[tuple[int, int]]) -> None:
        """Note a batch down that may take so many tokens, prompt and answer of each call.

        Raises:
            OverBudget: the cap would be passed.
            StoreError: it cannot be noted down.
        """
        worst = [self._worst_in_batch(size) for size in sizes]
        known = [most for most in worst if most is not None]
        total = sum(known) if len(known) == len(worst) else None
        self.spending.reserve(self.model, total, calls=len(sizes), batch=mark, share=self.batch_share, prices=self._prices)

    def price_in_batch(self, mark: str, reply: Reply) -> Payment | None:
        """What a reply in a batch cost, at the prices at which that was handed in; None where that is nothing, or not known."""
        number = self.spending.batch(mark)
        if number is None:
            return None
        rates, batch = self._rates_of(number), self.spending.call(number)
        amount = self._price(_taken(replace(batch, calls=1), [reply], self.rates.currency), rates)
        shared = rates.times(batch.share)
        prices = (shared.input_per_million, shared.output_per_million, shared.cached_per_million)
        return Payment(amount, rates.currency, *prices) if amount else None

    def settle_batch(self, mark: str, replies: Sequence[Reply], *, whole: bool = True) -> None:
        """Say durably what a batch cost: the tokens of its replies, at the prices at which it was handed in. One that is not known
        stays as it is.

        Args:
            mark: of the batch.
            replies: all that it holds.
            whole: whether these are all that are paid for; else the batch counts at its worst against the cap.
        """
        number = self.spending.batch(mark)
        if number is None:
            return
        rates, batch = self._rates_of(number), self.spending.call(number)
        calls = [_taken(replace(batch, calls=1), [reply], self.rates.currency) for reply in replies]
        paid = sum(self._price(call, rates) or 0.0 for call in calls)
        taken = _taken(batch, replies, self.rates.currency)
        self.spending.settle(number, replace(taken, paid=paid, counted=taken.counted and whole, calls=len(replies)))
        self.spending.reprice(self.model, self._price, batch=mark)
        self.spending.save()

    def _rates_of(self, number: int) -> Rates:
        """The prices at which a batch was handed in; those of now where they were not noted."""
        read, written, again = self.spending.call(number).prices or self._prices
        return replace(self.rates, input_per_million=read, output_per_million=written, cached_per_million=again)

    def _worst_in_batch(self, size: tuple[int, int]) -> float | None:
        worst = self.rates.worst(*size)
        return None if worst is None else worst * self._over * self.batch_share

    def _price(self, call: Call, rates: Rates | None = None) -> float | None:
        price = (rates or self.rates).price(call.tokens_in, call.tokens_out, cached=call.cached, billed=call.billed)
        return None if price is None else price * (1.0 if call.billed is not None else call.share)


def _taken(call: Call, replies: Sequence[Reply], currency: str) -> Call:
    """A call, or a batch of them, with what its replies took and were billed, where the endpoint says so of each."""
    billed = [reply.billed for reply in replies if reply.billed is not None]
    return replace(
        call,
        tokens_in=sum(reply.tokens_in for reply in replies),
        tokens_out=sum(reply.tokens_out for reply in replies),
        cached=sum(reply.cached for reply in replies),
        billed=sum(billed) if replies and len(billed) == len(replies) and currency == "USD" else None,
        counted=all(reply.counted for reply in replies),
        reasoning=sum(reply.reasoning for reply in replies),
    )


def attach_meters(task: Task, models: Sequence[Model], judge: Model | None, spending: Spending) -> None:
    """Let every call to an endpoint be noted down, and held to the cap.

    Raises:
        ConfigError: there is a cap, and the price of a model's tokens is not known.
    """
    metered = []
    for place, (model, answering) in enumerate(zip(models, task.asked, strict=True)):
        where = "models.prices" if place else "prices"
        rates, name = rates_for(answering, task.prices_of(place), model), task.model_labels[place] or model.name
        metered.append((model, name, answering, rates, where))
    if judge is not None and task.judge is not None:
        metered.append((judge, judge.name, task.judge.model, judge_rates(task, judge), "judge.prices"))
    for one, name, settings, rates, where in metered:
        if not isinstance(one, Metered):
            continue
        if spending.cap is not None and not rates.is_known:
            raise ConfigError(
                f"there is a budget, and the price of {quoted(one.name)} at {settings.address} is not known ({rates.how})",
                f"give `{where}.input_per_million` and `{where}.output_per_million` in tailor.yaml; 0 where it costs nothing",
            )
        one.meter = Meter(spending, name, rates, batch_share(settings))

"""What the calls of a model cost: from tokens to money, between the model that calls and the record of what was spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tailor.decide.prices import judge_rates, rates_for
from tailor.decide.types import Rates
from tailor.errors import ConfigError, quoted
from tailor.models.base import Metered, Model, Reply
from tailor.store.spending import Call, Spending
from tailor.task import Task


@dataclass
class Meter:
    """Notes down what the calls of one model cost (`tailor.models.base.Meter`).

    An endpoint that takes more tokens than a call allows it, or bills more than they cost, is taken to do so again.

    Args:
        spending: where it is noted down.
        model: name of the model.
        rates: prices of its tokens.
    """

    spending: Spending
    model: str
    rates: Rates
    _allowed: dict[int, tuple[int, int]] = field(default_factory=dict)
    _over: float = 1.0

    def __post_init__(self) -> None:
        self.spending.reprice(self.model, self._price)

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

    def settle(self, number: int, reply: Reply | None) -> None:
        """Say what a call cost: the tokens of its reply, nothing for one without tokens; None where it may have been paid."""
        allowed, call = self._allowed.pop(number), self.spending.call(number)
        if reply is not None:
            taken = replace(
                call,
                tokens_in=reply.tokens_in,
                tokens_out=reply.tokens_out,
                cached=reply.cached,
                billed=reply.billed if self.rates.currency == "USD" else None,
                counted=reply.counted,
            )
            call = replace(taken, paid=self._price(taken) or 0.0)
            worst = self.rates.worst(*allowed)
            if worst and call.paid:
                self._over = max(self._over, call.paid / worst)
        self.spending.settle(number, call)

    def _price(self, call: Call) -> float | None:
        return self.rates.price(call.tokens_in, call.tokens_out, cached=call.cached, billed=call.billed)


def attach_meters(task: Task, model: Model, judge: Model | None, spending: Spending) -> None:
    """Let every call to an endpoint be noted down, and held to the cap.

    Raises:
        ConfigError: there is a cap, and the price of a model's tokens is not known.
    """
    metered = [(model, task.model.address, rates_for(task.model, task.prices, model), "prices")]
    if judge is not None and task.judge is not None:
        metered.append((judge, task.judge.model.address, judge_rates(task, judge), "judge.prices"))
    for one, address, rates, where in metered:
        if not isinstance(one, Metered):
            continue
        if spending.cap is not None and not rates.is_known:
            raise ConfigError(
                f"there is a budget, and the price of {quoted(one.name)} at {address} is not known ({rates.how})",
                f"give `{where}.input_per_million` and `{where}.output_per_million` in tailor.yaml; 0 where it costs nothing",
            )
        one.meter = Meter(spending, one.name, rates)

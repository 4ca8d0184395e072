"""Prices per token: the user's own, else looked up for a remote model, else from the price of a machine hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tailor.decide.types import Rates
from tailor.doors import door_at
from tailor.evaluate.run import Run
from tailor.models.base import Model
from tailor.models.endpoint.listed import SAMPLE, listed
from tailor.system import System
from tailor.task import ModelSettings, Prices, Task, TokenPrices

# Nominal speeds of the built-in model on two cores, measured once (docs/log.md). They are constants, not timings of this run, so
# that the same data give the same decision on every machine. A larger model is slower in proportion to its parameters.
READING, WRITING, TRAINING = 1_000.0, 100.0, 230.0  # tokens per second
NOMINAL_PARAMETERS = 134_515_008
EMBEDDER_PARAMETERS = 22_700_000
"""Of the built-in embedder; it prices what asks no generative model: the classifier on it, and bringing an index up to date."""
TFIDF_PARAMETERS = 5_400_000
"""Of a model that would read as quickly as words and characters are read and weighed: some 25,000 tokens a second."""

TOKEN_PRICES = ("input_per_million", "output_per_million", "cached_per_million")


def rates_for(settings: ModelSettings, prices: Prices, model: Model) -> Rates:
    """Prices of a million tokens read, written and trained on, in the currency of `prices`; None where unknown.

    Args:
        settings: which model it is; behind an endpoint its prices are looked up in the data that genai-prices brings along.
        prices: what the user said; given token prices go first.
        model: the opened model; the number of its parameters, where it is known, scales the speeds.
    """
    if settings.is_remote:
        found = _looked_up(settings, prices.currency)
    elif model.capabilities.tunes:
        found = machine_rates(prices, model.capabilities.parameters or NOMINAL_PARAMETERS)
    else:
        found = Rates(None, None, None, f"unknown: {settings.name} has no price")
    found = replace(found, currency=prices.currency)
    given = [name for name in TOKEN_PRICES if getattr(prices, name) is not None]
    if not given:
        return found
    # A looked-up price of cached tokens does not go with a price that was given for the others.
    cached = prices.cached_per_million if "input_per_million" in given else found.cached_per_million
    complete = {"input_per_million", "output_per_million"} <= set(given)
    how = "as given in `prices`" if complete else f"{' and '.join(given)} as given in `prices`, the rest {found.how}"
    return replace(found, **{"cached_per_million": cached} | {name: getattr(prices, name) for name in given}, how=how)


@dataclass(frozen=True)
class PriceList:
    """The prices of a study's models.

    Attributes:
        models: digest of each model -> prices of its tokens.
        reference: of what asks no generative model.
    """

    models: Mapping[str, Rates]
    reference: Rates

    def of(self, system: System) -> Rates:
        """The prices of a system's tokens."""
        return self.models[system.weights.digest] if system.is_generative else self.reference

    @property
    def in_money(self) -> bool:
        """Whether systems are compared in money: there are several models, and all their prices are known.

        With one model its tokens say the same, and need no price.
        """
        return len(self.models) > 1 and all(rates.is_known for rates in self.models.values())

    def weigh(self, run: Run) -> float:
        """What an answer costs, prompt included, in a unit that all systems share: money, or tokens where there is one model or a
        price is unknown.
        """
        if not self.in_money:
            return tokens_of(run)
        return self.of(run.system).price(run.tokens_in, run.tokens_out) or 0.0


def tokens_of(run: Run) -> float:
    """Mean tokens of an answer, prompt and answer together."""
    return run.tokens_in + run.tokens_out


def price_list(task: Task, models: Sequence[Model]) -> PriceList:
    """The prices of a task's models, which are opened in its order."""
    found: dict[str, Rates] = {}
    for place, model in enumerate(models):
        found.setdefault(model.digest, rates_for(task.asked[place], task.prices_of(place), model))
    return PriceList(found, machine_rates(task.prices, EMBEDDER_PARAMETERS))


def judge_rates(task: Task, judge: Model) -> Rates:
    """Prices of the judge's tokens: its own, or those of one of the models that answer where it is the same."""
    if task.judge is None:
        raise ValueError("the task has no judge")
    own, asked = task.judge.prices, [(settings.name, settings.address) for settings in task.asked]
    called = (task.judge.model.name, task.judge.model.address)
    if own == TokenPrices(input_per_million=None, output_per_million=None) and called in asked:
        own = task.prices_of(asked.index(called))
    prices = task.prices.model_copy(update={name: getattr(own, name) for name in TOKEN_PRICES})
    return rates_for(task.judge.model, prices, judge)


def batch_share(settings: ModelSettings) -> float:
    """What an answer in a batch costs, as a share of its ordinary price: as the settings say, else as the provider's page does; 1
    where neither says anything.
    """
    if not isinstance(settings.batch, bool):
        return settings.batch
    door = door_at(settings.address)
    return door.batch if door is not None and door.batch is not None else 1.0


def machine_rates(prices: Prices, parameters: int) -> Rates:
    """Prices of a million tokens on a machine paid by the hour, for weights of this size at the nominal speeds."""
    scale = parameters / NOMINAL_PARAMETERS
    read, write, train = (prices.machine_hour * scale / (speed * 3600) * 1e6 for speed in (READING, WRITING, TRAINING))
    how = f"{prices.machine_hour:g} {prices.currency} per machine hour at the nominal speed of the model on two cores"
    return Rates(read, write, train, how)


def _looked_up(settings: ModelSettings, currency: str) -> Rates:
    import genai_prices

    source = f"genai-prices {genai_prices.__version__}"
    if currency != "USD":
        how = f"unknown: {source} has prices in USD, not {currency}; give `input_per_million` and `output_per_million`"
        return Rates(None, None, None, how)
    price = listed(settings.name, settings.address)
    if price is None:
        how = f"unknown: {source} has no price for this model there; give `input_per_million` and `output_per_million`"
        return Rates(None, None, None, how)
    read, write = (float(part) / SAMPLE * 1e6 for part in (price.input_price, price.output_price))
    again = listed(settings.name, settings.address, cached=True)
    cached = float(again.input_price) / SAMPLE * 1e6
    how = f"list prices of {price.provider.name} for {price.model.id}, {source}"
    return Rates(read, write, None, how, cached if cached < read else None)

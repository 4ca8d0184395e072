"""Prices: the user's go first, what is unknown stays unknown, and the same data give the same cost everywhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tailor.decide.prices import NOMINAL_PARAMETERS, rates_for
from tailor.decide.types import Rates
from tailor.models.fake import FakeModel
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings, Prices


class Tunable(FakeModel):
    capabilities = replace(FakeModel.capabilities, tunes=True)


class Large(Tunable):
    capabilities = replace(Tunable.capabilities, parameters=10 * NOMINAL_PARAMETERS)


def settings(name: str = "smollm2-135m", base_url: str = "") -> ModelSettings:
    return ModelSettings(name=name, base_url=base_url, context_tokens=None)


def prices(**given: Any) -> Prices:
    return Prices(**{"input_per_million": None, "output_per_million": None, **given})


def looked_up(name: str, base_url: str = "https://api.openai.com/v1", **given: Any) -> Rates:
    model_settings = settings(name, base_url)
    return rates_for(model_settings, prices(**given), RemoteModel(model_settings))


def test_a_local_model_costs_machine_time_at_its_nominal_speed() -> None:
    rates = rates_for(settings(), prices(machine_hour=0.36), Tunable())
    # 0.36 an hour is 0.0001 a second: 1,000 tokens read, 100 written or 230 trained on
    assert rates.input_per_million == pytest.approx(0.1)
    assert rates.output_per_million == pytest.approx(1.0)
    assert rates.training_per_million == pytest.approx(0.1e3 / 230)
    assert "0.36 USD per machine hour" in rates.how


def test_a_model_ten_times_as_large_costs_ten_times_as_much() -> None:
    small, large = (rates_for(settings(), prices(), model) for model in (Tunable(), Large()))
    assert small.output_per_million is not None and large.output_per_million == pytest.approx(10 * small.output_per_million)


def test_a_remote_price_is_looked_up_without_network() -> None:
    rates = looked_up("gpt-4o-mini")
    assert rates.input_per_million == pytest.approx(0.15) and rates.output_per_million == pytest.approx(0.6)
    assert rates.training_per_million is None and "OpenAI for gpt-4o-mini, genai-prices" in rates.how


@pytest.mark.parametrize(
    ("name", "url", "given"),
    [
        ("no-such-model", "https://api.openai.com/v1", {}),
        ("gpt-4o-mini", "http://localhost:8000/v1", {}),
        ("gpt-4o-mini", "https://api.openai.com/v1", {"currency": "EUR"}),
    ],
)
def test_an_unknown_price_is_unknown_and_never_zero(name: str, url: str, given: dict[str, Any]) -> None:
    rates = looked_up(name, url, **given)
    assert (rates.input_per_million, rates.output_per_million, rates.training_per_million) == (None, None, None)
    assert rates.how.startswith("unknown: ") and "`input_per_million`" in rates.how


def test_the_fake_has_no_price_unless_given() -> None:
    assert rates_for(settings("fake"), prices(), FakeModel()) == Rates(None, None, None, "unknown: fake has no price")


def test_the_users_prices_go_first_even_when_zero() -> None:
    rates = rates_for(settings("fake"), prices(input_per_million=0, output_per_million=2), FakeModel())
    assert rates == Rates(0, 2, None, "as given in `prices`")
    mixed = looked_up("gpt-4o-mini", output_per_million=9)
    assert mixed.input_per_million == pytest.approx(0.15) and mixed.output_per_million == 9
    assert mixed.how.startswith("output_per_million as given in `prices`, the rest list prices of OpenAI")
    local = rates_for(settings(), prices(input_per_million=1, output_per_million=2), Tunable())
    assert local.training_per_million is not None


def test_cached_tokens_have_their_own_price_where_one_is_known() -> None:
    found = looked_up("gpt-4o-mini")
    assert found.cached_per_million == pytest.approx(0.075)
    assert found.price(1_000_000, 0, cached=1_000_000) == pytest.approx(0.075)
    assert looked_up("gpt-4o-mini", input_per_million=1.0).cached_per_million is None, "it goes with no other price"
    given = looked_up("gpt-4o-mini", cached_per_million=0.01)
    assert given.cached_per_million == 0.01 and given.how.startswith(
        "cached_per_million as given in `prices`, the rest list prices"
    )


def test_a_bill_in_dollars_goes_before_prices_and_none_in_another_currency() -> None:
    rates = looked_up("gpt-4o-mini")
    assert rates.price(1000, 1000, billed=0.5) == 0.5
    euros = looked_up("m", currency="EUR", input_per_million=1.0, output_per_million=1.0)
    assert euros.price(1000, 1000, billed=0.5) == pytest.approx(0.002)

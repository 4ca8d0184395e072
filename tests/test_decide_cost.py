"""Costs by hand calculation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide_helpers import RATES, UNKNOWN, make_run, make_system, make_task, right

from tailor.decide.cost import cost_of, error_rate
from tailor.decide.types import Rates
from tailor.score.types import Answer, Score

RUN = make_run(make_system("s"), right(8, 10), (300, 50))


def test_a_cost_is_made_of_tokens_labels_training_and_errors() -> None:
    task = make_task(prices={"label": 0.5, "error": 0.1}, volume={"answers_per_month": 2000, "months": 6})
    cost = cost_of(task, RUN, RATES, labels_used=40, training_tokens=1_000_000)
    assert cost.per_1000 == pytest.approx((300 * 1 + 50 * 2) / 1e6 * 1000)
    assert cost.one_off == pytest.approx(40 * 0.5 + 4)
    assert cost.errors_per_1000 == pytest.approx(1000 * 0.2 * 0.1)
    assert cost.total == pytest.approx(24 + 6 * 2000 * (0.0004 + 0.02))
    assert cost.how == "a price list"


def test_time_does_not_change_the_cost() -> None:
    slow = replace(RUN, answers=tuple(replace(answer, seconds=99.0) for answer in RUN.answers))
    assert cost_of(make_task(), slow, RATES, 0, 0) == cost_of(make_task(), RUN, RATES, 0, 0)


def test_an_unknown_price_is_unknown_and_never_nothing() -> None:
    cost = cost_of(make_task(), RUN, UNKNOWN, 40, 0)
    assert (cost.per_1000, cost.total) == (None, None)
    assert cost.one_off == 10.0
    assert cost.how == "the price of tokens is unknown"


def test_tokens_that_are_not_used_need_no_price() -> None:
    run = make_run(make_system("s"), right(8, 10), (300, 0))
    assert cost_of(make_task(), run, Rates(1.0, None, None, ""), 0, 0).per_1000 == pytest.approx(0.3)


def test_an_unknown_price_of_training_leaves_no_total() -> None:
    cost = cost_of(make_task(), RUN, Rates(1.0, 2.0, None, "list"), 4, 1000)
    assert cost.per_1000 is not None
    assert (cost.one_off, cost.total) == (1.0, None)
    assert cost.how == "list; the price of training is unknown and not counted"


def test_a_run_without_answers_has_an_unknown_cost() -> None:
    failed = replace(
        RUN, answers=tuple(Answer(a.example, "", error="down") for a in RUN.answers), scores=(Score("failed", 0.0, ""),) * 10
    )
    cost = cost_of(make_task(), failed, RATES, 0, 0)
    assert (cost.per_1000, cost.total) == (None, None)
    assert "no answer arrived" in cost.how


def test_whatever_is_not_right_is_an_error() -> None:
    scores = (Score("right", 1.0, "y"), Score("wrong", 0.4, "z"), Score("unparsed", 0.0, ""), Score("failed", 0.0, ""))
    assert error_rate(replace(RUN, scores=scores)) == 0.75
    assert error_rate(replace(RUN, scores=())) == 0.0

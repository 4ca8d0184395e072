"""Runs against an endpoint that bills: a budget holds, what was spent is told, and who answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from biller import Biller, climbed, quiz
from endpoint import Endpoint
from flow import tailor

from tailor.errors import ConfigError
from tailor.report.endpoint import who_answered
from tailor.report.record import to_json
from tailor.report.summary import summary_text


def test_a_budget_stops_a_run_before_the_opening_and_raised_lets_it_go_on(tmp_path: Path) -> None:
    biller = Biller()
    with Endpoint(biller) as endpoint, Endpoint(Biller()) as other:
        folder = quiz(tmp_path / "quiz", endpoint.url, budget=0.004)
        stopped = tailor("run", folder)
        assert stopped.exit_code == 2
        assert "the budget of 0.004 USD leaves no room for the next call" in stopped.output
        assert "Opening the sealed test set" not in stopped.output and "raise `budget`" in stopped.output
        assert "The budget of 0.004 USD is below even the lowest estimate" in stopped.output
        assert "; the rest of the study is expected to take " in stopped.output
        assert 0.002 < biller.billed <= 0.004
        asked = endpoint.calls
        study, said = climbed(folder, budget=1.0)
        assert "Opening the sealed test set" in said
        assert study.spent is not None and study.spent.paid == pytest.approx(biller.billed)
        assert (study.spent.calls, study.spent.maybe_paid, study.spent.estimated) == (endpoint.calls, (), 0)
        assert endpoint.calls > asked
        climbed(quiz(tmp_path / "other", other.url))
        assert other.calls == endpoint.calls, "nothing that was answered is asked again"


def test_a_budget_needs_prices_and_says_how_to_give_them(tmp_path: Path) -> None:
    with Endpoint(Biller()) as endpoint:
        with pytest.raises(ConfigError, match="the price of `m-1` at") as error:
            climbed(quiz(tmp_path, endpoint.url, prices={}, budget=1.0))
        assert endpoint.calls == 0
    assert "`prices.input_per_million`" in error.value.hint


def test_what_the_endpoint_bills_goes_before_prices(tmp_path: Path) -> None:
    with Endpoint(Biller(cost=0.001)) as endpoint:
        study, _ = climbed(quiz(tmp_path, endpoint.url))
    assert study.spent is not None and study.spent.paid == pytest.approx(0.001 * endpoint.calls)
    assert study.decision is not None and study.decision.finalists[-1].cost.per_1000 == pytest.approx(1.0)


def test_tokens_that_are_not_counted_are_estimated_and_that_is_said(tmp_path: Path) -> None:
    with Endpoint(Biller(prompt_tokens=None)) as endpoint:
        study, _ = climbed(quiz(tmp_path, endpoint.url))
    assert "rest on estimated tokens" in summary_text(study)
    assert study.decision is not None and "of 20 answers are estimated" in study.decision.finalists[-1].cost.how


def test_another_model_than_the_one_asked_for_and_a_change_of_it_are_said(tmp_path: Path) -> None:
    biller = Biller()
    with Endpoint(biller) as endpoint:
        biller.more = {"model": "m-1-2026-01-01", "system_fingerprint": "fp_a"}
        study, _ = climbed(quiz(tmp_path / "same", endpoint.url))
        (found,) = who_answered(study)
        assert list(found.models) == ["m-1-2026-01-01"] and not found.sentence
        folder = quiz(tmp_path / "swapped", endpoint.url, budget=0.004)
        assert tailor("run", folder).exit_code == 2
        biller.more = {"model": "spare", "system_fingerprint": "fp_b"}
        study, _ = climbed(folder, budget=1.0)
    told = json.loads(json.dumps(to_json(study)))["answered"]["sentence"]
    assert told.startswith("The endpoint answered as 2 models: ") and "2 fingerprints" in told
    assert told in summary_text(study)

"""What was paid is kept with each answer, and stays what it was when prices are edited; what cannot be read is paid once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from biller import PRICES, Biller, Listener, climbed, quiz
from endpoint import Answer, Endpoint

from tailor.decide.types import Rates
from tailor.experiment import run
from tailor.ledger import Ledger
from tailor.models.remote import RemoteModel
from tailor.project import load_project
from tailor.report.record import to_json
from tailor.report.summary import summary_text
from tailor.results import Study
from tailor.score.types import Answer as Saved
from tailor.store.calls import Call

EDITED = {"input_per_million": 3.0, "output_per_million": 4.0}


def calls_of(folder: Path) -> list[Call]:
    with Ledger(folder / ".tailor", shared=True) as ledger:
        return list(ledger.spending()._known.values())


def at_its_prices(call: Call) -> float | None:
    assert call.prices is not None
    read, written, cached = call.prices
    return Rates(read, written, None, "", cached).price(call.tokens_in, call.tokens_out, cached=call.cached, billed=call.billed)


def answers(study: Study) -> list[Saved]:
    return [answer for step in study.steps if step.run for answer in step.run.answers]


def prices_read(study: Study) -> set[float | None]:
    return {answer.payment.input_per_million for answer in answers(study) if answer.payment}


def test_what_was_paid_can_be_recomputed_after_prices_were_edited(tmp_path: Path) -> None:
    details: dict[str, Any] = {"prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 1}}
    biller = Biller(**details)
    biller.price = lambda read, written: (read - 8 + 8 * 0.5 + 10.0 * written) / 1e6
    with Endpoint(biller) as endpoint:
        first, _ = climbed(quiz(tmp_path, endpoint.url, prices=PRICES | {"cached_per_million": 0.5}))
        billed, asked = biller.billed, endpoint.calls
        for answer in answers(first):
            assert answer.payment is not None and answer.payment.currency == "USD" and answer.reasoning == 1
            assert (answer.payment.input_per_million, answer.payment.cached_per_million) == (1.0, 0.5)
            price = answer.tokens_in - 8 + 8 * 0.5 + 10.0 * answer.tokens_out
            assert answer.payment.amount == pytest.approx(price / 1e6)
        second, _ = climbed(quiz(tmp_path, endpoint.url, prices=EDITED))
        assert endpoint.calls == asked, "nothing is asked again"
        third, _ = climbed(quiz(tmp_path, endpoint.url, prices=EDITED, instruction="Say the last word."))
    assert second.spent is not None and second.spent.paid == pytest.approx(billed) and not second.spent.repriced
    assert (prices_read(second), prices_read(third)) == ({1.0}, {3.0})
    calls, spent = calls_of(tmp_path), third.spent
    assert [call.paid for call in calls] == [pytest.approx(at_its_prices(call)) for call in calls]
    assert spent is not None and sum(call.paid or 0.0 for call in calls) == pytest.approx(spent.paid)
    assert spent.repriced and "each call counts at those of its time" in summary_text(third)
    assert json.loads(json.dumps(to_json(third)))["spent"]["repriced"] is True


def test_loss_is_told_in_money_where_that_can_be_read(tmp_path: Path) -> None:
    with Endpoint(Biller()) as endpoint:
        climbed(quiz(tmp_path, endpoint.url))
    with Ledger(tmp_path / ".tailor") as ledger:
        ledger._db.execute("UPDATE answers SET record = replace(record, '\"finish\"', '\"finisH\"')")
    with Ledger(tmp_path / ".tailor") as ledger:
        (told,) = ledger.messages
    with Ledger(tmp_path / ".tailor") as ledger:
        paid = ledger.spending().spent.paid
    assert told.endswith(f" tokens, {paid:.2g} USD).") and "asked for again" in told


class Spoilt(Biller):
    """One that sends no completion for some questions, and bills them all the same."""

    counts = False

    def __call__(self, payload: Mapping[str, Any]) -> Answer:
        answer = super().__call__(payload)
        if "3?" not in str(payload["messages"][-1]["content"]):
            return answer
        assert isinstance(answer.body, dict)
        return Answer({"usage": answer.body["usage"]} if self.counts else b'{"choices": [')


def hasty(folder: Path) -> Study:
    """A run that waits for a moment only before it asks again."""
    project = load_project(folder)
    return run(project, Listener(), model=RemoteModel(project.task.model, backoff_seconds=0.01))


@pytest.mark.parametrize("counts", [False, True])
def test_an_answer_that_cannot_be_read_is_counted_and_not_asked_for_at_every_run(tmp_path: Path, counts: bool) -> None:
    biller = Spoilt()
    biller.counts = counts
    with Endpoint(biller) as endpoint:
        folder = quiz(tmp_path, endpoint.url)
        study = hasty(folder)
        calls = endpoint.calls
        again = hasty(folder)
        assert endpoint.calls == calls
    runs = [*(step.run for step in study.steps if step.run), *study.tests]
    assert sum(run.count("refused") for run in runs) > 0 and not any(run.count("failed") for run in runs)
    assert study.decision is not None and again.decision is not None and again.decision.headline == study.decision.headline
    spent = study.spent
    assert spent is not None and spent.paid + spent.maybe >= biller.billed * (1 - 1e-9)
    assert bool(spent.maybe_paid) is not counts
    if counts:
        assert spent.paid == pytest.approx(biller.billed)

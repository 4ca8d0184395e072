"""What calls cost is noted down before they are made, and a cap on it is never passed."""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from flow import tailor, write_desk
from money import capped

from tailor.decide.bill import paid_amount, spent_sentence
from tailor.decide.meter import Meter
from tailor.decide.types import Rates
from tailor.errors import OverBudget, StoreError
from tailor.ledger import Ledger
from tailor.models.base import Reply
from tailor.store.calls import check_calls
from tailor.store.spending import Spending

RATES = Rates(1.0, 10.0, None, "as given", cached_per_million=0.1)


def settled(spending: Spending, worst: float, paid: float | None) -> None:
    number = spending.reserve("m", worst)
    spending.settle(number, replace(spending.call(number), paid=paid, tokens_in=1))


def test_what_was_paid_is_known_the_next_time(tmp_path: Path) -> None:
    with Spending(tmp_path, cap=5) as spending:
        settled(spending, 2.0, 0.5)
        settled(spending, 2.0, None)
    with Spending(tmp_path, cap=5) as spending:
        spent = spending.spent
        assert (spent.paid, spent.calls, spent.maybe, len(spent.maybe_paid)) == (0.5, 1, 2.0, 1)
        assert spending.left == pytest.approx(2.5)


def test_a_call_under_way_at_a_kill_counts_as_maybe_paid(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        Spending(tmp_path).reserve("m", 0.25)
        os._exit(0)
    os.waitpid(child, 0)
    with Spending(tmp_path, cap=1) as spending:
        (call,) = spending.spent.maybe_paid
        assert (call.model, call.worst, spending.left) == ("m", 0.25, 0.75)


def test_a_call_that_does_not_fit_waits_for_those_under_way_and_then_is_refused(tmp_path: Path) -> None:
    with Spending(tmp_path, cap=1.0) as spending:
        first = spending.reserve("m", 0.9)
        made: list[int] = []
        thread = threading.Thread(target=lambda: made.append(spending.reserve("m", 0.5)))
        thread.start()
        time.sleep(0.05)
        assert not made
        spending.settle(first, replace(spending.call(first), paid=0.3, tokens_in=1))
        thread.join(5)
        spending.settle(made[0], replace(spending.call(made[0]), paid=0.4, tokens_in=1))
        with pytest.raises(
            OverBudget, match=r"the budget of 1\.00 USD leaves no room for the next call: 0\.70? are spent, and"
        ) as error:
            spending.reserve("m", 0.5)
        assert "--budget" in error.value.hint


def test_many_threads_at_once_never_pass_the_cap(tmp_path: Path) -> None:
    chance, most = random.Random(4), 0.0
    with Spending(tmp_path, cap=1.0) as spending:

        def work() -> None:
            nonlocal most
            while True:
                worst = chance.uniform(0.01, 0.1)
                try:
                    number = spending.reserve("m", worst)
                except OverBudget:
                    return
                most = max(most, spending.cap - spending.left if spending.cap else 0.0)
                spending.settle(number, replace(spending.call(number), paid=worst * chance.random(), tokens_in=1))

        threads = [threading.Thread(target=work) for _ in range(32)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert 0.9 < spending.spent.paid <= 1.0
        assert most <= 1.0 + 1e-9
        calls = spending.spent.calls
    with Spending(tmp_path) as spending:
        assert spending.spent.calls == calls


def test_a_record_that_was_altered_counts_as_the_dearest(tmp_path: Path) -> None:
    with Spending(tmp_path) as spending:
        settled(spending, 2.0, 1.5)
        settled(spending, 2.0, 0.1)
    db = apsw.Connection(str(tmp_path / "spending.db"))
    db.execute("UPDATE calls SET record = replace(record, '\"paid\": 0.1', '\"paid\": 0.0')")
    db.close()
    with Spending(tmp_path, cap=4) as spending:
        assert (spending.spent.paid, spending.spent.maybe, spending.left) == (1.5, 2.0, 0.5)
        assert spending.messages == [f"1 note {LOST} (2 USD)."]


LOST = "on a call to an endpoint is damaged or gone; each counts as the most expensive call so far"


def test_a_note_that_is_gone_counts_as_the_dearest(tmp_path: Path) -> None:
    with Spending(tmp_path) as spending:
        settled(spending, 2.0, 1.5)
        settled(spending, 0.2, 0.1)
    db = apsw.Connection(str(tmp_path / "spending.db"))
    db.execute("DELETE FROM calls WHERE record LIKE '%1.5%'")
    with Spending(tmp_path, cap=4) as spending:
        assert (spending.spent.paid, spending.spent.maybe, spending.messages) == (0.1, 2.0, [f"1 note {LOST} (2 USD)."])
    db.execute("DELETE FROM total")
    with Spending(tmp_path, cap=4) as spending:
        assert len(spending.messages) == 1 and "Look up what was spent at the provider" in spending.messages[0]
    db.execute("DROP TABLE total")  # as the first version left it
    db.close()
    with Spending(tmp_path, cap=4) as spending:
        assert spending.messages == [] and spending.spent.paid == 0.1
    assert check_calls(tmp_path / "spending.db").is_counted


def project(folder: Path) -> Path:
    """A project that saved an answer and noted ten calls down; gives its store."""
    store = write_desk(folder) / ".tailor"
    with Ledger(store) as ledger:
        ledger.save_answers("system", {"a": {"raw": "x", "error": ""}})
        spending = ledger.spending()
        for number in range(10):
            settled(spending, 2.0, 0.1 * number)
    return store


def test_a_damaged_file_is_repaired_and_what_is_gone_counts(tmp_path: Path) -> None:
    store = project(tmp_path / "desk")
    assert "and 10 notes on calls to endpoints." in tailor("store", "check", tmp_path / "desk").stdout
    data = bytearray((store / "spending.db").read_bytes())
    place = data.index(b'"paid": 0.9')
    data[place + 8 : place + 11] = b"0.0"
    data[:16] = bytes(16)
    (store / "spending.db").write_bytes(data)
    with pytest.raises(StoreError, match="what was spent on endpoints is no longer known") as error:
        Spending(store)
    assert f"tailor store repair {tmp_path / 'desk'}" in error.value.hint
    assert "spending.db is damaged" in tailor("store", "check", tmp_path / "desk").stdout
    repaired = tailor("store", "repair", tmp_path / "desk").stdout
    assert "Whole are 1 answer, 0 openings of test sets, 0 studies and 9 notes on calls to endpoints." in repaired
    assert f"1 note {LOST} (2)." in repaired and (store / "damaged-1" / "spending.db").read_bytes() == bytes(data)
    with Spending(store, cap=10) as spending:
        assert (round(spending.spent.paid, 6), spending.spent.maybe, spending.messages) == (3.6, 2.0, [])
    whole = tailor("store", "check", tmp_path / "desk")
    assert whole.exit_code == 0 and "10 notes" in whole.stdout
    assert "Nothing had to be repaired" in tailor("store", "repair", tmp_path / "desk").stdout


def test_a_backup_holds_what_was_paid(tmp_path: Path) -> None:
    store = project(tmp_path / "desk")
    assert tailor("store", "backup", tmp_path / "desk", "-o", tmp_path / "copy.db").exit_code == 0
    os.replace(tmp_path / "copy-spending.db", store / "spending.db")
    with Spending(store) as spending:
        assert spending.spent.calls == 10 and spending.spent.paid == pytest.approx(4.5)
    assert "is there already" in tailor("store", "backup", tmp_path / "desk", "-o", tmp_path / "copy.db").stderr


@pytest.mark.parametrize(
    ("reply", "paid", "estimated"),
    [
        (Reply("x", tokens_in=1000, tokens_out=100), 0.002, 0.0),
        (Reply("x", tokens_in=1000, tokens_out=100, cached=500), 0.00155, 0.0),
        (Reply("x", tokens_in=1000, tokens_out=100, billed=0.0007), 0.0007, 0.0),
        (Reply("x", tokens_in=1000, tokens_out=100, counted=False), 0.002, 0.002),
        (Reply(""), 0.0, 0.0),
    ],
)
def test_a_reply_costs_what_it_was_billed_else_its_tokens(tmp_path: Path, reply: Reply, paid: float, estimated: float) -> None:
    with Spending(tmp_path) as spending:
        meter = Meter(spending, "m", RATES)
        meter.settle(meter.reserve(tokens_in=2000, tokens_out=200), reply)
        assert spending.spent.paid == pytest.approx(paid) and spending.spent.estimated == pytest.approx(estimated)


def test_estimated_tokens_count_at_their_worst_against_the_cap(tmp_path: Path) -> None:
    with Spending(tmp_path, cap=1.0) as spending:
        meter = Meter(spending, "m", RATES)
        meter.settle(meter.reserve(tokens_in=2000, tokens_out=200), Reply("x", tokens_in=10, tokens_out=1, counted=False))
        assert spending.left == pytest.approx(1.0 - 0.004)


def test_an_endpoint_that_takes_more_than_it_may_is_taken_to_do_so_again(tmp_path: Path) -> None:
    with Spending(tmp_path, cap=1.0) as spending:
        meter = Meter(spending, "m", RATES)
        meter.settle(meter.reserve(tokens_in=2000, tokens_out=200), Reply("x", tokens_in=2000, tokens_out=1000))
        number = meter.reserve(tokens_in=2000, tokens_out=200)
        assert spending.call(number).worst == pytest.approx(0.012)
    with Spending(tmp_path, cap=1.0) as spending:
        meter = Meter(spending, "m", RATES)
        assert spending.call(meter.reserve(tokens_in=2000, tokens_out=200)).worst == pytest.approx(0.012), "in later runs too"
        assert spending.call(Meter(spending, "n", RATES).reserve(tokens_in=2000, tokens_out=200)).worst == pytest.approx(0.004)


def test_prices_that_were_raised_count_for_what_was_bought_before(tmp_path: Path) -> None:
    with Spending(tmp_path) as spending:
        meter = Meter(spending, "m", RATES)
        meter.settle(meter.reserve(tokens_in=1000, tokens_out=100), Reply("x", tokens_in=1000, tokens_out=100))
    for factor, counted in ((0.5, 0.002), (1.0, 0.002), (2.0, 0.004)):
        with Spending(tmp_path, cap=1.0) as spending:
            Meter(spending, "m", Rates(factor, 10 * factor, None, "edited"))
            assert 1.0 - spending.left == pytest.approx(counted)
            assert spending.spent.paid == pytest.approx(0.002)


def test_two_processes_at_once_never_pass_the_cap_together(tmp_path: Path) -> None:
    """Each has its own record of what was spent; what the other one notes down is seen before a call is made."""
    made, refused = list[float](), 0
    with Spending(tmp_path, cap=1.0) as one, Spending(tmp_path, cap=1.0) as other:
        for number in range(40):
            spending = (one, other)[number % 2]
            try:
                call = spending.reserve("m", 0.06)
            except OverBudget:
                refused += 1
            else:
                made.append(0.05)
                spending.settle(call, replace(spending.call(call), paid=0.05, tokens_in=1))
    assert sum(made) <= 1.0 and len(made) >= 14 and refused == 40 - len(made)
    with Spending(tmp_path, cap=1.0) as both:
        assert both.spent.paid == pytest.approx(sum(made)) and both.spent.calls == len(made)


def test_nobody_waits_for_a_batch_to_turn_out_cheaper(tmp_path: Path) -> None:
    with Spending(tmp_path, cap=1.0) as spending:
        spending.reserve("m", 0.9, calls=9, batch="mark")
        assert spending.spent.maybe == pytest.approx(0.9)
        with pytest.raises(OverBudget, match="leaves no room"):
            spending.reserve("m", 0.2)


def test_calls_without_a_price_cost_an_unknown_amount_and_never_nothing(tmp_path: Path) -> None:
    with Spending(tmp_path) as spending:
        meter = Meter(spending, "m", Rates(None, None, None, "unknown"))
        meter.settle(meter.reserve(tokens_in=2000, tokens_out=200), Reply("x", tokens_in=10, tokens_out=1))
        assert spent_sentence(spending.spent, "USD").startswith("Paid to endpoints so far: an unknown price, for 1 answered call")
        meter.settle(meter.reserve(tokens_in=2000, tokens_out=200), Reply("x", tokens_in=10, tokens_out=1, billed=0.5))
        assert paid_amount(spending.spent, "USD") == "0.50 USD"
        assert "The price of 1 of them is not known" in spent_sentence(spending.spent, "USD")


@pytest.mark.slow
def test_a_cap_holds_through_kills_faults_and_edited_prices() -> None:
    found = capped(3, cap=0.1)
    assert (found["over"], found["unlisted"]) == (0, 0)
    assert found["used"] > 20

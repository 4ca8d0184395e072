"""What would change the decision, and break-even, by hand calculation."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from decide_helpers import make_candidate, make_system, make_task, right

from tailor.decide.changes import flips
from tailor.decide.decision import Candidate, decide
from tailor.decide.types import BreakEven, Decision
from tailor.task import Task

N = 160


def prompted_and_tuned(task: Task, n_right: tuple[int, int] = (150, 150)) -> list[Candidate]:
    """0.0004 an answer and nothing at first, against 0.0001 an answer and 75 for 300 labels."""
    return [
        make_candidate(task, "prompted", right(n_right[0], N), tokens=400),
        make_candidate(task, "tuned", right(n_right[1], N), tokens=100, labels=300, system=make_system("tuned", method="lora")),
    ]


def about(sentences: tuple[str, ...], pattern: str) -> float:
    """The number that the one sentence with this pattern tells."""
    found = [match for sentence in sentences if (match := re.search(pattern, sentence))]
    assert len(found) == 1, sentences
    return float(found[0].group(1).replace(",", ""))


def decided(task: Task, **rights: tuple[int, int]) -> Decision:
    return decide(task, prompted_and_tuned(task, **rights), 1)


def test_break_even_is_the_one_off_cost_over_what_an_answer_saves() -> None:
    decision = decided(make_task())
    assert decision.chosen == "prompted"
    (pair,) = decision.break_even
    assert (pair.cheap, pair.dear) == ("prompted", "tuned")
    assert pair.answers_per_month == pytest.approx(75 / (12 * (0.0004 - 0.0001)))


def test_break_even_counts_the_price_of_errors() -> None:
    task = make_task(prices={"error": 0.01})
    saved = 0.0004 - 0.0001 + 0.01 * 8 / N
    decision = decided(task, n_right=(148, 156))
    assert decision.break_even[0].answers_per_month == pytest.approx(75 / (12 * saved))


def test_what_never_pays_has_no_break_even() -> None:
    task = make_task()
    dear = make_candidate(task, "dear", right(150, N), tokens=900, labels=300)
    cheap = make_candidate(task, "cheap", right(150, N), tokens=100)
    same = make_candidate(task, "twin", right(150, N), tokens=100)
    decision = decide(task, [dear, cheap, same], 1)
    assert decision.break_even == (BreakEven("cheap", "dear", None), BreakEven("cheap", "twin", None))


def test_the_told_volume_is_where_the_choice_changes() -> None:
    volume = 75 / (12 * 0.0003)
    told = about(decided(make_task()).changes, r"Above about ([\d,]+) answers a month the choice would be tuned")
    assert told == pytest.approx(volume, rel=0.05)
    for factor, chosen in ((0.97, "prompted"), (1.03, "tuned")):
        task = make_task(volume={"answers_per_month": volume * factor})
        assert decided(task).chosen == chosen
    above = decided(make_task(volume={"answers_per_month": 2 * volume}))
    assert about(above.changes, r"Below about ([\d,]+) answers a month the choice would be prompted") == pytest.approx(
        volume, rel=0.05
    )


def test_the_told_price_of_an_error_is_where_the_choice_changes() -> None:
    answers, more = 120_000, 75 - 120_000 * 0.0003
    price = more / (answers * 8 / N)
    decision = decided(make_task(), n_right=(148, 156))
    told = about(decision.changes, r"cost you more than about ([\d.]+) USD, the choice would be tuned")
    assert told == pytest.approx(price, rel=0.05)
    for factor, chosen in ((0.9, "prompted"), (1.1, "tuned")):
        assert decided(make_task(prices={"error": price * factor}), n_right=(148, 156)).chosen == chosen
    dearer = decided(make_task(prices={"error": 2 * price}), n_right=(148, 156))
    assert about(dearer.changes, r"cost you less than about ([\d.]+) USD, the choice would be prompted") == pytest.approx(
        price, rel=0.05
    )


def test_the_told_targets_are_where_the_choice_changes() -> None:
    decision = decided(make_task(target=0.8), n_right=(142, 158))
    higher = about(decision.changes, r"With a target of (\d+) % the choice would be tuned")
    assert decided(make_task(target=higher / 100), n_right=(142, 158)).chosen == "tuned"
    assert decided(make_task(target=higher / 100 - 0.01), n_right=(142, 158)).chosen == "prompted"
    above = decided(make_task(target=higher / 100), n_right=(142, 158))
    lower = about(above.changes, r"If (\d+) % were enough, prompted, which is cheaper, would do")
    assert lower == higher - 1


def test_a_target_beyond_every_system_is_told() -> None:
    decision = decided(make_task())
    limit = about(decision.changes, r"With a target of (\d+) % or more, no system tested is shown to meet it")
    assert decided(make_task(target=limit / 100)).verdict != "target met"
    assert decided(make_task(target=limit / 100 - 0.01)).verdict == "target met"


def test_a_target_that_would_be_met_is_told_when_none_is() -> None:
    decision = decided(make_task(target=0.95))
    lower = about(decision.changes, r"If (\d+) % were enough, prompted would be shown to meet it")
    assert decided(make_task(target=lower / 100)).verdict == "target met"
    assert decided(make_task(target=lower / 100 + 0.01)).verdict != "target met"


def test_no_target_far_below_what_was_asked_for_is_offered() -> None:
    assert not any("were enough" in change for change in decided(make_task(target=0.95), n_right=(60, 61)).changes)


def test_the_told_smallest_effect_is_where_a_cheaper_system_would_do() -> None:
    task = make_task(target=0.99)
    decision = decided(task, n_right=(150, 152))
    points = about(decision.changes, r"If differences below (\d+) points did not matter to you, prompted would be enough")
    wide = decided(make_task(target=0.99, smallest_effect=points / 100), n_right=(150, 152))
    assert (wide.verdict, wide.chosen) == ("cheapest within the smallest effect", "prompted")
    assert decided(make_task(target=0.99, smallest_effect=points / 100 - 0.01), n_right=(150, 152)).verdict == "not shown"


def test_a_difference_beyond_twenty_points_is_never_called_too_small() -> None:
    decision = decided(make_task(target=0.99), n_right=(60, 130))
    assert not any("differences below" in change for change in decision.changes)


def test_an_open_question_without_a_price_of_errors_does_not_turn_on_that_price() -> None:
    decision = decided(make_task(target=0.99), n_right=(150, 152))
    assert decision.verdict == "not shown"
    assert not any("wrong answer cost" in change for change in decision.changes)
    priced = decided(make_task(target=0.99, prices={"error": 0.2}), n_right=(150, 152))
    assert priced.verdict == "not shown"
    assert any("cost you less than about" in change and "the best guess would be" in change for change in priced.changes)


def test_costs_that_do_not_follow_from_volume_and_prices_say_nothing_about_others() -> None:
    task = make_task()
    candidates = [
        replace(c, cost=replace(c.cost, total=total)) for c, total in zip(prompted_and_tuned(task), (5.0, 1.0), strict=True)
    ]
    decision = decide(task, candidates, 1)
    assert decision.chosen == "tuned"
    assert not any("a month" in change or "wrong answer" in change for change in decision.changes)


def test_a_certain_system_has_no_higher_target() -> None:
    task = make_task(target=0.99)
    decision = decide(task, [make_candidate(task, "a", [1.0] * 1200)], 1)
    assert decision.verdict == "target met"
    assert decision.changes == ("With a target of 100 %, no system tested is shown to meet it.",)


def test_flips_skip_crossings_at_which_the_choice_stays() -> None:
    lines = [(0.0, 3.0), (2.0, 2.0), (10.0, 1.0)]
    assert flips(lines, 1.0, 0, lambda x: min(range(3), key=lambda i: lines[i][0] + lines[i][1] * x)) == (None, (2.0, 1))
    assert flips(lines, 20.0, 2, lambda x: 2) == (None, None)
    assert flips([(0.0, 1.0)], 1.0, 0, lambda x: 0) == (None, None)
    assert flips(lines, 9.0, 2, lambda x: 0 if x < 4 else 2) == ((5.0, 0), None)

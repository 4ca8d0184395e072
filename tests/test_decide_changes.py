"""What would change the decision, and break-even, by hand calculation."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest
from decide_helpers import RATES, UNKNOWN, make_candidate, make_run, make_system, make_task, right
from golden_text import Golden
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.decide.changes import MOST_OFTEN, break_even, flips
from tailor.decide.cost import NEVER_SAID, cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.formats import format_often
from tailor.decide.rule import Contender, Evidence, Terms, totals
from tailor.decide.types import BreakEven, Decision, Pace, Rates
from tailor.decide.upkeep import PER_MONTH
from tailor.system import Knowledge
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
    assert (pair.cheap, pair.expensive) == ("prompted", "tuned")
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
    assert decision.break_even == (
        *(BreakEven("cheap", "dear", None), BreakEven("cheap", "twin", None)),
        BreakEven("twin", "dear", None),
    )


def test_break_even_is_told_for_every_two_finalists_with_a_known_price() -> None:
    task = make_task(volume={"answers_per_month": 1000, "months": 10})
    one_off, tokens = {"a": 0, "b": 40, "c": 400}, {"a": 900, "b": 500, "c": 100}
    candidates = [make_candidate(task, name, right(150, N), tokens=tokens[name], labels=4 * one_off[name]) for name in "cab"]
    unpriced = make_candidate(task, "z", right(150, N), rates=UNKNOWN)
    pairs = {(pair.cheap, pair.expensive): pair.answers_per_month for pair in decide(task, [*candidates, unpriced], 1).break_even}
    # (what dear costs more at first) / (10 months x what it saves per answer, a millionth for each token)
    assert pairs.keys() == {("a", "b"), ("a", "c"), ("b", "c")}
    assert pairs["a", "b"] == pytest.approx(40 / (10 * 400e-6))
    assert pairs["a", "c"] == pytest.approx(400 / (10 * 800e-6))
    assert pairs["b", "c"] == pytest.approx(360 / (10 * 400e-6))


AMOUNTS = st.sampled_from([0.0, 0.5, 3.0, 40.0])
CONTENDERS = st.builds(partial(Contender, "", True, 0.9, 1.0, 0.8, None, 9), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)


@given(
    st.lists(
        st.builds(partial(Contender, "", True, 0.9, 1.0, 0.8, None, 9), AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS), max_size=4
    ),
    st.sampled_from([0.0, 0.3]),
    st.sampled_from([None, 0.5, 4.0]),
)
def test_at_the_break_even_two_totals_are_equal_and_beyond_it_the_dear_start_is_cheaper(
    contenders: list[Contender], error_price: float, often: float | None
) -> None:
    evidence = Evidence(tuple(replace(c, name=f"s{i}") for i, c in enumerate(contenders)), {})
    terms = Terms(0.9, 0.02, error_price, 100, 6, often, 1.0)

    def total(name: str, volume: float) -> float:
        found = totals(evidence, replace(terms, answers_per_month=volume))[int(name[1:])]
        assert found is not None
        return found

    pairs = break_even(evidence, terms)
    assert len(pairs) == len(contenders) * (len(contenders) - 1) // 2
    for pair in pairs:
        gaps = [total(pair.expensive, volume) - total(pair.cheap, volume) for volume in (0, 10, 1e7)]
        assert gaps[0] >= 0
        if (where := pair.answers_per_month) is None:
            assert min(gaps) >= 0
            continue
        assert total(pair.expensive, where) == pytest.approx(total(pair.cheap, where))
        assert total(pair.expensive, 1.5 * where + 1) < total(pair.cheap, 1.5 * where + 1)
        assert where == 0 or total(pair.expensive, 0.5 * where) > total(pair.cheap, 0.5 * where)


# --- changes of documents and requirements


def tuned_and_retrieving(task: Task, pace: Pace = NEVER_SAID) -> list[Candidate]:
    """20 at first, 0.0001 an answer and 8 for each training, against 0.0004 an answer and nothing else."""
    index = make_system("retrieving").model_copy(update={"knowledge": Knowledge(kind="index", passages=1)})
    runs = [make_run(make_system("tuned", method="lora"), right(152, N), (100, 0)), make_run(index, right(152, N), (400, 0))]
    costs = [cost_of(task, runs[0], RATES, 48, 2_000_000, pace=pace), cost_of(task, runs[1], RATES, 0, 0, pace=pace)]
    return [Candidate("best", run, None, cost) for run, cost in zip(runs, costs, strict=True)]


def documents(**volume: object) -> Task:
    return make_task(documents="docs", volume={"answers_per_month": 10_000, "months": 12} | volume)


def test_the_told_pace_of_documents_is_where_the_choice_changes(golden: Golden) -> None:
    # 120,000 answers save 36 less 20 at first; that is eaten by two trainings at 8, so by 2 / 12 changes a month.
    task = documents()
    decision = decide(task, tuned_and_retrieving(task), 1)
    assert decision.chosen == "tuned"
    told = [change for change in decision.changes if change.startswith("If documents change")]
    golden(told)
    for factor, chosen in ((0.97, "tuned"), (1.03, "retrieving")):
        pace = Pace(documents=factor * 2 / 12)
        again = decide(task, tuned_and_retrieving(task, pace), 1, pace)
        assert again.chosen == chosen and again.pace == pace
        assert f"If documents change {'more' if chosen == 'tuned' else 'less'} often than about 2 times a year" in " ".join(
            again.changes
        )


@given(st.floats(0.02, 40), st.floats(500, 50_000))
@settings(max_examples=15, deadline=None)
def test_any_told_pace_flips_the_rule(often: float, volume: float) -> None:
    task = documents(answers_per_month=volume)
    for kind in ("documents", "rules"):
        pace = Pace(**{kind: often})
        before = decide(task, tuned_and_retrieving(task, pace), 1, pace)
        what = "documents" if kind == "documents" else "requirements"
        told = [change for change in before.changes if change.startswith(f"If {what} change")]
        saved = 12 * volume * 0.0003 - 20
        where = saved / (12 * 8)
        if where <= 0:
            assert before.chosen == "retrieving" and not told
            continue
        for factor, chosen in ((0.99, "tuned"), (1.01, "retrieving")):
            near = Pace(**{kind: where * factor})
            assert decide(task, tuned_and_retrieving(task, near), 1, near).chosen == chosen
        assert len(told) == (where <= MOST_OFTEN[what])
        if told:
            assert format_often(where) in told[0] and ("more" in told[0]) == (often < where)


def test_requirements_that_change_cost_every_system_its_measuring_and_the_tuned_one_its_training() -> None:
    task, pace = documents(), Pace(rules=1.0)
    tuned, retrieving = tuned_and_retrieving(task, pace)
    assert (tuned.cost.upkeep, retrieving.cost.upkeep) == (8.0, 0.0)
    decision = decide(task, [tuned, retrieving], 1, pace)
    assert decision.chosen == "retrieving"
    assert any(
        re.match(r"If requirements change less often than about 2 times a year, the choice would be tuned", c)
        for c in decision.changes
    )


def test_what_nobody_said_is_assumed_and_told(golden: Golden) -> None:
    task = documents()
    golden(" ".join(decide(task, tuned_and_retrieving(task), 1).reasons))
    pace = Pace(documents=PER_MONTH["weekly"], rules=0.0)
    told = " ".join(decide(task, tuned_and_retrieving(task, pace), 1, pace).reasons)
    assert "assuming" not in told
    golden(told)
    plain = make_task()
    prompts = [make_candidate(plain, "a", right(150, N)), make_candidate(plain, "b", right(150, N), tokens=9)]
    assert "chang" not in " ".join(decide(plain, prompts, 1).reasons)


def test_a_change_without_a_price_is_not_told_and_leaves_no_total() -> None:
    task, pace = documents(), Pace(documents=1.0)
    run = make_run(make_system("tuned", method="lora"), right(152, N), (100, 0))
    unknown = Rates(1.0, 2.0, None, "a price list")
    candidates = [Candidate("best", run, None, cost_of(task, run, unknown, 48, 2_000_000)), tuned_and_retrieving(task)[1]]
    assert not any("If documents" in change for change in decide(task, candidates, 1).changes)
    cost = cost_of(task, run, replace(unknown, training_per_million=4.0), 48, 0, dev_rows=10, pace=pace)
    assert cost.total is not None and cost_of(task, run, unknown, 48, 2_000_000, pace=pace).upkeep is None


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


def test_a_certain_system_has_no_higher_target(golden: Golden) -> None:
    task = make_task(target=0.99)
    decision = decide(task, [make_candidate(task, "a", [1.0] * 1200)], 1)
    assert decision.verdict == "target met"
    golden(decision.changes)


def test_flips_skip_crossings_at_which_the_choice_stays() -> None:
    lines = [(0.0, 3.0), (2.0, 2.0), (10.0, 1.0)]
    assert flips(lines, 1.0, 0, lambda x: min(range(3), key=lambda i: lines[i][0] + lines[i][1] * x)) == (None, (2.0, 1))
    assert flips(lines, 20.0, 2, lambda x: 2) == (None, None)
    assert flips([(0.0, 1.0)], 1.0, 0, lambda x: 0) == (None, None)
    assert flips(lines, 9.0, 2, lambda x: 0 if x < 4 else 2) == ((5.0, 0), None)

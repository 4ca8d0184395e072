"""Each branch of the rule, on evidence written by hand."""

from __future__ import annotations

import pytest

from tailor.decide.rule import Choice, Contender, Evidence, Terms, cheapest_first, choose, contradicted, totals

TERMS = Terms(target=0.9, smallest_effect=0.02, error_price=0.0, answers_per_month=1000, months=10)


def contender(name: str, mean: float, certified: float = 0.0, **other: float | bool | None) -> Contender:
    basic = {
        "eligible": True,
        "high": 1.0,
        "dev_mean": None,
        "tokens": 1.0,
        "error_rate": 1 - mean,
        "one_off": 0.0,
        "per_answer": 0.01,
    }
    return Contender(name=name, mean=mean, certified=certified, **(basic | other))  # type: ignore[arg-type]


def evidence(*contenders: Contender, spread: float = 0.05) -> Evidence:
    """Limits of each difference at `spread` around it."""
    limits: dict[tuple[int, int], tuple[float | None, float | None]] = {}
    for i, a in enumerate(contenders):
        for j, b in enumerate(contenders):
            limits[i, j] = (a.mean - b.mean - spread, a.mean - b.mean + spread)
    return Evidence(contenders, limits)


def decided(found: Evidence, costs: tuple[float | None, ...], terms: Terms = TERMS) -> Choice:
    return choose(found, terms, costs)


def test_the_cheapest_that_is_shown_to_meet_the_target_wins_even_if_a_dearer_one_is_better() -> None:
    found = evidence(contender("a", 0.85, 0.8), contender("b", 0.94, 0.91), contender("c", 0.99, 0.97))
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("target met", 1)
    assert decided(found, (1.0, 3.0, 2.0)) == Choice("target met", 2)


def test_where_a_price_is_unknown_a_tie_in_tokens_goes_to_a_known_price_and_not_to_the_name() -> None:
    found = evidence(contender("a", 0.85, per_answer=None), contender("b", 0.85))
    assert cheapest_first(found, (None, 2.0)) == [1, 0] and decided(found, (None, 2.0)) == Choice("not shown", 1)


def test_a_high_mean_alone_does_not_meet_the_target() -> None:
    assert decided(evidence(contender("a", 0.99, 0.89)), (1.0,)).verdict == "not shown"


def test_a_limit_exactly_at_the_target_meets_it() -> None:
    assert decided(evidence(contender("a", 0.99, 0.9)), (1.0,)).verdict == "target met"


def test_an_ineligible_system_never_wins() -> None:
    found = evidence(contender("a", 0.99, 0.98, eligible=False), contender("b", 0.5, 0.4))
    assert decided(found, (1.0, 2.0)) == Choice("not shown", 1)


def test_below_the_target_the_cheapest_whose_loss_is_shown_to_be_small_wins() -> None:
    found = evidence(contender("a", 0.6), contender("b", 0.8), contender("c", 0.805), spread=0.01)
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("cheapest within the smallest effect", 1)


def test_not_significantly_worse_is_no_reason_to_choose() -> None:
    found = evidence(contender("a", 0.72), contender("b", 0.88), spread=0.2)
    assert decided(found, (1.0, 2.0)) == Choice("not shown", 1)


def test_a_loss_of_exactly_the_smallest_effect_is_not_below_it() -> None:
    found = Evidence((contender("a", 0.8), contender("b", 0.8)), {(1, 0): (-0.02, 0.02), (0, 1): (-0.02, 0.02)})
    assert decided(found, (1.0, 2.0)).verdict == "not shown"


def test_the_loss_must_be_small_against_every_dearer_one() -> None:
    found = evidence(contender("a", 0.8), contender("b", 0.8), contender("c", 0.9), spread=0.01)
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("cheapest within the smallest effect", 2)


def test_only_eligible_dearer_systems_count() -> None:
    found = evidence(contender("a", 0.8), contender("b", 0.8), contender("c", 0.9, eligible=False), spread=0.01)
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("cheapest within the smallest effect", 0)


def test_the_dearest_wins_only_if_it_is_shown_to_be_better_than_every_cheaper_one() -> None:
    assert decided(evidence(contender("a", 0.7), contender("b", 0.8), spread=0.09), (1.0, 2.0)) == Choice(
        "cheapest within the smallest effect", 1
    )
    assert decided(evidence(contender("a", 0.7), contender("b", 0.8), spread=0.11), (1.0, 2.0)).verdict == "not shown"


def test_a_system_that_a_cheaper_one_equals_is_never_chosen_for_being_as_good_as_a_dearer_one() -> None:
    found = Evidence(
        (contender("a", 0.75), contender("b", 0.7), contender("c", 0.7)),
        {
            (0, 1): (-0.1, 0.2),
            (0, 2): (-0.1, 0.2),
            (1, 0): (-0.2, 0.1),
            (1, 2): (-0.01, 0.01),
            (2, 0): (-0.2, 0.1),
            (2, 1): (-0.01, 0.01),
        },
    )
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("not shown", 0)


def test_unknown_limits_show_nothing() -> None:
    found = Evidence((contender("a", 0.8), contender("b", 0.8)), {(0, 1): (None, None), (1, 0): (None, None)})
    assert decided(found, (1.0, 2.0)).verdict == "not shown"


def test_the_best_guess_is_the_best_mean_and_of_equal_ones_the_cheaper() -> None:
    found = evidence(contender("a", 0.7), contender("b", 0.8), contender("c", 0.8), spread=0.3)
    assert decided(found, (1.0, 2.0, 3.0)) == Choice("not shown", 1)
    assert decided(found, (1.0, 3.0, 2.0)) == Choice("not shown", 2)


def test_where_errors_have_a_price_the_best_guess_is_the_lowest_total() -> None:
    found = evidence(contender("a", 0.79), contender("b", 0.8), spread=0.3)
    priced = Terms(0.9, 0.02, 0.5, 1000, 10)
    assert decided(found, (1.0, 2.0), priced) == Choice("not shown", 0)
    assert decided(found, (None, 2.0), priced) == Choice("not shown", 1)


def test_however_cheap_a_best_guess_is_not_worse_than_another_by_the_smallest_effect() -> None:
    priced = Terms(0.9, 0.02, 0.5, 1000, 10)
    for mean, chosen in ((0.7, 1), (0.78, 1), (0.781, 0)):
        found = evidence(contender("a", mean), contender("b", 0.8), spread=0.3)
        assert decided(found, (1.0, 2.0), priced) == Choice("not shown", chosen)


def test_when_the_test_set_contradicts_dev_only_a_target_that_is_met_still_counts() -> None:
    missed = contender("a", 0.8, 0.75, dev_mean=0.92, high=0.85)
    close = contender("b", 0.805)
    assert contradicted(evidence(missed, close), 0.9) == (0,)
    assert decided(evidence(missed, close, spread=0.001), (1.0, 2.0)) == Choice("not shown", 1)
    assert decided(evidence(missed, contender("c", 0.97, 0.93)), (1.0, 2.0)) == Choice("target met", 1)


@pytest.mark.parametrize(
    "other", [{"dev_mean": 0.89, "high": 0.85}, {"dev_mean": 0.92, "high": 0.9}, {"dev_mean": 0.92, "high": None}, {"high": 0.5}]
)
def test_missing_the_target_by_chance_or_missing_it_on_both_is_no_contradiction(other: dict[str, float | None]) -> None:
    assert contradicted(evidence(contender("a", 0.8, 0.0, **other)), 0.9) == ()
    assert contradicted(evidence(contender("a", 0.8, dev_mean=0.95, high=0.5, eligible=False)), 0.9) == ()


def test_unknown_prices_order_by_tokens_and_never_mix_the_two() -> None:
    found = evidence(contender("a", 0.8, tokens=300), contender("b", 0.8, tokens=20), contender("c", 0.8, tokens=100))
    assert cheapest_first(found, (1.0, 2.0, None)) == [1, 2, 0]
    assert cheapest_first(found, (1.0, 2.0, 1.5)) == [0, 2, 1]


def test_equal_costs_are_ordered_by_tokens_then_by_name() -> None:
    found = evidence(contender("b", 0.8, tokens=5), contender("a", 0.8, tokens=5), contender("c", 0.8, tokens=1))
    assert cheapest_first(found, (1.0, 1.0, 1.0)) == [2, 1, 0]


def test_totals_follow_prices_volume_and_errors() -> None:
    found = evidence(contender("a", 0.8, one_off=50.0), contender("b", 0.8, per_answer=None))
    plain, unknown = totals(found, TERMS)
    assert (plain, unknown) == (150.0, None)
    assert totals(found, Terms(0.9, 0.02, 0.1, 1000, 10))[0] == pytest.approx(50 + 10_000 * (0.01 + 0.2 * 0.1))

"""The report's tables on costs and on consistency."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from golden_text import Golden
from hypothesis import given
from hypothesis import strategies as st
from studies import HANDBOOK, HANDBOOK_SKILLS, answer_study, classify_study, make_study, questions, stopped_study

from tailor.decide.formats import listed
from tailor.decide.types import BreakEven, Cost, Decision, Finalist, Interval, Pace
from tailor.evaluate.consistency import Basis, Consistency, Steadiness, Variation
from tailor.evaluate.rewording import Kind
from tailor.report.consistency import Steady, change_sentence, lead_sentence, steady
from tailor.report.figures import make_figures
from tailor.report.html import environment, render_report
from tailor.report.money import Money, money
from tailor.report.quality import dominates, front_words
from tailor.report.summary import summary_text
from tailor.report.words import minutes
from tailor.results import Study
from tailor.stats.intervals import mean_interval


def text_of(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " ").split())


def tables(study: Study) -> Money:
    found = money(study)
    assert found is not None
    return found


def with_costs(study: Study, costs: dict[str, Cost], pairs: tuple[BreakEven, ...]) -> Study:
    assert study.decision is not None
    first = study.decision.finalists[0]
    finalists = tuple(replace(first, name=name, cost=cost) for name, cost in costs.items())
    known = tuple(replace(pair, cheap_fingerprint=first.fingerprint, expensive_fingerprint=first.fingerprint) for pair in pairs)
    chosen: dict[str, Any] = {"chosen": next(iter(costs)), "fingerprint": first.fingerprint}
    decision: Decision = replace(study.decision, finalists=finalists, break_even=known, **chosen)
    return replace(study, decision=decision)


# --- money


@pytest.mark.parametrize("make", [classify_study, answer_study])
def test_the_parts_of_a_bill_add_up_to_its_total(make: object) -> None:
    for bill in tables(make()).bills:  # type: ignore[operator]
        parts = [bill.labels, bill.training, bill.answers, bill.errors, bill.upkeep]
        assert bill.total is not None and None not in parts
        assert bill.total == pytest.approx(sum(part or 0.0 for part in parts))


def test_keeping_up_stands_in_the_bill_and_the_pace_is_told(golden: Golden) -> None:
    study = make_study(HANDBOOK, questions(), HANDBOOK_SKILLS, [], "", pace=Pace(documents=1.0, rules=0.0))
    found = tables(study)
    golden(found.pace)
    bills = {bill.system: bill for bill in found.bills}
    # Twelve trainings on 84,000 tokens at 0.12 a million, and dev measured again; twelve documents into the index.
    assert bills["lora"].upkeep == pytest.approx(12 * 84_000 * 0.12 / 1e6, rel=0.1)
    assert bills["rag-hybrid"].upkeep == pytest.approx(12 * 0.0002) and bills["zero-shot"].upkeep == 0
    for bill in found.bills:
        parts = [bill.labels, bill.training, bill.answers, bill.errors, bill.upkeep]
        assert bill.total == pytest.approx(sum(part or 0.0 for part in parts))
    page = text_of(render_report(study))
    assert found.pace in page and "documents changing about once a month" in page


def test_an_unsaid_pace_is_told_as_an_assumption(golden: Golden) -> None:
    told = tables(answer_study()).pace
    golden(told)
    assert "documents" not in tables(classify_study()).pace and "requirements" in tables(classify_study()).pace


def test_who_is_cheaper_from_where_on_is_told_from_both_sides() -> None:
    def cost(total: float | None) -> Cost:
        return Cost(1.0, 0.0, 0.0, total)

    costs = {"a": cost(5.0), "b": cost(9.0), "c": cost(9.0), "d": cost(20.0), "u": cost(None)}
    pairs = (
        *(BreakEven("a", "b", 12_345.0), BreakEven("a", "c", None), BreakEven("a", "d", 0.0)),
        *(BreakEven("b", "c", None), BreakEven("b", "d", None), BreakEven("c", "d", 20_000.0)),
    )
    found = tables(with_costs(answer_study(), costs, pairs))
    assert found.priced == ("a", "b", "c", "d")
    assert [[cell.words if cell else "" for cell in row] for row in found.against] == [
        ["", "below 12,000", "always", "never"],
        ["above 12,000", "", "the same", "always"],
        ["never", "the same", "", "below 20,000"],
        ["always", "never", "above 20,000", ""],
    ]
    assert [[cell.now for cell in row if cell] for row in found.against] == [
        *([True, True, True], [False, False, True]),
        *([False, False, True], [False, False, False]),
    ]


def test_the_time_to_change_is_told_in_words_minutes_and_money(golden: Golden) -> None:
    found = tables(answer_study())
    assert found.kinds == ("A new example", "A changed rule", "A changed document")
    rows = {row.system: row.efforts for row in found.efforts}
    golden([effort.work for effort in rows["lora"]])
    golden([effort.work for effort in rows["rag-hybrid"]])
    assert rows["zero-shot"][2].nothing
    golden(rows["zero-shot"][2].work)
    assert rows["rag-hybrid"][2].seconds == 0.8 and (rows["lora"][0].seconds or 0) > 820
    tickets = {row.system: row.efforts for row in tables(classify_study()).efforts}
    golden(tickets["reference-classifier"][0].work)
    golden(tickets["few-shot-nearest-5"][0].work)
    page = text_of(render_report(answer_study()))
    assert "tried on a copy of the index" in page and "Time to change" in page


def test_costs_without_a_price_are_called_unknown_and_a_study_of_old_is_shown() -> None:
    study = with_costs(answer_study(), {"rag-hybrid": Cost(None, 0.0, 0.0, None, training=None, upkeep=None)}, ())
    found = tables(study)
    assert found.priced == () and found.bills[0].total is None and found.efforts == () and found.kinds == ()
    page = text_of(render_report(study))
    assert "Time to change" not in page and "Who is cheaper" not in page and "unknown" in page
    assert money(stopped_study()) is None and "Where the totals" not in render_report(stopped_study())


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "0 min"), (2.0, "< 0.1 min"), (90.0, "1.5 min"), (1200.0, "20 min"), (None, "not timed")]
)
def test_waiting_is_told_in_minutes(seconds: float | None, told: str) -> None:
    assert minutes(seconds) == told


# --- the front


def finalist(name: str, per_1000: float | None, score: float, eligible: bool = True) -> Finalist:
    return Finalist(name, "", "", Interval(score, None, None, 9), 0.0, False, Cost(per_1000, 0.0, 0.0, None), eligible)


def test_the_front_by_hand() -> None:
    finalists = [
        *(finalist("cheap", 1.0, 0.6), finalist("twin", 1.0, 0.6), finalist("dear", 5.0, 0.9), finalist("bad", 5.0, 0.8)),
        *(finalist("worse", 2.0, 0.6), finalist("free", None, 0.99), finalist("reference", 0.1, 0.99, False)),
    ]
    assert [front_words(one, finalists) for one in finalists] == [
        "on the front, level with twin",
        "on the front, level with cheap",
        "on the front: no cheaper system scores as well",
        "dear costs the same and scores higher",
        "cheap costs less and scores the same",
        "price unknown",
        "",
    ]


@given(st.lists(st.tuples(st.sampled_from([1.0, 2.0, 3.0]), st.sampled_from([0.1, 0.2, 0.3])), min_size=1))
def test_the_front_is_what_no_trade_improves(points: list[tuple[float, float]]) -> None:
    front = [one for one in points if not any(dominates(other, one) for other in points)]
    assert front
    # Someone who weighs cost against score in whatever way finds the best of all on the front.
    for weight in (0.0, 0.001, 5.0, 10.0, 20.0, 1000.0):
        best = max(weight * score - cost for cost, score in points)
        assert max(weight * score - cost for cost, score in front) == best
    for one in front:
        assert not any(cost <= one[0] and score >= one[1] for cost, score in points if (cost, score) != one)


def test_the_chart_and_the_table_agree_on_the_front() -> None:
    figures = make_figures(answer_study())
    marked = {point.system for point in figures.quality_cost.points if point.pareto}
    assert marked == {row.finalist.name for row in figures.finalists if row.front.startswith("on the front")}
    assert all(row.slow_seconds is not None and row.seconds is not None for row in figures.finalists)
    page = text_of(render_report(answer_study()))
    assert "on the front: no cheaper system scores as well" in page
    assert (
        f"the best that each price of an answer buys: {listed([p.system for p in figures.quality_cost.points if p.pareto])}."
        in page
    )
    assert "Finalists" in summary_text(answer_study())


# --- consistency


def share(n_true: int, n: int = 50) -> Interval:
    return mean_interval([1.0] * n_true + [0.0] * (n - n_true))


def kind_of(kind: Kind, changed: int | None, basis: Basis = "measured", ways: int = 1) -> Steadiness:
    if changed is None:
        return Steadiness(kind, basis, None, None, None, ())
    variations = tuple(Variation(f"way {i}", share(changed), changed, 0, 0) for i in range(ways))
    return Steadiness(kind, basis, share(changed), share(changed), share(40 - changed), variations)


def found(name: str, changed: int, again: Steadiness | None = None) -> Consistency:
    kinds = (again or kind_of("again", 0), kind_of("order", None, "nothing to vary"), kind_of("format", changed, ways=5))
    return Consistency(name, f"of {name}", share(40), share(40 - changed), 7, 300, kinds)


def section(steadies: Steady | None) -> str:
    return environment().get_template("consistency.html").render(figures=SimpleNamespace(consistency=steadies), currency="USD")


def test_flips_are_told_with_their_interval(golden: Golden) -> None:
    one = found("lora", 2)
    golden(change_sentence(one, one.of("format")))
    golden(change_sentence(one, one.of("again")))
    assert change_sentence(one, one.of("order")) == ""


def test_what_is_certain_is_told_as_certain(golden: Golden) -> None:
    one = found("reference-classifier", 0, kind_of("again", None, "by construction"))
    golden(change_sentence(one, one.of("again")))


@pytest.mark.parametrize(
    ("target", "end"),
    [
        (0.9, "That misses the 90 % that you want every time."),
        (0.75, "That does not show the 75 % that you want every time."),
        (0.6, "That reaches the 60 % that you want every time."),
    ],
)
def test_whoever_wants_it_every_time_is_told_whether_it_is(target: float, end: str) -> None:
    one = found("lora", 2)
    plain = "lora was right on 80 % of 50 dev inputs asked once, and on 76 % [62, 87] of them in each of seven ways to ask."
    assert lead_sentence(one, target, every_time=False) == plain
    assert lead_sentence(one, target, every_time=True) == f"{plain} {end}"


def test_the_section_leads_with_the_chosen_system_and_the_most_changed_answers(golden: Golden) -> None:
    made = steady([found("few-shot-5", 9), found("lora", 2)], "of lora", {"of few-shot-5": 2.0, "of lora": 1.0}, 0.9)
    assert made is not None and made.lead.startswith("lora was right") and not made.prominent
    golden(made.sentences[0])
    assert (made.n, made.calls) == (50, 600) and made.price == pytest.approx(0.9)
    page = section(made)
    told = text_of(page)
    assert made.lead in told and all(sentence in told for sentence in made.sentences)
    assert "nothing to vary" in told
    golden(told)
    assert page.count("<table") == page.count("<caption") == 2 and page.count("<th ") == page.count(" scope=")


def test_a_price_that_is_not_known_is_called_unknown_and_nothing_measured_shows_nothing() -> None:
    made = steady([found("lora", 2)], "", {}, 0.9)
    assert made is not None and made.price is None and "whose price is unknown" in text_of(section(made))
    assert steady([], "of lora", {}, 0.9) is None and section(None).strip() == ""


def test_names_of_systems_are_no_markup(tmp_path: Path) -> None:
    made = steady([found("<b>x</b>", 2)], "", {}, 0.9)
    assert "<b>x" not in section(made)

"""Facts and criteria in, advice out: what holds for all facts, and what is said of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from golden_text import Golden
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from studies import HANDBOOK, TICKETS, make_system

from tailor.advise.advice import Advice, advise, approach_of, compare, questions
from tailor.advise.criteria import STEPS, Step, shipped_criteria
from tailor.advise.facts import Answers, Facts, read_answers
from tailor.errors import ConfigError

LEVELS = ("low", "fair", "high")
CHOICES = {
    "documents_change": ["never", "yearly", "monthly", "weekly", "daily"],
    "stakes": ["low", "medium", "high"],
    "stage": ["prototype", "production"],
    "requirements_change": ["rarely", "sometimes", "often"],
    "runs_on": ["here", "own", "anywhere"],
}
NUMBERS = {
    "documents_pages": st.sampled_from([0, 1, 5, 40, 700, 20_000]),
    "labels": st.sampled_from([0, 10, 49, 50, 120, 200, 700, 1000, 30_000]),
    "rarest_label": st.integers(0, 30),
    "obtainable_labels": st.sampled_from([0, 20, 50, 150, 800, 5000]),
    "target": st.sampled_from([0.5, 0.79, 0.8, 0.9, 0.95, 0.99, 1.0]),
    "error_price": st.sampled_from([0.0, 0.01, 1.0, 500.0]),
    "label_price": st.sampled_from([0.0, 0.1, 3.0]),
    "answers_per_month": st.sampled_from([0.0, 500.0, 10_000.0, 5e6]),
    "latency_seconds": st.sampled_from([0.2, 1.0, 30.0]),
    "context_tokens": st.sampled_from([2048, 8192, 200_000]),
}


def value_of(name: str) -> st.SearchStrategy[Any]:
    return NUMBERS[name] if name in NUMBERS else st.sampled_from(CHOICES.get(name, [True, False]))


SOME = st.fixed_dictionaries({}, optional={name: value_of(name) for name in Answers.model_fields})


def know(**said: object) -> Facts:
    return Facts().with_answers(Answers.model_validate(said))


def support(advice: Advice, step: Step) -> tuple[bool, int]:
    """Whether a step is expected, and its points."""
    in_words = {"documents": ("documents", "retrieval"), "search": ("retrieval",), "tuning": ("tuning",)}[step]
    return any(word in advice.expected for word in in_words), advice.points[step]


def never_less(before: Advice, after: Advice, step: Step) -> bool:
    return all(new >= old for old, new in zip(support(before, step), support(after, step), strict=True))


# --- what holds for all facts

quick = settings(deadline=None, derandomize=True, max_examples=40)


@quick
@given(SOME)
def test_sources_never_make_retrieval_less_expected(said: dict[str, Any]) -> None:
    without, required = advise(know(**said | {"sources_required": None})), advise(know(**said | {"sources_required": True}))
    assert never_less(without, required, "documents") and never_less(without, required, "search")


@quick
@given(SOME, st.sampled_from(["labels", "obtainable_labels", "rarest_label", "target", "answers_per_month"]), st.data())
def test_more_labels_a_higher_target_and_more_answers_never_make_tuning_less_expected(
    said: dict[str, Any], name: str, data: st.DataObject
) -> None:
    less, more = sorted([data.draw(value_of(name)), data.draw(value_of(name))])
    assert never_less(advise(know(**said | {name: less})), advise(know(**said | {name: more})), "tuning")


@quick
@given(SOME, st.data())
def test_dearer_errors_never_make_tuning_less_expected(said: dict[str, Any], data: st.DataObject) -> None:
    less, more = sorted([data.draw(value_of("error_price")), data.draw(value_of("error_price"))])
    assert never_less(advise(know(**said | {"error_price": less})), advise(know(**said | {"error_price": more})), "tuning")


@quick
@given(SOME, st.data())
def test_longer_documents_never_make_search_less_expected(said: dict[str, Any], data: st.DataObject) -> None:
    less, more = sorted([data.draw(value_of("documents_pages").filter(bool)), data.draw(value_of("documents_pages").filter(bool))])
    assert never_less(advise(know(**said | {"documents_pages": less})), advise(know(**said | {"documents_pages": more})), "search")


@quick
@given(SOME)
def test_documents_that_change_more_often_are_never_less_expected_to_be_read_nor_tuning_more(said: dict[str, Any]) -> None:
    advices = [advise(know(**said | {"documents_change": often})) for often in CHOICES["documents_change"]]
    for before, after in zip(advices, advices[1:], strict=False):
        assert never_less(before, after, "documents") and never_less(after, before, "tuning")


@quick
@given(SOME, st.sampled_from(["requirements_change", "users_differ", "stage", "weights_available"]))
def test_what_speaks_for_prompting_never_makes_tuning_more_expected(said: dict[str, Any], name: str) -> None:
    wish = {"requirements_change": "often", "users_differ": True, "stage": "prototype", "weights_available": False}[name]
    assert never_less(advise(know(**said | {name: wish})), advise(know(**said | {name: None})), "tuning")


@pytest.mark.slow
@settings(quick, max_examples=120)
@given(SOME, st.data())
def test_a_fact_that_becomes_unknown_never_raises_confidence(said: dict[str, Any], data: st.DataObject) -> None:
    if said:
        name = data.draw(st.sampled_from(sorted(said)))
        facts = know(**said)
        less, more = advise(facts.without(name)), advise(facts)
        assert LEVELS.index(less.confidence) <= LEVELS.index(more.confidence)


@quick
@given(SOME)
def test_what_follows_is_the_steps_whose_points_suffice_and_that_are_possible(said: dict[str, Any]) -> None:
    advice = advise(know(**said))
    enough = {step: advice.points[step] >= advice.needed[step] and step not in advice.ruled_out for step in STEPS}
    assert support(advice, "documents")[0] == enough["documents"]
    assert support(advice, "tuning")[0] == enough["tuning"]
    assert support(advice, "search")[0] == (enough["documents"] and enough["search"])


@quick
@given(SOME)
def test_what_would_change_it_does(said: dict[str, Any]) -> None:
    facts = know(**said)
    advice = advise(facts)
    cases = {(c.id, case.would): c.example(i) for c in shipped_criteria().criteria for i, case in enumerate(c.cases)}
    for change in advice.changes:
        imagined: Facts | None = facts
        for condition in change.conditions:
            assert condition.is_open == (facts.get(condition.fact) is None)
            imagined = imagined and imagined.imagine(condition.fact, cases[condition.fact, condition.would])
        assert imagined is not None
        assert advise(imagined).expected == change.approach != advice.expected


@quick
@given(SOME)
def test_a_single_yes_or_no_that_changes_the_advice_is_named(said: dict[str, Any]) -> None:
    advice = advise(know(**said))
    named = {(change.conditions[0].fact, change.approach) for change in advice.changes if len(change.conditions) == 1}
    for name in ("sources_required", "every_time", "domain_language", "users_differ"):
        if name in said:
            other = advise(know(**said | {name: not said[name]})).expected
            assert other == advice.expected or (name, other) in named


@quick
@given(SOME)
def test_an_advice_is_the_same_after_it_was_saved(said: dict[str, Any]) -> None:
    adapter = TypeAdapter(Advice)
    advice = advise(know(**said))
    assert adapter.validate_python(json.loads(json.dumps(adapter.dump_python(advice, mode="json")))) == advice


# --- what is not known


def test_every_answer_that_a_fact_can_have_falls_into_a_case() -> None:
    for criterion in shipped_criteria().criteria:
        equal = {case.equals for case in criterion.cases}
        if not criterion.cases or criterion.cases[0].is_range:
            assert not criterion.cases or criterion.cases[-1].otherwise
        else:
            assert equal == set(CHOICES.get(criterion.id, [True, False])), criterion.id


def test_without_facts_prompting_is_expected_and_nothing_is_made_up() -> None:
    advice = advise(Facts())
    assert (advice.expected, advice.confidence, advice.reasons, advice.mind) == ("prompting", "low", (), ())
    assert set(advice.points.values()) == {0}
    assert "0 of" in advice.why_confidence and len(advice.unknown) > 15


def test_what_makes_no_sense_is_neither_asked_nor_missed() -> None:
    names = {criterion.id for criterion in questions(know(answers_in_documents=False, fixed_answers=False))}
    assert not names & {"documents_pages", "documents_change", "rarest_label"}
    assert {"documents_pages", "rarest_label"} <= {criterion.id for criterion in questions(Facts())}
    assert "Documents change" not in advise(know(answers_in_documents=False)).unknown


def test_some_labels_at_hand_and_more_to_be_had_are_weighed_together() -> None:
    def reason(**said: object) -> str:
        return next((r.answer for r in advise(know(**said)).reasons if r.criterion == "labels_in_reach"), "")

    assert reason(labels=80, obtainable_labels=2500) == "2,580"
    assert reason(labels=80) == ""  # more may be had
    assert reason(labels=5000) == "at least 5,000"
    assert advise(know(labels=20, obtainable_labels=10)).ruled_out == ("tuning",)


def test_what_is_wanted_in_vain_is_said() -> None:
    wish = {"target": 0.97, "every_time": True, "stakes": "high", "domain_language": True}
    out_of_reach = advise(know(**wish, labels=0, obtainable_labels=0))
    assert out_of_reach.expected == "prompting"
    assert any("out of reach" in sentence for sentence in out_of_reach.mind)
    assert out_of_reach.reasons[0].criterion == "labels_in_reach"
    rented = advise(know(**wish, labels=3000, weights_available=False))
    assert rented.expected == "prompting" and any("cannot be trained" in sentence for sentence in rented.mind)
    no_pages = advise(know(answers_in_documents=True, sources_required=True, documents_pages=0))
    assert no_pages.expected == "prompting" and any("there are none yet" in sentence for sentence in no_pages.mind)


def test_small_documents_with_sources_are_searched_and_without_are_shown_whole() -> None:
    small = {"answers_in_documents": True, "documents_pages": 4, "context_tokens": 32_768}
    assert advise(know(**small)).expected == "documents in the prompt"
    assert advise(know(**small, sources_required=True)).expected == "retrieval"


# --- as people write it


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("target", "95 %", 0.95),
        ("target", "97.5", 0.975),
        ("target", "1", 1.0),
        ("target", "0.9", 0.9),
        ("labels", "5,000", 5000),
        ("labels", " 12 000 ", 12000),
        ("latency_seconds", "0.5", 0.5),
        ("every_time", "Yes", True),
        ("users_differ", "n", False),
        ("stakes", "HIGH", "high"),
        ("stakes", "don't know", None),
        ("labels", "?", None),
        ("target", "", None),
    ],
)
def test_answers_are_read_as_people_write_them(name: str, text: str, value: object) -> None:
    read = getattr(read_answers({name: text}), name)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("stake", "high", "`stake` is not a fact; did you mean `stakes`?"),
        ("every_time", "perhaps", "`every_time` is `perhaps`, but yes or no is accepted"),
        ("stakes", "huge", "`low`, `medium` or `high` is accepted"),
        ("latency_seconds", "long", "but a number is accepted"),
        ("labels", "1.5", "but a whole number is accepted"),
        ("labels", "-1", "it should be greater than or equal to 0"),
        ("target", "0", "it should be greater than 0"),
        ("target", "150", "it should be less than or equal to 1"),
        ("answers_per_month", "inf", "it should be a finite number"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_answers({name: text})
    assert message in str(caught.value)


# --- next to the measurement


@pytest.mark.parametrize(
    ("name", "approach"),
    [
        ("zero-shot", "prompting"),
        ("few-shot-nearest-5", "prompting"),
        ("rag-hybrid", "retrieval"),
        ("lora", "fine-tuning"),
        ("rag-bm25 > lora", "retrieval and fine-tuning"),
        ("reference-classifier", None),
    ],
)
def test_a_system_takes_one_of_the_approaches(name: str, approach: str | None) -> None:
    assert approach_of(make_system(name, TICKETS)) == approach


def test_whole_documents_are_an_approach_of_their_own() -> None:
    system = make_system("zero-shot", HANDBOOK)
    whole = system.model_copy(update={"knowledge": system.knowledge.model_copy(update={"kind": "whole"})})
    assert approach_of(whole) == "documents in the prompt"


def test_advice_and_measurement_are_set_side_by_side(golden: Golden) -> None:
    advice = advise(know(answers_in_documents=True, sources_required=True))
    retrieval, tuned, plain = (make_system(name, HANDBOOK) for name in ("rag-hybrid", "lora", "reference-classifier"))
    golden(compare(advice, retrieval))
    golden(compare(advice, retrieval, shown=False))
    golden(compare(advice, tuned))
    assert "neither confirmed nor overruled" in compare(advice, tuned, shown=False)
    golden(compare(advice, plain))

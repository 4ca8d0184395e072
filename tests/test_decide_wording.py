"""Numbers, systems and headlines in words a manager reads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decide_helpers import make_candidate, make_system, make_task, right
from golden_text import Golden

from tailor.decide.decision import decide
from tailor.decide.formats import (
    describe_system,
    format_about,
    format_at_least,
    format_effect,
    format_error,
    format_money,
    format_percent,
    format_points,
    format_points_at_least,
    format_target,
    listed,
)
from tailor.score.types import Score
from tailor.system import Decoding, Knowledge, Prompt, Shot, System, Weights

N = 160


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0042, "0.0042 USD"),
        (0.004, "0.004 USD"),
        (0.2, "0.20 USD"),
        (0.5678, "0.57 USD"),
        (0.000012, "0.000012 USD"),
        (1.0, "1 USD"),
        (12.5, "12.50 USD"),
        (99.994, "99.99 USD"),
        (1250.4, "1,250 USD"),
        (0.0, "0 USD"),
        (-3.0, "-3 USD"),
        (None, "an unknown price"),
    ],
)
def test_money_shows_its_currency_and_small_values_well(amount: float | None, text: str) -> None:
    assert format_money(amount, "USD") == text


@pytest.mark.parametrize(("share", "text"), [(0.934, "93 %"), (0.0, "0 %"), (1.0, "100 %"), (0.996, "99.6 %"), (0.004, "0.4 %")])
def test_shares_are_whole_per_cent_except_near_the_ends(share: float, text: str) -> None:
    assert format_percent(share) == text


def test_limits_are_rounded_so_that_they_never_say_too_much() -> None:
    assert format_at_least(0.8496) == "84.9 %"
    assert format_points(0.0151) == "1.6 points"
    assert format_points(0.01) == "1 point"
    assert format_target(0.975) == "97.5 %"
    assert [format_points_at_least(share) for share in (0.0121, 0.0004, 0.01)] == ["1.2 points", "0 points", "1 point"]
    told = [format_error(0.05 / 2**opening) for opening in (1, 2, 3, 4, 6, 26)]
    assert told == ["2.5 %", "1.25 %", "0.625 %", "0.313 %", "0.0782 %", "0.0000000746 %"]
    assert format_effect(0.0125) == "1.25 points"
    assert format_effect(0.01) == "1 point"


@pytest.mark.parametrize(("number", "text"), [(12_345, "12,000"), (7.46, "7.5"), (0.0123, "0.012"), (0, "0"), (99, "99")])
def test_rough_numbers_have_two_digits(number: float, text: str) -> None:
    assert format_about(number) == text


def test_lists_are_spoken() -> None:
    assert [listed(["a", "b", "c"]), listed(["a"]), listed([])] == ["a, b and c", "a", ""]


def system(**parts: object) -> System:
    prompt = Prompt.model_validate({"instruction": "i", "input": "{{x}}"} | parts.pop("prompt", {}))  # type: ignore[operator]
    return System.model_validate({"steps": ("s",), "weights": Weights(model="m"), "prompt": prompt} | parts)


SHOTS = tuple(Shot(input=str(i), answer="y") for i in range(20))


@pytest.mark.parametrize(
    ("described", "words"),
    [
        (system(), "the instruction alone"),
        (system(prompt={"shots": SHOTS, "nearest": 5}), "five examples nearest to the question"),
        (system(prompt={"shots": SHOTS[:3]}), "three examples in the prompt"),
        (system(prompt={"shots": SHOTS[:1], "nearest": 4}), "one example nearest to the question"),
        (system(prompt={"shots": SHOTS}), "20 examples in the prompt"),
        (system(prompt={"persona": "You are", "constraints": ("short",)}), "a persona, limits on the form of the answer"),
        (system(prompt={"reasoning": True}), "reasoning in steps"),
        (system(knowledge=Knowledge(kind="index", search="hybrid")), "passages found by keyword and meaning"),
        (system(knowledge=Knowledge(kind="index", search="bm25")), "passages found by keyword"),
        (system(knowledge=Knowledge(kind="index", search="vector")), "passages found by meaning"),
        (system(knowledge=Knowledge(kind="index", search="hybrid", passages=3)), "three passages found by keyword and meaning"),
        (
            system(knowledge=Knowledge(kind="index", search="bm25", rewrites=True)),
            "passages found by keyword, asked for by a question that the model writes",
        ),
        (system(prompt={"grounded": True}), "told not to guess"),
        (system(knowledge=Knowledge(kind="whole")), "the whole documents in the prompt"),
        (system(weights=Weights(model="m", method="lora")), "LoRA-tuned weights"),
        (system(weights=Weights(model="m", method="full")), "fully fine-tuned weights"),
        (
            system(weights=Weights(model="m", method="head"), decoding=Decoding(method="head")),
            "a classifier on the embedder, no generative model",
        ),
        (system(decoding=Decoding(labels=("a",), prior=(0.0,))), "the model's liking for some labels removed"),
        (
            system(knowledge=Knowledge(kind="index", search="hybrid"), weights=Weights(model="m", method="lora")),
            "passages found by keyword and meaning, LoRA-tuned weights",
        ),
    ],
)
def test_systems_are_described_in_plain_words(described: System, words: str) -> None:
    assert describe_system(described) == words


def test_the_headline_of_a_met_target_says_what_how_sure_how_dear_and_what_more_would_buy(golden: Golden) -> None:
    task = make_task()
    decision = decide(
        task,
        [
            make_candidate(task, "few-shot-nearest-5", right(150, N), tokens=4, system=make_system("few-shot-nearest-5", shots=5)),
            make_candidate(task, "lora", right(151, N), tokens=4, labels=300, system=make_system("lora", method="lora")),
        ],
        1,
    )
    golden(decision.headline)


def test_nothing_is_said_of_dearer_systems_where_there_are_none_or_they_are_worse(golden: Golden) -> None:
    task = make_task()
    good = make_candidate(task, "good", right(155, N))
    assert decide(task, [good], 1).headline.endswith("0.10 USD per 1,000 answers.")
    golden(decide(task, [good, make_candidate(task, "bad", right(60, N), tokens=900)], 1).headline)


def test_without_limits_nothing_is_said_of_what_a_dearer_system_would_add() -> None:
    task = make_task(target=0.001)
    decision = decide(task, [make_candidate(task, "a", [1.0]), make_candidate(task, "b", [1.0], tokens=900)], 1)
    assert decision.verdict == "target met"
    assert "would add" not in decision.headline and "does better" not in decision.headline


def test_the_headline_below_the_target_says_so_first(golden: Golden) -> None:
    task = make_task(target=0.95)
    candidates = [make_candidate(task, "cheap", right(960, 1200)), make_candidate(task, "dear", right(961, 1200), tokens=900)]
    decision = decide(task, candidates, 1)
    golden(decision.headline)
    golden(decision.reasons[0])


def test_the_headline_of_an_open_question_names_the_best_guess(golden: Golden) -> None:
    task = make_task(target=0.95)
    decision = decide(task, [make_candidate(task, "a", right(30, 40)), make_candidate(task, "b", right(36, 40), tokens=900)], 1)
    golden(decision.headline)
    assert any(reason.startswith("Even 40 right answers of 40 would show only ") for reason in decision.reasons)


def test_reasons_tell_the_rule_the_cheaper_systems_the_terms_and_the_opening(golden: Golden) -> None:
    task = make_task(prices={"error": 0.01})
    candidates = [make_candidate(task, "a", right(158, N)), make_candidate(task, "b", right(130, N), tokens=1)]
    candidates[0] = replace(candidates[0], cost=replace(candidates[0].cost, total=9999.0))
    reasons = decide(task, candidates, 2).reasons
    assert reasons[0].startswith("a is shown to reach 9")
    golden(reasons[0])
    assert reasons[1].startswith("b is cheaper, but only ")
    golden(reasons[3])
    assert "at most 1.25 %, over 2 finalists" in reasons[-1]
    golden(reasons[-1])


def test_unusable_answers_of_the_chosen_system_are_told(golden: Golden) -> None:
    task = make_task()
    candidate = make_candidate(task, "a", right(155, N))
    scores = (*candidate.run.scores[:155], *[Score("unparsed", 0.0, "")] * 3, *[Score("failed", 0.0, "")] * 2)
    decision = decide(task, [replace(candidate, run=replace(candidate.run, scores=scores))], 1)
    golden(decision.reasons)


def test_dev_and_test_that_differ_beyond_chance_are_said(golden: Golden) -> None:
    task = make_task(target=0.9)
    leaked = make_candidate(task, "retrieval", [1.0] * 120, dev=[1.0] * 16 + [0.0] * 20)
    plain = make_candidate(task, "plain", [1.0] * 60 + [0.0] * 60, dev=[1.0] * 20 + [0.0] * 16)
    (said,) = [reason for reason in decide(task, [plain, leaked], 1).reasons if "differ by more than chance" in reason]
    golden(said)
    assert "plain" not in said
    worse = make_candidate(task, "tuned", [1.0] * 30 + [0.0] * 90, dev=[1.0] * 30 + [0.0] * 6)
    assert any("so many systems were tried on dev" in reason for reason in decide(task, [worse], 1).reasons)
    assert not any("beyond chance" in reason for reason in decide(task, [plain], 1).reasons)

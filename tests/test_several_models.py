"""One study, several models: what each can do, what it costs, and that a changed price decides again without a call."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from biller import Biller, climbed, quiz
from data_helpers import sentence, write_csv, write_yaml
from decide_helpers import make_candidate, make_run, make_system, make_task, right
from endpoint import Endpoint
from flow import DESK, climb, tailor, write_desk
from golden_text import Golden

from tailor.decide.decision import decide
from tailor.decide.finalists import finalists
from tailor.decide.formats import format_about
from tailor.decide.prices import PriceList, judge_rates, tokens_of
from tailor.decide.race import Record, rounds
from tailor.decide.types import Rates
from tailor.errors import ConfigError
from tailor.evaluate.run import Run
from tailor.models.remote import RemoteModel
from tailor.project import load_project
from tailor.report.html import write_report
from tailor.report.words import headline
from tailor.results import Study
from tailor.saved import load_study
from tailor.settings import model_labels
from tailor.stats.spending import MOST_OF_SEVERAL
from tailor.task import ModelSettings, Task

SPLIT = {"train": 16, "dev": 48, "test": 150}
CHEAP = {"input_per_million": 1.0, "output_per_million": 10.0}


@contextmanager
def two_endpoints(right: float = 0.75) -> Iterator[tuple[Endpoint, Endpoint]]:
    """A small model that is right in this share of the cases, and a large one that always is."""
    with Endpoint(Biller(right=right)) as small, Endpoint(Biller(right=1.0)) as large:
        yield small, large


def write(folder: Path, small: Endpoint, large: Endpoint, times: float = 100.0, **changes: object) -> Path:
    """A project that asks both; a token of the large one costs `times` one of the small one."""
    dear = {name: times * price for name, price in CHEAP.items()}
    first = {"name": "small", "base_url": small.url, "context_tokens": 8192}
    second = {"name": "large", "base_url": large.url, "context_tokens": 8192, "prices": dear}
    settings = {"target": 0.55, "ask_again": False, "prices": money(0.0), "split": SPLIT} | changes
    quiz(folder, "", model=first, models=[second], **settings)
    rows = [(f"{sentence(number)} then {word}?", word) for number in range(230) for word in [f"word{number}"]]
    write_csv(folder / "data.csv", rows, "question,answer")
    return folder


def money(error: float) -> dict[str, Any]:
    return CHEAP | {"error": error, "label": 0.0}


@pytest.mark.slow
def test_a_changed_price_flips_the_decision_where_it_should_and_asks_nothing(tmp_path: Path) -> None:
    with two_endpoints() as (small, large):

        def decided(times: float) -> Study:
            return climbed(write(tmp_path, small, large, times, prices=money(0.01)))[0]

        study = decided(100.0)
        assert study.decision is not None and study.decision.chosen.endswith(" on small"), study.decision
        calls = small.calls, large.calls
        finalists = {finalist.name: finalist for finalist in study.decision.finalists}
        prompted = study.test_run("zero-shot on large")
        assert prompted is not None and prompted.mean == 1.0 and min(calls) > 0
        winner, dear = finalists[study.decision.chosen].cost, finalists["zero-shot on large"].cost.per_1000
        assert winner.per_1000 is not None and dear is not None
        # The large model never errs, the small one at a price: where both cost the same, the choice changes.
        flip = 100.0 * (winner.per_1000 + winner.errors_per_1000) / dear
        assert 1 < flip < 100
        below, above = decided(0.97 * flip), decided(1.03 * flip)
        assert (small.calls, large.calls) == calls, "a price asks nothing"
    assert below.decision is not None and below.decision.chosen.endswith(" on large")
    assert above.decision is not None and above.decision.chosen == study.decision.chosen
    assert {below.decision.opening, above.decision.opening} == {1}


def test_calls_are_paid_at_the_prices_of_their_own_model_also_where_names_are_equal(tmp_path: Path) -> None:
    billers = Biller(right=0.75), Biller()
    with Endpoint(billers[0]) as small, Endpoint(billers[1]) as large:
        folder = write(tmp_path, small, large, split={"train": 16, "dev": 20, "test": 20})
        settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
        settings["models"][0]["name"] = settings["model"]["name"] = "m"
        write_yaml(folder, settings)
        study, said = climbed(folder)
    assert study.spent is not None and study.spent.paid == pytest.approx(billers[0].billed + 100 * billers[1].billed)
    assert said.count("\nModel m answers:") + said.startswith("Model m answers:") == 2
    assert study.expected is not None and (money_expected := study.expected.money) is not None
    assert money_expected.low <= study.spent.paid <= money_expected.high
    assert {run.system.label for run in study.tests} == {"m", f"m at {large.url}"}


@pytest.mark.slow
def test_each_model_has_its_baseline_and_its_candidates_and_what_asks_none_is_tried_once(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path, model="fake:a", models=["fake:b"], target=1.0))
    first, second = (
        {step.run.system.steps: step for step in study.steps if step.run is not None and step.run.system.label == label}
        for label in ("fake:a", "fake:b")
    )
    assert first.keys() == second.keys() >= {("zero-shot",), ("few-shot-5",)}, "neither has a price: both are raced by tokens"
    rows = {label: found["zero-shot",].run for label, found in (("a", first), ("b", second))}
    assert all(run is not None and run.examples == study.splits.dev for run in rows.values()), "baselines answer all of dev"
    classifiers = [step.system for step in study.steps if step.run is not None and not step.run.system.is_generative]
    assert len(classifiers) == len(set(classifiers)) > 0 and not any(" on " in name for name in classifiers)
    assert {run.system.label for run in study.tests} >= {"fake:a", "fake:b"} and len(study.tests) <= MOST_OF_SEVERAL
    assert study.provenance["model"] == "fake:a" and study.provenance["model 2"] == "fake:b"
    names = [run.system.name for run in study.tests]
    assert len(names) == len(set(names)) and study.decision is not None and study.decision.chosen in names
    page = write_report(study, tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)
    assert load_study(tmp_path).decision == study.decision


def test_the_headline_says_what_the_other_model_is_worth(golden: Golden) -> None:
    task = make_task(target=0.8, volume={"answers_per_month": 20_000, "months": 12})
    small = make_candidate(task, "lora", right(280, 300), tokens=100, labels=400)
    large = make_candidate(task, "few-shot-5", right(285, 300), tokens=3000)
    named = [
        replace(candidate, run=replace(candidate.run, system=candidate.run.system.with_(label=label)))
        for candidate, label in ((small, "A"), (large, "B"))
    ]
    decision = decide(task, named, 1)
    assert decision.chosen == "lora on A"
    (told,) = re.findall(r"lora on A is at most [\d.]+ points below few-shot-5 on B.*?month on\.", decision.headline)
    golden(told)
    pays = decision.break_even[0].answers_per_month
    assert pays is not None and f"about {format_about(pays)} answers a month" in told


def test_a_dearer_choice_is_said_to_be_better_by_so_much_or_not_to_be_shown_better() -> None:
    def told(large_right: int, target: float) -> tuple[str, float]:
        task = make_task(target=target)
        small = make_candidate(task, "lora", right(200, 300), tokens=100, labels=0)
        large = make_candidate(task, "few-shot-5", right(large_right, 300), tokens=3000)
        named = [
            replace(candidate, run=replace(candidate.run, system=candidate.run.system.with_(label=label)))
            for candidate, label in ((small, "A"), (large, "B"))
        ]
        decision = decide(task, named, 1)
        assert decision.chosen == "few-shot-5 on B"
        (difference,) = decision.differences
        assert difference.estimate.low is not None and difference.estimate.high is not None
        by = difference.estimate.low if difference.first.startswith("few") else -difference.estimate.high
        return decision.headline, 100 * by

    for large_right in (280, 285, 290):
        headline, shown = told(large_right, 0.9)
        better = re.search(r"few-shot-5 on B is at least ([\d.]+) points better than lora on A, and 30 times as exp", headline)
        assert better is not None and shown - 0.1 < float(better[1]) <= shown + 1e-6, "rounded down: no more than was shown"
    assert "few-shot-5 on B is not shown to be better than lora on A, and 30 times as expensive" in told(205, 0.99)[0]


@pytest.mark.parametrize(
    ("small_tokens", "large_tokens", "told"),
    [
        (0, 3000, "below few-shot-5 on B, and its answers cost nothing"),
        (3000, 0, "lora on A is at least [0-9.]+ points better than few-shot-5 on B, whose answers cost nothing[.]"),
        (0, 0, "few-shot-5 on B, at about the same price per answer[.]"),
    ],
)
def test_answers_that_cost_nothing_are_said_to(small_tokens: int, large_tokens: int, told: str) -> None:
    task = make_task(target=0.9)
    small = make_candidate(task, "lora", right(285, 300), tokens=small_tokens)
    large = make_candidate(task, "few-shot-5", right(285 if small_tokens == 0 else 200, 300), tokens=large_tokens, labels=400)
    named = [
        replace(candidate, run=replace(candidate.run, system=candidate.run.system.with_(label=label)))
        for candidate, label in ((small, "A"), (large, "B"))
    ]
    decision = decide(task, named, 1)
    assert decision.chosen == "lora on A" and re.search(told, decision.headline), decision.headline


def test_a_few_per_cent_are_the_same_price_and_no_answer_pays_nothing() -> None:
    task = make_task(target=0.8, volume={"answers_per_month": 20_000, "months": 12})
    small = make_candidate(task, "lora", right(285, 300), tokens=2950, trained=1)
    large = make_candidate(task, "few-shot-5", right(285, 300, start=40), tokens=3000)
    named = [
        replace(candidate, run=replace(candidate.run, system=candidate.run.system.with_(label=label)))
        for candidate, label in ((small, "A"), (large, "B"))
    ]
    decision = decide(task, named, 1)
    assert decision.chosen == "lora on A" and 0 < (decision.break_even[0].answers_per_month or 0.0) < 1
    assert decision.headline.endswith("below few-shot-5 on B, at about the same price per answer.")


def test_a_reference_that_comes_first_is_told_once() -> None:
    task = make_task(target=0.8)
    decision = decide(task, [make_candidate(task, "lora", right(280, 300), tokens=100)], 1)
    first = replace(decision, headline=f"The reference wins. {decision.headline}", reference="The reference wins.")
    last = replace(decision, headline=f"{decision.headline} The reference wins.", reference="The reference wins.")
    assert headline(first) == (first.headline, "") and headline(last) == (decision.headline, "The reference wins.")


def test_the_best_of_each_model_is_a_finalist_and_their_number_is_bounded() -> None:
    def run_of(name: str, model: str, mean: float, tokens: int) -> Run:
        system = make_system(name).with_(weights={"model": model, "digest": model}, label=model)
        return make_run(system, right(round(100 * mean), 100), (tokens, 0))

    runs = [run_of("zero-shot", model, 0.5 + 0.1 * place, 100) for place, model in enumerate("abcde")]
    runs += [run_of("few-shot-5", model, 0.52 + 0.1 * place, 200) for place, model in enumerate("abcde")]
    chosen = finalists(runs)
    assert {run.system.label for run in chosen.values()} == set("abcde") and len(chosen) <= MOST_OF_SEVERAL
    best = {run.system.label: run for run in sorted(runs, key=lambda run: run.mean)}
    assert {run.key for run in chosen.values()} >= {run.key for run in best.values()}
    one = [run for run in runs if run.system.label == "a"]
    assert list(finalists(one)) == ["baseline", "best prompt"]


def test_models_are_raced_in_money_and_one_model_by_its_tokens() -> None:
    cheap, dear = Rates(1.0, 10.0, None, ""), Rates(100.0, 1000.0, None, "")
    run = make_run(make_system("zero-shot").with_(weights={"digest": "d"}), [1.0] * 4, (200, 3))
    alone = PriceList({"d": dear}, cheap)
    both = PriceList({"d": dear, "c": cheap}, cheap)
    unknown = PriceList({"d": dear, "c": Rates(None, None, None, "unknown")}, cheap)
    assert alone.weigh(run) == unknown.weigh(run) == tokens_of(run)
    assert both.weigh(run) == dear.price(run.tokens_in, run.tokens_out)


def test_the_better_half_of_each_team_goes_on_however_weak_it_is_and_whatever_it_costs() -> None:
    means = [0.9, 0.8, 0.85, 0.7, 0.2, 0.1]

    def field(teams: Sequence[str], dear: float = 1.0, means: Sequence[float] = means) -> list[tuple[int, ...]]:
        def record(arm: int) -> Record:
            return Record(means[arm], (1.0 + arm) * (dear if teams[arm:] and teams[arm] == "b" else 1.0))

        return [stage.candidates for stage in rounds(6, 4, record, teams=teams)]

    assert field(()) == field("aaaaaa") == [(0, 1, 2, 3, 4, 5), (0, 1, 2), (0, 2)]
    assert field("aaaabb") == [(0, 1, 2, 3, 4, 5), (0, 2, 4), (0, 2, 4)]
    assert field("ababab", 1.0, [0.5] * 6) == field("ababab", 100.0, [0.5] * 6) == field("ababab", 0.01, [0.5] * 6)


def test_the_first_of_the_models_stands_for_the_model() -> None:
    base = {"name": "t", "kind": "classify", "instruction": "Sort.", "input": "{{x}}", "output": "y", "data": "d.csv"}
    named = Task.model_validate(base | {"models": [{"name": "a", "prices": {"input_per_million": 3.0}}, "b"]})
    assert [model.name for model in named.asked] == ["a", "b"] and named.model_labels == ("a", "b")
    assert named.prices_of(0).input_per_million == 3.0 and named.prices_of(1).input_per_million is None
    several = Task.model_validate(base | {"model": "a", "models": ["b"], "prices": {"output_per_million": 2.0}})
    assert [model.name for model in several.asked] == ["a", "b"] and several.prices_of(1).output_per_million is None
    assert Task.model_validate(several.model_dump()) == several
    assert Task.model_validate(base).model_labels == ("",)


def test_two_models_of_one_name_are_called_by_their_address_or_number() -> None:
    here, there = (ModelSettings(name="m", base_url=f"http://127.0.0.1:{port}/v1") for port in (1, 2))
    assert model_labels((here, there, there)) == ("m", "m at http://127.0.0.1:2/v1", "m 2")


@pytest.mark.slow
def test_a_model_is_refused_that_a_study_holds_twice_and_one_with_other_parameters_is_not(tmp_path: Path) -> None:
    priced = {"name": "fake:a", "prices": {"input_per_million": 5.0}}
    with pytest.raises(ConfigError, match="`fake:a` is named twice in `model` and `models`"):
        climb(write_desk(tmp_path, model="fake:a", models=["fake:b", priced]))
    with two_endpoints() as (small, _):
        write(tmp_path, small, small)
        settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
        settings["models"][0]["name"] = "small"
        write_yaml(tmp_path, settings)
        refused = tailor("run", tmp_path)
        assert refused.exit_code == 2 and "`small` is named twice" in refused.stderr and not small.calls
        settings["models"][0]["reasoning_effort"] = "low"
        write_yaml(tmp_path, settings)
        assert load_project(tmp_path).task.model_labels == ("small", f"small at {small.url}")
        assert tailor("run", tmp_path).exit_code == 0 and small.calls


def test_a_mistake_in_a_model_is_told_where_it_was_written(tmp_path: Path) -> None:
    def told(**settings: object) -> str:
        write_yaml(tmp_path, {name: value for name, value in (DESK | settings).items() if value is not None})
        with pytest.raises(ConfigError) as caught:
            load_project(tmp_path)
        return str(caught.value)

    wrong: list[Any] = [{"name": "fake:a", "bogus": 1}, {"name": "fake:b", "batch": " "}, {"name": ""}]
    for model in ("fake:c", None):
        said = told(model=model, models=wrong)
        assert "`bogus` is not a setting of `models.0`" in said and "`models.2.name` is empty" in said
        assert "`models.1.batch` is ` `, but true or false or a number is accepted" in said
        assert "`models.0.prices` is `3`, but a group of settings is accepted" in told(model=model, models=[{"prices": 3}])
    assert "`prices` is `3`, but a group of settings is accepted" in told(model=None, models=["fake:a"], prices=3)
    assert "`models` is `fake:a`, but a list is accepted" in told(models="fake:a")


def test_check_names_the_model_whose_window_is_too_small(tmp_path: Path) -> None:
    with two_endpoints() as (small, large):
        write(tmp_path, small, large)
        settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
        settings["models"][0]["context_tokens"] = 8
        write_yaml(tmp_path, settings)
        checked = tailor("check", tmp_path).output
    assert "longer than the 8 tokens that `large` can read" in " ".join(checked.split()) and "`small` can read" not in checked


def test_a_judge_that_is_one_of_the_models_has_its_prices(tmp_path: Path) -> None:
    with two_endpoints() as (small, large):
        judge = {"rubric": "The right word.", "model": {"name": "large", "base_url": large.url}}
        task = load_project(write(tmp_path, small, large, metric="judged", judge=judge)).task
        assert task.judge is not None
        rates = judge_rates(task, RemoteModel(task.judge.model))
        assert (rates.input_per_million, rates.output_per_million) == (100.0, 1000.0)

"""When the climb goes on and when it stops, with models that can more or less than the public fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from decide_helpers import RATES, make_run, make_system
from flow import Watcher, as_another_user, climb, statuses, timeless, write_desk, write_rooms
from tiny import open_tiny

from tailor.approaches.approach import Approach, Chain, TrainingData, looks_at_dev, starting_system
from tailor.data.example import Example, Splits
from tailor.data.split import load_splits
from tailor.decide.clock import Clock
from tailor.decide.finalists import finalists
from tailor.decide.ladder import Climb
from tailor.decide.prices import PriceList
from tailor.decide.rungs import Proposal, Rung, best, ladder, record
from tailor.engine import Engine, OnProgress
from tailor.errors import EndpointError, OutOfTime, TailorError
from tailor.evaluate.run import Run
from tailor.ledger import Ledger
from tailor.models.base import Capabilities, Reply, Request
from tailor.models.fake import FakeModel
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.report.html import render_report
from tailor.report.record import to_json
from tailor.report.summary import summary_text
from tailor.results import Step, Study
from tailor.saved import load_study
from tailor.system import System

WIDE = {"train": 24, "dev": 48, "test": 18}
SIX: dict[str, object] = {"split": WIDE, "persona": "You are brief.", "constraints": ["one word"]}
"""48 dev rows, and six candidates on the rung "prompt"."""
DEAR_LABELS = {"label": 500.0, "error": 0.0001}


class Tunable(FakeModel):
    """A fake that claims to have weights, so that the ladder considers training them."""

    capabilities = replace(FakeModel.capabilities, tunes=True)


class Slow(Tunable):
    """A fake that says it took a second per answer, and takes none."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        return [Reply(r.text, r.scores, r.tokens_in, r.tokens_out, 1.0) for r in super().reply(requests, tuned)]


class GeneratingModel(FakeModel):
    """A fake that cannot score choices, as an endpoint cannot."""

    capabilities = Capabilities()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """The classify project with 48 dev rows, and its climb: six candidates on the rung "prompt"."""
    folder = write_desk(tmp_path_factory.mktemp("desk"), **SIX)
    return folder, climb(folder)


def step_of(study: Study, rung: str) -> Step:
    (step,) = [step for step in study.steps if step.rung == rung]
    return step


# --- reasons to stop


def test_training_that_costs_more_than_every_error_cannot_pay(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, prices=DEAR_LABELS), Tunable())
    step = step_of(study, "retrieve and tune")
    assert step.status == "cannot pay" and step.system.endswith(" > lora") and step.run is None
    assert step.note == study.stopped
    assert (
        study.stopped.startswith(f"Training costs about {len(study.splits.train) * 500:,}.0") and "in 12 months." in study.stopped
    )
    assert study.decision is not None


def test_training_that_cannot_pay_is_climbed_when_everything_is_asked_for(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, prices=DEAR_LABELS), Tunable(), everything=True)
    assert not set(statuses(study).values()) & {"cannot pay", "not needed"}
    assert {"retrieve and tune", "tune", "tune fully"} <= {step.rung for step in study.steps}


@pytest.mark.parametrize("prices", [{"label": 500.0, "error": 0.0}, {"label": 0.01, "error": 1.0}])
def test_training_is_tried_when_errors_have_no_price_or_a_high_one(
    tmp_path: Path, prices: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tailor.decide.ladder.reason_to_prune", lambda *given: None)  # here only money speaks
    step = step_of(climb(write_rooms(tmp_path, prices=prices), Tunable()), "retrieve and tune")
    assert step.status == "not possible"
    assert step.note == "the weights of fake are not on this machine, so they cannot be tuned."


def test_everything_is_climbed_whatever_the_forecasts_say(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path), Tunable(), everything=True)
    assert study.diagnosis is not None and "cannot pay" not in statuses(study).values()


def test_training_that_does_not_fit_the_time_limit_says_what_it_would_need(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, tuning={"epochs": 50}), Tunable(), max_minutes=1)
    step = step_of(study, "retrieve and tune")
    assert step.status == "no time" and " minutes of training; the time limit leaves " in step.note
    assert study.stopped == f"The time limit left no room for {step.system}."
    assert study.decision is not None


def test_the_climb_stops_while_there_is_time_left_for_the_final_test(tmp_path: Path) -> None:
    # 18 test rows at a second each and nothing tried so far takes longer than the limit of ten seconds.
    study = climb(write_rooms(tmp_path), Slow(), max_minutes=10 / 60)
    found = statuses(study)
    assert found["zero-shot"] == "measured" and found["few-shot-3"] == found["rag-bm25"] == "no time"
    assert study.decision is not None
    # The diagnosis had asked with passages: what is answered already counts.
    assert {test.system.name for test in study.tests} <= {"zero-shot", "rag-hybrid"}


def test_all_ignores_a_met_target(tmp_path: Path) -> None:
    met = climb(write_rooms(tmp_path, target=0.2))
    assert "not needed" in statuses(met).values()
    assert "not needed" not in statuses(climb(tmp_path, everything=True)).values()


def test_an_endpoint_that_fails_once_costs_one_candidate(tmp_path: Path) -> None:
    class Shaky(FakeModel):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            if any("short steps" in request.messages[0].text for request in requests):
                raise EndpointError("the endpoint timed out", retryable=True)
            return super().reply(requests, tuned)

    study = climb(write_rooms(tmp_path), Shaky())
    assert statuses(study)["chain-of-thought"] == "failed" and statuses(study)["rag-bm25"] == "measured"
    assert study.decision is not None


def test_an_endpoint_that_is_gone_ends_the_run(tmp_path: Path) -> None:
    class Gone(FakeModel):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            raise EndpointError("the key is not accepted", fatal=True)

    with pytest.raises(EndpointError, match="key"):
        climb(write_rooms(tmp_path), Gone())


# --- the race


def test_the_weaker_half_of_a_rung_stops_and_the_last_two_see_all_of_dev(desk: tuple[Path, Study]) -> None:
    _, study = desk
    runs = {s.system: s.run for s in study.steps if s.rung == "prompt" and s.run is not None}
    assert sorted(len(run.examples) for run in runs.values()) == [24, 24, 24, 36, 48, 48]
    for step in study.steps:
        if step.run is not None and step.system in runs:
            rows = len(step.run.examples)
            assert step.run.examples == study.splits.dev[:rows]
            assert step.status == ("measured" if rows == 48 else "stopped early")
            assert rows == 48 or step.note == f"stopped after {rows} of 48 dev rows: others on its rung did at least as well"
    for rows in (24, 36):
        first = {name: sum(run.values[:rows]) for name, run in runs.items() if len(run.examples) >= rows}
        gone = {name for name in first if len(runs[name].examples) == rows}
        assert max(first[name] for name in gone) <= min(first[name] for name in first.keys() - gone)
        tokens = {name: runs[name].on(study.splits.dev[:rows]) for name in first}
        for name in gone:
            for other in first.keys() - gone:
                assert first[other] > first[name] or record(tokens[other]).cost <= record(tokens[name]).cost
    assert not {name for name, run in runs.items() if len(run.examples) < 48} & {run.system.name for run in study.tests}


class Batch(FakeModel):
    """A fake as a local model is: blocks of 64, and what a block is answered depends on all of it."""

    block = 64
    capabilities = replace(FakeModel.capabilities, batch_invariant=False)

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        shift = (sum(len(request.messages[-1].text) for request in requests) + len(requests)) % 7 / 70
        return [
            replace(reply, scores=(reply.scores[0] - shift, *reply.scores[1:]) if reply.scores else ())
            for reply in super().reply(requests, tuned)
        ]


@pytest.mark.slow
def test_nothing_is_asked_twice_though_blocks_are_shorter_than_the_models(tmp_path: Path) -> None:
    model = Batch()
    study = climb(write_desk(tmp_path, **SIX), model)
    by_model = [run for run in [*(s.run for s in study.steps), *study.tests] if run and run.system.decoding.method != "head"]
    answered = {(run.system.fingerprint, run.split, e.id) for run in by_model for e in run.examples}
    heads = {run.system.name for run in study.tests if run.system.decoding.method == "head"}
    again = sum(one.calls for one in study.consistency if one.system not in heads)
    # Besides, a label prior is estimated from training rows and an empty one.
    assert again > 0 and 0 < len(model.requests) - len(answered) - again <= 25


@pytest.fixture(scope="module")
def whole_race(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, int]:
    """The study of a race that nothing interrupts, and how often its model was asked."""
    model, folder = Batch(), tmp_path_factory.mktemp("whole")
    with as_another_user(folder / "state"):
        return climb(write_desk(folder / "desk", **SIX), model), model.calls


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 4, 9, 10, 14])
def test_a_race_that_was_interrupted_ends_as_one_that_was_not(stop: int, tmp_path: Path, whole_race: tuple[Study, int]) -> None:
    class Ending(Batch):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            if self.calls == stop:
                raise TailorError("the disk is full")
            return super().reply(requests, tuned)

    with pytest.raises(TailorError, match="disk"):
        climb(write_desk(tmp_path, **SIX), Ending())
    rest, (whole, calls) = Batch(), whole_race
    assert timeless(climb(tmp_path, rest)) == timeless(whole)
    assert rest.calls == calls - stop


@pytest.mark.slow
def test_rows_of_a_group_are_answered_together(tmp_path: Path) -> None:
    folder = write_desk(tmp_path, data={"file": "data.csv", "group_by": "customer"}, split={"train": 20, "dev": 50, "test": 20})
    lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    customers = ["customer", *(f"c{i // 5}" for i in range(90))]
    (folder / "data.csv").write_text("".join(f"{a},{b}\n" for a, b in zip(lines, customers, strict=True)), encoding="utf-8")
    study = climb(folder)
    groups = [example.group for example in study.splits.dev]
    assert any(groups[i : i + 5] != 5 * groups[i : i + 1] for i in range(0, 50, 5)), "they are not neighbours by themselves"
    early = [step.run for step in study.steps if step.status == "stopped early" and step.run is not None]
    assert early and all(len(run.examples) == 40 for run in early), "38 rows would be three quarters"
    for run in early:
        answered = [example.group for example in run.examples]
        assert all(answered.count(group) == groups.count(group) for group in answered)
        assert list(run.examples) == [example for example in study.splits.dev if example in run.examples]


# --- candidates that look at dev


@dataclass(frozen=True)
class Looking:
    """An approach that chooses its persona by the dev rows it is given, or that is given none."""

    name: str
    looks_at_dev: bool
    given: list[tuple[Example, ...]]

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        self.given.append(data.dev)
        return system.then(self.name, prompt=system.prompt.model_copy(update={"persona": f"You are {self.name}."}))


@contextmanager
def race(folder: Path, dev: Callable[[Splits], tuple[Example, ...]]) -> Iterator[Callable[..., Climb]]:
    """A function that races approaches on these dev rows, one rung for each list of them."""
    project = load_project(write_desk(folder, split=WIDE))
    splits = load_splits(project)
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger)
        data = TrainingData(project.task, splits.train, dev(splits))
        start = starting_system(project.task, splits.train, engine.model)

        def over(*rungs: Sequence[Approach]) -> Climb:
            made = Climb(data, engine, PriceList({engine.model.digest: RATES}, RATES), Clock(), Watcher(), True, len(splits.test))
            for approaches in rungs:
                made.track.race(Rung("looks", lambda start, runs: []), [Proposal(approach, start) for approach in approaches])
            return made

        yield over


def test_dev_rows_that_a_candidate_chose_by_do_not_count(tmp_path: Path) -> None:
    given: list[tuple[Example, ...]] = []
    blind, looking = (Looking(name, looks, given) for name, looks in (("blind", False), ("looking", True)))
    assert looks_at_dev(Chain((blind, looking))) and not looks_at_dev(Chain((blind, blind)))
    with race(tmp_path, lambda splits: splits.dev) as over:
        done = over([blind], [looking, blind])
    dev = done.data.dev
    assert given == [(), dev[:12], ()]
    first, second, third = done.steps
    assert [step.run.examples for step in (first, second, third) if step.run] == [dev, dev[12:], dev[12:]]
    assert second.note == "chosen on 12 dev rows and measured on the other 36"
    assert third.note == "blind changed nothing: the same system as blind"


@pytest.mark.slow
def test_the_rows_that_choose_the_epoch_of_tuned_weights_do_not_count(tmp_path: Path, tiny_folder: Path) -> None:
    quick = {"epochs": 1, "rank": 4, "batch_rows": 8, "learning_rate": 1e-2}
    study = climb(write_desk(tmp_path, split=WIDE, tuning=quick), open_tiny(tiny_folder), everything=True)
    measured = {step.system: step for step in study.steps if step.status == "measured"}
    assert {"zero-shot", "lora", "few-shot-nearest-2 > lora", "full"} <= measured.keys()
    for step in measured.values():
        assert step.run is not None
        tuned = step.run.system.is_tuned
        assert step.run.examples == study.splits.dev[12 if tuned else 0 :]
        assert step.note.startswith("chosen on 12 dev rows and measured on the other 36") == tuned or "changed nothing" in step.note
    tuned_finalists = [run.system.fingerprint for run in study.tests if run.system.is_tuned]
    assert tuned_finalists and sorted(found.fingerprint for found in study.forgetting) == sorted(tuned_finalists)
    kept = load_study(tmp_path)
    assert kept.forgetting == study.forgetting
    (told, *_) = to_json(kept)["forgetting"]
    assert (
        told["sentence"] in summary_text(kept) and told["change"]["n"] == 64 and "What tuning cost elsewhere" in render_report(kept)
    )


def test_where_all_dev_rows_are_of_one_group_none_can_be_chosen_by(tmp_path: Path) -> None:
    looking, blind = (Looking(name, looks, []) for name, looks in (("looking", True), ("blind", False)))
    with race(tmp_path, lambda splits: tuple(replace(example, unit="one") for example in splits.dev)) as over:
        done = over([looking], [blind])
    assert [(step.system, step.status) for step in done.steps] == [("looking", "not possible"), ("blind", "measured")]
    assert not looking.given


def test_runs_on_other_rows_are_compared_on_those_they_share() -> None:
    full = make_run(make_system("full"), [0.0] * 4 + [1.0] * 6 + [0.0] * 2)
    part = make_run(make_system("part"), [0.0] * 4 + [1.0] * 6 + [0.0] * 2).on(full.examples[2:10])
    assert part.mean > full.mean
    assert best([full, part]) is full, "equal on what they share: the one measured first"
    cheap = make_run(make_system("cheap"), [0.0] * 5 + [1.0] * 5 + [0.0] * 2, tokens=(50, 0))
    assert best([full, cheap, part]) is full and best([full, cheap, part], near=0.09) is cheap
    assert best([part, cheap], near=0.09) is part, "one row of the eight they share is more than that"


# --- which rungs there are


def rungs(folder: Path, **can: bool) -> list[str]:
    project = load_project(folder)
    found = ladder(
        project.task, project.documents is not None, Capabilities(scores=can.get("score", True), tunes=can.get("tune", True))
    )
    return [rung.name + ("?" if rung.optional else "") for rung in found]


def test_the_rungs_go_from_cheap_to_dear_as_the_task_allows(tmp_path: Path) -> None:
    sort, rooms = write_desk(tmp_path / "desk"), write_rooms(tmp_path / "rooms")
    assert rungs(sort) == ["baseline", "prompt", "calibrate", "tune", "prompt and tune?", "tune fully?"]
    assert rungs(sort, score=False, tune=False) == ["baseline", "prompt", "calibrate"]
    assert rungs(rooms) == ["baseline", "prompt", "retrieve", "retrieve and prompt", "retrieve and tune", "tune?", "tune fully?"]
    assert rungs(write_rooms(tmp_path / "closed", documents=""), tune=False) == ["baseline", "prompt"]


def test_persona_and_constraints_are_tried_where_the_task_has_them(tmp_path: Path) -> None:
    plain = statuses(climb(write_rooms(tmp_path / "plain", documents="")))
    more: dict[str, Any] = {"persona": "You are brief.", "constraints": ["at most 5 words"]}
    given = statuses(climb(write_rooms(tmp_path / "given", documents="", **more)))
    assert not set(plain) & {"persona", "constraints"} and {"persona", "constraints"} <= set(given)


@pytest.mark.slow
def test_a_model_that_cannot_score_writes_its_labels(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path), GeneratingModel())
    assert not set(statuses(study)) & {"generated", "prior-removed"}
    methods = {step.run.system.decoding.method for step in study.steps if step.run is not None}
    assert methods == {"generate", "head"}


def test_an_option_has_the_name_of_the_system_it_makes(desk: tuple[Path, Study]) -> None:
    folder, study = desk
    task = load_project(folder).task
    start = starting_system(task, study.splits.train, FakeModel())
    options = [option for rung in ladder(task, False, Capabilities(scores=True))[:2] for option in rung.candidates(start, [])]
    assert {option.name for option in options} == {step.system for step in study.steps if step.rung in ("baseline", "prompt")}


# --- finalists


def test_the_finalists_are_the_best_of_each_kind_and_each_system_once(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path))
    runs = [step.run for step in study.steps if step.status == "measured" and step.run is not None]
    chosen = finalists(runs)
    assert [r.system.name for r in chosen.values()] == [r.system.name for r in study.tests]
    reading = [r for r in runs if r.system.has_knowledge]
    assert chosen["best with retrieval"].mean == max(r.mean for r in reading)
    assert len({r.system.fingerprint for r in chosen.values()}) == len(chosen)
    assert finalists([]) == {}


def test_of_equal_systems_the_shorter_prompt_is_best(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, documents=""))
    equal: list[Run] = [step.run for step in study.steps if step.run is not None and step.run.mean == 0]
    found = best(equal)
    assert found is not None and found.tokens_in == min(run.tokens_in for run in equal)
    assert best([]) is None


# --- the clock


def test_a_clock_without_a_limit_never_runs_out() -> None:
    Clock().check()
    assert Clock().left == float("inf")


def test_a_clock_that_ran_out_says_that_the_run_goes_on_from_here() -> None:
    with pytest.raises(OutOfTime) as caught:
        Clock(0.0).check()
    assert "run again" in caught.value.hint

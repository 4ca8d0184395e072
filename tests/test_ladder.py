"""When the climb goes on and when it stops, with models that can more or less than the public fake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from flow import climb, statuses, write_desk, write_rooms

from tailor.approaches.approach import starting_system
from tailor.decide.ladder import Clock, finalists
from tailor.decide.rungs import best, ladder
from tailor.errors import EndpointError, OutOfTime
from tailor.evaluate.run import Run
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.study import Step, Study

DEAR_LABELS = {"label": 500.0, "error": 0.0001}


class Tunable(FakeModel):
    """A fake that claims to have weights, so that the ladder considers training them."""

    can_tune = True


class Slow(Tunable):
    """A fake that says it took a second per answer, and takes none."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        return [Reply(r.text, r.scores, r.tokens_in, r.tokens_out, 1.0) for r in super().reply(requests, tuned)]


class Writer(FakeModel):
    """A fake that cannot score choices, as an endpoint cannot."""

    can_score = False


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """The classify project and its climb."""
    folder = write_desk(tmp_path_factory.mktemp("desk"))
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
def test_training_is_tried_when_errors_have_no_price_or_a_high_one(tmp_path: Path, prices: dict[str, float]) -> None:
    step = step_of(climb(write_rooms(tmp_path, prices=prices), Tunable()), "retrieve and tune")
    assert step.status == "not possible"
    assert step.note == "the weights of fake are not on this machine, so they cannot be tuned."


def test_training_that_does_not_fit_the_time_limit_says_what_it_would_need(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, tuning={"epochs": 50}), Tunable(), max_minutes=1)
    step = step_of(study, "retrieve and tune")
    assert step.status == "no time" and step.note == study.stopped
    assert study.stopped.startswith("The next rung (retrieve and tune) would need about ")
    assert " of training; the time limit leaves " in study.stopped
    assert study.decision is not None


def test_the_climb_stops_while_there_is_time_left_for_the_final_test(tmp_path: Path) -> None:
    # 18 test rows at a second each and nothing tried so far takes longer than the limit of ten seconds.
    study = climb(write_rooms(tmp_path), Slow(), max_minutes=10 / 60)
    assert study.steps[0].status == "measured" and study.steps[1].status == "no time"
    assert study.decision is not None and len(study.tests) == 1


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


def test_the_weaker_half_of_a_rung_stops_after_a_block(desk: tuple[Path, Study]) -> None:
    _, study = desk
    prompts = [step for step in study.steps if step.rung == "prompt"]
    early = [step for step in prompts if step.status == "stopped early"]
    whole = [step for step in prompts if step.status == "measured"]
    assert len(early) == len(prompts) // 2
    assert all(step.run is not None and len(step.run.examples) == FakeModel.block for step in early)
    assert all(step.run is not None and step.run.examples == study.splits.dev for step in whole)
    first = {s.system: sum(s.run.values[: FakeModel.block]) for s in prompts if s.run is not None}
    assert min(first[step.system] for step in whole) >= max(first[step.system] for step in early)
    assert not {step.system for step in early} & {run.system.name for run in study.tests}


# --- which rungs there are


def rungs(folder: Path, **can: bool) -> list[str]:
    project = load_project(folder)
    found = ladder(project.task, project.documents is not None, can.get("score", True), can.get("tune", True))
    return [rung.name + ("?" if rung.optional else "") for rung in found]


def test_the_rungs_go_from_cheap_to_dear_as_the_task_allows(tmp_path: Path) -> None:
    sort, rooms = write_desk(tmp_path / "desk"), write_rooms(tmp_path / "rooms")
    assert rungs(sort) == ["baseline", "prompt", "calibrate", "tune", "prompt and tune?", "tune fully?"]
    assert rungs(sort, score=False, tune=False) == ["baseline", "prompt"]
    assert rungs(rooms) == ["baseline", "prompt", "retrieve", "retrieve and prompt", "retrieve and tune", "tune?", "tune fully?"]
    assert rungs(write_rooms(tmp_path / "closed", documents=""), tune=False) == ["baseline", "prompt"]


def test_persona_and_constraints_are_tried_where_the_task_has_them(tmp_path: Path) -> None:
    plain = statuses(climb(write_rooms(tmp_path / "plain")))
    given = statuses(climb(write_rooms(tmp_path / "given", persona="You are brief.", constraints=["at most 5 words"])))
    assert not set(plain) & {"persona", "constraints"} and {"persona", "constraints"} <= set(given)


def test_a_model_that_cannot_score_writes_its_labels(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path), Writer())
    assert not set(statuses(study)) & {"generated", "prior-removed"}
    generative = [step.run for step in study.steps if step.run is not None and step.system != "reference-classifier"]
    assert {run.system.decoding.method for run in generative} == {"generate"}


def test_an_option_has_the_name_of_the_system_it_makes(desk: tuple[Path, Study]) -> None:
    folder, study = desk
    task = load_project(folder).task
    start = starting_system(task, study.splits.train, FakeModel())
    options = [option for rung in ladder(task, False, True, False)[:2] for option in rung.candidates(start, [])]
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
    study = climb(write_rooms(tmp_path))
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

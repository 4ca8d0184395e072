"""What the diagnosis does to the climb: rungs without hope are left out, and a diagnosis that fails stops nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import sentence, write_csv
from decide_helpers import make_run, make_system
from flow import LABELS, Watcher, climb, statuses, write_desk, write_rooms

from tailor import experiment
from tailor.approaches.tuning import FineTune
from tailor.decide.prune import reason_to_prune
from tailor.decide.rungs import Proposal, Rung, best
from tailor.diagnose.forecast import forecast_for
from tailor.diagnose.types import Diagnosis, Lever
from tailor.errors import DoesNotFit, EndpointError, TailorError
from tailor.models.base import Capabilities, Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.results import Step, Study
from tailor.stats.intervals import Interval

WIDE = {"train": 24, "dev": 48, "test": 18}
DEAR_LABELS = {"label": 500.0, "error": 0.0001}
TUNE = Rung("tune", lambda start, runs: [], ("behaviour",), "training")


class Tunable(FakeModel):
    """A fake that claims to have weights, so that the ladder considers training them."""

    capabilities = replace(FakeModel.capabilities, tunes=True)


class Copier(FakeModel):
    """A fake that says "billing" until it is shown examples; then it knows every message's label, which the words do not tell."""

    capabilities = Capabilities(tunes=True)

    def __init__(self) -> None:
        super().__init__(lambda request: self.say(request))

    def say(self, request: Request) -> str:
        known = len(request.messages) > 2
        return LABELS[int(re.findall(r"\d+", request.messages[-1].text)[-1]) % 3] if known else LABELS[0]


def write_numbers(folder: Path, **changes: object) -> Path:
    """A classify project whose labels only arithmetic tells."""
    write_desk(folder, **{"split": WIDE} | changes)
    write_csv(folder / "data.csv", [(f"{sentence(i)} {i}", LABELS[i % 3]) for i in range(90)])
    return folder


@pytest.mark.slow
def test_a_rung_without_hope_is_left_out_and_the_forecast_says_why(tmp_path: Path) -> None:
    study = climb(write_numbers(tmp_path), Copier())
    step = step_of(study, "tune")
    assert study.diagnosis is not None and step.status == "cannot pay" and step.run is None
    forecast = forecast_for(study.diagnosis, ("behaviour",))
    leader = best([run for step in study.steps if (run := step.run) and step.status == "measured"])
    assert forecast is not None and forecast.high is not None and leader is not None
    assert study.diagnosis.baseline < forecast.high < leader.mean
    assert step.note.startswith("The next rung (tune) is not expected to pay: on dev its forecast goes up to")
    assert study.stopped.endswith("was climbed, but for what is not expected to pay (tune).")


def test_a_forecast_that_its_own_start_beats_speaks_against_nothing() -> None:
    zero, shown = make_system("zero-shot"), make_system("shown", shots=1)
    runs = [make_run(zero, [0.0] * 6 + [1.0] * 4), make_run(shown, [1.0] * 10)]
    tune = Lever("behaviour", Interval(0.6, 0.5, 0.7, 10, 0.8), (1.0,) * 6 + (0.0,) * 4, 4, 4, "So.")
    found = Diagnosis(0.4, 10, 6, (tune,), (), None, None, (), 1.0)
    assert reason_to_prune(found, TUNE, [Proposal(FineTune(), zero)], runs) is not None
    assert reason_to_prune(found, TUNE, [Proposal(FineTune(), shown)], runs) is None
    assert reason_to_prune(found, replace(TUNE, is_open=True), [Proposal(FineTune(), zero)], runs) is None, (
        "it may do what nobody forecast"
    )


def test_a_leader_on_easier_rows_takes_no_hope_from_others() -> None:
    start, shown = make_system("zero-shot"), make_system("shown", shots=1)
    values = [0.0] * 6 + [1.0] * 4
    baseline, leader = make_run(start, values), make_run(shown, [1.0] * 10)
    rows = (1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0)
    tune = Lever("behaviour", Interval(0.6, 0.5, 0.7, 10, 0.8), rows, 4, 4, "So.")
    found = Diagnosis(0.4, 10, 6, (tune,), (), None, None, (), 1.0)
    options = [Proposal(FineTune(), start)]
    part = leader.on(leader.examples[5:])  # there the baseline has four of five, too
    assert reason_to_prune(found, TUNE, options, [baseline, leader]) is not None
    assert reason_to_prune(found, TUNE, options, [baseline, part]) is None
    assert reason_to_prune(replace(found, baseline=0.7), TUNE, options, [baseline, leader]) is None


@pytest.mark.slow
def test_a_training_that_is_brought_forward_and_cannot_pay_keeps_nothing_cheaper_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune_first(diagnosis: Diagnosis, rungs: Sequence[Rung]) -> list[Rung]:
        return sorted(rungs, key=lambda rung: rung.name != "tune")

    monkeypatch.setattr("tailor.decide.ladder.in_order", tune_first)
    monkeypatch.setattr("tailor.decide.ladder.reason_to_prune", lambda *given: None)  # here only money speaks
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "page.md").write_text("# Page\n\nWrite to billing.\n", encoding="utf-8")
    study = climb(write_numbers(tmp_path, documents="pages", prices=DEAR_LABELS), Copier())
    assert step_of(study, "tune").status == "cannot pay"
    assert statuses(study)["rag-bm25"] in ("measured", "stopped early")
    assert study.stopped.startswith("Training costs about")


# --- a diagnosis that cannot be made


@pytest.mark.parametrize("error", [EndpointError("the endpoint timed out", retryable=True), DoesNotFit(9, 8)])
def test_a_diagnosis_that_fails_is_said_and_the_climb_goes_on(error: TailorError, tmp_path: Path) -> None:
    class Blind(FakeModel):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            if any("<passages>" in message.text for request in requests for message in request.messages):
                raise error
            return super().reply(requests, tuned)

    watcher = Watcher()
    study = experiment.run(load_project(write_rooms(tmp_path)), watcher, model=Blind())
    said = watcher.sentences.count(f"Why zero-shot fails could not be found out: {error}.")
    assert study.decision is not None
    if isinstance(error, EndpointError):
        assert said == 1 and study.diagnosis is None
    else:  # passages that do not fit are told of, and the other levers are forecast all the same
        assert said == 0 and study.diagnosis is not None and study.diagnosis.lever("knowledge") is None
    assert statuses(study)["rag-bm25"] == ("failed" if isinstance(error, EndpointError) else "does not fit")


@pytest.mark.slow
def test_answers_that_never_came_are_not_diagnosed(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path), FakeModel(fail=lambda request: "busy"))
    assert study.diagnosis is None and study.decision is None


def step_of(study: Study, rung: str) -> Step:
    (step,) = [step for step in study.steps if step.rung == rung]
    return step

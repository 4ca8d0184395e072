"""The time limit: what is tried first, what counts, and that no headline offers less than was measured. The clock is a fake."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from decide_helpers import make_run, make_system
from flow import LABELS, Watcher, statuses, write_desk, write_rooms
from tiny import classify_material, start

from tailor import experiment
from tailor.decide.budget import Budget
from tailor.decide.clock import Clock
from tailor.decide.prune import most_promising
from tailor.decide.rungs import Rung
from tailor.diagnose.types import Diagnosis, Lever, LeverName
from tailor.engine import Engine
from tailor.errors import ConfigError, OutOfTime
from tailor.models.base import Capabilities, Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.results import Study
from tailor.stats.intervals import Interval

WIDE = {"train": 24, "dev": 48, "test": 18}
READ, WRITE = 0.01, 0.1  # seconds for a token


class Timed(FakeModel):
    """A fake whose answers take time, by their tokens, on a clock of its own."""

    capabilities = Capabilities()

    def __init__(self, answers: Callable[[Request], str] | None = None) -> None:
        super().__init__(answers)
        self.time = 0.0

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        replies = super().reply(requests, tuned)
        timed = [replace(reply, seconds=READ * reply.tokens_in + WRITE * reply.tokens_out) for reply in replies]
        self.time += sum(reply.seconds for reply in timed)
        return timed


def learner() -> Timed:
    """Says "billing" until it is shown examples; then it knows the label, which is in the number at the end of every message."""

    def say(request: Request) -> str:
        known = len(request.messages) > 2
        return LABELS[int(re.findall(r"\d+", request.messages[-1].text)[-1]) % 3] if known else LABELS[0]

    return Timed(say)


def run(folder: Path, model: Timed, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A run of the project in so many seconds of the model's clock."""
    monkeypatch.setattr("tailor.experiment.Clock", lambda limit: Clock(limit, lambda: model.time))
    return experiment.run(load_project(folder), Watcher(), max_minutes=None if seconds is None else seconds / 60, model=model)


def desk(folder: Path) -> Path:
    """Messages whose label is the number at their end, modulo three."""
    folder = write_desk(folder, split=WIDE, persona="You are brief.", constraints=["one word"])
    rows = [f"message of the day {i},{LABELS[i % 3]}" for i in range(90)]
    (folder / "data.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    return folder


@pytest.mark.slow
def test_where_only_the_baseline_fits_it_alone_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(desk(tmp_path / "whole"), learner(), None, monkeypatch)
    baseline = whole.dev_run("zero-shot")
    assert baseline is not None
    enough = baseline.seconds * (len(baseline.examples) + WIDE["test"])
    model = learner()
    study = run(desk(tmp_path / "short"), model, 1.05 * enough, monkeypatch)
    assert [test.system.name for test in study.tests] == ["zero-shot", "reference-classifier"]
    assert statuses(study)["zero-shot"] == "measured" and statuses(study)["few-shot-nearest-5"] == "no time"
    assert all(step.note for step in study.steps if step.status == "no time")
    assert "few-shot-nearest-5" in study.stopped and model.time <= 1.05 * enough


@pytest.mark.slow
def test_what_was_measured_in_part_counts_with_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(desk(tmp_path / "whole"), learner(), None, monkeypatch)
    spent, shown = 0.0, {}
    for step in whole.steps:
        if step.run is not None and step.rung in ("baseline", "prompt"):
            spent += step.seconds
            shown[step.system] = step.run
    baseline, nearest = shown["zero-shot"], shown["few-shot-nearest-5"]
    # Time for the first half of the rows of the examples, for a test of both, and not for the second half.
    limit = baseline.seconds * (48 + 18) + nearest.seconds * (24 + 18) + 1.0
    study = run(desk(tmp_path / "short"), learner(), limit, monkeypatch)
    (part,) = [step for step in study.steps if step.system == "few-shot-nearest-5"]
    assert part.status == "measured in part" and part.run is not None and len(part.run.examples) == 24
    assert part.note.startswith("stopped after 24 of 48 dev rows: it would need about ")
    assert part.dev is not None and part.dev.n == 24
    assert part.dev.low is not None and nearest.mean >= part.dev.low
    assert study.dev_run(part.system) == part.run and study.decision is not None
    assert study.decision.chosen == "few-shot-nearest-5"
    assert part.system in study.stopped


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["desk", "rooms"])
def test_no_limit_makes_a_headline_offer_less_than_was_measured(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, write = {"desk": (learner, desk), "rooms": (Timed, lambda folder: write_rooms(folder, remarks=20))}[kind]
    model = make()
    run(write(tmp_path / "whole"), model, None, monkeypatch)
    seen = set()
    for share in (0.05, 0.2, 0.35, 0.6):
        limited = make()
        study = run(write(tmp_path / str(share)), limited, share * model.time, monkeypatch)
        if study.decision is None:
            continue
        seen.add(study.decision.chosen)
        means = {test.system.name: test.mean for test in study.tests}
        assert means[study.decision.chosen] >= max(means.values()) - study.task.smallest_effect or study.decision.reference
        counted = [step.run for step in study.steps if step.counts and step.run is not None]
        for run_ in counted:
            assert run_.system.decoding.method == "head" or any(
                test.system.name == run_.system.name
                or (other := study.dev_run(test.system.name)) is not None
                and other.on(run_.examples).mean >= run_.on(other.examples).mean - study.task.smallest_effect
                for test in study.tests
            ), f"nobody in the test is as good as {run_.system.name}"
    assert len(seen) > 1


@pytest.mark.slow
def test_passages_are_tried_before_prompts_where_they_promise_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def order(study: Study) -> list[str]:
        return list(dict.fromkeys(step.rung for step in study.steps if step.run is not None))

    unhurried = run(write_rooms(tmp_path / "whole", remarks=20), Timed(), None, monkeypatch)
    hurried = run(write_rooms(tmp_path / "short", remarks=20), Timed(), 3600, monkeypatch)
    assert order(unhurried)[:3] == ["baseline", "prompt", "retrieve"]
    assert order(hurried)[:2] == ["baseline", "retrieve"] and set(order(hurried)) == set(order(unhurried))


def test_passages_that_the_diagnosis_asked_for_count_where_there_is_no_time_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(write_rooms(tmp_path / "whole", remarks=20), Timed(), None, monkeypatch)
    runs = {step.system: step.run for step in whole.steps if step.run is not None}
    baseline, hybrid = runs["zero-shot"], runs["rag-hybrid"]
    # Enough for the baseline, its test and the diagnosis; the test of what reads passages goes over the limit.
    limit = baseline.seconds * (len(baseline.examples) + len(whole.splits.test)) + 0.5 * hybrid.seconds * len(hybrid.examples)
    study = run(write_rooms(tmp_path / "short", remarks=20), Timed(), limit, monkeypatch)
    assert statuses(study)["rag-hybrid"] == "measured" and statuses(study)["rag-bm25"] == "no time"
    assert [test.system.name for test in study.tests] == ["zero-shot", "rag-hybrid"]


def test_what_was_advised_comes_first_where_nothing_could_be_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*given: object) -> Diagnosis:
        raise ConfigError("nothing can be forecast")

    monkeypatch.setattr("tailor.decide.ladder.diagnose", unknown)
    study = run(write_rooms(tmp_path, remarks=20), Timed(), 3600, monkeypatch)
    assert study.advice is not None and study.advice.expected == "documents in the prompt"
    assert list(dict.fromkeys(step.rung for step in study.steps))[:3] == ["baseline", "retrieve", "prompt"]


def test_a_first_answer_of_another_method_is_foreseen_from_what_was_measured(
    tmp_path: Path, engine_for: Callable[..., Engine]
) -> None:
    data = classify_material(LABELS)
    engine = engine_for(FakeModel(), tmp_path)
    scored = start(data, engine)
    decoding = scored.decoding.model_copy(update={"method": "generate", "max_tokens": 200})
    written = scored.model_copy(update={"decoding": decoding})
    budget = Budget(Clock(60, lambda: 0.0), data, engine, [], test_rows=20)
    assert budget.row_seconds(written) is None
    run_ = make_run(scored, [1.0] * 6, tokens=(100, 0))
    run_ = replace(run_, answers=tuple(replace(answer, seconds=0.1) for answer in run_.answers))
    each = run_.seconds
    budget = Budget(Clock(60, lambda: 0.0), data, engine, [run_], test_rows=20)
    expected = budget.row_seconds(written)
    assert scored.decoding.method == "score" and expected is not None and expected > 10 * each > 0
    assert budget.overrun() == "" and Budget(Clock(None), data, engine, [run_], test_rows=9000).overrun() == ""
    late = Budget(Clock(1, lambda: 0.0), data, engine, [run_], test_rows=1200)
    assert late.overrun() == "The final test needs about 2 minutes, and the time limit leaves 1 second: it is not cut short."
    with pytest.raises(OutOfTime, match="the time limit leaves .* besides the final test"):
        Budget(Clock(30 * each, lambda: 0.0), data, engine, [run_], test_rows=20).check_fits(written, data.dev)


def test_the_most_promising_rung_wins_most_for_its_time_and_waits_for_what_it_builds_on() -> None:
    def lever(name: LeverName, mean: float) -> Lever:
        return Lever(name, Interval(mean, mean - 0.1, mean + 0.1, 48, 0.8, "forecast"), (mean,) * 48, 0, 0, "")

    levers = (lever("behaviour", 0.7), lever("examples", 0.4), lever("knowledge", 0.3))
    diagnosis = Diagnosis(0.1, 48, 40, levers, (), None, None, (), 1.0)
    prompt = Rung("prompt", lambda start, runs: [], ("form", "examples"))
    retrieve = Rung("retrieve", lambda start, runs: [], ("knowledge",))
    both = replace(prompt, name="retrieve and prompt", pulls=("knowledge", "form", "examples"), builds_on=retrieve)
    calibrate, tune = (
        replace(prompt, name="calibrate", pulls=(), builds_on=prompt),
        replace(prompt, name="tune", pulls=("behaviour",)),
    )
    rungs = [prompt, calibrate, tune, retrieve, both]
    names = [rung.name for rung in rungs]
    leader = make_run(make_system("leader"), [1.0] + [0.0] * 9)

    def first(effect: float = 0.02, **seconds: float) -> str:
        given = dict.fromkeys(names, 10.0) | {name.replace("_", " "): value for name, value in seconds.items()}
        return most_promising([diagnosis], rungs, leader, given, effect).name

    assert first() == "tune"
    assert first(tune=30.0) == "prompt", "0.3 in 10 s against 0.6 in 30 s"
    assert first(tune=30.0, prompt=20.0) == "tune", "0.3 in 20 s against 0.6 in 30 s"
    assert first(tune=300.0, prompt=300.0) == "retrieve", "what builds on it waits, however quick it is"
    assert first(effect=0.9) == "prompt", "where all is below the smallest effect, the earliest of the quickest"

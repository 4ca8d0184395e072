"""The whole flow, from a project to a saved decision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from flow import Watcher, as_another_user, climb, statuses, timeless, write_desk, write_rooms

from tailor.asking import ask
from tailor.data.split import load_splits
from tailor.diagnose.words import summary
from tailor.errors import ConfigError
from tailor.experiment import run
from tailor.kinds.base import label_set
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.report.figures import make_figures
from tailor.report.record import to_json
from tailor.results import Study
from tailor.saved import chosen_system, load_study

WRITERS = {"desk": write_desk, "rooms": write_rooms}


@pytest.fixture(scope="module", params=sorted(WRITERS))
def done(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study, Watcher]:
    """A project that was run once, its study, and what its observer saw."""
    folder = WRITERS[request.param](tmp_path_factory.mktemp("flow") / request.param)
    watcher = Watcher()
    return folder, run(load_project(folder), watcher), watcher


def test_a_run_ends_in_a_decision_that_is_saved_whole(done: tuple[Path, Study, Watcher]) -> None:
    folder, study, _ = done
    assert study.decision is not None and study.decision.opening == 1
    assert study.decision.chosen in {run.system.name for run in study.tests}
    saved = load_study(folder)
    assert to_json(saved) == to_json(study) and timeless(saved) == timeless(study)


def test_the_observer_sees_every_step_and_hears_of_the_opening(done: tuple[Path, Study, Watcher]) -> None:
    _, study, watcher = done
    assert watcher.steps == list(study.steps)
    assert {step.system for step in study.steps} <= set(watcher.names)
    assert watcher.fullest == 1
    opened = f"Opening the sealed test set (number 1) for {len(study.tests)} finalists."
    assert study.advice is not None and study.diagnosis is not None
    expected = f"Expected before measuring: {study.advice.expected}. {study.advice.means}"
    assert watcher.sentences == [expected, *summary(study.diagnosis), study.stopped, opened]


def test_every_finalist_meets_the_same_sealed_rows_and_no_step_does(done: tuple[Path, Study, Watcher]) -> None:
    _, study, _ = done
    assert all(run.examples == study.splits.test for run in study.tests)
    sealed = {example.id for example in study.splits.test}
    assert not any(example.id in sealed for step in study.steps if step.run for example in step.run.examples)


@pytest.mark.slow
def test_running_again_asks_nothing_new_and_opens_the_test_set_no_second_time(done: tuple[Path, Study, Watcher]) -> None:
    folder, study, _ = done
    model = FakeModel()
    assert timeless(climb(folder, model)) == timeless(study)
    assert model.calls == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_the_same_seed_gives_the_same_decision_in_a_fresh_copy(tmp_path: Path, kind: str) -> None:
    studies = []
    for name in ("one", "two"):
        with as_another_user(tmp_path / f"state of {name}"):
            studies.append(climb(WRITERS[kind](tmp_path / name)))
    assert timeless(studies[0]) == timeless(studies[1])


def test_another_seed_draws_other_splits_and_rows_seen_before_still_count_as_opened(tmp_path: Path) -> None:
    first = climb(write_rooms(tmp_path, documents=""))
    second = climb(write_rooms(tmp_path, documents="", split={"seed": 1}))
    assert first.splits.fingerprint != second.splits.fingerprint
    assert second.decision is not None and second.decision.opening == 2


def test_other_finalists_on_the_same_test_set_are_a_second_opening_that_spends_less(tmp_path: Path) -> None:
    first = climb(write_rooms(tmp_path, documents=""))
    second = climb(write_rooms(tmp_path, documents="", instruction="Answer in a word."))
    assert first.decision is not None and second.decision is not None
    assert first.splits.fingerprint == second.splits.fingerprint
    assert (first.decision.opening, second.decision.opening) == (1, 2)
    assert second.decision.alpha == first.decision.alpha / 2


def test_all_fills_the_corners_that_a_model_without_weights_here_can_fill(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, target=0.05), everything=True)
    assert not set(statuses(study).values()) & {"not needed", "cannot pay", "no time"}
    grid = make_figures(study).grid
    assert grid is not None
    base, read, tuned, both = grid.cells
    assert base.score is not None and read.score is not None
    # The fake has no weights to tune: the tuned corners stay empty, and say why.
    assert tuned.score is both.score is None
    assert "its model allow" in tuned.reason and "its model allow" in both.reason


def test_no_time_at_all_ends_without_a_decision_and_leaves_the_test_set_sealed(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    study = climb(folder, max_minutes=1e-9)
    assert study.decision is None and study.tests == ()
    assert statuses(study) == {"zero-shot": "no time"}
    assert study.stopped == "The time limit left no room for zero-shot."
    with pytest.raises(ConfigError, match="without a decision"):
        chosen_system(load_study(folder))
    again = climb(folder)
    assert again.decision is not None and again.decision.opening == 1


@pytest.mark.slow
def test_a_met_target_stops_the_climb(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path, target=0.4))
    assert statuses(study)["zero-shot"] == "measured"
    left_out = [step for step in study.steps if step.status == "not needed"]
    assert {step.rung for step in left_out} == {"prompt"} and len(left_out) > 2
    assert study.stopped.endswith("the target is 40 %: the next rung (prompt) is not needed.")
    # Both references were measured on dev, and the better one met the test set.
    assert {"reference-classifier", "tfidf-classifier"} <= {step.system for step in study.steps if step.status == "measured"}
    assert study.decision is not None and {run.system.name for run in study.tests} == {"zero-shot", "tfidf-classifier"}


def test_documents_that_do_not_fit_are_a_result(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path))
    (step,) = [step for step in study.steps if step.system == "whole-documents"]
    assert step.status == "does not fit" and step.run is None
    assert step.note.startswith("a prompt with all documents does not fit: ") and step.note.endswith(" of 8,192 tokens.")
    assert statuses(study)["rag-bm25"] == "measured" and study.decision is not None


def test_documents_that_fit_are_read_whole(tmp_path: Path) -> None:
    assert statuses(climb(write_rooms(tmp_path, remarks=0)))["whole-documents"] == "measured"


def test_questions_without_documents_are_answered_from_memory(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, documents=""))
    assert "rag-bm25" not in statuses(study) and "whole-documents" not in statuses(study)
    assert study.decision is not None


class Refusing(FakeModel):
    """Will not answer questions that hold a word."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        refusal = Reply("", finish="refused", error="flagged")
        replies = super().reply(requests, tuned)
        return [refusal if "amber" in q.messages[-1].text else reply for q, reply in zip(requests, replies, strict=True)]


def test_rows_that_are_refused_stay_in_the_denominator_and_stop_nothing(tmp_path: Path) -> None:
    study = climb(write_rooms(tmp_path, documents=""), Refusing())
    assert study.decision is not None
    baseline = study.dev_run("zero-shot")
    assert baseline is not None
    assert baseline.count("refused") == sum("amber" in example.fields["question"] for example in baseline.examples) > 0
    assert len(baseline.scores) == len(study.splits.dev) and baseline.count("failed") == 0


def test_while_a_call_fails_nothing_is_compared_opened_or_decided(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    watcher = Watcher()
    failing = FakeModel(fail=lambda request: "503 overloaded" if "amber" in request.messages[-1].text else "")
    study = run(load_project(folder), watcher, model=failing)
    baseline = next(step for step in study.steps if step.system == "zero-shot")
    assert baseline.status == "failed" and baseline.dev is None and baseline.run is not None
    failed = baseline.run.count("failed")
    told = f"{failed} of {len(baseline.run.examples)} calls failed: 503 overloaded"
    assert failed > 0 and told in baseline.note and told in study.stopped
    assert study.decision is None and study.tests == () and study.diagnosis is None
    with Ledger(load_project(folder).store) as ledger:
        assert not ledger.shown()
    healed = FakeModel()
    assert climb(folder, healed).decision is not None
    assert not {q for q in failing.requests if "amber" not in q.messages[-1].text} & set(healed.requests)


def test_the_test_set_stays_sealed_when_a_call_for_it_fails(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    hidden = {example.fields["question"] for example in load_splits(load_project(folder)).test}
    failing = FakeModel(fail=lambda request: "timed out" if any(text in request.messages[-1].text for text in hidden) else "")
    study = climb(folder, failing)
    assert study.decision is None and study.stopped.startswith("The sealed test set is not opened: of ")
    with Ledger(load_project(folder).store) as ledger:
        assert not ledger.shown()
    decision = climb(folder).decision
    assert decision is not None and decision.opening == 1


def test_a_failed_answer_is_asked_for_again_and_a_good_one_is_not(tmp_path: Path) -> None:
    def is_busy(request: Request) -> bool:
        return "amber" in request.messages[-1].text

    folder = write_rooms(tmp_path, documents="")
    first, second = FakeModel(fail=lambda request: "busy" if is_busy(request) else ""), FakeModel()
    climb(folder, first)
    climb(folder, second)
    busy, good = ({request for request in first.requests if is_busy(request) is wanted} for wanted in (True, False))
    assert busy & set(second.requests)
    assert not good & set(second.requests)


def test_the_winner_answers_a_new_question_from_its_sources(done: tuple[Path, Study, Watcher]) -> None:
    folder, study, _ = done
    project = load_project(folder)
    system, answer = ask(project, {project.task.variables[0]: "What is the code of the amber cedar jetty room, for billing?"})
    assert study.decision is not None and system.name == study.decision.chosen
    assert answer.raw and not answer.error
    assert bool(answer.passages) == system.has_knowledge


def test_a_column_that_is_missing_is_named(done: tuple[Path, Study, Watcher]) -> None:
    with pytest.raises(ConfigError, match="also needs"):
        ask(load_project(done[0]), {})


def test_a_changed_page_is_answered_from_without_another_run(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path)
    study = climb(folder)
    assert chosen_system(study).has_knowledge
    found = ((example, ask(load_project(folder), dict(example.fields))[1]) for example in study.splits.test if example.answers)
    example = next(example for example, answer in found if any(example.label in passage.text for passage in answer.passages))
    page = next(path for path in (folder / "pages").iterdir() if f" is {example.label}." in path.read_text(encoding="utf-8"))
    before, answer = ask(load_project(folder), dict(example.fields))
    assert any(example.label in passage.text for passage in answer.passages)
    page.write_text(page.read_text(encoding="utf-8").replace(f" is {example.label}.", " is changed."), encoding="utf-8")
    after, answer = ask(load_project(folder), dict(example.fields))
    assert after.fingerprint != before.fingerprint
    assert any("is changed." in passage.text for passage in answer.passages)


@pytest.mark.slow
def test_the_order_of_labels_that_was_used_once_is_kept_whatever_is_edited(tmp_path: Path) -> None:
    """Labels come from the training rows: an edited row moves another one to the front, and no prompt may change for that."""
    folder = write_desk(tmp_path)
    first = climb(folder).steps[0].run
    assert first is not None
    header, *lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    orders = iter(range(len(lines)))
    while True:  # until an edit changes the order by first use
        place = next(orders)
        edited = [line.replace('"', '"Hello ', 1) if number == place else line for number, line in enumerate(lines)]
        (folder / "data.csv").write_text("\n".join([header.strip(), *edited]) + "\n", encoding="utf-8")
        project = load_project(folder)
        if label_set(project.task, load_splits(project).train) != first.system.decoding.labels:
            break
    model = FakeModel()
    study = run(project, Watcher(), model=model)
    again = study.steps[0].run
    assert again is not None and again.system.fingerprint == first.system.fingerprint
    before = {example.answer_key for example in first.examples}
    moved = [example for example in again.examples if example.answer_key not in before]
    plain = [request for request in model.requests if len(request.messages) == 2 and request.choices]
    assert len(moved) <= 5 and len(plain) < len(first.examples), "what was answered is not asked again"
    assert study.task == project.task and study.task.labels == ()

"""Texts of some length: the requirements that they are held to, what `init` writes for them, and a whole study of them."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_task, sentence, write_yaml
from flow import Watcher, tailor
from pydantic import ValidationError

from tailor.approaches.approach import starting_system
from tailor.data.example import Example
from tailor.data.guess import GivenOptions, guess_task
from tailor.data.required import audit_requirements
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.errors import ConfigError, DataError
from tailor.experiment import run
from tailor.kinds.base import kind_of, score
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.replies import to_answer
from tailor.report.details import details
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer, Score
from tailor.system import System, fingerprint_of
from tailor.task import Task

ROW = Example(
    "1",
    {"text": "We are three people and need 2 rooms on 3/5/2026, for 1,050 pounds. The form [4] is signed."},
    ("Dear Ms Ito, your 2 rooms are booked. Kind regards",),
    checked={"guest": "Ms Ito", "facts": '["two rooms", "3 May"]', "nothing": ""},
)


def write_task(**changes: object) -> Task:
    return make_task(kind="write", output="reply", **changes)


def scored(answer: str, required: Mapping[str, Any], *, cut: bool = False, passages: tuple[Passage, ...] = ()) -> Score:
    task = write_task(requirements=required)
    system = starting_system(task, [ROW], FakeModel())
    return score(task, system, ROW, Answer("1", answer, passages=passages, finish="length" if cut else "stop"))


def broken(answer: str, required: Mapping[str, Any]) -> list[str]:
    """Names of the requirements that an answer breaks."""
    found = scored(answer, required)
    names = [name for name, value in found.details.items() if name not in ("chrf", "rouge_l", "required") and not value]
    assert (found.outcome, found.value) == (("wrong", 0.0) if names else ("right", 1.0))
    assert found.details["required"] == float(not names)
    return names


# --- requirements


@pytest.mark.parametrize(
    ("required", "kept", "breaking", "name"),
    [
        ({"contains": ["Kind regards"]}, "Yes.\nKIND REGARDS,", "Regards", "contains “Kind regards”"),
        ({"contains": ["Dear {{guest}}"]}, "Dear Ms. Ito,", "Dear guest", "contains “Dear {guest}”"),
        ({"contains": ["{{guest}}"]}, "Hello Ms Ito", "Hello Ms Itoh", "contains the guest"),
        ({"contains": ["{{facts}}"]}, "Two rooms from 3 May.", "Two rooms.", "contains the facts"),
        ({"contains": ["{{nothing}}"], "lacks": ["refund"]}, "Anything.", "A refund.", "lacks “refund”"),
        ({"contains": ["—"]}, "Yes — of course", "Yes, of course", "contains “—”"),
        ({"words": {"at_most": 3}}, "One two three", "one two three four", "at most 3 words"),
        ({"words": {"at_least": 2, "at_most": 3}}, "One two", "One", "2 to 3 words"),
        ({"sentences": {"at_most": 1}}, "It costs 1.50 pounds.", "Yes. No.", "at most 1 sentence"),
        ({"characters": {"at_least": 5}}, "12345", "1234", "at least 5 characters"),
        ({"valid_json": True}, '{"a": 1}', "12", "valid JSON"),
        ({"valid_json": True}, "[]", '{"a": 1', "valid JSON"),
        ({"cites": True}, "It is signed [4].", "It is signed [5].", "cites what it was given"),
        ({"cites": True}, "It is signed [4].", "It is signed.", "cites what it was given"),
        ({"numbers_from": ["text"]}, "2 rooms, 3 people, 1050 pounds", "2 rooms, 7 people", "numbers from text"),
        ({"numbers_from": ["text"]}, "1. on 3/5\n2. in 2026", "on 3/6", "numbers from text"),
        ({"numbers_from": ["text", "guest"]}, "No number", "12:30", "numbers from text or guest"),
        ({"numbers_from": ["text"]}, "on 2026-05-03, or 3 May 2026", "on 2026-05-04", "numbers from text"),
        ({"words": {"at_least": 2, "at_most": 2}}, "two words", "three more words", "exactly 2 words"),
        ({"valid_json": True}, '{"a": 1}', '{"a": NaN}', "valid JSON"),
    ],
)
def test_an_answer_that_breaks_a_requirement_is_wrong_and_the_requirement_is_named(
    required: dict[str, Any], kept: str, breaking: str, name: str
) -> None:
    assert broken(kept, required) == []
    assert broken(breaking, required) == [name]


def test_passages_count_as_a_source_and_are_what_is_cited() -> None:
    passages = (Passage("a.md", "Prices", 0, 24, "A room costs 120 pounds."),)
    required: dict[str, Any] = {"cites": True, "numbers_from": ["text"]}
    assert scored("It is 120 pounds [1].", required, passages=passages).outcome == "right"
    assert scored("It is 120 pounds [4].", required, passages=passages).details["cites what it was given"] == 0
    assert scored("It is 130 pounds [1].", required, passages=passages).details["numbers from text"] == 0


def test_a_text_that_was_cut_off_is_not_right_whatever_it_keeps() -> None:
    found = scored("Dear Ms Ito, your", {"contains": ["Ms Ito"]}, cut=True)
    assert (found.outcome, found.value, found.details["contains “Ms Ito”"]) == ("cut", 0.0, 1.0)


@pytest.mark.parametrize("answer", ["", "...", "```\n```", "- "])
def test_signs_alone_are_no_text_whatever_is_required(answer: str) -> None:
    found = scored(answer, {"words": {"at_most": 9}})
    assert (found.outcome, found.value) == ("unparsed", 0.0)


def test_overlap_with_the_reference_describes_and_decides_nothing() -> None:
    same, other = (scored(text, {"words": {"at_most": 20}}) for text in (ROW.label, "No."))
    assert (same.details["chrf"], same.details["rouge_l"]) == (1.0, 1.0)
    assert other.details["rouge_l"] == 0.0 and other.details["chrf"] < 0.2
    assert same.value == other.value == 1.0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"requirements": {}}, "requires nothing"),
        ({"requirements": {"contains": [" "]}}, "an empty text is in every answer"),
        ({"requirements": {"words": {}}}, "give `at_least` or `at_most`"),
        ({"requirements": {"words": {"at_least": 5, "at_most": 4}}}, "is more than"),
        ({"requirements": {"contains": ["{{reply}}"]}}, "the column with the right answer"),
        ({"requirements": {"must": ["x"]}}, "must"),
        ({"requirements": {"contains": ["Kind regards, Ann"], "lacks": ["kind regards"]}}, "so no answer keeps both"),
        ({"requirements": {"contains": ["Dear {{guest}}"], "lacks": ["{{guest}}"]}}, "forbids '{{guest}}'"),
        ({"requirements": {"words": {"at_least": 50}, "characters": {"at_most": 40}}}, "50 words or more cannot be written in 40"),
        ({"requirements": {"sentences": {"at_least": 4}, "words": {"at_most": 3}}}, "4 sentences or more"),
        ({"max_words": 30}, "`requirements: {words: {at_most: 30}}`"),
        ({"kind": "classify", "requirements": {"lacks": ["x"]}}, "`requirements` are for texts"),
        ({"kind": "answer", "requirements": {"lacks": ["x"]}}, "`requirements` are for texts"),
        ({"metric": "f1"}, "does not fit kind 'write'"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: Mapping[str, object], why: str) -> None:
    with pytest.raises((ValidationError, ConfigError), match=why.replace("(", r"\(")):
        Task.model_validate({**write_task().model_dump(exclude_unset=True), **changes})


def test_requirements_that_some_answer_keeps_are_taken() -> None:
    kept = {"contains": ["We regret"], "lacks": ["regret it", "ret"], "words": {"at_least": 5}, "characters": {"at_most": 60}}
    assert write_task(requirements=kept).requirements is not None


def test_a_thought_in_front_of_a_text_is_no_part_of_it() -> None:
    """Of any model: endpoints split it themselves, a model on this machine writes it into its text."""
    system = starting_system(write_task(requirements={"words": {"at_most": 3}}), [ROW], FakeModel())
    said = to_answer(system, "1", Reply("<think>They ask for two rooms. I agree.</think>\nAll is booked"), ())
    assert (said.raw, said.thought) == ("All is booked", "They ask for two rooms. I agree.")
    unfinished = to_answer(system, "1", Reply("<think>They ask for", finish="length"), ())
    assert unfinished.raw == "" and scored(unfinished.raw, {"words": {"at_most": 3}}, cut=True).outcome == "cut"
    scores = Reply("", scores=(-1.0, -2.0))
    labels = system.with_(decoding={"method": "score", "labels": ("<think>a</think>b", "c")})
    assert to_answer(labels, "1", scores, ()).raw == "<think>a</think>b"


def test_a_judge_scores_unless_another_metric_is_named() -> None:
    judge = {"rubric": "It is polite.", "model": "fake"}
    assert write_task(judge=judge).scored_by == "judged"
    assert write_task(requirements={"lacks": ["x"]}).scored_by == "met"


# --- prompts and decoding


def test_a_text_has_room_and_is_not_told_to_be_brief() -> None:
    task = write_task(requirements={"words": {"at_most": 300}})
    system = starting_system(task, [ROW], FakeModel()).with_(knowledge={"kind": "index", "passages": 1})
    assert system.decoding.max_tokens > 300 and not system.reminds
    assert "few words" not in str(system.turn(ROW))
    assert fingerprint_of(system.model_dump(mode="json")) == system.fingerprint
    assert System.model_validate_json(system.model_dump_json()) == system


def test_a_brief_prompt_keeps_the_fingerprint_that_it_had_before_there_were_others() -> None:
    system = starting_system(make_task(kind="answer"), [ROW], FakeModel())
    assert system.reminds and "brief" not in system.model_dump(mode="json")["prompt"]


def test_with_passages_the_text_that_is_taught_cites_the_nearest() -> None:
    task, kind = write_task(), kind_of(write_task())
    system = starting_system(task, [ROW], FakeModel()).with_(knowledge={"kind": "index", "passages": 2})
    passages = [Passage("a.md", "A", 0, len(text), text) for text in ("Breakfast is at eight.", "Ms Ito booked 2 rooms.")]
    assert kind.target_text(system, ROW, passages) == f"{ROW.label} [2]"
    assert kind.target_text(system, ROW, ()) == ROW.label


# --- `init` and `check`

LINES = "We had a long talk about the {} and decided to look at it again in the autumn, with figures of what it costs, {}."


def write_notes(folder: Path, output: str = "summary", words: int = 30, n: int = 80) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "notes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "text", "guest", output))
        for i in range(n):
            target = " ".join(f"{sentence(i)} and".split() * 6)
            writer.writerow((f"n{i}", LINES.format(sentence(i), i), f"Guest {i}", " ".join(target.split()[: words - i % 3])))
    return path


@pytest.mark.parametrize(
    ("output", "words", "kind", "instruction"),
    [
        ("summary", 12, "write", "Summarise the text in at most 15 words."),
        ("reply", 40, "write", "Write a reply to the text in at most 40 words."),
        ("expected", 40, "write", "Write the expected for the text in at most 40 words."),
        ("answer", 30, "answer", ""),
        ("summary", 5, "answer", ""),
    ],
)
def test_init_takes_a_column_of_long_texts_for_texts_to_write(
    tmp_path: Path, output: str, words: int, kind: str, instruction: str
) -> None:
    guess = guess_task(write_notes(tmp_path, output, words))
    assert guess.kind.name == kind
    task = load_project(write_project(guess)).task
    if instruction:
        assert task.instruction == instruction
        assert task.requirements is not None and task.requirements.words is not None
        assert f"at most {task.requirements.words.at_most} words" in instruction


def test_init_takes_short_texts_for_texts_to_write_where_it_is_told_so(tmp_path: Path) -> None:
    guess = guess_task(write_notes(tmp_path, "answer", 4), GivenOptions(kind="write"))
    assert load_project(write_project(guess)).task.instruction == "Write the answer for the text in at most 5 words."


def project(folder: Path, **changes: object) -> Path:
    write_notes(folder)
    settings: dict[str, Any] = {
        "name": "notes",
        "kind": "write",
        "instruction": "Summarise the text.",
        "input": "{{text}}",
        "output": "summary",
        "data": "notes.csv",
        "model": "fake",
        "embedder": "fake",
        "requirements": {"words": {"at_most": 29}, "lacks": ["amber"], "contains": ["{{guest}}"]},
    }
    write_yaml(folder, {name: value for name, value in (settings | changes).items() if value is not None})
    return folder


def test_check_names_rows_that_break_a_requirement_themselves(tmp_path: Path) -> None:
    told = tailor("check", project(tmp_path))
    said = " ".join(told.stdout.split())
    assert "rows whose own right answer breaks a requirement: at most 29 words." in said
    assert "80 rows whose own right answer breaks a requirement: contains the guest." in said
    with pytest.raises(DataError, match="requirements"):
        run(load_project(project(tmp_path, requirements={"contains": ["{{name}}"]})), Watcher(), model=FakeModel())


def test_the_sample_is_guessed_as_it_is_and_keeps_its_own_requirements() -> None:
    folder = Path(__file__).resolve().parents[1] / "examples" / "guests"
    project, guess = load_project(folder), guess_task(folder / "guests.csv")
    splits = load_splits(project)
    rows = (*splits.train, *splits.dev, *splits.test)
    assert (guess.kind.name, guess.output, project.task.kind, len(rows)) == ("write", "reply", "write", 68)
    assert list(audit_requirements(project.task, rows)) == []


# --- a study


def guest_writer(request: Request) -> str:
    """Knows the guest's number from the text, and nothing of the rest; every seventh time it forgets whom it writes to."""
    number = int(re.findall(r"\d+", request.messages[-1].text)[-1])
    return f"Dear Guest {number}, we talked about it." if number % 7 else "We talked about it."


def test_a_study_decides_by_the_requirements_and_reports_each(tmp_path: Path) -> None:
    folder = project(tmp_path, target=0.5)
    watcher = Watcher()
    study = run(load_project(folder), watcher, model=FakeModel(guest_writer))
    assert any("is not forecast: a forecast takes answers of other rows" in told for told in watcher.sentences)
    assert study.decision is not None and study.decision.verdict == "target met"
    (test,) = [one for one in study.tests if one.system.name == "zero-shot"]
    forgot = {score.details["contains the guest"] for score in test.scores if score.outcome == "wrong"}
    assert forgot == {0.0} and test.mean < 1


def test_answers_that_cannot_be_read_have_a_line_among_the_requirements(tmp_path: Path) -> None:
    """Of every other answer nothing is left but signs: each requirement is then kept by half of the answers at most."""
    calls = count()
    study = run(
        load_project(project(tmp_path)), Watcher(), model=FakeModel(lambda r: guest_writer(r) if next(calls) % 2 else "...")
    )
    (table, *_) = details(study)
    assert table.rows[0].name == "is an answer that can be checked"
    read, *kept = [[score.mean for score in row.scores if score] for row in table.rows]
    assert all(0.3 < share < 0.7 for share in read) and all(share[0] <= read[0] for share in kept)


def test_without_requirements_or_judge_nothing_is_decided_and_it_is_said_what_to_add(tmp_path: Path) -> None:
    folder = project(tmp_path, requirements=None)
    study = run(load_project(folder), Watcher(), model=FakeModel(guest_writer))
    assert study.decision is not None and study.decision.verdict == "not shown"
    assert study.decision.headline.startswith("Nothing can decide: there are no `requirements` and no `judge`")
    assert "Add what an answer must keep to, a judge with a rubric, or both." in study.decision.headline
    told = tailor("check", folder)
    assert told.exit_code == 1
    assert "Nothing can decide" in " ".join(told.stdout.split())

"""Everything a user can get wrong, and the one sentence it ends in: exit code 2, no traceback, every file intact."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from data_helpers import write_csv, write_yaml
from flow import DESK, ROOMS, contents, tailor, write_desk, write_rooms
from interrupt import hear_ctrl_c
from typer.testing import Result

from tailor.ledger import Ledger
from tailor.project import load_project

STOPPED = "Stopped. What was measured is kept; the same command continues from here."

SLOW = """
import sys, time
from tailor.models import fake

class Slow(fake.FakeModel):
    def reply(self, requests, tuned=None):
        print("ASKED", file=sys.stderr, flush=True)
        time.sleep(0.3)
        return super().reply(requests, tuned)

fake.FakeModel = Slow
from tailor.cli import main
main()
"""

LOADING = """
import os, signal, sys
from importlib.abc import MetaPathFinder
from tailor.__main__ import main

class Impatient(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "tailor.cli.run":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Impatient())
main()
"""


def append(folder: Path, line: bytes) -> None:
    with (folder / "data.csv").open("ab") as file:
        file.write(line)


def give_json(folder: Path, text: str) -> None:
    (folder / "data.jsonl").write_text(text, encoding="utf-8")
    write_yaml(folder, DESK | {"data": "data.jsonl"})


def repeat_ids(folder: Path) -> None:
    write_csv(folder / "data.csv", [(f'7","text {i}', "billing") for i in range(30)], "id,text,label")
    write_yaml(folder, DESK | {"data": {"file": "data.csv", "id": "id"}})


def settings(**changes: object) -> Callable[[Path], object]:
    return lambda folder: write_yaml(folder, DESK | changes)


def rows(*given: tuple[str, str]) -> Callable[[Path], object]:
    return lambda folder: write_csv(folder / "data.csv", given)


def make_empty_folder(folder: Path) -> None:
    (folder / "pages").mkdir()
    write_yaml(folder, DESK | {"documents": "pages"})


def spoil_ledger(folder: Path) -> None:
    (folder / ".tailor").mkdir()
    (folder / ".tailor" / "ledger.db").write_text("not a database" * 100)


MISTAKES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing column": (
        settings(input="{{body}}"),
        "data.csv lacks a column: the template {{body}} names the column `body`",
        "It has the columns `text`, `label`.",
    ),
    "missing answer column": (settings(output="lable"), "names the column `lable`; did you mean `label`?", "It has the columns"),
    "unknown label": (settings(labels=["billing", "delivery"]), "30 rows have labels that are not in `labels`: `returns`", "Fix"),
    "empty file": (lambda folder: (folder / "data.csv").write_bytes(b""), "data.csv is empty", "one row per example"),
    "broken JSON line": (
        lambda folder: give_json(folder, '{"text": "a"}\n{"text": \n'),
        "but does not on line 2",
        "Correct or delete",
    ),
    "wrong encoding": (lambda folder: append(folder, b"caf\xe9,billing\n"), "data.csv line 92 holds byte 0xE9", "as UTF-8"),
    "duplicate ids": (repeat_ids, "ids are not unique: `7` in data.csv row 1, data.csv row 2", "its own id"),
    "one example": (rows(("a", "billing")), "there is 1 example, but at least 20 are needed to split", "Some hundreds"),
    "one class": (rows(*((f"text {i}", "billing") for i in range(30))), "every row has the label `billing`", "as `output`"),
    "no such data file": (settings(data="dada.csv"), "dada.csv`; did you mean `data.csv`?", "relative"),
    "documents folder absent": (settings(documents="papers"), "papers is not a folder of documents", "create it"),
    "documents folder empty": (make_empty_folder, "pages holds no documents", "put the documents there"),
    "unknown key": (settings(taget=0.9), "`taget` is not a setting; did you mean `target`?", ""),
    "unknown kind": (settings(kind="clasify"), "did you mean `classify`?", ""),
    "unknown model": (settings(model="fakke"), "`fakke` is not a known model; did you mean `fake`?", "Accepted:"),
    "unknown embedder": (settings(embedder="fakke"), "`fakke` is not a known embedder; did you mean `fake`?", "Accepted:"),
    "unreachable endpoint": (
        settings(model={"name": "x", "base_url": "http://127.0.0.1:9/v1"}),
        "http://127.0.0.1:9/v1 cannot be reached",
        "Check `base_url`",
    ),
    "settings that are not YAML": (
        lambda folder: (folder / "tailor.yaml").write_text("input: {{text}}"),
        "tailor.yaml, line 1 is not YAML",
        "between quotes",
    ),
    "a store that is a file": (lambda folder: (folder / ".tailor").touch(), ".tailor cannot be written to", "a folder"),
    "a ledger that is none": (
        spoil_ledger,
        "ledger.db is damaged",
        "tailor store repair",
    ),
}


def assert_told(result: Result, sentence: str, hint: str) -> None:
    """One sentence on stderr, at most one hint, exit code 2, and nothing that looks like a crash."""
    assert isinstance(result.exception, SystemExit) and result.exit_code == 2, result.output
    first, *more = result.stderr.strip().splitlines()
    assert first.startswith("Error: ") and sentence in first, result.stderr
    assert all(line.startswith("What to do: ") for line in more) and len(more) <= 1
    assert hint in "".join(more)
    assert "Traceback" not in result.output


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_sentence_and_intact_files(tmp_path: Path, mistake: str) -> None:
    spoil, sentence, hint = MISTAKES[mistake]
    spoil(write_desk(tmp_path))
    before = contents(tmp_path)
    assert_told(tailor("run", tmp_path), sentence, hint)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["run", "check", "show", "report", "try"])
def test_a_project_that_is_not_there_is_named(tmp_path: Path, command: str) -> None:
    words = ["text"] if command == "try" else []
    assert_told(tailor(command, tmp_path / "nowhere", *words), "There is no `", "tailor init DATA")
    assert_told(tailor(command, tmp_path, *words), "is not a project: it has no tailor.yaml", "tailor init DATA")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["show", "report", "try"])
def test_before_any_run_there_is_nothing_to_show(tmp_path: Path, command: str) -> None:
    before = contents(write_desk(tmp_path))
    words = ["text"] if command == "try" else []
    assert_told(tailor(command, tmp_path, *words), "has no results yet", f"run `tailor run {tmp_path}` first")
    assert contents(tmp_path) == before and not (tmp_path / ".tailor").exists()


def test_a_second_run_in_the_same_project_is_told_so_and_the_first_goes_on(tmp_path: Path) -> None:
    project = load_project(write_desk(tmp_path))
    with Ledger(project.store) as ledger:
        assert_told(tailor("run", tmp_path), f"another Tailor process (number {os.getpid()}) is working in", "wait until")
        ledger.save_answers("system", {"example": {"raw": "still writing"}})
        assert ledger.answers("system", ["example"]) == {"example": {"raw": "still writing"}}


def test_results_are_read_while_a_run_goes_on(tmp_path: Path) -> None:
    write_rooms(tmp_path, documents="")
    assert tailor("run", tmp_path).exit_code == 0
    with Ledger(load_project(tmp_path).store) as ledger:
        for command in (["show"], ["report"], ["try"], ["store", "check"]):
            question = ["where is the amber room"] if command == ["try"] else []
            done = tailor(*command, tmp_path, *question)
            assert done.exit_code == 0, done.output
        ledger.save_answers("system", {"example": {"raw": "still writing"}})


def test_columns_that_are_missing_or_unknown_in_a_question_are_named(tmp_path: Path) -> None:
    write_rooms(tmp_path)
    text = (tmp_path / "data.csv").read_text(encoding="utf-8")
    first, *lines = text.splitlines()
    (tmp_path / "data.csv").write_text("\n".join([f"{first},plan", *(f"{line},fibre" for line in lines)]), encoding="utf-8")
    write_yaml(tmp_path, ROOMS | {"documents": "", "instruction": "Answer a {{plan}} customer."})
    assert tailor("run", tmp_path).exit_code == 0
    assert_told(tailor("try", tmp_path, "text"), "also needs `plan`", "--set NAME=VALUE")
    assert_told(tailor("try", tmp_path, " ", "--set", "plan="), "there is nothing to answer", "Give the text")
    assert_told(tailor("try", tmp_path, "text", "--set", "plan"), "`plan` is not NAME=VALUE", "--set plan=fibre")
    typo = tailor("try", tmp_path, "text", "--set", "plam=gold")
    assert_told(typo, "`plam` is not a column that the task reads; did you mean `plan`?", "it reads `plan`, `question`")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("runn",), "No such command 'runn'"),
        (("run", ".", "--al"), "No such option: --al"),
        (("run", ".", "--max-minutes", "0"), "greater than or equal to 0.1"),
        (("run", ".", "--max-minutes", "soon"), "should be a valid number"),
        (("try", "."), "Missing argument"),
        (("init", "data.csv", "--kind", "guess"), "'classify', 'tags', 'answer', 'write'"),
    ],
)
def test_a_mistyped_command_ends_in_one_sentence(words: tuple[str, ...], sentence: str) -> None:
    result = tailor(*words)
    assert result.exit_code == 2 and result.stdout == ""
    assert sentence in " ".join(result.stderr.split()) and "Traceback" not in result.stderr


def test_a_report_that_cannot_be_written_spoils_neither_the_study_nor_the_old_report(tmp_path: Path) -> None:
    write_rooms(tmp_path, documents="")
    (tmp_path / "report.html").mkdir()
    result = tailor("run", tmp_path)
    assert_told(result, f"the report cannot be written to {tmp_path / 'report.html'}: ", "writable folder")
    decided = tailor("show", tmp_path)
    assert decided.exit_code == 0 and decided.stdout.splitlines()[1] in result.stdout
    (tmp_path / "report.html").rmdir()
    assert tailor("report", tmp_path).exit_code == 0
    before = contents(tmp_path)
    assert_told(tailor("report", tmp_path, "-o", tmp_path / "data.csv" / "x.html"), "cannot be written to", "writable folder")
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_a_field_of_megabytes_is_no_trouble(tmp_path: Path) -> None:
    append(write_rooms(tmp_path, documents=""), b"0123456789 " * 250_000 + b",42\n")
    result = tailor("run", tmp_path)
    assert result.exit_code == 0, result.output


def test_links_that_lead_to_each_other_end_in_a_sentence(tmp_path: Path) -> None:
    write_rooms(tmp_path)
    (tmp_path / "pages" / "loop.md").symlink_to("loop.md")
    assert tailor("check", tmp_path).exit_code == 0
    (tmp_path / "other.csv").symlink_to("another.csv")
    (tmp_path / "another.csv").symlink_to("other.csv")
    for command in (("init", tmp_path / "other.csv"), ("check", tmp_path / "other.csv"), ("label", tmp_path / "other.csv")):
        refused = tailor(*command)
        assert refused.exit_code == 2 and "Error: " in refused.stderr, command
    inside = tailor("init", ".")
    assert inside.exit_code == 2 and "`.` is a folder" in inside.stderr


def test_questions_without_documents_run(tmp_path: Path) -> None:
    write_rooms(tmp_path)
    write_yaml(tmp_path, {key: value for key, value in ROOMS.items() if key != "documents"})
    assert tailor("run", tmp_path).exit_code == 0


def test_ctrl_c_while_the_program_is_being_loaded_ends_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADING, "check", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=hear_ctrl_c, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "Stopped.\n")


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_measured_and_the_same_command_goes_on(tmp_path: Path) -> None:
    write_rooms(tmp_path, documents="")
    command = [sys.executable, "-c", SLOW, "run", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c) as process:
        assert process.stderr is not None and process.stdout is not None
        asked = [process.stderr.readline() for _ in range(2)]  # the second question is under way: the first was answered and saved
        process.send_signal(signal.SIGINT)
        said = [*asked, *process.stderr.read().splitlines()]
        process.stdout.read()
    assert process.returncode == 130
    assert said[-1] == STOPPED and not any("Traceback" in line for line in said)
    with Ledger(load_project(tmp_path).store) as ledger:
        assert ledger.last_study() is None
    fresh = write_rooms(tmp_path.with_name("fresh"), documents="")
    assert tailor("run", tmp_path).exit_code == tailor("run", fresh).exit_code == 0
    resumed, whole = (tailor("show", folder).stdout.splitlines() for folder in (tmp_path, fresh))
    assert resumed[:4] == whole[:4]

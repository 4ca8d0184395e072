"""The commands as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html import escape
from pathlib import Path

import pytest
from data_helpers import sentence, write_csv, write_yaml
from flow import LABELS, ROOMS, contents, tailor, write_desk, write_rooms
from golden_text import Golden
from typer.testing import Result

from tailor.cli.terminal import plain_console
from tailor.data.table import read_table
from tailor.report.record import to_json
from tailor.saved import load_study

QUESTION = "What is the code of the amber cedar jetty room?"


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A project with documents that `tailor run` was run on, and what it said."""
    folder = write_rooms(tmp_path_factory.mktemp("cli") / "rooms")
    return folder, tailor("run", folder)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """A project with labels that `tailor run` was run on, and what it said."""
    folder = write_desk(tmp_path_factory.mktemp("cli") / "desk")
    return folder, tailor("run", folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rooms", "desk"])
def test_run_shows_every_step_the_decision_and_where_the_report_is(name: str, request: pytest.FixtureRequest) -> None:
    folder, result = request.getfixturevalue(name)
    assert result.exit_code == 0 and result.stderr == ""
    study = load_study(folder)
    assert study.decision is not None
    for step in study.steps:
        assert f"{step.rung:<20} {step.system}" in result.stdout
    assert study.stopped in result.stdout and study.decision.headline in result.stdout
    assert result.stdout.rstrip().endswith(f"Report: {folder / 'report.html'}")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and escape(study.decision.chosen) in page


@pytest.mark.parametrize("name", ["rooms", "desk"])
def test_show_prints_the_last_decision(name: str, request: pytest.FixtureRequest) -> None:
    folder, _ = request.getfixturevalue(name)
    study = load_study(folder)
    shown = tailor("show", folder)
    assert shown.exit_code == 0 and study.decision is not None
    assert study.decision.chosen in shown.stdout and study.stopped in shown.stdout
    assert json.loads(tailor("show", folder, "--json").stdout) == json.loads(json.dumps(to_json(study)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rooms", "desk"])
def test_what_the_commands_print_is_as_it_was(name: str, request: pytest.FixtureRequest, golden: Golden) -> None:
    folder, result = request.getfixturevalue(name)
    for printed in (result, tailor("show", folder), tailor("check", folder), tailor("advise", folder)):
        assert printed.exit_code == 0
        golden(without_place(printed.stdout, folder))


def without_place(printed: str, folder: Path) -> str:
    """What was printed, but for seconds, for where the folder lies, and for spaces and rules that depend on its length."""
    lines = re.sub(r"\b\d[\d.]* m?s\b", "N s", printed.replace(str(folder), folder.name)).splitlines()
    return "\n".join(re.sub(r"[ ─━]{3,}", "  ", line).rstrip() for line in lines)


def test_try_answers_with_its_sources(rooms: tuple[Path, Result]) -> None:
    result = tailor("try", rooms[0], QUESTION)
    assert result.exit_code == 0 and result.stderr == ""
    answer, *sources, by = result.stdout.splitlines()
    assert answer.startswith("The code of the ")
    assert any("cited, holds the answer: " in source and ".md" in source for source in sources)
    assert by.strip().endswith("(fake)")


def test_try_answers_with_a_label_and_names_no_sources(desk: tuple[Path, Result]) -> None:
    answer, by = tailor("try", desk[0], "my billing is wrong").stdout.splitlines()
    assert answer in LABELS and by.strip().endswith("(fake)")


def test_try_takes_the_further_columns_that_the_task_reads(tmp_path: Path) -> None:
    rows = [(f'What is {sentence(i)}?","{"gold" if i % 2 else "basic"}', f"room {i}") for i in range(60)]
    write_csv(tmp_path / "data.csv", rows, "question,plan,answer")
    write_yaml(tmp_path, ROOMS | {"documents": "", "instruction": "Answer a {{plan}} customer."})
    assert tailor("run", tmp_path).exit_code == 0
    assert tailor("try", tmp_path, "where is my delivery", "--set", "plan=gold=1").exit_code == 0


def test_try_says_why_there_is_no_answer(rooms: tuple[Path, Result]) -> None:
    result = tailor("try", rooms[0], "word " * 9000)
    assert result.exit_code == 2 and "gave no answer: the prompt does not fit" in result.stderr
    assert "ask something shorter" in result.stderr


def test_text_that_looks_like_markup_is_answered_as_it_is(desk: tuple[Path, Result]) -> None:
    assert tailor("try", desk[0], "[bold]billing[/red]").exit_code == 0


def test_the_report_is_written_again_where_it_is_wanted(rooms: tuple[Path, Result], tmp_path: Path) -> None:
    for given, made in ((tmp_path / "a" / "page.html", "a/page.html"), (tmp_path, "report.html")):
        result = tailor("report", rooms[0], "-o", given)
        assert result.exit_code == 0 and result.stdout.strip() == str(tmp_path / made)
        assert (tmp_path / made).read_bytes() == (rooms[0] / "report.html").read_bytes()


def test_after_a_run_the_prompts_and_answers_of_the_chosen_system_are_exported(desk: tuple[Path, Result], tmp_path: Path) -> None:
    result = tailor("export", desk[0], "--format", "parquet", "--output", tmp_path)
    assert result.exit_code == 0 and "prompts are those of" in result.stdout.casefold()
    rows = read_table(tmp_path / "rows.parquet").rows
    assert rows and all(bool(row["system_answer"]) == (row["split"] == "dev") for row in rows)


def test_no_time_is_said_and_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.decide.clock.Clock.left", -1.0)
    result = tailor("run", write_rooms(tmp_path), "--max-minutes", "0.1")
    assert result.exit_code == 0
    assert "The time limit left no room for zero-shot." in result.stdout
    shown = tailor("show", tmp_path).stdout
    assert "No decision" in shown and "no time" in shown
    tried = tailor("try", tmp_path, QUESTION)
    assert tried.exit_code == 2 and "ended without a decision" in tried.stderr


def test_reading_commands_change_no_file_of_the_user(rooms: tuple[Path, Result]) -> None:
    before = contents(rooms[0])
    for words in (("show",), ("show", "--json"), ("check",)):
        assert tailor(words[0], rooms[0], *words[1:]).exit_code == 0
    assert contents(rooms[0]) == before


def test_python_m_tailor_is_the_command_line(rooms: tuple[Path, Result]) -> None:
    done = subprocess.run([sys.executable, "-m", "tailor", "show", str(rooms[0])], capture_output=True, text=True, check=True)
    assert done.stdout == tailor("show", rooms[0]).stdout and done.stderr == ""


def test_help_names_every_command() -> None:
    result = tailor("--help")
    assert result.exit_code == 0
    for command in ("init", "advise", "check", "run", "report", "try", "show", "export", "models"):
        assert f" {command} " in result.stdout
        assert tailor(command, "--help").exit_code == 0


def test_sentences_end_between_words_on_a_terminal_and_stay_whole_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    told = " ".join(["sentence"] * 20)
    plain_console().print(told)
    assert capsys.readouterr().out == f"{told}\n"
    monkeypatch.setenv("FORCE_COLOR", "1")  # what makes a terminal of it
    plain_console().print(told)
    lines = capsys.readouterr().out.splitlines()
    assert " ".join(line.strip() for line in lines) == told and max(map(len, lines)) <= 40

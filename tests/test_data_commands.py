from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from data_helpers import rows, write_csv
from typer.testing import CliRunner, Result

from tailor.cli.check import check
from tailor.cli.init import init
from tailor.errors import ConfigError
from tailor.project import load_project

APP = typer.Typer()
APP.command()(init)
APP.command()(check)


def invoke(*words: str | Path) -> Result:
    return CliRunner().invoke(APP, [str(word) for word in words], env={"COLUMNS": "100"})


def test_init_then_check_works_on_a_fresh_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "data.csv", rows(200))
    made = invoke("init", "data.csv", "--folder", "project")
    assert made.exit_code == 0, made.output
    assert "kind classify, `text` is asked, `label` holds the right answer, 2 labels" in made.output
    assert "tailor check project" in made.output
    checked = invoke("check", "project")
    assert checked.exit_code == 0, checked.output
    assert "0 errors, 1 warning, 4 notes" in checked.output
    assert "four characters per token" in checked.output


def test_init_takes_what_it_is_told(tmp_path: Path) -> None:
    data = write_csv(tmp_path / "data.csv", rows(60))
    (tmp_path / "kb").mkdir()
    options = ("--input", "text", "--output", "label", "--kind", "answer", "--documents", tmp_path / "kb", "--force")
    assert invoke("init", data, *options).exit_code == 0
    assert load_project(tmp_path).task.kind == "answer"
    assert invoke("init", data, "--kind", "guess").exit_code == 2


def test_check_fails_when_an_error_was_found_and_shows_the_first_rows(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", [*rows(200), *((f"same {n // 2}", "red" if n % 2 else "green") for n in range(14))])
    invoke("init", tmp_path / "data.csv")
    result = invoke("check", tmp_path)
    assert result.exit_code == 1
    assert "different answers: 7 groups." in result.output
    assert "data.csv row 201 (`green`), data.csv row 202 (`red`)" in result.output
    assert "and 2 more" in result.output


def test_check_prints_one_json_object(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", rows(200))
    invoke("init", tmp_path / "data.csv")
    text = (tmp_path / "tailor.yaml").read_text(encoding="utf-8")
    (tmp_path / "tailor.yaml").write_text(text.replace("target: 0.9", "target: 0.8"), encoding="utf-8")
    record = json.loads(invoke("check", tmp_path, "--json").stdout)
    assert record["splits"] == {"train": 100, "dev": 30, "test": 50, "reserve": 20}
    assert {finding["level"] for finding in record["findings"]} == {"note"}
    assert {"project", "how", "fingerprint", "lengths"} < set(record)


def test_markup_and_control_characters_in_the_data_are_shown_not_obeyed(tmp_path: Path) -> None:
    label = "[bold]\x1b[31mred[/bold]"
    write_csv(tmp_path / "data.csv", [*rows(198, [label, "green"]), ("same", label), ("same", "green")])
    assert invoke("init", tmp_path / "data.csv").exit_code == 0
    output = invoke("check", tmp_path).output
    assert "[bold]\\x1b[31mred[/bold]" in output
    assert "\x1b[31mred" not in output


def test_errors_reach_the_caller(tmp_path: Path) -> None:
    assert isinstance(invoke("check", tmp_path).exception, ConfigError)

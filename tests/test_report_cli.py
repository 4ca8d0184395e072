"""`tailor report`: the last study, written where it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from data_helpers import SETTINGS, write_yaml
from studies import stopped_study
from typer.testing import CliRunner

from tailor.cli.report import report
from tailor.errors import StoreError
from tailor.results import Study

runner = CliRunner()
app = typer.Typer()
app.command()(report)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose last study is a made-up one."""

    def load(folder: Path) -> Study:
        assert folder == tmp_path
        return stopped_study()

    monkeypatch.setattr("tailor.saved.load_study", load)
    write_yaml(tmp_path, SETTINGS)
    return tmp_path


def test_the_report_is_written_into_the_project_and_its_place_is_printed(folder: Path) -> None:
    result = runner.invoke(app, [str(folder)], catch_exceptions=False)
    assert result.exit_code == 0 and result.stdout.strip() == str(folder / "report.html")
    assert "handbook: No decision yet" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_report_is_written_where_it_was_asked_for(folder: Path) -> None:
    output = folder / "elsewhere" / "page.html"
    result = runner.invoke(app, [str(folder / "tailor.yaml"), "--output", str(output)], catch_exceptions=False)
    assert result.exit_code == 0 and output.is_file() and not (folder / "report.html").exists()


def test_without_a_study_nothing_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> Study:
        raise StoreError("nothing was run yet", "run `tailor run` first")

    monkeypatch.setattr("tailor.saved.load_study", load)
    result = runner.invoke(app, [str(folder)])
    assert isinstance(result.exception, StoreError) and not (folder / "report.html").exists()

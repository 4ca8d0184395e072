"""`tailor models`: what is listed, fetched and checked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tailor.cli.models import app, progress_bar
from tailor.cli.terminal import Screen
from tailor.errors import ModelNotFound
from tailor.models.cache import FORMAT, MANIFEST, MINILM, file_sha256

runner = CliRunner()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path))
    monkeypatch.setenv("TAILOR_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def embedder() -> Path:
    """A folder in the cache that looks like the fetched embedder."""
    folder = MINILM.folder
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    files = {"model.safetensors": [7, file_sha256(folder / "model.safetensors")]}
    (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "source": {"sha256": MINILM.digest}, "files": files}))
    return folder


def test_the_list_names_every_model_with_licence_size_and_place(embedder: Path) -> None:
    result = runner.invoke(app, [])
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.output.splitlines() if line.strip()}
    assert rows["smollm2-135m"].split()[:6] == ["smollm2-135m", "model", "Apache-2.0", "93", "MB", "no"]
    assert rows["minilm-l6"].split()[5] == "yes"
    assert f"Kept in {embedder.parent};" in result.output and "org/name" in result.output


def test_pull_of_a_model_at_hand_says_where_it_is(embedder: Path) -> None:
    result = runner.invoke(app, ["pull", "minilm-l6"])
    assert result.exit_code == 0 and f"minilm-l6 is ready in {embedder}" in result.output


def test_pull_notices_a_change_that_keeps_the_size(embedder: Path) -> None:
    (embedder / "model.safetensors").write_bytes(b"changed")
    result = runner.invoke(app, ["pull", "minilm-l6"])
    assert isinstance(result.exception, ModelNotFound) and "TAILOR_OFFLINE" in str(result.exception)


def test_check_tells_sound_from_damaged_from_absent(embedder: Path) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    assert "minilm-l6: complete and unchanged" in result.output and "smollm2-135m: not here yet" in result.output
    (embedder / "model.safetensors").write_bytes(b"changed")
    result = runner.invoke(app, ["check", "minilm-l6"])
    assert result.exit_code == 1
    assert "damaged; run `tailor models pull minilm-l6`" in result.output and "has changed since it was fetched" in result.output


@pytest.mark.parametrize("command", ["pull", "check"])
def test_an_unknown_name_names_the_nearest(command: str) -> None:
    result = runner.invoke(app, [command, "minilm"])
    assert isinstance(result.exception, ModelNotFound)
    assert str(result.exception) == "`minilm` is not a built-in model; did you mean `minilm-l6`?"


def test_the_bar_follows_the_stages() -> None:
    shown = io.StringIO()
    with progress_bar(Screen(file=shown, force_terminal=True, width=120), "tiny") as on_progress:
        on_progress("check", 1, 2)
        on_progress("download", 5, 10)
        on_progress("convert", 0, 0)
        on_progress("check", 2, 2)
    for words in ("tiny: fetching", "tiny: converting", "tiny: checking"):
        assert words in shown.getvalue()

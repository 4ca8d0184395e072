"""`tailor serve` as a process: it says what it does, takes signals, and ends with a status that says how it went."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from flow import as_another_user, climb, tailor, write_desk

from tailor.errors import ConfigError
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.saved import STUDY


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = write_desk(tmp_path_factory.mktemp("desk") / "project")
    with as_another_user(folder.parent / "user"):
        climb(folder)
        yield folder


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    command = [sys.executable, "-m", "tailor", "serve", str(folder), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


def until(lines: IO[str], wanted: str) -> str:
    """The first line that holds a text."""
    seen = []
    for line in lines:
        seen.append(line)
        if wanted in line:
            return line
    raise AssertionError(f"{wanted!r} was not said: {seen}")


def config(address: str) -> str:
    body = json.dumps({"model": "desk", "messages": [{"role": "user", "content": "where is my delivery"}]}).encode()
    asked = urllib.request.Request(f"{address}/v1/chat/completions", body, {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert answer.status == 200
        return str(answer.headers["x-tailor-config"])


@pytest.mark.slow
def test_it_answers_once_the_gate_holds_and_takes_signals(project: Path) -> None:
    with running(project) as (process, lines):
        address = until(lines, "Listening on").split()[2].rstrip(".")
        until(lines, "measured rows are answered alike")
        until(lines, "answers now")
        first = config(address)
        process.send_signal(signal.SIGHUP)
        until(lines, f"Configuration {first} answers now.")
        process.send_signal(signal.SIGUSR1)
        until(lines, "There is no configuration to go back to.")
        assert config(address) == first
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.slow
def test_it_ends_with_status_1_where_the_gate_does_not_hold(project: Path, tmp_path: Path) -> None:
    # The study says that a row was answered otherwise, as a wrong adapter or template would make it.
    store = load_project(project).store
    with Ledger(store) as ledger:
        study = STUDY.validate_python(ledger.last_study())
        before = STUDY.dump_python(study, mode="json")
        for run in before["tests"]:
            run["answers"][0]["tokens_in"] += 1
        ledger.save_study(before)
    with running(project) as (process, lines):
        told = until(lines, "row ")
        assert "prompt tokens" in told
        until(lines, "Refused:")
        assert process.wait(20) == 1
    with Ledger(store) as ledger:
        ledger.save_study(STUDY.dump_python(study, mode="json"))


@pytest.mark.slow
def test_it_refuses_to_be_open_to_others_without_a_token(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tailor("serve", project, "--host", "0.0.0.0", "--name", "models.example.org")
    assert told.exit_code == 2
    assert "callers must show a token" in told.output
    monkeypatch.setenv("TAILOR_SERVE_TOKEN", "t" * 32)
    told = tailor("serve", project, "--host", "0.0.0.0")
    assert told.exit_code == 2
    assert "no name" in told.output


@pytest.mark.slow
def test_a_runtime_that_is_not_there_is_a_sentence(project: Path) -> None:
    told = tailor("serve", project, "--check", "http://127.0.0.1:9")
    assert told.exit_code == 2
    assert "cannot be asked" in told.output
    assert ConfigError.__name__ not in told.output

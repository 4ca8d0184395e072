"""What comes from outside: text on the terminal, files that are none, YAML that explodes."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from data_helpers import SETTINGS, write_yaml
from flow import tailor, write_desk, write_rooms
from rich.table import Table

from tailor.cli.terminal import Screen
from tailor.errors import ConfigError, printable
from tailor.models.fake import FakeModel
from tailor.outside import read_file
from tailor.project import load_project

EVIL = "a\x1b[31mb\x9b2Jc\u202ed\u200be\u2066f\x07g\ufeffh\udcffi\x7fj :x: [red]k[/]"
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def said(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own, as bytes."""
    return subprocess.run(
        [sys.executable, "-m", "tailor", *words], cwd=folder, env={**os.environ, **environment}, capture_output=True, timeout=60
    )


# --- the terminal


def test_text_that_acts_or_hides_appears_as_escapes_and_all_other_text_stays() -> None:
    assert not ACTS.search(printable(EVIL)) and r"a\x1b[31mb\x9b2Jc\u202ed\u200be" in printable(EVIL)
    for text in ("naïve\tcafé\n", "\u00a0%", "नमस्ते", "می\u200cخواهم", "👩\u200d🔬", "日本\u3000語"):
        assert printable(text) == text
    assert printable("pay\u200dpal") == r"pay\u200dpal"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_screen_shows_nothing_raw_whatever_it_is_given(terminal: bool) -> None:
    file = io.StringIO()
    screen = Screen(file=file, force_terminal=terminal, color_system=None, width=300)
    table = Table(EVIL, title=EVIL)
    table.add_row(EVIL)
    screen.print(table, EVIL)
    screen.print(EVIL, style="bold")
    shown = file.getvalue().encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass")
    assert not ACTS.search(re.sub(r"\x1b\[\d*m", "", shown)) and ":x: [red]k[/]" in shown


@pytest.mark.slow
def test_answers_documents_names_and_currency_reach_the_terminal_safely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_rooms(tmp_path, prices={"currency": EVIL[:40]})
    page = folder / "pages" / "travel.md"
    page.rename(folder / "pages" / "a\x1b[31m\u202eb.md")
    (folder / "pages" / "a\x1b[31m\u202eb.md").write_text(
        f"# {EVIL.encode('utf-8', 'replace').decode()}\n\nThe code of all rooms is 9.\n", encoding="utf-8"
    )
    say = FakeModel._say
    monkeypatch.setattr(FakeModel, "_say", lambda self, request: say(self, request) + EVIL)
    ran = tailor("run", folder)
    assert ran.exit_code == 0, ran.output
    for result in (ran, tailor("show", folder), tailor("try", folder, "What is the code of all rooms?"), tailor("check", folder)):
        assert result.exit_code == 0 and not ACTS.search(result.output), result.output


def test_an_error_shows_nothing_raw(tmp_path: Path) -> None:
    write_yaml(tmp_path, {**SETTINGS, "data": f"{EVIL[:12]}.csv", "\u202egnp": 1})
    result = tailor("check", tmp_path)
    assert result.exit_code == 2 and not ACTS.search(result.output)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_output_that_lacks_letters_gets_escapes(tmp_path: Path, encoding: str) -> None:
    folder = write_rooms(tmp_path / "café 日本", documents="")
    done = said(tmp_path, "run", str(folder), PYTHONIOENCODING=encoding, LC_ALL="C")
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert (rb"caf\xe9" if encoding == "ascii" else "café".encode()) in done.stdout


@pytest.mark.slow
def test_a_folder_whose_name_is_not_utf8_ends_in_a_sentence(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    write_desk(tmp_path)
    (tmp_path / "data.csv").rename(os.fsdecode(folder + b"/data.csv"))
    for words in (("run", os.fsdecode(folder)), ("init", os.fsdecode(folder + b"/data.csv"))):
        done = said(tmp_path, *words)
        assert done.returncode == 2 and b"Traceback" not in done.stderr, done.stderr
        assert b"Error: " in done.stderr


# --- files


def test_only_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        for path in (tmp_path / "pipe.csv", Path("/dev/zero"), Path("/dev/tty"), tmp_path, tmp_path / "s"):
            with pytest.raises(OSError):
                read_file(path, 100)
    (tmp_path / "large").write_bytes(b"x" * 101)
    with pytest.raises(OSError) as caught:
        read_file(tmp_path / "large", 100)
    assert caught.value.strerror == "it is larger than the 100 bytes that are accepted"
    assert read_file(tmp_path / "large", 101) == b"x" * 101


@pytest.mark.parametrize("name", ["tailor.yaml", "data.csv", "pages/pipe.md"])
def test_a_pipe_in_the_place_of_a_file_ends_in_a_sentence(tmp_path: Path, name: str) -> None:
    folder = write_rooms(tmp_path)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    result = tailor("run", folder)
    if name.startswith("pages"):  # it is passed over, as every file that is no document
        assert result.exit_code == 0, result.output
    else:
        assert result.exit_code == 2 and "Error: " in result.stderr and "Traceback" not in result.output


# --- YAML


def bomb(levels: int = 9) -> str:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (bomb(), "it has more than 8 aliases"),
        ("name: x\nlabels: " + "[a, " * 10 + "b" + "]" * 10 + "\n# " + "x" * 300_000, "larger than the 262,144 bytes"),
        ("target: " + "9" * 100_000, "cannot be read"),
        ("name: 2024-13-45", "cannot be read"),
        ("a: !!binary x", "is not YAML: failed to decode"),
        ("a: !!timestamp x", "cannot be read"),
        ("a: !!int x", "cannot be read"),
    ],
)
def test_settings_beyond_the_limits_end_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "tailor.yaml").write_text(text, encoding="utf-8")
    started = time.process_time()
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert sentence in str(caught.value) and len(str(caught.value)) < 1000
    assert time.process_time() - started < 10


def test_a_few_aliases_are_fine(tmp_path: Path) -> None:
    (tmp_path / "tailor.yaml").write_text(
        "name: x\nkind: answer\ninstruction: a\ninput: '{{q}}'\noutput: r\ndata: d.csv\nmetric: judged\n"
        "model: &m {name: fake}\njudge: {rubric: good, model: *m}\n",
        encoding="utf-8",
    )
    task = load_project(tmp_path).task
    assert task.judge is not None and task.judge.model == task.model


def test_characters_spelled_as_two_surrogates_are_joined(tmp_path: Path) -> None:
    (tmp_path / "tailor.yaml").write_text(
        'name: x\nkind: classify\ninstruction: "go \\ud83d\\ude00 \\ud83d"\ninput: "{{t}}"\noutput: r\ndata: d.csv\n',
        encoding="utf-8",
    )
    assert load_project(tmp_path).task.instruction == "go 😀 \ufffd"

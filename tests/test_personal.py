"""Personal data in rows: found by form and check, named in `check`, and asked about before rows leave the machine."""

from __future__ import annotations

import csv
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from data_helpers import SHARED, sentence, write_csv, write_yaml
from flow import tailor
from hypothesis import given
from hypothesis import strategies as st
from personal_cases import NEAR_MISSES, POSITIVES

from tailor import trust
from tailor.cli.sending import ask_about_personal
from tailor.cli.terminal import Screen
from tailor.data.personal.texts import SORTS, find_personal, masked
from tailor.data.split import load_splits
from tailor.errors import ConfigError
from tailor.experiment import run
from tailor.project import load_project
from tailor.trust import personal_in_question, personal_to_ask, require_personal

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.mark.parametrize(("sort", "text"), [(sort, text) for sort, texts in POSITIVES.items() for text in texts])
def test_what_people_write_is_found(sort: str, text: str) -> None:
    assert sort in [mark.sort for mark in find_personal(text)]


@pytest.mark.parametrize("text", NEAR_MISSES)
def test_what_only_looks_so_is_left_alone(text: str) -> None:
    assert find_personal(text) == []


def test_the_tables_cover_every_sort_and_are_large_enough() -> None:
    assert set(POSITIVES) == set(SORTS)
    assert sum(map(len, POSITIVES.values())) >= 60 and len(NEAR_MISSES) >= 60


@pytest.mark.parametrize("table", ["banking77/test.csv", "clinc150/val.csv", "clinc150/test.csv"])
def test_rows_without_personal_data_are_rarely_flagged(table: str) -> None:
    path = SHARED / table
    if not path.exists():
        pytest.skip(f"{table} is not on this machine")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    flagged = [row for row in rows if any(find_personal(cell) for cell in row.values())]
    assert len(flagged) <= 0.01 * len(rows), flagged[:5]


def samples() -> Iterator[str]:
    for name in ("tickets/tickets.csv", "townhall/messages.csv"):
        with (EXAMPLES / name).open(encoding="utf-8", newline="") as file:
            yield from (row["text"] for row in csv.DictReader(file))
    for line in (EXAMPLES / "handbook" / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        yield " ".join(str(value) for value in json.loads(line).values())


def test_in_the_samples_only_addresses_of_houses_are_flagged() -> None:
    # The messages name the writers' own houses here and there, such as "6 Tannery Close".
    texts = list(samples())
    found = [text[mark.start : mark.end] for text in texts for mark in find_personal(text) if mark.sort != "postal address"]
    houses = [text[mark.start : mark.end] for text in texts for mark in find_personal(text) if mark.sort == "postal address"]
    assert len(found) <= 0.01 * len(texts), found
    assert all(re.match(r"\d+ [A-Z]", house) for house in houses), houses


@given(st.text(max_size=80))
def test_any_text_is_searched_and_masked(text: str) -> None:
    for mark in find_personal(text):
        assert 0 <= mark.start < mark.end <= len(text)
        hidden = masked(text[mark.start : mark.end])
        assert len(hidden) <= 32 and sum(sign.isalnum() for sign in hidden) <= 3


@pytest.mark.parametrize(
    "piece",
    [
        "a@",
        "a.",
        "a@a.",
        "0",
        "0 ",
        "07 ",
        "1 A ",
        "Aa ",
        "Aa-",
        "A",
        "1 rue de ",
        "Calle A ",
        "DE00",
        "+1 ",
        "ring me ",
        "(",
        "key: ",
    ],
)
def test_no_long_text_takes_long(piece: str) -> None:
    started = time.process_time()
    find_personal(f"{piece * (40_000 // len(piece))} 1@")
    assert time.process_time() - started < 20, "a pattern that tries every pair of places takes minutes here"


def test_a_check_digit_decides() -> None:
    right = "4111111111111111"
    for place in range(len(right)):
        wrong = right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :]
        assert [mark.sort for mark in find_personal(f"card {right}")] == ["payment card"]
        assert find_personal(f"card {wrong}") == []


# --- in a project


def write_desk(folder: Path, **changes: object) -> Path:
    """A project of forty short messages, of which some hold a number, an address or a key; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(f"message {n} about the {'boat' if n % 2 else 'shed'} by the gate", "ab"[n % 2]) for n in range(40)]
    rows[3] = ("please ring me on 07700 900456 about the boat", "b")
    rows[7] = ("my number is +44 7700 900123, the boat again", "b")
    rows[12] = ("write to anna.keller@posteo.example about the shed", "a")
    write_csv(folder / "data.csv", rows)
    write_yaml(
        folder, {"name": "desk", "kind": "classify", "instruction": "Name it.", "input": "{{text}}", "output": "label"} | changes
    )
    return folder


REMOTE = {"name": "m", "base_url": "https://api.example.com/v1", "context_tokens": 8192}


def test_check_names_sort_rows_column_and_a_masked_sample(tmp_path: Path) -> None:
    result = tailor("check", write_desk(tmp_path, data={"file": "data.csv"}), "--json")
    findings = {found["what"]: found for found in json.loads(result.stdout)["findings"]}
    (phones,) = [found for what, found in findings.items() if "phone numbers" in what]
    assert phones["level"] == "warning" and phones["rows"] == ["data.csv row 4", "data.csv row 8"]
    assert "in 2 rows" in phones["what"] and "`text` (2)" in phones["what"] and "[name]" in phones["advice"]
    assert any("e-mail addresses in 1 row" in what for what in findings)
    assert "900456" not in result.stdout and "anna.keller" not in result.stdout
    allowed = tailor("check", write_desk(tmp_path, data={"file": "data.csv", "personal": "allowed"}), "--json")
    levels = {found["level"] for found in json.loads(allowed.stdout)["findings"] if "looks like" in found["what"]}
    assert levels == {"note"}


def test_a_run_that_would_send_it_stops_before_anything_is_asked(tmp_path: Path) -> None:
    folder = write_desk(tmp_path, data={"file": "data.csv"}, model=REMOTE)
    result = tailor("run", folder, "--yes")
    assert result.exit_code == 2 and "api.example.com" in result.stderr and "--allow-personal" in result.stderr
    assert "phone numbers in 2 rows" in result.stderr and "900456" not in result.output
    project = load_project(folder)
    with pytest.raises(ConfigError, match="phone numbers in 2 rows"):
        run(project, observer=None)  # type: ignore[arg-type]  # it stops before it reports anything


def test_an_answer_holds_for_the_sort_and_the_address(tmp_path: Path) -> None:
    folder = write_desk(tmp_path, data={"file": "data.csv"}, model=REMOTE)
    project = load_project(folder)
    asked = personal_to_ask(project, load_splits(project))
    assert asked is not None and [one.sort for one in asked.found] == ["e-mail address", "phone number"]
    trust.allow_personal(project, asked)
    require_personal(project, load_splits(project))
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        file.write("my card is 4111 1111 1111 1111,a\n")
    again = personal_to_ask(project, load_splits(project))
    assert again is not None and [one.sort for one in again.found] == ["payment card"]
    elsewhere = load_project(
        write_desk(folder, data={"file": "data.csv"}, model=REMOTE | {"base_url": "https://other.example.com/v1"})
    )
    assert personal_to_ask(elsewhere, load_splits(elsewhere)) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "fake"},
        {"model": REMOTE | {"base_url": "http://127.0.0.1:1/v1"}},
        {"data": {"file": "data.csv", "personal": "allowed"}, "model": REMOTE},
    ],
)
def test_nothing_is_asked_where_rows_stay_here_or_it_was_allowed(tmp_path: Path, changes: dict[str, object]) -> None:
    project = load_project(write_desk(tmp_path, **({"data": {"file": "data.csv"}} | changes)))
    require_personal(project, load_splits(project))


def test_on_a_terminal_it_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = load_project(write_desk(tmp_path, data={"file": "data.csv"}, model=REMOTE))
    answers, questions = iter([False, True]), []

    def confirm(question: str, default: bool) -> bool:
        questions.append(question)
        return next(answers)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", confirm)
    console = Screen()
    with pytest.raises(ConfigError, match="nothing was sent"):
        ask_about_personal(console, project, allowed=False)
    ask_about_personal(console, project, allowed=False)
    ask_about_personal(console, project, allowed=False)
    assert questions == ["Send it to https://api.example.com/v1?"] * 2


def test_documents_are_searched_and_asked_about_too(tmp_path: Path) -> None:
    """Rows that hold nothing, over a page with a person's address."""
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "people.md").write_text("# People\n\nWrite to anna.keller@posteo.example.\n", encoding="utf-8")
    (tmp_path / "pages" / "rooms.md").write_text("# Rooms\n\nThere are three rooms.\n", encoding="utf-8")
    write_csv(tmp_path / "data.csv", [(f"how many rooms has {sentence(n)}?", "three") for n in range(40)])
    settings = {"name": "desk", "instruction": "Say it.", "input": "{{text}}", "output": "label", "data": "data.csv"}
    write_yaml(tmp_path, settings | {"kind": "answer", "documents": "pages", "model": REMOTE})
    found = json.loads(tailor("check", tmp_path, "--json").stdout)["findings"]
    (one,) = [finding for finding in found if "e-mail addresses in 1 document" in finding["what"]]
    assert (one["level"], one["rows"]) == ("warning", ["people.md"]) and "anna.keller" not in str(found)
    refused = tailor("run", tmp_path, "--yes")
    assert refused.exit_code == 2 and "e-mail addresses in 1 document to https://api.example.com/v1" in refused.stderr


def test_a_new_input_is_warned_of_where_it_leaves_the_machine(tmp_path: Path) -> None:
    asked = {"text": "my number is +44 7700 900123"}
    away, here = (
        write_desk(tmp_path / name, data={"file": "data.csv"}, model=model) for name, model in (("a", REMOTE), ("b", "fake"))
    )
    warning = personal_in_question(load_project(away), asked)
    assert "sent to https://api.example.com/v1: phone number +" in warning and "900123" not in warning
    assert personal_in_question(load_project(here), asked) == ""
    assert personal_in_question(load_project(away), {"text": "where is the boat?"}) == ""


def test_a_file_of_before_is_read_as_one_that_allows_no_personal_data(tmp_path: Path) -> None:
    project = load_project(write_desk(tmp_path, data={"file": "data.csv"}, model=REMOTE))
    path = trust.trust_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"made": [], "allowed": []}', encoding="utf-8")
    path.chmod(0o600)
    assert personal_to_ask(project, load_splits(project)) is not None

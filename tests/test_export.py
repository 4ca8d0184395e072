"""Taking rows, prompts and answers elsewhere: what is written is read again, and the test set stays sealed unless it is opened."""

from __future__ import annotations

import csv
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_helpers import sentence, write_csv, write_yaml
from flow import tailor

from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.kinds.base import kind_of
from tailor.ledger import Ledger
from tailor.project import load_project

LABELS = ("billing", "refund", "delivery")
SETTINGS = {
    "name": "desk",
    "kind": "classify",
    "instruction": "Name the team.",
    "input": "{{text}}",
    "output": "label",
    "model": "fake",
    "data": {"file": "data.csv"},
}


def write_desk(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(sentence(n), LABELS[n % 3]) for n in range(60)]
    rows[5] = (f"=cmd|' /C calc'!A0 {rows[5][0]}", "refund")
    rows[6] = (f"{{{{ text }}}} {{% if x %}} {rows[6][0]}", "billing")
    write_csv(folder / "data.csv", rows)
    write_yaml(folder, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that nothing was measured in, with a text that a spreadsheet would run and one that a template would."""
    return write_desk(tmp_path_factory.mktemp("desk"))


def exported(project: Path, folder: Path, format: str, *options: str) -> Path:
    result = tailor("export", project, "--format", format, "--output", folder, *options)
    assert result.exit_code == 0, result.output
    return folder


def right(project: Path, split: str) -> dict[str, str]:
    """What is right, by text."""
    return {example.fields["text"]: example.label for example in getattr(load_splits(load_project(project)), split)}


@pytest.mark.parametrize("format", ["chat", "trl"])
@pytest.mark.parametrize("split", ["train", "dev"])
def test_chats_end_with_the_right_answer_and_are_read_again(desk: Path, tmp_path: Path, format: str, split: str) -> None:
    folder = exported(desk, tmp_path, format)
    assert sorted(path.name for path in folder.iterdir()) == ["dev.jsonl", "train.jsonl"]
    line = json.loads((folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert [turn["role"] for turn in line["messages" if format == "chat" else "prompt"]][:2] == ["system", "user"]
    table = read_table(folder / f"{split}.jsonl")
    assert {str(row["input"]): row["output"] for row in table.rows} == right(desk, split)
    assert all("Name the team." in str(row["system"]) for row in table.rows)


def test_datasets_reads_what_is_written(desk: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    cache = str(tmp_path / "cache")
    chats = datasets.Dataset.from_json(str(exported(desk, tmp_path, "trl") / "train.jsonl"), cache_dir=cache)
    assert {row["completion"][0]["content"] for row in chats} == set(LABELS) and chats.num_rows == len(right(desk, "train"))
    rows = datasets.Dataset.from_parquet(str(exported(desk, tmp_path, "parquet") / "rows.parquet"), cache_dir=cache)
    assert dict(zip(rows["text"], rows["label"], strict=True)) == {**right(desk, "train"), **right(desk, "dev")}


def test_tests_of_promptfoo_are_read_again(desk: Path, tmp_path: Path) -> None:
    folder = exported(desk, tmp_path, "promptfoo")
    table = read_table(folder / "promptfooconfig.train.yaml")
    plain = {
        text.removeprefix("{% raw %}").removesuffix("{% endraw %}"): label for text, label in _pairs(table.rows, "text", "expected")
    }
    assert plain == right(desk, "train")
    config = yaml.safe_load((folder / "promptfooconfig.train.yaml").read_text(encoding="utf-8"))
    chats = [test["vars"]["chat_json"] for test in config["tests"]]
    assert all(json.loads(chat.removeprefix("{% raw %}").removesuffix("{% endraw %}"))[-1]["role"] == "user" for chat in chats)
    assert all(chat.startswith("{% raw %}") == any(sign in chat[9:] for sign in ("{{", "{% if")) for chat in chats)


def _pairs(rows: object, first: str, second: str) -> list[tuple[str, str]]:
    assert isinstance(rows, tuple)
    return [(str(row[first]), str(row[second])) for row in rows]


def test_tables_hold_split_row_answer_and_prompt_and_are_read_again(desk: Path, tmp_path: Path) -> None:
    want = {**right(desk, "train"), **right(desk, "dev")}
    parquet = read_table(exported(desk, tmp_path, "parquet") / "rows.parquet")
    assert dict(_pairs(parquet.rows, "text", "label")) == want
    assert {row["split"] for row in parquet.rows} == {"train", "dev"}
    assert json.loads(str(parquet.rows[0]["prompt_messages"]))[-1]["role"] == "user"
    text = dict(_pairs(read_table(exported(desk, tmp_path, "csv") / "rows.csv").rows, "text", "label"))
    # What a spreadsheet would run has an apostrophe in front; all else is as it was.
    assert {key.removeprefix("'") if key.startswith("'=") else key: label for key, label in text.items()} == want


def test_no_cell_of_a_table_begins_as_a_formula_does(desk: Path, tmp_path: Path) -> None:
    path = exported(desk, tmp_path, "csv", "--open-test", "--yes") / "rows.csv"
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert any(cell.startswith("'=cmd") for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_nothing_is_replaced_without_force(desk: Path, tmp_path: Path) -> None:
    path = exported(desk, tmp_path, "chat") / "dev.jsonl"
    path.write_text("mine", encoding="utf-8")
    refused = tailor("export", desk, "--output", tmp_path)
    assert refused.exit_code == 2 and "is there already" in refused.stderr and path.read_text(encoding="utf-8") == "mine"
    exported(desk, tmp_path, "chat", "--force")
    assert path.read_text(encoding="utf-8") != "mine"


def test_an_unknown_format_is_refused_with_those_there_are(desk: Path, tmp_path: Path) -> None:
    refused = tailor("export", desk, "--format", "parquett", "--output", tmp_path)
    assert refused.exit_code == 2 and "promptfoo" in refused.stderr and "parquet" in refused.stderr


def test_rows_with_images_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    write_yaml(tmp_path, SETTINGS | {"input": "{{text}} {{photo}}", "data": {"file": "data.csv", "images": ["photo"]}})
    refused = tailor("export", tmp_path, "--open-test", "--yes")
    assert refused.exit_code == 2 and "rows with images are not exported yet" in refused.stderr
    assert not (tmp_path / ".tailor").exists()


def test_the_test_set_is_exported_only_when_it_is_opened_and_that_counts(tmp_path: Path) -> None:
    project = write_desk(tmp_path / "project")
    sealed = exported(project, tmp_path / "sealed", "chat")
    assert not (sealed / "test.jsonl").exists()
    refused = tailor("export", project, "--open-test", "--output", tmp_path / "refused")
    assert refused.exit_code == 2 and "counts as an opening" in refused.stderr and not (tmp_path / "refused").exists()
    result = tailor("export", project, "--open-test", "--yes", "--output", tmp_path / "open")
    assert result.exit_code == 0 and "Opening the sealed test set (number 1).\n" in result.stdout
    assert {str(row["input"]): row["output"] for row in read_table(tmp_path / "open" / "test.jsonl").rows} == right(project, "test")
    again = tailor("export", project, "--open-test", "--yes", "--output", tmp_path / "again")
    assert "(number 1)" in again.stdout  # the same rows once more
    with Ledger(load_project(project).store) as ledger:
        assert len(ledger.shown()) == len(load_splits(load_project(project)).test)


def test_a_text_without_requirements_is_held_to_what_it_means_and_not_to_its_words(tmp_path: Path) -> None:
    rows = [{"text": sentence(n), "summary": f"A summary of number {n}"} for n in range(24)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = tailor("init", tmp_path / "rows.jsonl", "--kind", "write", "--output", "summary")
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
    write_yaml(tmp_path, {name: value for name, value in settings.items() if name != "requirements"} | {"model": "fake"})
    path = exported(tmp_path, tmp_path / "out", "promptfoo") / "promptfooconfig.train.yaml"
    tests = yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]
    assert {item["type"] for test in tests for item in test["assert"]} == {"similar"}
    wanted = {row["text"]: row["summary"] for row in rows}
    assert all(wanted[str(row["text"])] == row["expected"] for row in read_table(path).rows)


@pytest.mark.parametrize("kind", ["tags", "extract"])
@pytest.mark.parametrize("format", ["csv", "parquet", "promptfoo"])
def test_several_labels_and_marks_are_read_again_as_the_same_answers(tmp_path: Path, kind: str, format: str) -> None:
    rows = []
    for n in range(48):
        text = f"{sentence(n)} with Ada and Bo"
        marks = [{"start": text.index(name), "end": text.index(name) + len(name), "label": "person"} for name in ("Ada", "Bo")]
        right = {"entities": marks[: n % 3]} if kind == "extract" else {"labels": [[LABELS[0]], list(LABELS[1:]), []][n % 3]}
        rows.append({"text": text, **right})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    made = tailor("init", tmp_path / "rows.jsonl", "--kind", kind)
    assert made.exit_code == 0, made.output
    settings = yaml.safe_load((tmp_path / "tailor.yaml").read_text(encoding="utf-8"))
    write_yaml(tmp_path, settings | {"model": "fake"})
    project = load_project(tmp_path)
    task, splits = project.task, load_splits(project)
    files = exported(tmp_path, tmp_path / "out", format).iterdir()
    (path,) = [path for path in files if path.stem in ("rows", "promptfooconfig.train")]
    want = {one.fields["text"]: one.answers for one in (*splits.train, *(() if format == "promptfoo" else splits.dev))}
    column = "expected" if format == "promptfoo" else task.output
    assert {str(row["text"]): kind_of(task).accepted(task, row[column]) for row in read_table(path).rows} == want


FORMS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], list[tuple[str, bool]]]] = {
    "tags": (
        {"output": "tags", "labels": list(LABELS)},
        [{"text": f"{sentence(n)}", "tags": [[LABELS[0], LABELS[2]], []][n % 2]} for n in range(24)],
        [("delivery, billing", True), ('["billing", "delivery"]', True), ("billing", False), ("none", False)],
    ),
    "extract": (
        {"output": "order", "fields": {"customer": "text", "total": "number(0.01)", "paid": "boolean", "due": "date"}},
        [
            {"text": sentence(n), "order": {"customer": "Oak & Co", "total": 1240.0, "paid": True, "due": "2026-03-05"}}
            for n in range(24)
        ],
        [
            ('```json\n{"due": "5 March 2026", "paid": "yes", "total": "1,240.00", "customer": "OAK & CO"}\n```', True),
            ('{"customer": "Oak & Co", "total": 1241, "paid": true, "due": "2026-03-05"}', False),
            ("Oak & Co", False),
        ],
    ),
    "write": (
        {"output": "reply", "requirements": {"contains": ["Kind regards"], "words": {"at_most": 8}}},
        [{"text": sentence(n), "reply": "It is on its way. Kind regards"} for n in range(24)],
        [("We sent it today.\nkind regards", True), ("We sent it today.", False)],
    ),
}


@pytest.mark.parametrize("kind", FORMS)
def test_promptfoo_is_told_to_accept_what_tailor_accepts(tmp_path: Path, kind: str) -> None:
    """By the written script itself, called as promptfoo calls it."""
    settings, rows, cases = FORMS[kind]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    write_yaml(tmp_path, {**SETTINGS, "kind": kind, "data": {"file": "rows.jsonl"}, **settings})
    folder = exported(tmp_path, tmp_path / "out", "promptfoo")
    get_assert = runpy.run_path(str(folder / "tailor_score.py"))["get_assert"]
    tests = yaml.safe_load((folder / "promptfooconfig.train.yaml").read_text(encoding="utf-8"))["tests"]
    ((found,),) = [test["assert"] for test in tests if test["assert"][0]["config"]["answers"] != ["[]"]][:1]
    assert found["value"] == "file://tailor_score.py"
    graded = [(said, get_assert(said, {"config": found["config"]})) for said, _ in cases]
    assert [(said, grade["pass"]) for said, grade in graded] == cases
    assert all(grade["reason"] and 0 <= grade["score"] <= 1 for _, grade in graded)

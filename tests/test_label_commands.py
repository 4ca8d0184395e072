"""Labels in and out of a project by the commands."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from data_helpers import sentence, write_csv, write_yaml
from flow import tailor
from labelling_bench import write_rows

from tailor.data.example import Splits
from tailor.data.split import load_splits
from tailor.errors import DataError
from tailor.labelled import load_splits as load_labelled
from tailor.labelling.formats.door import read_labels
from tailor.labelling.importing import import_labels
from tailor.labelling.judgement import Judgement
from tailor.labelling.judgements import Judgements
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.workbench.desk import Desk

TEAMS = ("billing", "refund", "delivery")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    write_csv(folder / "data.csv", [(sentence(n), TEAMS[n % 3]) for n in range(60)])
    about = {"name": "desk", "kind": "classify", "instruction": "Name the team.", "input": "{{text}}", "output": "label"}
    write_yaml(folder, {**about, "model": "fake", "data": {"file": "data.csv"}})
    return folder


def write_votes(path: Path, *rows: tuple[str, str, str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label (anna)", "label (ben)"), *rows])
    return path


def test_votes_of_two_people_are_kept_under_their_names_and_exported_again(desk: Path, tmp_path: Path) -> None:
    project = load_project(desk)
    rows = [*load_splits(project).train[:6], *load_splits(project).test[:2]]
    votes = write_votes(tmp_path / "votes.csv", *((row.fields["text"], row.label, "refund") for row in rows), ("unknown", "a", "b"))
    found = import_labels(project, votes)
    assert (found.added, found.known, found.people, found.format) == (16, 0, ("anna", "ben"), "annotators")
    assert "1 items that are no rows of this project" in found.findings[-1].what
    assert import_labels(project, votes).added == 0
    with Judgements(project.store) as kept:
        assert len(kept.standing()) == 16
    result = tailor("export", desk, "--format", "labelstudio", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "The test set stays sealed" in result.output and "by 2 people" in result.output
    labels = read_labels(tmp_path / "out" / "labelstudio.json")
    shown = {item.fields["text"]: item for item in labels.items}
    assert all(example.fields["text"] not in shown for example in load_splits(project).test)
    layers = shown[rows[0].fields["text"]].layers
    assert [(layer.annotator, layer.role, layer.answers[0].value) for layer in layers] == [
        ("anna", "label", [rows[0].label]),
        ("ben", "label", ["refund"]),
        ("", "adjudicated", [rows[0].label]),
    ]


def test_exporting_labels_of_test_rows_opens_the_test_set(desk: Path, tmp_path: Path) -> None:
    closed = tailor("export", desk, "--format", "prodigy", "--output", tmp_path / "a", "--open-test")
    assert closed.exit_code == 2 and "counts as an opening" in closed.output
    result = tailor("export", desk, "--format", "prodigy", "--output", tmp_path / "a", "--open-test", "--yes")
    assert result.exit_code == 0, result.output
    texts = {json.loads(line)["text"] for line in (tmp_path / "a" / "labels.jsonl").read_text().splitlines()}
    assert {row.fields["text"] for row in load_splits(load_project(desk)).test} <= texts
    with Ledger(load_project(desk).store) as ledger:
        assert len(ledger.shown()) == len(load_splits(load_project(desk)).test)


def test_what_a_format_does_not_hold_is_told_and_files_are_not_replaced(desk: Path, tmp_path: Path) -> None:
    first = tailor("export", desk, "--format", "conll", "--output", tmp_path / "a")
    assert first.exit_code == 0 and "conll does not hold" in first.output and "answers about whole items" in first.output
    again = tailor("export", desk, "--format", "conll", "--output", tmp_path / "a")
    assert again.exit_code == 2 and "is there already" in again.output
    assert tailor("export", desk, "--format", "conll", "--output", tmp_path / "a", "--force").exit_code == 0
    wrong = tailor("export", desk, "--format", "cocoo")
    assert wrong.exit_code == 2 and "did you mean" in wrong.output.lower() and "coco" in wrong.output


def test_labels_of_other_rows_are_refused(desk: Path, tmp_path: Path) -> None:
    votes = write_votes(tmp_path / "votes.csv", ("something else", "billing", "refund"))
    with pytest.raises(DataError, match="holds no labels of this project's rows"):
        import_labels(load_project(desk), votes)


def test_labels_are_imported_by_the_command_and_told(desk: Path, tmp_path: Path) -> None:
    row = load_splits(load_project(desk)).train[0]
    votes = write_votes(tmp_path / "votes.csv", (row.fields["text"], row.label, "refund"), ("unknown", "a", "b"))
    first = tailor("label", desk, "--import", votes)
    assert first.exit_code == 0, first.output
    assert "Read votes.csv as annotators: 2 labels of anna, ben." in first.output
    assert "1 items that are no rows of this project" in first.output
    assert "0 labels of anna, ben; 2 were known before" in tailor("label", desk, "--import", votes).output
    wrong = tailor("label", desk, "--import", votes, "--format", "coco")
    assert wrong.exit_code == 2 and "is no" in wrong.output


def test_a_sheet_with_semicolons_is_known_by_its_columns_of_people(desk: Path, tmp_path: Path) -> None:
    votes = tmp_path / "votes.csv"
    votes.write_text(f"text;label (Ann);label (Ben)\n{sentence(0)};billing;refund\n", encoding="utf-8-sig")
    found = import_labels(load_project(desk), votes)
    assert (found.format, found.people, found.added) == ("annotators", ("Ann", "Ben"), 2)


def test_a_label_with_a_comma_is_given_between_quotation_marks(tmp_path: Path) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("text\nplease help\n", encoding="utf-8")
    done = tailor("label", file, "--labels", 'refund, "other, or none"', "--host", "0.0.0.0", "--no-browser")
    assert "other machines can reach the page" in done.output
    assert load_project(tmp_path).task.labels == ("refund", "other, or none")


def test_labels_that_count_are_written_as_a_file_that_another_project_reads_as_its_own(tmp_path: Path) -> None:
    texts = [f"{sentence(n)}, then\nnumber {n}" for n in range(40)]
    folder = write_rows(tmp_path / "first", texts, labels=list(TEAMS))
    with Judgements(folder / ".tailor") as judgements:
        desk = Desk(load_project(folder), judgements)
        for n, row in enumerate(list(desk.items)[:36]):
            desk.give(Judgement(f"k{n}", row, "Ana", values={"label": TEAMS[n % 3]}))
    first = load_labelled(load_project(folder))
    for name in ("labelled.csv", "labelled.jsonl"):
        told = tailor("label", folder, "--write", tmp_path / name)
        assert "40 rows, 36 of them with a label" in " ".join(told.output.split()), told.output
        again = tmp_path / name.replace(".", "-")
        write_rows(again, [], file="none.csv", labels=list(TEAMS), data=name)
        (tmp_path / name).rename(again / name)
        assert same_rows(load_splits(load_project(again))) == same_rows(first)
    refused = tailor("label", folder, "--write", folder / "data.csv")
    assert refused.exit_code == 2 and "is there already" in refused.output
    assert "ends with .csv or .jsonl" in tailor("label", folder, "--write", tmp_path / "a.xlsx").output


def same_rows(splits: Splits) -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(row.fields["text"], row.label) for row in getattr(splits, name)] for name in ("train", "dev", "test", "reserve")
    }

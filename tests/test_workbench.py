"""Giving out rows, taking in labels, and what follows from them: leases, conflicts, undoing, what counts, what looks wrong."""

from __future__ import annotations

import csv
import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data_helpers import sentence
from flow import climb, write_desk
from labelling_bench import Bench, served, write_rows
from whole_studies import whole_study

from tailor.asking import answering
from tailor.cli import app
from tailor.diagnose.types import Suspect
from tailor.errors import ConfigError
from tailor.labelled import labelled_tables, load_splits, load_unlabelled
from tailor.labelling.judgements import Judgements
from tailor.project import load_project
from tailor.workbench.desk import LEASE_SECONDS, Desk
from tailor.workbench.opening import open_workbench, started
from tailor.workbench.suggesting import is_blind, suggestions

TEXTS = tuple(f"message number {number}" for number in range(6))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "desk", TEXTS)


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    with served(folder, overlap=2, settles="Ada") as bench:
        yield bench


def label(bench: Bench, name: str, row: str, said: object, key: str, **more: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.post(name, "/api/judgements", key=key, row=row, label=said, **more).body)
    return found


# --- rows are given out


def test_a_row_in_someone_s_hands_is_given_to_nobody_else_until_the_lease_ends(folder: Path) -> None:
    now = [0.0]
    with Judgements(folder / ".tailor") as judgements:
        desk = Desk(load_project(folder), judgements, clock=lambda: now[0])
        (ada,) = desk.take("Ada", "one")
        others = {item.row for item in desk.take("Ben", "two", 5)}
        assert ada.row not in others and len(others) == 5
        assert desk.take("Cy", "three") == []
        assert desk.take("Ada", "another page of hers") == []
        now[0] = LEASE_SECONDS + 1
        assert len(desk.take("Cy", "three", 5)) == 5


def test_with_an_overlap_so_many_people_get_each_row_and_begun_rows_come_first(bench: Bench) -> None:
    (row,) = bench.next("Ada")
    label(bench, "Ada", row, "billing", "k1")
    assert bench.next("Ben") == [row]
    label(bench, "Ben", row, "billing", "k2")
    assert row not in bench.next("Cy", 5)


def test_rows_that_are_held_are_not_given_again_and_nothing_odd_is_given(bench: Bench) -> None:
    held = bench.next("Ada", 3)
    found = json.loads(bench.post("Ada", "/api/next", page="first", most=-4, holding=held).body)
    assert found["items"] == []
    assert bench.post("Ada", "/api/next", page="first", most=10**9).status == 200
    assert len(bench.next("Cy", 5)) == 5


# --- labels are taken in


def test_a_label_sent_again_is_one_label_and_still_tells_of_a_conflict(bench: Bench) -> None:
    (row,) = bench.next("Ada")
    label(bench, "Ada", row, "billing", "k1")
    for _ in range(2):  # the first answer may be lost on the way
        told = label(bench, "Ada", row, "returns", "k2")
        assert told["kept"] == "k2" and told["conflict"]["label"] == "billing"
    assert label(bench, "Ada", row, "delivery", "k3", replaces="k2")["conflict"] is None  # the page knew of it
    assert len(bench.judgements.all()) == 3 and bench.desk.of_row(row)["Ada"].label == "delivery"


def test_a_label_sent_again_to_a_server_with_another_guideline_is_the_same_label(folder: Path) -> None:
    with served(folder, guideline="Bills are billing.") as bench:
        (row,) = bench.next("Ada")
        version = bench.desk.guideline.version
        label(bench, "Ada", row, "billing", "k1")
    with served(folder, guideline="Bills are not billing.") as bench:
        assert label(bench, "Ada", row, "billing", "k1")["kept"] == "k1"
        assert "key" in label(bench, "Ada", row, "returns", "k1")["error"]
        assert [one.guideline for one in bench.judgements.all()] == [version] != [bench.desk.guideline.version]


def test_labels_and_skips_are_taken_back_one_after_the_other_also_by_another_server(folder: Path) -> None:
    with served(folder) as bench:
        for place, said in enumerate(("billing", "returns")):
            (row,) = bench.next("Ada")
            label(bench, "Ada", row, said, f"k{place}")
        (row,) = bench.next("Ada")
        assert bench.post("Ada", "/api/judgements", key="k9", row=row, skipped="not clear").status == 200
    with served(folder) as bench:
        undone = [bench.post("Ada", "/api/undo", key=f"u{place}").json for place in range(4)]
        assert [one.get("label") or one.get("skipped") for one in undone] == ["not clear", "returns", "billing", None]
        again = bench.post("Ada", "/api/undo", key="u0").json  # sent twice, undone once
        assert again["row"] == undone[0]["row"] and len(bench.judgements.all()) == 6


def test_a_label_that_the_task_does_not_have_is_refused_in_a_sentence(bench: Bench) -> None:
    (row,) = bench.next("Ada")
    assert "not among the labels" in label(bench, "Ada", row, "refunds", "k1")["error"]
    assert label(bench, "Ada", row, "", "k2")["error"] == "a label is needed."
    assert not bench.judgements.all()


@pytest.mark.parametrize(
    ("settings", "shape", "given", "kept"),
    [
        ({"kind": "tags"}, "choices", ["returns", "billing"], ["billing", "returns"]),
        ({"kind": "tags"}, "choices", [], []),
        (
            {"kind": "extract", "labels": [], "fields": {"total": "number", "name": "text"}},
            "fields",
            {"total": "12", "name": ""},
            {"total": "12"},
        ),
        ({"kind": "answer", "labels": []}, "text", " the 25th ", "the 25th"),
        ({"kind": "answer", "labels": []}, "text", "", ""),
        ({"kind": "write", "labels": []}, "text", "Dear Sir,\nno.", "Dear Sir,\nno."),
    ],
)
def test_each_kind_says_how_it_is_answered_and_keeps_what_is_given(
    tmp_path: Path, settings: dict[str, Any], shape: str, given: Any, kept: Any
) -> None:
    with served(write_rows(tmp_path / "desk", TEXTS, **settings)) as bench:
        found = json.loads(bench.post("Ada", "/api/next", page="first", most=1).body)
        assert found["entry"]["shape"] == shape
        row = found["items"][0]["row"]
        assert label(bench, "Ada", row, given, "k1").get("kept") == "k1"
        assert bench.judgements.all()[0].label == kept


# --- what counts


def test_rows_without_a_label_take_what_counts_and_the_file_stays_as_it_is(folder: Path) -> None:
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        csv.writer(file).writerows([["already labelled", "billing"], ["wrongly labelled", "billing"]])
    before = (folder / "data.csv").read_bytes()
    with served(folder, overlap=2) as bench:
        one, two, three = bench.next("Ada", 3)
        for name, labels in (("Ada", ("billing", "delivery", "returns")), ("Ben", ("billing", "returns", "delivery"))):
            for row, said in zip((one, two, three), labels, strict=True):
                label(bench, name, row, said, f"{name} {row}")
        label(bench, "Cy", three, "returns", "settled", role="adjudicated")
        (wrong,) = (row for row, item in bench.desk.every.items() if item.example.fields["text"] == "wrongly labelled")
        assert wrong not in bench.desk.items
        label(bench, "Ada", wrong, "delivery", "ordinary")
        texts = {item.row: item.example.fields["text"] for item in bench.desk.every.values()}
        assert told(folder) == {
            texts[one]: "billing",
            texts[three]: "returns",
            "already labelled": "billing",
            "wrongly labelled": "billing",
        }
        label(bench, "Cy", wrong, "delivery", "settling", role="adjudicated")
    assert told(folder)["wrongly labelled"] == "delivery"
    assert (folder / "data.csv").read_bytes() == before


def told(folder: Path) -> dict[str, str]:
    """The labels with which a study of the project would begin, by text."""
    (table,) = labelled_tables(load_project(folder)).values()
    return {str(row["text"]): str(row["label"]) for row in table.rows if row["label"]}


def test_a_study_learns_from_labels_that_people_gave(folder: Path) -> None:
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"{word} {number}", ""] for number in range(20) for word in ("bill", "parcel")])
    with served(folder) as bench:
        for row in list(bench.desk.items):
            label(bench, "Ada", row, "billing" if "bill" in bench.desk.items[row].example.fields["text"] else "delivery", row)
    splits = load_splits(load_project(folder))
    rows = (*splits.train, *splits.dev, *splits.test, *splits.reserve)
    assert len(rows) == 46 and splits.unlabelled == 0 and {row.label for row in rows} == {"billing", "delivery"}


# --- suggestions


@pytest.mark.slow
def test_the_chosen_system_suggests_and_some_rows_stay_blind(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", target=0.5, ask_again=False)
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        csv.writer(file).writerows([[f"{sentence(500 + number)} delivery", ""] for number in range(40)])
    assert climb(folder).decision is not None
    with served(folder) as bench:
        found = answering(bench.desk.project)
        made = suggestions(found, bench.desk.entry(), bench.desk.open_items())
        blind = {row for row in bench.desk.items if is_blind(row)}
        assert 4 <= len(blind) <= 20 and set(made) == set(bench.desk.items) - blind
        bench.desk.suggestions |= made
        items = json.loads(bench.post("Ada", "/api/next", page="first", most=5).body)["items"]
        for item in items:
            shown = item["suggested"]
            assert (shown is None) == (item["row"] in blind)
            label(bench, "Ada", item["row"], (shown or {"label": "returns"})["label"], item["row"], suggested=shown is not None)
        kept = {one.row: one for one in bench.judgements.all()}
        assert all(kept[row].blind == (row in blind) for row in kept)
        assert {one.suggested.by for one in kept.values() if one.suggested} == {found.system.name}


# --- pages


def test_the_page_of_agreement_stands_with_one_row_and_with_none(bench: Bench) -> None:
    assert "is not known" in bench.get("Ada", "/agreement").body.decode()
    (row,) = bench.next("Ada")
    for name in ("Ada", "Ben"):
        label(bench, name, row, "billing", name)
    assert "People agree on 100 % of 1 row that" in bench.get("Ada", "/agreement").body.decode()
    label(bench, "Ben", row, "returns", "another")
    assert bench.get("Ada", "/agreement").status == 200


def test_the_page_of_agreement_says_how_far_people_agree_and_what_is_mixed_up(bench: Bench) -> None:
    for place, row in enumerate(list(bench.desk.items)):
        label(bench, "Ada", row, "billing" if place % 2 else "returns", f"a{row}")
        label(bench, "Ben", row, "billing" if place % 3 else "returns", f"b{row}")
    page = bench.get("Ada", "/agreement").body.decode()
    assert "People agree on 50 % [12, 88] of 6 rows" in page and "12 to 88 %" in page and "are mixed up in 3 of 6" in page
    assert "3 rows two labels are equally likely" in page
    differences = bench.get("Ada", "/settle").body.decode()
    assert differences.count("<article") == 3 and 'data-label="&#34;billing&#34;"' in differences
    assert "<article" in bench.get("Ben", "/settle").body.decode() and "data-label" not in bench.get("Ben", "/settle").body.decode()


def test_the_page_of_suspected_errors_shows_what_the_last_study_doubts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "data.csv").write_text("text,label\nmy <b>bill</b>,returns\nother,billing\n", encoding="utf-8")
    with served(folder) as bench:
        assert "Nothing has been measured yet" in bench.get("Ada", "/suspects").body.decode()
        study = whole_study()
        assert study.diagnosis is not None
        suspect = Suspect("0", "train", 1, "data.csv", "my <b>bill</b>", "returns", "billing", 0.03, 0.95)
        found = replace(study, diagnosis=replace(study.diagnosis, suspects=(suspect,)))
        monkeypatch.setattr("tailor.workbench.doubts.load_study", lambda _: found)
        (folder / ".tailor" / "ledger.db").touch()  # as a run does
        (row,) = (row for row, item in bench.desk.every.items() if item.example.row == 1)
        assert "Rows before" in bench.get("Ada", "/suspects?from=50").body.decode()
        page = bench.get("Ada", "/suspects").body.decode()
        assert f'data-row="{row}"' in page and "my &lt;b&gt;bill" in page and "Given: 3 % probable" in page
        label(bench, "Ada", row, "billing", "k1", role="adjudicated")
        assert 'Settled by <span class="data">Ada' in bench.get("Ada", "/suspects").body.decode()
    assert told(folder)["my <b>bill</b>"] == "billing"


# --- opening


def test_a_project_is_made_of_a_file_without_labels_and_links_stay_good(tmp_path: Path) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("id,message\n" + "".join(f"{place},please help me with case {place}\n" for place in range(5)), encoding="utf-8")
    opened = started(file, labels=("billing", "delivery"))
    task = opened.project.task
    assert task.input == "{{message}}" and task.labels == ("billing", "delivery")
    links = []
    for _ in range(2):
        with open_workbench(opened.project, ("Ada", "Ben")) as bench:
            links.append([link.partition("#")[2] for link in bench.links.values()])
            assert len(bench.desk.items) == 5
            bench.listening.socket.close()
    assert links[0] == links[1] and len(set(links[0])) == 2
    assert (tmp_path / ".tailor" / "links.key").stat().st_mode & 0o777 == 0o600
    assert started(file).project.folder == tmp_path


def test_the_name_of_a_file_never_makes_a_project_that_cannot_be_opened(tmp_path: Path) -> None:
    for name in ("Anfragen März", "票", "data"):
        file = tmp_path / name / f"{name}.csv"
        file.parent.mkdir()
        file.write_text("message\nplease help\n", encoding="utf-8")
        assert started(file).project.task.variables == ("message",)
        assert started(file.parent).project.folder == file.parent


def test_settings_that_make_no_project_are_not_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "mail.csv"
    file.write_text("message\nplease help\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="more than once"):
        started(file, labels=("billing", "billing"))
    assert started(file, labels=("billing", "delivery")).project.task.labels == ("billing", "delivery")


@pytest.mark.parametrize("other", [{"labels": ("billing",)}, {"kind": "tags"}, {"input": "label"}])
def test_options_of_a_new_project_are_not_ignored_where_there_is_one(folder: Path, other: dict[str, Any]) -> None:
    same = started(folder / "data.csv", labels=("returns", "delivery", "billing"), kind="classify", input="text")
    assert same.project.folder == folder
    for given in (folder, folder / "data.csv"):
        with pytest.raises(ConfigError, match="but the project in"):
            started(given, **other)


def test_whoever_settles_gets_a_link_and_links_can_be_opened_at_once(folder: Path) -> None:
    with open_workbench(load_project(folder), ["Ada"], settles="Cy") as bench:
        assert list(bench.links) == ["Ada", "Cy"]
        socket.create_connection(("127.0.0.1", bench.listening.port), timeout=5).close()  # before anything is served
        bench.listening.socket.close()


def test_other_machines_are_let_in_only_by_a_name(folder: Path) -> None:
    from typer.testing import CliRunner

    done = CliRunner().invoke(app, ["label", str(folder), "--host", "0.0.0.0", "--no-browser"])
    assert done.exit_code == 2 and "other machines can reach the page" in done.output


def test_a_key_of_the_links_that_cannot_be_read_is_not_replaced_silently(tmp_path: Path) -> None:
    project = load_project(write_rows(tmp_path / "desk", ["one text"]))
    with open_workbench(project, ["Ada"]) as bench:
        bench.listening.socket.close()
    key = project.store / "links.key"
    key.write_text("not a key", encoding="ascii")
    with pytest.raises(ConfigError, match="all links follow from it"), open_workbench(project, ["Ada"]):
        raise AssertionError("it opened")
    assert key.read_text(encoding="ascii") == "not a key"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"sum": "12"}, "`sum`"),
        ({"total": "abc"}, "a number"),
        ({"total": True}, "a number"),
        ({"total": [1]}, "a number"),
        ({"paid": "perhaps"}, "true or false"),
        ({"size": "huge"}, "small, large"),
        ({"items": ["a"]}, "a list of objects"),
        ({"items": [{"sku": "a", "colour": "red"}]}, "`colour`"),
        ({"items": [{"count": "many"}]}, "a number"),
        ({"who": [{"type": "planet", "text": "Mars"}]}, "person, place"),
        ({"address.street": "x"}, "`address.street`"),
    ],
)
def test_a_field_that_is_none_or_a_value_that_it_cannot_hold_is_refused_in_a_sentence(
    tmp_path: Path, given: dict[str, object], why: str
) -> None:
    fields = {
        "total": "number",
        "paid": "boolean",
        "size": "small | large",
        "items": [{"sku": "exact", "count": "number"}],
        "who": "span(person | place)",
        "address": {"city": "text"},
    }
    right: dict[str, object] = {"total": "1,240.00 EUR", "paid": "true", "size": "small", "address.city": "Bonn"}
    right |= {"items": [{"sku": "a", "count": 2}], "who": [{"type": "person", "text": "Mary", "start": 0, "end": 4}]}
    with served(write_rows(tmp_path / "desk", TEXTS, kind="extract", labels=[], fields=fields)) as bench:
        (row,) = bench.next("Ada")
        told = label(bench, "Ada", row, right | given, "k1")["error"]
        assert why in told and len(told.splitlines()) == 1
        assert not bench.judgements.all()
        assert label(bench, "Ada", row, right, "k2")["kept"] == "k2"


def test_lists_in_cells_are_shown_as_a_study_asks_them(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", [], data="rows.jsonl")
    rows = [{"text": ["one", f"two {number}"], "label": ""} for number in range(3)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with served(folder) as bench:
        found = json.loads(bench.post("Ada", "/api/next", page="first", most=3).body)["items"]
        shown = {item["texts"][0]["text"] for item in found}
        assert shown == {row.fields["text"] for row in load_unlabelled(load_project(folder))}
        assert not any("'" in text for text in shown)

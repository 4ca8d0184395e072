"""What is done with all rows together: settling differences, taking that back, the guideline, the list of rows, one server."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labelling_bench import Bench, served, write_rows
from typer.testing import CliRunner

from tailor.cli import app
from tailor.errors import ConfigError, StoreError
from tailor.labelled import load_unasked, load_unlabelled
from tailor.labelling.judgement import Judgement
from tailor.project import load_project
from tailor.workbench.differences import MOST_DIFFERENCES
from tailor.workbench.opening import ServedAlready, open_workbench, started

TEXTS = tuple(f"message number {number}" for number in range(2 * MOST_DIFFERENCES + 10))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with served(write_rows(tmp_path / "desk", TEXTS), overlap=2) as bench:
        yield bench


def differ(bench: Bench) -> list[str]:
    """Have Ada and Ben say different things of every row."""
    for name, said in (("Ada", "billing"), ("Ben", "returns")):
        bench.judgements.append(*(Judgement(f"{name} {row}", row, name, values={"label": said}) for row in bench.desk.items))
    return list(bench.desk.items)


def post(bench: Bench, name: str, path: str, **body: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.post(name, path, **body).body)
    return found


def settle(bench: Bench, name: str, row: str, said: str, key: str, **more: object) -> dict[str, Any]:
    return post(bench, name, "/api/judgements", key=key, row=row, label=said, role="adjudicated", **more)


def page(bench: Bench, path: str, name: str = "Ada") -> str:
    return bench.get(name, path).body.decode()


def listed(page: str) -> list[str]:
    return [part.partition('"')[0] for part in page.split('data-row="')[1:]]


# --- differences


def test_differences_come_a_page_at_a_time_and_settling_one_moves_no_other(bench: Bench) -> None:
    rows = differ(bench)
    first = page(bench, "/settle")
    assert listed(first) == rows[:MOST_DIFFERENCES] and f"from={MOST_DIFFERENCES}" in first and "before" not in first
    assert len(first) < 60_000
    settle(bench, "Ada", rows[0], "billing", "s0")
    settle(bench, "Ada", rows[3], "billing", "s3")
    second = page(bench, f"/settle?from={MOST_DIFFERENCES}")
    assert listed(second) == rows[MOST_DIFFERENCES : 2 * MOST_DIFFERENCES] and "Rows before" in second
    assert f'<span id="open">{len(rows) - 2}<' in second and f"all: {len(rows)}" in second
    assert listed(page(bench, "/settle"))[:3] == [rows[1], rows[2], rows[4]]
    assert listed(page(bench, "/settle?show=all"))[:2] == rows[:2]
    assert listed(page(bench, "/settle?from=2000")) == [] and "See those before" in page(bench, "/settle?from=2000")


def test_what_was_settled_is_taken_back_apart_from_labels(bench: Bench) -> None:
    rows = differ(bench)
    settle(bench, "Ada", rows[0], "returns", "s")
    told = post(bench, "Ada", "/api/undo", key="u1")
    assert told["row"] == rows[-1] and told["label"] == "billing", "an undo on the page for labels takes back a label"
    assert bench.desk.settled(rows[0]) is not None
    assert post(bench, "Ada", "/api/undo", key="u2", role="adjudicated")["row"] == rows[0]
    assert bench.desk.settled(rows[0]) is None
    assert post(bench, "Ada", "/api/undo", key="u3", role="adjudicated") == {"row": None}
    assert bench.desk.of_row(rows[0])["Ada"].label == "billing"
    assert "`role` one of label, adjudicated" in post(bench, "Ada", "/api/undo", key="u4", role="gold")["error"]


def test_of_two_who_settle_a_row_the_later_counts_and_is_told_and_an_undo_brings_the_other_back(bench: Bench) -> None:
    rows = differ(bench)
    first = settle(bench, "Ada", rows[0], "billing", "a")
    assert first["conflict"] is None
    for _ in range(2):  # the answer may be lost on the way
        told = settle(bench, "Ben", rows[0], "returns", "b")
        assert (told["conflict"]["by"], told["conflict"]["label"]) == ("Ada", "billing")
    assert settle(bench, "Ada", rows[0], "delivery", "c", replaces="b")["conflict"] is None, "the page knew of it"
    told = post(bench, "Ada", "/api/undo", key="u", role="adjudicated")
    assert told["settled"]["by"] == "Ben" and told["settled"]["shown"] == "returns"
    assert post(bench, "Ben", "/api/undo", key="v", role="adjudicated")["settled"]["by"] == "Ada", (
        "what she said first counts again"
    )
    item = post(bench, "Ada", "/api/next", page="p", row=rows[0])["items"][0]
    assert item["settled"]["shown"] == "billing" and item["settled"]["by"] == "Ada"
    assert post(bench, "Ben", "/api/undo", key="w")["settled"] is None, "the last row that he labelled is another one"


def test_an_answer_that_nobody_gave_settles_a_row_too_and_a_row_of_the_file_can_be_settled(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", ["one", "two"])
    (folder / "data.csv").write_text("text,label\none,billing\ntwo,\n", encoding="utf-8")
    with served(folder, settles="Ada") as bench:
        (given,) = set(bench.desk.every) - set(bench.desk.items)
        assert post(bench, "Ben", "/api/next", page="p", row=given, settles=True)["items"] == []
        assert post(bench, "Ada", "/api/next", page="p", row="gone", settles=True)["items"] == []
        (item,) = post(bench, "Ada", "/api/next", page="p", row=given, settles=True)["items"]
        assert item["row"] == given
        assert settle(bench, "Ada", given, "returns", "k")["label"] == "returns"
        assert "settled by Ada" in settle(bench, "Ben", given, "returns", "l")["error"]


# --- rows


def test_rows_are_narrowed_down_and_those_that_others_finished_are_not_listed(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", TEXTS[:5])) as bench:
        rows = list(bench.desk.items)
        for place, more in enumerate(({"label": "billing"}, {"label": "returns", "flagged": "odd"}, {"skipped": "no <b>text"})):
            post(bench, "Ada", "/api/judgements", key=f"k{place}", row=rows[place], **more)

        def shown(name: str, show: str = "") -> list[int]:
            found = page(bench, f"/queue?show={show}", name)
            return [place for place, row in enumerate(rows) if f"#{row}" in found]

        assert shown("Ada") == [0, 1, 2, 3, 4] and shown("Ben") == [1, 2, 3, 4]
        assert "1 more row has its label from others" in page(bench, "/queue", "Ben")
        assert shown("Ben", "open") == [3, 4] == shown("Ada", "open") and shown("Ada", "labelled") == [0, 1]
        assert shown("Ben", "flagged") == [1] and shown("Ben", "skipped") == [2] and shown("Ben", "labelled") == []
        assert "skipped: no &lt;b&gt;text" in page(bench, "/queue") and "flagged by" in page(bench, "/queue")
        assert shown("Ada", "nonsense") == [0, 1, 2, 3, 4]
        assert "from here on" in page(bench, "/queue?from=999") and "No row is flagged" not in page(bench, "/queue?show=flagged")
        assert 'href="/queue?show=flagged">1</a>' in page(bench, "/progress")
        item = post(bench, "Ada", "/api/next", page="p", row=rows[1])["items"][0]
        assert item["before"]["flagged"] == "odd", "a flag is not lost when a row is opened again"


# --- guideline


def test_the_guideline_is_read_again_when_it_changes_and_is_shown_as_markdown_without_what_could_run(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", TEXTS[:2])
    with served(folder) as bench:
        assert "There is no guideline yet" in page(bench, "/guideline") and "<details id" not in page(bench, "/label")
        hostile = "# Teams\n\n- **billing**: money\n\n<script>ran()</script> ![x](http://a.example/x) [y](javascript:ran()) [z](https://b.example)"
        (folder / "guideline.md").write_text(hostile, encoding="utf-8")
        for path in ("/guideline", "/label"):
            found = page(bench, path)
            assert "<strong>billing</strong>" in found and "&lt;script&gt;ran()" in found
            assert '<a href="https://b.example">z' in found
            assert "<img" not in found and 'href="javascript' not in found
        told = post(bench, "Ada", "/api/next", page="p")
        assert told["guideline"] == bench.desk.guideline.version != ""


def test_the_guideline_is_written_on_the_page_and_never_over_what_someone_else_wrote(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", TEXTS[:2])
    with served(folder, settles="Ada") as bench:
        assert "<textarea" in page(bench, "/guideline") and "<textarea" not in page(bench, "/guideline", "Ben")
        assert "changed by Ada" in post(bench, "Ben", "/api/guideline", text="mine", version="")["error"]
        first = post(bench, "Ada", "/api/guideline", text="Bills\r\nare <billing>.\n", version="")["version"]
        assert (folder / "guideline.md").read_bytes() == b"Bills\r\nare <billing>.\n"
        (row,) = bench.next("Ada")
        post(bench, "Ada", "/api/judgements", key="k", row=row, label="billing")
        (folder / "guideline.md").write_text("by hand", encoding="utf-8")
        assert "by someone else meanwhile" in post(bench, "Ada", "/api/guideline", text="again", version=first)["error"]
        assert (folder / "guideline.md").read_text(encoding="utf-8") == "by hand"
        assert [one.guideline for one in bench.judgements.all()] == [first]
        assert bench.post("Ada", "/api/guideline", text=3, version="").status == 422


# --- labels that people write, and servers


def test_a_label_that_is_written_gets_the_next_key_and_moves_no_other(tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", TEXTS[:4], labels=None)) as bench:
        rows = list(bench.desk.items)
        for place, label in enumerate(("returns", "billing", "advice")):
            post(bench, "Ada", "/api/judgements", key=f"k{place}", row=rows[place], label=label)
            assert bench.desk.entry().choices == ("returns", "billing", "advice")[: place + 1]
        post(bench, "Ada", "/api/undo", key="u")
        assert bench.desk.entry().choices == ("returns", "billing")
    with served(tmp_path / "desk") as bench:
        assert bench.desk.entry().choices == ("returns", "billing")


def test_people_read_the_instruction_without_what_only_a_model_is_told(tmp_path: Path) -> None:
    told = "Name the team. Answer with one of the labels and nothing else."
    with served(write_rows(tmp_path / "desk", TEXTS[:1], instruction=told)) as bench:
        assert '<p class="instruction">Name the team.</p>' in page(bench, "/label")


def test_a_second_server_on_a_project_gives_the_links_of_the_first(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", TEXTS[:2])
    project = load_project(folder)
    with open_workbench(project, ["Ada"]) as bench:
        with pytest.raises(ServedAlready) as refused, open_workbench(project, ["Ben"]):
            raise AssertionError("it opened")
        assert refused.value.links["Ben"].startswith(f"{bench.listening.address}/#")
        told = CliRunner().invoke(app, ["label", str(folder), "--for", "Ben", "--no-browser"])
        assert told.exit_code == 0 and f"Ben: {refused.value.links['Ben']}" in told.output
        bench.listening.socket.close()
    with open_workbench(project, ["Ada"]) as bench:
        bench.listening.socket.close()


def test_a_disk_that_locks_nothing_is_not_taken_for_another_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("tailor.files.fcntl.flock", refuse)
    with pytest.raises(StoreError, match="No locks available"), open_workbench(load_project(write_rows(tmp_path, TEXTS)), ["Ada"]):
        raise AssertionError("it opened")


def test_a_project_of_a_kind_names_what_people_give_and_says_what_it_cannot_guess(tmp_path: Path) -> None:
    for kind, output, asks in (("tags", "labels", "name all of its labels"), ("write", "text", "Write the text for the message")):
        file = tmp_path / kind / "mail.csv"
        file.parent.mkdir()
        file.write_text("message\nplease help\n", encoding="utf-8")
        task = started(file, kind=kind).project.task
        assert task.output == output and asks in task.instruction
    file = tmp_path / "mail.csv"
    file.write_text("message\nplease help\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="say what is extracted") as refused:
        started(file, kind="extract")
    assert "--labels" in str(refused.value.hint) and not (tmp_path / "tailor.yaml").exists()
    assert started(file, kind="extract", labels=("person",)).project.task.labels == ("person",)


def test_a_row_that_people_skipped_is_labelled_by_no_model_either(tmp_path: Path) -> None:
    folder = write_rows(tmp_path / "desk", TEXTS[:4])
    with served(folder) as bench:
        first, second, *_ = bench.desk.items
        post(bench, "Ada", "/api/judgements", key="k1", row=first, skipped="not readable")
        post(bench, "Ada", "/api/judgements", key="k2", row=second, label="billing")
        texts = [bench.desk.items[row].example.fields["text"] for row in list(bench.desk.items)[2:]]
    project = load_project(folder)
    assert [row.fields["text"] for row in load_unasked(project)] == texts and len(load_unlabelled(project)) == 3

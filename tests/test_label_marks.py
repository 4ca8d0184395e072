"""Relations between phrases, and marks that are settled: in a real browser, by keyboard, and in the formats of other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser
from flow import tailor
from labelling_bench import Bench, served, write_rows
from test_label_media import ask, enter, focus, pictures, press, until

from tailor.labelling.judgement import Judgement
from tailor.labelling.marked import agreement_on_marks, marks_differ
from tailor.settings import MarkSettings

TEXT = "🎉 Mary Hart runs Acme in Oslo."
PEOPLE = {"form": "relations", "column": "text", "labels": ["person", "firm", "city"], "relations": ["runs", "lies in"]}


def firms(folder: Path) -> Path:
    return write_rows(folder, [TEXT, "Jo sold Borg."], labels=["news", "advert"], marks=PEOPLE)


def box(name: str, x: float, label: str = "cell") -> dict[str, Any]:
    return {"id": name, "form": "box", "on": "photo", "labels": [label], "x": x, "y": 0.0, "width": 10.0, "height": 10.0}


def give(bench: Bench, name: str, row: str, key: str, **said: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(bench.post(name, "/api/judgements", key=key, row=row, **said).body)
    return found


def phrase(name: str, start: int, end: int, label: str) -> dict[str, Any]:
    span = {"id": name, "form": "span", "on": "text", "labels": [label], "start": start, "end": end}
    return {**span, "text": TEXT[start:end]}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.mark.browser
@pytest.mark.slow
def test_relations_are_given_by_keyboard_alone_and_leave_and_come_back_in_label_studio_s_format(
    browser: Any, tmp_path: Path
) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys as Key

    folder = firms(tmp_path / "a")
    with served(folder) as bench:
        enter(browser, bench, 390)
        if browser.execute_script("return ready[0].marks.given.text;") != TEXT:
            focus(browser, "#main")
            press(browser, "s", Key.ENTER)
            until(lambda: browser.execute_script("return ready[0]?.marks.given.text;") == TEXT)
        row = browser.execute_script("return ready[0].row;")
        focus(browser, "#marks .forms-text")
        # 🎉 | Mary | Hart | runs | Acme | in | Oslo
        press(browser, Key.ARROW_RIGHT)
        ActionChains(browser).key_down(Key.SHIFT).send_keys(Key.ARROW_RIGHT).key_up(Key.SHIFT).perform()
        press(browser, "1", Key.ARROW_RIGHT, Key.ARROW_RIGHT, "2", Key.ARROW_RIGHT, Key.ARROW_RIGHT, "3")
        assert browser.execute_script("return marks.phrases.map((one) => marks.text.said(one));") == ["Mary Hart", "Acme", "Oslo"]
        for first, second, relation in (("p1", "p2", "1"), ("p2", "p3", "2")):
            focus(browser, f'[data-phrase="{first}"] button')
            press(browser, "f")
            focus(browser, f'[data-phrase="{second}"] button')
            press(browser, "t", relation)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth;")
        focus(browser, "#main")
        press(browser, "1", Key.ENTER)
        until(lambda: any(one.values for one in bench.judgements.standing()))
        (judgement,) = (one for one in bench.judgements.standing() if one.values)
        assert judgement.row == row and judgement.label == "news"
        spans = [(one["start"], one["end"], one["labels"], one["text"]) for one in judgement.values["regions"]]
        assert spans == [(2, 11, ["person"], "Mary Hart"), (17, 21, ["firm"], "Acme"), (25, 29, ["city"], "Oslo")]
        links = [(one["from"], one["to"], one["label"]) for one in judgement.values["links"]]
        assert links == [("p1", ["p2"], "runs"), ("p2", ["p3"], "lies in")]
    assert tailor("export", folder, "--format", "labelstudio", "--output", tmp_path / "ls").exit_code == 0
    fresh = firms(tmp_path / "b")
    read = tailor("label", fresh, "--import", tmp_path / "ls" / "labelstudio.json")
    assert read.exit_code == 0, read.output
    with served(fresh) as bench:
        print([(o.annotator, o.role, o.values) for o in bench.judgements.standing()])
        (back,) = (one for one in bench.judgements.standing() if one.values and one.role == "label")
        assert back.label == "news" and agreement_on_marks([judgement])["relations"].rows == 0
        assert not marks_differ(back.values, judgement.values)


def test_relations_need_their_names_and_a_text() -> None:
    for changed, why in (
        ({"relations": []}, "names what stands between phrases"),
        ({"form": "image"}, "no other form has it"),
        ({"relations": ["a", "a"]}, "different texts"),
    ):
        with pytest.raises(ValueError, match=why):
            MarkSettings.model_validate(PEOPLE | changed)


def test_relations_of_two_people_agree_by_what_stands_between_which_phrases(tmp_path: Path) -> None:
    phrases = [phrase("p1", 2, 11, "person"), phrase("p2", 17, 21, "firm")]
    link = {"from": "p1", "to": ["p2"], "state": "located", "label": "runs"}
    other = [{**phrases[1], "id": "x"}, {**phrases[0], "id": "y"}]  # other names and another order, and the same said
    turned = {**link, "from": "p2", "to": ["p1"]}
    with served(firms(tmp_path / "a"), overlap=2) as bench:
        row = next(row for row, item in bench.desk.items.items() if item.example.fields["text"] == TEXT)
        assert give(bench, "Ada", row, "k1", label="news", marks={"regions": phrases, "links": [link]})["kept"]
        again = {"regions": other, "links": [{**link, "from": "y", "to": ["x"]}]}
        assert give(bench, "Ben", row, "k2", label="news", marks=again)["kept"]
        found = agreement_on_marks(bench.judgements.standing())
        assert found["relations"].observed == found["phrases"].observed == 1 and "links" not in found
        assert b"No row has two different answers" in bench.get("Ada", "/settle").body
        assert give(bench, "Ben", row, "k3", label="news", marks={"regions": phrases, "links": [turned]})["kept"]
        assert agreement_on_marks(bench.judgements.standing())["relations"].observed == 0
        assert b"Marks of Ben" in bench.get("Ada", "/settle").body


def test_marks_differ_where_no_partner_of_the_same_name_overlaps_by_half() -> None:
    one = {"regions": [box("a", 0), box("b", 50, "gap")]}
    assert not marks_differ(one, {"regions": [box("x", 51, "gap"), box("y", 2)]})
    assert marks_differ(one, {"regions": [box("x", 51, "gap"), box("y", 6)]})
    assert marks_differ(one, {"regions": [box("x", 50), box("y", 0)]}) and marks_differ(one, {"regions": [box("x", 0)]})
    assert not marks_differ({}, {"regions": []})
    seconds = {"id": "s", "form": "segment", "on": "clip", "labels": ["throw"], "start": 0.0, "unit": "second"}
    assert not marks_differ({"regions": [{**seconds, "end": 10.0}]}, {"regions": [{**seconds, "end": 6.0}]})
    assert marks_differ({"regions": [{**seconds, "end": 10.0}]}, {"regions": [{**seconds, "end": 4.0}]})
    frames = [{"frame": frame, "goes_on": True, **box("", 4 * frame)} for frame in (0, 5)]
    track = {"id": "t", "form": "track", "on": "clip", "labels": ["ball"]}
    moved = [{"frame": 0, "goes_on": True, **box("", 60)}]
    assert not marks_differ({"regions": [{**track, "frames": frames}]}, {"regions": [{**track, "frames": frames}]})
    assert marks_differ({"regions": [{**track, "frames": frames}]}, {"regions": [{**track, "frames": moved}]})
    flat = {"id": "l", "form": "polyline", "on": "photo", "labels": ["edge"], "points": [[0.0, 5.0], [50.0, 5.0]]}
    assert not marks_differ({"regions": [flat]}, {"regions": [{**flat, "id": "m"}]})


def test_links_to_other_regions_differ_whatever_the_regions_are_called() -> None:
    span = {"id": "p", "form": "span", "on": "caption", "labels": ["phrase"], "start": 0, "end": 5, "text": "a red"}

    def linked(target: str, *boxes: dict[str, Any], state: str = "located") -> dict[str, Any]:
        link = {"from": "p", "to": [target] if target else [], "state": state, "label": "refers to"}
        return {"regions": [span, *boxes], "links": [link]}

    own = linked("a", box("a", 0), box("b", 50))
    assert not marks_differ(own, linked("y", box("x", 51), box("y", 1)))
    assert marks_differ(own, linked("x", box("x", 51), box("y", 1)))
    assert marks_differ(own, linked("", box("a", 0), box("b", 50), state="absent"))


def test_any_two_of_three_people_can_differ(tmp_path: Path) -> None:
    with served(pictures(tmp_path / "a"), overlap=3) as bench:
        row = bench.next("Ada")[0]
        for name, x in (("Ada", 3), ("Ben", 0), ("Cy", 6)):
            assert give(bench, name, row, f"k{name}", label="sharp", marks={"regions": [box("r", x)]})["kept"]
        assert b"Marks of Cy" in bench.get("Ada", "/settle").body


def test_marks_that_the_task_does_not_have_are_refused_and_those_of_a_file_may_stay(tmp_path: Path) -> None:
    right = [phrase("p1", 2, 11, "person"), phrase("p2", 17, 21, "firm")]
    link = {"from": "p1", "to": ["p2"], "state": "located", "label": "runs"}
    with served(firms(tmp_path / "a")) as bench:
        row = next(row for row, item in bench.desk.items.items() if item.example.fields["text"] == TEXT)
        for number, (regions, links, why) in enumerate(
            [
                ([{**right[0], "labels": ["alien"]}], [], "`marks.labels`"),
                (right, [{**link, "label": "<img src=x onerror=alert(1)>"}], "`marks.relations`"),
                ([{**right[0], "end": 9999}], [], "ends behind the text"),
                ([{**box("r", 0), "on": "text", "labels": ["firm"]}], [], "where none is marked"),
            ]
        ):
            marks = {"regions": regions, "links": links}
            assert why in give(bench, "Ada", row, f"b{number}", label="news", marks=marks)["error"]
        lies = [{**right[0], "text": "something else"}, right[1]]
        assert give(bench, "Ada", row, "k1", label="news", marks={"regions": lies, "links": [link]})["kept"]
        (kept,) = bench.judgements.standing()
        assert kept.values["regions"][0]["text"] == "Mary Hart"
        alien = [{**right[0], "labels": ["alien"]}]
        bench.desk.give(Judgement("f1", row, "Ada", {"label": "news", "regions": alien}))  # as read from a file
        assert give(bench, "Ada", row, "k2", label="advert", marks={"regions": alien})["kept"]


@pytest.mark.browser
@pytest.mark.slow
def test_differing_marks_are_looked_at_and_settled_and_stand_next_to_a_settled_label(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    folder = pictures(tmp_path / "a")
    with served(folder, overlap=2, settles="Ada") as bench:
        row = bench.next("Ada")[0]
        assert give(bench, "Ada", row, "k1", label="sharp", marks={"regions": [box("r1", 0)]})["kept"]
        assert give(bench, "Ben", row, "k2", label="blurred", marks={"regions": [box("r1", 40), box("r2", 80)]})["kept"]
        enter(browser, bench)
        browser.get(f"{bench.address}/settle")
        until(lambda: browser.execute_script("return document.querySelectorAll('.look').length;") == 2)
        tab_to(browser, ".look[data-marks*='r2']")
        press(browser, Key.ENTER)
        until(lambda: browser.execute_script("return form?.value().regions.length;") == 2)
        tab_to(browser, ".take")
        press(browser, Key.ENTER)
        until(lambda: bench.desk.settled(row) is not None)
        press(browser, "1")
        until(lambda: getattr(bench.desk.settled(row), "label", None) == "sharp")
        settled = bench.desk.settled(row)
        assert settled is not None and [one["x"] for one in settled.values["regions"]] == [40.0, 80.0]
        problems = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not problems
        status, _, content = ask(bench, "GET", "/settle?show=all")
        assert status == 200 and b"Marks settled." in content
        # that there is nothing to mark settles it, too, and whoever may not settle cannot
        assert give(bench, "Ada", row, "k3", role="adjudicated", marks={"regions": []})["kept"]
        now = bench.desk.settled(row)
        assert now is not None and now.values["regions"] == [] and now.label == "sharp"
        assert "settled by Ada" in give(bench, "Ben", row, "k4", role="adjudicated", marks={"regions": []})["error"]
    assert tailor("export", folder, "--format", "coco", "--output", tmp_path / "coco").exit_code == 0


def tab_to(browser: Any, selector: str) -> None:
    """Press Tab until an element has the focus."""
    from selenium.webdriver.common.keys import Keys as Key

    for _ in range(60):
        press(browser, Key.TAB)
        if browser.execute_script("return document.activeElement.matches(arguments[0])", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_columns_of_relations_hold_text() -> None:
    MarkSettings.model_validate(PEOPLE).check(["text"], [])
    with pytest.raises(ValueError, match="none of these for a video or a text"):
        MarkSettings.model_validate(PEOPLE).check(["text"], ["text"])


def test_a_mark_that_lies_nowhere_is_refused(tmp_path: Path) -> None:
    with served(pictures(tmp_path / "a")) as bench:
        row = bench.next("Ada")[0]
        nowhere = [{**box("r", 0), "on": ""}, {"id": "p", "form": "span", "on": "", "labels": ["cell"], "start": 0, "end": 1}]
        for number, region in enumerate([*nowhere, {**nowhere[1], "on": "photo"}]):
            told = give(bench, "Ada", row, f"k{number}", label="sharp", marks={"regions": [region]})
            assert "where none is marked" in told["error"]
        assert not bench.judgements.all()

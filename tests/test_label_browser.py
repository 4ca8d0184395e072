"""The workbench in a real browser: everything by keyboard, nothing lost, nothing run that came from data, quick and readable."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser
from data_helpers import SHARED, sentence
from hostile import PAYLOADS
from judge_helpers import sheet
from labelling_bench import KEYS, LABELS, Bench, served, write_rows
from test_label_media import PNG, pictures
from test_label_media import project as media_project
from test_rating_page import fill, project

from tailor.labelling.judgement import Judgement, Suggestion

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = ("/label", "/queue", "/guideline", "/agreement", "/settle", "/suspects", "/progress")
RAN = "window.ran = 0; for (const name of ['alert', 'prompt', 'confirm', 'print']) window[name] = () => { window.ran++; };"
AXE = os.environ.get("AXE_CORE", "")
"""Path of axe-core's axe.min.js, from npm."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": RAN})
        yield driver


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it did not come about"
        time.sleep(0.02)


def enter(browser: Any, bench: Bench, name: str = "Ada") -> None:
    """Come in by a link, as someone who clicks it does, and wait for a row."""
    size(browser, 1200)
    browser.get("about:blank")
    browser.get(bench.link(name))
    until(lambda: browser.current_url.endswith("/label"))
    until(lambda: shown(browser, "item") or shown(browser, "done"))


def size(browser: Any, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def shown(browser: Any, name: str) -> bool:
    return bool(browser.execute_script("const one = document.getElementById(arguments[0]); return one && !one.hidden", name))


def text_of(browser: Any, selector: str) -> str:
    return str(browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def press(browser: Any, *keys: str) -> None:
    """Press keys where the focus is."""
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def outbox(browser: Any) -> int:
    """How many judgements are in the browser."""
    count = "return Object.keys(localStorage).filter((name) => name.startsWith('tailor-outbox')).length"
    return int(browser.execute_script(count))


def kept(bench: Bench) -> dict[str, Any]:
    """What counts, by the text of the row."""
    asked = {row: item.example.fields["text"] for row, item in bench.desk.items.items()}
    return {asked[one.row]: one.label or f"skipped: {one.skipped}" for one in bench.judgements.standing()}


def row_text(browser: Any) -> str:
    return text_of(browser, "#texts .data")


def test_rows_are_labelled_skipped_flagged_and_taken_back_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    texts = [sentence(number) for number in range(6)]
    with served(write_rows(tmp_path / "desk", texts)) as bench:
        enter(browser, bench)
        buttons = browser.find_elements("css selector", "#entry [data-label]")
        assert [button.accessible_name for button in buttons] == [f"{place + 1} {label}" for place, label in enumerate(LABELS)]
        first = row_text(browser)
        press(browser, Key.ENTER)
        assert "Choose a label first" in text_of(browser, "#blocked") and row_text(browser) == first
        press(browser, "2")
        until(lambda: kept(bench) == {first: "delivery"})
        until(lambda: row_text(browser) != first)

        press(browser, "u")
        until(lambda: not kept(bench) and row_text(browser) == first)
        press(browser, "1")
        until(lambda: kept(bench) == {first: "billing"} and row_text(browser) != first)

        second = row_text(browser)
        press(browser, "s")
        until(lambda: shown(browser, "skipping"))
        press(browser, "two of them fit", Key.ENTER)
        until(lambda: kept(bench).get(second) == "skipped: two of them fit")
        press(browser, "u")
        until(lambda: second not in kept(bench) and row_text(browser) == second)
        press(browser, "s")
        press(browser, Key.ESCAPE)
        assert not shown(browser, "skipping")
        press(browser, "f", "3")
        until(lambda: kept(bench).get(second) == "returns")
        assert [one.flagged for one in bench.judgements.standing() if one.label == "returns"] == ["look at it again"]

        for count in range(3, len(texts) + 1):
            until(lambda: browser.execute_script("return ready.length") > 0)  # a key before the next row is there means nothing
            press(browser, "1")
            until(lambda count=count: len(kept(bench)) == count)  # type: ignore[misc]
        until(lambda: shown(browser, "done"))
        assert browser.execute_script("return document.activeElement.id") == "done-title"
        assert not any(
            one.tag_name == "button" and "save" in one.text.lower() for one in browser.find_elements("css selector", "*")
        )
        assert outbox(browser) == 0 and set(kept(bench)) == set(texts)


def test_links_and_buttons_are_reached_by_tab_in_the_order_in_which_they_are_read(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "desk", ["one", "two"])) as bench:
        enter(browser, bench)
        browser.execute_script("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()")
        passed = []
        for _ in range(14):
            press(browser, Key.TAB)
            passed.append(browser.execute_script("const at = document.activeElement; return at.id || at.textContent.trim()"))
        assert passed[0] == "Skip to the content"
        order = [
            place for name in ("Label", "Rows", "1 billing", "3 returns", "undo", "skip", "flag") for place in [passed.index(name)]
        ]
        assert order == sorted(order)


def test_what_was_not_acknowledged_stands_in_the_browser_and_is_sent_once(browser: Any, tmp_path: Path) -> None:
    texts = [sentence(number) for number in range(8)]
    with served(write_rows(tmp_path / "desk", texts)) as bench:
        enter(browser, bench)
        until(lambda: browser.execute_script("return ready.length") > 1)  # the next row is here already
        network(browser, offline=True)
        try:
            press(browser, "1")
            press(browser, "2")
            until(lambda: "kept in this browser" in text_of(browser, "#said"))
            assert not kept(bench)
        finally:
            network(browser, offline=False)
        until(lambda: len(kept(bench)) == 2)
        until(lambda: outbox(browser) == 0)
        assert sorted(kept(bench).values()) == ["billing", "delivery"] and len(bench.judgements.all()) == 2


def test_a_label_that_the_task_does_not_list_is_written_once_and_has_a_key_from_then_on(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "desk", [sentence(number) for number in range(3)], labels=[])) as bench:
        enter(browser, bench)
        for count, keys in enumerate((("/", "refund", Key.ENTER), ("/", "other", Key.ENTER), ("2",)), start=1):
            until(lambda: browser.execute_script("return ready.length") > 0)
            press(browser, *keys)
            until(lambda count=count: len(kept(bench)) == count)  # type: ignore[misc]
        assert sorted(map(str, kept(bench).values())) == ["other", "other", "refund"], "a new label moves the key of no other"
        assert bench.desk.entry().choices == ("refund", "other")


def network(browser: Any, *, offline: bool) -> None:
    limits = {"offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", limits)


def test_two_pages_of_one_person_get_different_rows_and_a_conflict_is_shown(browser: Any, tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", [sentence(number) for number in range(4)])) as bench:
        enter(browser, bench)
        first, row = browser.current_window_handle, row_text(browser)
        browser.switch_to.new_window("tab")
        try:
            browser.get(f"{bench.address}/label")
            until(lambda: shown(browser, "item") or shown(browser, "done"))
            assert row_text(browser) != row
            named = next(name for name, item in bench.desk.items.items() if item.example.fields["text"] == row)
            browser.get(f"{bench.address}/label#{named}")
            browser.refresh()
            until(lambda: row_text(browser) == row)
            press(browser, "1")
            until(lambda: kept(bench) == {row: "billing"})
        finally:
            browser.close()
            browser.switch_to.window(first)
        press(browser, "3")
        until(lambda: kept(bench) == {row: "returns"})
        until(lambda: "another answer of yours" in text_of(browser, "#said"))
        assert len(bench.judgements.all()) == 2


def hostile_texts() -> list[str]:
    """Payloads of our own, and those of a public list, fifty to a row."""
    listed = SHARED / "xss_payloads" / "payloads.txt"
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    own = [text.replace("\x00", "") for text in PAYLOADS if "\ud800" not in text]
    return [*own, *("\n".join(lines[start : start + 50]) for start in range(0, len(lines), 50))]


def test_nothing_runs_that_came_from_data(browser: Any, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    labels = [*PAYLOADS[:6], "'-alert(1)-'\"", "javascript:alert(1)"]
    folder = write_rows(
        tmp_path / "desk",
        hostile_texts(),
        file=f"{hostile.replace('/', '')}.csv",
        name="desk",
        labels=labels,
        instruction=PAYLOADS[0],
    )
    names = (hostile, "<script>alert(1)</script>")
    with served(folder, guideline="\n".join(hostile_texts()[:30]), overlap=2) as bench:
        for name in names:
            enter(browser, bench, name)
            browser.get_log("browser")
            seen = set()
            for _ in range(len(hostile_texts()) if name == hostile else 12):  # one of them is shown every payload there is
                seen.add(row_text(browser))
                before = len(bench.judgements.all())
                press(browser, "1" if name == hostile else "2")
                until(lambda before=before: len(bench.judgements.all()) > before)  # type: ignore[misc]
            assert len(seen) > 5 and browser.execute_script("return window.ran") == 0
            press(browser, "s")
            press(browser, hostile, "\n")
        for page in PAGES:
            browser.get(f"{bench.address}{page}")
            time.sleep(0.2)
            assert browser.execute_script("return window.ran") == 0
            assert (
                browser.execute_script(
                    "return document.querySelectorAll('main img, main iframe, main svg, main a[href^=javascript]').length"
                )
                == 0
            )
        assert hostile in text_of(browser, "main")
        assert [line for line in browser.get_log("browser") if "favicon" not in line["message"]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_every_page_fits_and_passes_the_rules_of_accessibility(browser: Any, tmp_path: Path, width: int, scheme: str) -> None:
    if not Path(AXE).is_file():
        pytest.skip("AXE_CORE names no axe.min.js; npm has it as axe-core")
    with served(
        folder := write_rows(tmp_path / "desk", [sentence(number) for number in range(5)]), guideline="Sort it.", overlap=2
    ) as bench:
        assert folder.exists()
        (row,) = bench.next("Bob")
        bench.post("Bob", "/api/judgements", key="k1", row=row, label="billing")
        bench.post("Ada", "/api/judgements", key="k2", row=row, label="returns")
        enter(browser, bench)
        size(browser, width)
        scheme_of = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_of)
        for page in PAGES:
            browser.get(f"{bench.address}{page}")
            until(lambda page=page: page != "/label" or shown(browser, "item"))  # type: ignore[misc]
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
            assert broken_rules(browser) == [], page


@pytest.mark.parametrize("form", ["image", "links", "relations", "video", "documents", "rating"])
def test_forms_of_media_documents_and_ratings_fit_and_pass_the_rules_of_accessibility(
    browser: Any, tmp_path: Path, form: str
) -> None:
    if not Path(AXE).is_file():
        pytest.skip("AXE_CORE names no axe.min.js; npm has it as axe-core")
    with served(form_project(tmp_path / form, form)) as bench:
        enter(browser, bench)
        if form == "rating":
            browser.get(f"{bench.address}/rate")
        ready = {"documents": "#passages .passage", "rating": "#ratings button"}.get(form, "#marks button")
        for width, scheme in ((390, "light"), (1200, "dark")):
            size(browser, width)
            scheme_of = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme_of)
            until(lambda: bool(browser.find_elements("css selector", ready)))
            if form == "relations":
                browser.execute_script(RELATED)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            assert broken_rules(browser) == []


RELATED = """
for (const words of [[0, 1], [3, 3]]) {
  marks.text.word = words;
  marks.phrase(marks.labels[0]);
}
marks.ends = [...marks.phrases];
marks.relate(marks.names[0]);
"""


def form_project(folder: Path, form: str) -> Path:
    """A project that opens with a form."""
    if form == "rating":
        fill(project(folder, {"complete": "It is complete.", "polite": "It is polite."}))
    elif form == "documents":
        write_rows(folder, ["When does the pier open?"], kind="answer", labels=None, documents="docs")
        (folder / "docs").mkdir()
        (folder / "docs" / "pier.md").write_text("# Pier\n\nThe pier opens at nine.\n", encoding="utf-8")
    elif form == "relations":
        marks = {"form": "relations", "column": "text", "labels": ["person"], "relations": ["knows"]}
        write_rows(folder, ["Mary Hart knows Jo"], marks=marks)
    elif form == "video":
        (folder / "clip").mkdir(parents=True)
        for number in range(3):
            (folder / "clip" / f"{number}.png").write_bytes(PNG)
        marks = {"form": "video", "column": "clip", "labels": ["open"]}
        media_project(folder, ["clip"], [["clip"]], marks=marks)
    else:
        pictures(folder, **({"form": "links", "text": "caption"} if form == "links" else {}))
    return folder


def broken_rules(browser: Any) -> list[str]:
    """What axe-core finds, as its rules and where they are broken."""
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": Path(AXE).read_text(encoding="utf-8")})
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document).then((all) => done(JSON.stringify(all.violations)))"
    )
    return [f"{one['id']}: {node['target']}" for one in json.loads(found) for node in one["nodes"]]


def test_two_thousand_rows_open_in_a_tenth_of_a_second(browser: Any, tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", [sentence(number) for number in range(2000)])) as bench:
        enter(browser, bench)
        took: dict[str, float] = {}
        for page in PAGES:
            browser.get(f"{bench.address}{page}")
            until(lambda page=page: page != "/label" or shown(browser, "item"))  # type: ignore[misc]
            took[page] = float(browser.execute_script("return performance.getEntriesByType('navigation')[0].domComplete"))
        browser.get(f"{bench.address}/label")
        until(lambda: shown(browser, "item"))
        moved = []
        for _ in range(20):
            until(lambda: outbox(browser) == 0)
            moved.append(float(browser.execute_async_script(MOVED)))
        for name in ("Ada", "Ben"):
            said = [Judgement(f"{name}{n}", row, name, values={"label": LABELS[n % 3]}) for n, row in enumerate(bench.desk.items)]
            bench.judgements.append(*said)
        full: dict[str, float] = {}
        for page in PAGES:
            browser.get(f"{bench.address}{page}")
            full[page] = float(browser.execute_script("return performance.getEntriesByType('navigation')[0].domComplete"))
        for took_each in (took, full):
            print({page: round(milliseconds) for page, milliseconds in took_each.items()}, "ms")
        print("a label", sorted(moved)[10], "ms")
        assert sorted(moved)[10] < 100 and max(took["/label"], *full.values()) < 1000


MOVED = """
const done = arguments[0], text = document.querySelector("#texts .data").textContent, began = performance.now();
document.dispatchEvent(new KeyboardEvent("keydown", { key: "1", bubbles: true }));
const look = () => {
  if (document.querySelector("#texts .data").textContent !== text) requestAnimationFrame(() => done(performance.now() - began));
  else setTimeout(look, 1);
};
look();
"""
assert KEYS


def select(browser: Any, selector: str, start: int, end: int) -> None:
    """Select signs of a text, as someone does with a mouse."""
    code = """const text = document.querySelector(arguments[0]).firstChild, range = document.createRange();
        range.setStart(text, arguments[1]); range.setEnd(text, arguments[2]);
        getSelection().removeAllRanges(); getSelection().addRange(range);"""
    browser.execute_script(code, selector, start, end)


def is_asked(browser: Any, text: str) -> bool:
    return text in text_of(browser, "#shown")


def has_judgements(bench: Bench, count: int) -> bool:
    return len(bench.judgements.all()) == count


def chat(text: str) -> str:
    return json.dumps({"turns": [{"role": "assistant", "text": "Hello"}, {"role": "user", "text": text}]}, separators=(",", ":"))


def test_tags_fields_and_answers_from_documents_are_given_by_keyboard(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "tags", ["cold and damp"], kind="tags", labels=["damp", "heating", "noise"])) as bench:
        enter(browser, bench)
        press(browser, "1", "2", "3", "3", Key.ENTER)
        until(lambda: kept(bench) == {"cold and damp": ["damp", "heating"]})

    fields = {"customer": "text", "coffee": "dark | light", "kilos": "number"}
    with served(write_rows(tmp_path / "fields", ["Lind wants 12 kilos"], kind="extract", labels=None, fields=fields)) as bench:
        enter(browser, bench)
        browser.execute_script("document.querySelector('#texts .data').focus()")
        press(browser, Key.ARROW_RIGHT, "1", Key.ARROW_RIGHT, Key.ARROW_RIGHT, "2")  # the list in between has no number
        browser.execute_script("document.activeElement.blur()")
        press(browser, Key.ENTER)
        until(lambda: kept(bench) == {"Lind wants 12 kilos": {"customer": "Lind", "kilos": "12"}})

    questions = ["When does the pier open?", chat("What is a lost key?")]
    folder = write_rows(tmp_path / "answers", questions, kind="answer", labels=None, documents="docs")
    (folder / "docs").mkdir()
    (folder / "docs" / "pier.md").write_text("# Pier\n\nThe pier opens at nine. <b>Bring</b> a ticket.\n", encoding="utf-8")
    with served(folder) as bench:
        enter(browser, bench)
        for count in (1, 2):
            until(lambda: "pier.md" in text_of(browser, "#passages") or "No passage" in text_of(browser, "#passages"))
            if "pier open" in row_text(browser):
                passage = text_of(browser, "#passages .data")
                assert "<b>Bring</b>" in passage
                start = passage.index("The pier")
                select(browser, "#passages .data", start, start + 23)
                press(browser, "1")
                browser.find_element("id", "answer").click()
                press(browser, "at nine")
                browser.find_element("id", "answer").send_keys(Key.CONTROL, Key.ENTER)
            else:
                assert row_text(browser) == "assistant: Hello\nuser: What is a lost key?"
                press(browser, "0")
            until(partial(has_judgements, bench, count))
        by_label = {one.label: one.values.get("source") for one in bench.judgements.all()}
        assert by_label == {"at nine": "The pier opens at nine.", "": None}


def test_answers_are_rated_and_compared_by_keyboard_and_a_rating_is_taken_back(browser: Any, tmp_path: Path) -> None:
    folder = project(tmp_path / "rated", {"complete": "It is complete.", "polite": "It is polite."})
    fill(folder)
    with served(folder) as bench:
        enter(browser, bench)
        browser.get(f"{bench.address}/rate")
        until(lambda: "Question 0?" in text_of(browser, "#shown"))
        press(browser, "1", "4")
        until(lambda: "Question 1?" in text_of(browser, "#shown"))
        assert "<b>this</b>" in text_of(browser, "#shown")
        press(browser, "u")
        until(lambda: "Question 0?" in text_of(browser, "#shown"))
        for number in range(3):
            until(partial(is_asked, browser, f"Question {number}?"))
            press(browser, "1", "3")
        until(lambda: "Answer B" in text_of(browser, "#shown"))
        press(browser, "2")
        until(lambda: shown(browser, "done"))
        assert [one["rating"] for one in sheet(folder / "judge.csv")] == ["yes"] * 3
        assert [one["better"] for one in sheet(folder / "judge-pairs.csv")] == ["B"]


def test_a_text_that_a_system_suggests_is_edited_where_it_is_written(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "write", ["Reply to me"], kind="write", labels=None)) as bench:
        (row,) = bench.desk.items
        bench.desk.suggestions[row] = Suggestion({"label": "Dear guest, <b>no"}, "few-shot-5")
        enter(browser, bench)
        assert "Suggested by few-shot-5" in text_of(browser, "#suggested")
        browser.find_element("id", "answer").send_keys(Key.END, "t yet.", Key.CONTROL, Key.ENTER)
        until(lambda: kept(bench) == {"Reply to me": "Dear guest, <b>not yet."})
        assert not bench.judgements.all()[0].blind

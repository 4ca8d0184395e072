"""Settling, the guideline and the first label in a real browser: by keyboard, in two tabs, and open to everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser
from data_helpers import sentence
from labelling_bench import Bench, served, write_rows
from test_label_browser import AXE, broken_rules, enter, kept, press, row_text, shown, size, text_of, until

from tailor.labelling.judgement import Judgement

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def differ(bench: Bench) -> list[str]:
    """Have Ben and Cy say different things of every row."""
    for name, said in (("Ben", "billing"), ("Cy", "returns")):
        bench.judgements.append(*(Judgement(f"{name} {row}", row, name, values={"label": said}) for row in bench.desk.items))
    return list(bench.desk.items)


def settled(bench: Bench) -> dict[str, tuple[str, str]]:
    """Who settled each row last, and how."""
    found = {row: bench.desk.settled(row) for row in bench.desk.items}
    return {row: (one.annotator, one.label) for row, one in found.items() if one is not None}


def current(browser: Any) -> str:
    return str(browser.execute_script("return document.querySelector('.difference.current')?.dataset.row ?? ''"))


def focused(browser: Any) -> str:
    return str(browser.execute_script("return document.activeElement.id || document.activeElement.tagName"))


def test_differences_are_settled_and_taken_back_by_keyboard(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "desk", [sentence(n) for n in range(5)]), overlap=2) as bench:
        rows = differ(bench)
        enter(browser, bench)
        browser.get(f"{bench.address}/settle")
        assert current(browser) == rows[0]
        press(browser, "2")
        until(lambda: settled(bench) == {rows[0]: ("Ada", "returns")} and current(browser) == rows[1])
        press(browser, "j", "k", "j", "1")
        until(lambda: settled(bench).get(rows[2]) == ("Ada", "billing") and current(browser) == rows[3])
        press(browser, "u")
        until(lambda: list(settled(bench)) == [rows[0]] and current(browser) == rows[2])
        assert "nothing settles this row now" in text_of(browser, "#said")
        assert not browser.find_elements("css selector", f"[data-row='{rows[2]}'] [aria-pressed='true']")

        press(browser, "a")  # neither is right
        until(lambda: browser.current_url.endswith(f"/label?settle=settle#{rows[2]}") and shown(browser, "item"))
        assert "counts for everybody" in text_of(browser, "#settled")
        press(browser, "2")
        until(lambda: settled(bench).get(rows[2]) == ("Ada", "delivery"))
        until(lambda: browser.current_url.endswith("/settle"))
        assert bench.desk.of_row(rows[2]).keys() == {"Ben", "Cy"}, "it is no label of hers"

        browser.get(f"{bench.address}/settle?show=all")
        assert "Settled by Ada: delivery" in text_of(browser, f"[data-row='{rows[2]}'] .settled")
        for key in (Key.TAB,) * 4:
            press(browser, key)
        browser.execute_script("document.querySelector('#undo').focus()")
        press(browser, Key.ENTER)
        until(lambda: rows[2] not in settled(bench))


def test_of_two_tabs_that_settle_one_row_the_later_counts_and_says_so(browser: Any, tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", [sentence(n) for n in range(3)]), overlap=2) as bench:
        rows = differ(bench)
        enter(browser, bench)
        browser.get(f"{bench.address}/settle")
        first = browser.current_window_handle
        browser.switch_to.new_window("tab")
        try:
            browser.get(f"{bench.address}/settle")
            press(browser, "2")
            until(lambda: settled(bench) == {rows[0]: ("Ada", "returns")})
        finally:
            browser.close()
            browser.switch_to.window(first)
        bench.post("Ben", "/api/judgements", key="ben", row=rows[1], label="delivery", role="adjudicated")
        press(browser, "1", "j", "k")
        until(lambda: settled(bench)[rows[0]] == ("Ada", "billing"))
        until(lambda: "Ada settled this row as “returns” meanwhile" in text_of(browser, "#said"))
        assert current(browser) == rows[1]
        press(browser, "1")
        until(lambda: "Ben settled this row as “delivery” meanwhile" in text_of(browser, "#said"))
        press(browser, "u")
        until(lambda: settled(bench)[rows[1]] == ("Ben", "delivery"))
        until(lambda: "What Ben settled before counts again" in text_of(browser, "#said"))


def test_an_undo_of_a_label_leaves_what_someone_settled_and_says_that_it_counts(browser: Any, tmp_path: Path) -> None:
    with served(write_rows(tmp_path / "desk", [sentence(n) for n in range(3)]), overlap=2) as bench:
        enter(browser, bench)
        text = row_text(browser)
        (row,) = (name for name, item in bench.desk.items.items() if item.example.fields["text"] == text)
        press(browser, "1")
        until(lambda: "Ada" in bench.desk.of_row(row))
        until(lambda: text_of(browser, "#said") == "Kept: billing")
        bench.post("Ben", "/api/judgements", key="ben", row=row, label="returns", role="adjudicated")
        press(browser, "u")
        until(lambda: row_text(browser) == text and "Ben settled this row as “returns”" in text_of(browser, "#said"))
        assert "Settled by Ben: returns" in text_of(browser, "#settled")
        assert settled(bench) == {row: ("Ben", "returns")} and "Ada" not in bench.desk.of_row(row)
        press(browser, "u")
        until(lambda: "nothing to take back" in text_of(browser, "#said"))
        assert settled(bench) == {row: ("Ben", "returns")}


def test_the_first_label_is_typed_at_once_and_keys_stay_where_they_are(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    with served(write_rows(tmp_path / "desk", [sentence(n) for n in range(6)], labels=None)) as bench:
        enter(browser, bench)
        assert focused(browser) == "find"
        for count, label in enumerate(("unsure", "billing", "advice"), start=1):
            until(lambda: browser.execute_script("return ready.length") > 0)
            press(browser, *(["/"] if count > 1 else []), label, Key.ENTER)
            until(lambda count=count: len(kept(bench)) == count)  # type: ignore[misc]
            until(lambda label=label: text_of(browser, "#said") == f"Kept: {label}")  # type: ignore[misc]
        buttons = [button.accessible_name for button in browser.find_elements("css selector", "#entry [data-label]")]
        assert buttons == ["1 unsure", "2 billing", "3 advice"]


def test_the_guideline_is_written_read_and_changed_by_keyboard(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys as Key

    folder = write_rows(tmp_path / "desk", [sentence(n) for n in range(3)])
    with served(folder) as bench:
        enter(browser, bench)
        browser.get(f"{bench.address}/guideline")
        browser.find_element("id", "text").send_keys("Money is **billing**.", Key.TAB, Key.ENTER)
        until(lambda: text_of(browser, ".guideline strong") == "billing")
        browser.get(f"{bench.address}/label")
        until(lambda: shown(browser, "item"))
        press(browser, "g")
        assert browser.execute_script("return document.getElementById('guide').open")
        (folder / "guideline.md").write_text("Money is not billing.", encoding="utf-8")
        assert not shown(browser, "changed")
        press(browser, "1")
        until(lambda: shown(browser, "changed"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_with_differences_and_a_guideline_pass_the_rules_of_accessibility(browser: Any, tmp_path: Path, scheme: str) -> None:
    if not Path(AXE).is_file():
        pytest.skip("AXE_CORE names no axe.min.js; npm has it as axe-core")
    folder = write_rows(tmp_path / "desk", [sentence(n) for n in range(60)])
    with served(folder, guideline="# Teams\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[more](https://a.example)\n", overlap=2) as bench:
        rows = differ(bench)
        bench.post("Ada", "/api/judgements", key="k", row=rows[0], label="billing", role="adjudicated", flagged="")
        enter(browser, bench)
        features = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        for width in (390, 1200):
            size(browser, width)
            for page in (
                "/settle?from=25",
                "/settle?show=all",
                "/queue?show=flagged",
                "/guideline",
                f"/label?settle=settle#{rows[1]}",
            ):
                browser.get("about:blank")
                browser.get(f"{bench.address}{page}")
                until(lambda page=page: "/label" not in page or shown(browser, "item"))  # type: ignore[misc]
                browser.execute_script("for (const one of document.querySelectorAll('details')) one.open = true")
                assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
                assert broken_rules(browser) == [], page


def test_entities_are_marked_and_taken_out_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys as Key

    text = "🎉 Mary Hart runs Acme in Oslo"
    folder = write_rows(tmp_path / "desk", [text], kind="extract", labels=["person", "firm"])
    with served(folder) as bench:
        enter(browser, bench)
        browser.execute_script("document.querySelector('#texts .data').focus()")
        press(browser, Key.ARROW_RIGHT, Key.ARROW_RIGHT)
        ActionChains(browser).key_down(Key.SHIFT).send_keys(Key.ARROW_RIGHT).key_up(Key.SHIFT).perform()
        press(browser, "1", Key.ARROW_RIGHT, "2", Key.ARROW_RIGHT, "2")
        marked = "return [...document.querySelectorAll('#texts mark')].map((one) => one.textContent)"
        until(lambda: browser.execute_script(marked) == ["Mary Hart", "runs", "Acme"])
        browser.execute_script("document.querySelectorAll('#entities button')[1].focus()")
        press(browser, Key.ENTER)
        until(lambda: browser.execute_script(marked) == ["Mary Hart", "Acme"])
        browser.execute_script("document.querySelector('#texts .data').focus()")
        press(browser, Key.ENTER)
        until(lambda: bool(bench.judgements.all()))
        ((_, found),) = bench.judgements.all()[0].label.items()
        assert [(one["start"], one["end"], one["text"]) for one in found] == [(2, 11, "Mary Hart"), (17, 21, "Acme")]
        if Path(AXE).is_file():
            bench.post("Ada", "/api/undo", key="u")
            browser.refresh()
            until(lambda: shown(browser, "item"))
            assert broken_rules(browser) == []

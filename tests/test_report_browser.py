"""The report in a real browser: it shows what it should, fits a narrow window, and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import opened_browser
from flow import climb, write_desk
from hostile import hostile_study
from orders import read_mail, write_orders
from studies import answer_study
from whole_studies import whole_study

from tailor.models.fake import FakeModel
from tailor.report.html import write_report

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SECTIONS = {
    *("The ladder", "Quality against cost", "Weights and knowledge", "The finalists on unseen examples", "Where each system fails"),
    *("Examples side by side", "How it was measured", "What it costs over 12 months"),
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with opened_browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports")
    desk = write_desk(folder / "desk", model="fake:first", models=["fake:a-second-one-with-a-long-name"], ask_again=False)
    several = climb(desk)
    for name, study in (
        ("classify", whole_study()),
        ("answer", answer_study()),
        ("hostile", hostile_study()),
        ("several", several),
        ("fields", climb(write_orders(folder), FakeModel(read_mail), everything=True)),
    ):
        write_report(study, folder / f"{name}.html")
    return folder


def show(browser: Any, path: Path, width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(path.as_uri())


def test_title_headline_and_every_section_are_there(browser: Any, folder: Path) -> None:
    show(browser, folder / "answer.html", 1400)
    decision = answer_study().decision
    assert decision is not None
    assert browser.title == "handbook: Cheapest within 5 points - Tailor report"
    headline = browser.find_element("css selector", ".headline")
    assert headline.is_displayed() and headline.text.replace("\u00a0", " ") == decision.headline
    assert headline.location["y"] + headline.size["height"] < 900
    assert {heading.text for heading in browser.find_elements("css selector", "section h2")} == SECTIONS


@pytest.mark.parametrize("name", ["classify", "answer", "hostile", "several", "fields"])
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_never_scrolls_sideways_and_the_console_stays_empty(browser: Any, folder: Path, name: str, width: int) -> None:
    show(browser, folder / f"{name}.html", width)
    browser.execute_script("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    assert browser.get_log("browser") == []


@pytest.mark.parametrize("cells", ['#diagnosis td[data-label="Forecast:"]', "#finalists tbody td:nth-of-type(1)"])
def test_a_narrow_page_shows_figures_next_to_names(browser: Any, folder: Path, cells: str) -> None:
    show(browser, folder / "several.html", 390)
    found = browser.find_elements("css selector", cells)
    assert found and all(cell.rect["x"] + cell.rect["width"] <= 390 for cell in found)


def test_details_open_by_keyboard_and_the_first_tab_skips_to_the_decision(browser: Any, folder: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    show(browser, folder / "classify.html", 1400)
    ActionChains(browser).send_keys(Keys.TAB).perform()
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the decision" and skip.location["x"] >= 0
    summary = browser.find_element("css selector", "#finalists summary")
    browser.execute_script("arguments[0].focus()", summary)
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    text = browser.find_element("css selector", "#finalists details p")
    assert text.is_displayed() and "holds for all finalists at once" in text.text


@pytest.mark.parametrize(("width", "shown", "hidden"), [(1400, ".wide", ".slim"), (400, ".slim", ".wide")])
def test_the_drawing_that_fits_is_shown_and_the_other_is_not(
    browser: Any, folder: Path, width: int, shown: str, hidden: str
) -> None:
    show(browser, folder / "answer.html", width)
    assert all(chart.is_displayed() for chart in browser.find_elements("css selector", f".chart {shown} svg"))
    assert not any(chart.is_displayed() for chart in browser.find_elements("css selector", f".chart {hidden} svg"))


def test_hostile_data_run_nothing(browser: Any, folder: Path) -> None:
    show(browser, folder / "hostile.html", 1400)
    browser.execute_script("document.querySelectorAll('details').forEach(details => { details.open = true })")
    assert browser.execute_script("return document.scripts.length") == 0
    foreign = "img, iframe, object, embed, form, input, base, video, audio, [onerror], [onload]"
    assert browser.find_elements("css selector", foreign) == []
    assert browser.title.startswith("handbook")


def test_charts_stay_on_a_light_card_on_a_dark_page(browser: Any, folder: Path) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    show(browser, folder / "classify.html", 1400)
    colours = [
        browser.find_element("css selector", where).value_of_css_property("background-color") for where in ("body", ".chart")
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert colours == ["rgba(20, 23, 26, 1)", "rgba(255, 255, 255, 1)"]


def test_the_printed_report_has_no_dark_ground_and_few_pages(browser: Any, folder: Path) -> None:
    import base64

    show(browser, folder / "classify.html", 1400)
    printed = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert printed.startswith(b"%PDF") and 5 < printed.count(b"/Type /Page\n") < 25

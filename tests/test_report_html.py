"""The report as a file: complete in itself, readable by everyone, and never at the mercy of what is in the data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from golden_text import Golden
from hostile import PAYLOADS, hostile_study
from studies import answer_study, classify_study, not_shown_study, stopped_study
from whole_studies import judged_study, unrated_study, whole_study

from tailor.errors import UserError
from tailor.report.html import FORBIDDEN, cut, render_report, sentence, write_report
from tailor.report.words import shorten
from tailor.results import Study

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
DRAWING = {"svg", "g", "path", "line", "rect", "circle", "text", "title", "desc", "defs", "clippath", "lineargradient", "stop"}
TAGS = DRAWING | set(
    "html head meta link title style body a div nav ol ul li main header section article footer h1 h2 h3 h4 p span strong em code"
    " pre sup br dl dt dd details summary table caption thead tbody tr th td figure figcaption blockquote".split()
)
STUDIES: list[Callable[[], Study]] = [
    *(classify_study, answer_study, not_shown_study, stopped_study),
    *(whole_study, judged_study, unrated_study),
]


class Page(HTMLParser):
    """What a browser would see: tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def values(self, name: str, tag: str = "") -> list[str]:
        return [value for where, attribute, value in self.attributes if attribute == name and tag in ("", where)]


def assert_harmless(page: Page) -> None:
    assert set(page.tags) <= TAGS
    assert not [
        entry for entry in page.attributes if entry[1].startswith("on") or entry[1] in ("src", "srcdoc", "action", "xlink:href")
    ]
    assert all(re.fullmatch(r"#[a-z]+", href) for href in page.values("href", "a"))
    assert page.values("href", "link") == ["data:,"]
    assert page.tags.count("meta") == 6


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {make.__name__: render_report(make()) for make in STUDIES}


@pytest.mark.parametrize("make", [classify_study, answer_study, unrated_study], ids=lambda make: make.__name__)
def test_what_a_page_says_is_as_it_was(make: Callable[[], Study], golden: Golden) -> None:
    html = " ".join(re.sub(r"<(style|svg)\b.*?</\1>", "", render_report(make()), flags=re.DOTALL).split())
    lines = re.sub(r"</(?:p|li|tr|h\d|dt|dd|summary|caption|figcaption|blockquote|div)>", "\n", html)
    spaced = re.sub(r"(?=<(?:strong|em|small|span|br)\b)", " ", re.sub(r"</t[dh]>", " | ", lines))
    golden("\n".join(line for text in Page(spaced).text.splitlines() if (line := " ".join(text.split()))))


@pytest.mark.parametrize("make", STUDIES)
def test_the_page_is_complete_in_itself(make: Callable[[], Study], pages: dict[str, str]) -> None:
    html = pages[make.__name__]
    page = Page(html)
    assert_harmless(page)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page.values("content", "meta")
    outside = [text for text in re.findall(r"[a-z]+://[^\s\"'<]+", html) if text != "http://www.w3.org/2000/svg"]
    assert [text for text in outside if text != "http://www.w3.org/1999/xlink"] == []
    assert "@import" not in html and "url(" not in html


@pytest.mark.parametrize("make", STUDIES)
def test_the_page_is_the_same_every_time(make: Callable[[], Study], pages: dict[str, str]) -> None:
    assert render_report(make()) == pages[make.__name__]


@pytest.mark.parametrize("make", STUDIES)
def test_headings_never_skip_a_level_and_there_is_one_first(make: Callable[[], Study], pages: dict[str, str]) -> None:
    levels = [int(tag[1]) for tag in Page(pages[make.__name__]).tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize("make", STUDIES)
def test_every_table_has_a_caption_and_every_header_cell_a_scope(make: Callable[[], Study], pages: dict[str, str]) -> None:
    page = Page(pages[make.__name__])
    assert page.tags.count("table") == page.tags.count("caption") > 0
    assert page.tags.count("th") == len(page.values("scope", "th"))


@pytest.mark.parametrize("make", STUDIES)
def test_every_id_is_unique_and_every_link_leads_somewhere(make: Callable[[], Study], pages: dict[str, str]) -> None:
    page = Page(pages[make.__name__])
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    wanted = [href[1:] for href in page.values("href", "a")] + page.values("aria-labelledby") + page.values("aria-describedby")
    assert set(wanted) <= set(ids)


@pytest.mark.parametrize("make", STUDIES)
def test_every_chart_tells_a_screen_reader_what_it_shows(make: Callable[[], Study], pages: dict[str, str]) -> None:
    page = Page(pages[make.__name__])
    charts = [value for where, name, value in page.attributes if where == "svg" and name == "aria-label"]
    assert len(charts) == page.values("role", "svg").count("img") >= 2
    assert page.tags.count("svg") == len(charts) + len(page.values("aria-hidden", "svg"))


def test_the_first_screen_holds_the_decision_how_sure_it_is_and_what_it_costs(pages: dict[str, str]) -> None:
    study = classify_study()
    assert study.decision is not None
    text = " ".join(Page(pages["classify_study"]).text.replace("\u00a0", " ").split())
    first = text[: text.index("What was tried")]
    for told in (study.decision.headline, "Target met", "95 %", "0.0044 USD", "55.51 USD", "111 unseen examples", "smollm2-135m"):
        assert told in first
    assert all(sentence in first for sentence in (*study.decision.reasons, *study.decision.changes))
    assert first.count(study.decision.reference) == 1
    assert "4-bit (Q4_1) weights" in first


def test_without_a_decision_the_page_claims_none(pages: dict[str, str]) -> None:
    text = " ".join(Page(pages["stopped_study"]).text.split())
    assert "No decision: the sealed test set was not opened." in text
    assert "about 25 minutes of training" in text and "still sealed" in text
    assert not any(claim in text for claim in ("Certified", "chosen finalist", "meets target", "McNemar"))
    assert "chosen" not in Page(pages["stopped_study"]).texts


def test_the_best_guess_is_not_called_chosen(pages: dict[str, str]) -> None:
    page = Page(pages["not_shown_study"])
    assert "best guess" in page.texts and "chosen" not in page.texts
    assert "Not shown" in page.texts


def test_prompts_and_method_stand_one_click_away(pages: dict[str, str]) -> None:
    text = " ".join(Page(pages["classify_study"]).text.split())
    study = classify_study()
    for told in (study.task.instruction, study.splits.fingerprint, "opening number 1", "2.5 %", "Clopper-Pearson", "McNemar"):
        assert told in text


def test_a_whole_study_shows_every_section_and_the_contents_name_it(pages: dict[str, str]) -> None:
    page = Page(pages["whole_study"])
    wanted = "decision advice diagnosis ladder quality grid finalists costs consistency failures examples record"
    assert page.values("href", "a")[1:13] == [f"#{name}" for name in wanted.split()]
    assert set(wanted.split()) <= set(page.values("id"))
    assert "#judge" not in page.values("href", "a") and "#judge" in Page(pages["judged_study"]).values("href", "a")


def test_advice_diagnosis_and_steadiness_are_told_on_the_first_screen(pages: dict[str, str]) -> None:
    text = " ".join(Page(pages["whole_study"]).text.replace("\u00a0", " ").split())
    first = text[: text.index("What was expected before measuring")]
    for told in ("Expected: fine-tuning. Measured: lora was chosen", "mostly because it has not learned the task", "every time"):
        assert told in first
    for told in ("Linear probes that learned from 222 training rows", "3 labels to look at again", "more labels would reach"):
        assert told in text and told not in first


def test_a_judge_s_state_is_shown_whether_it_may_decide_or_not(pages: dict[str, str]) -> None:
    may, may_not = (" ".join(Page(pages[name]).text.replace("\u00a0", " ").split()) for name in ("judged_study", "unrated_study"))
    assert "The judge may decide" in may and "60 of the 60" in may and "Kappa asked for0.6" in may and "Two people agree on" in may
    assert "The judge may not decide: the judge has not been compared with people yet." in may_not
    assert "Rate the 60 answers in judge.csv" in may_not and "Two people agree on" not in may_not
    assert "examples were right" not in may.split("What was tried")[0] + may_not.split("What was tried")[0]


@pytest.mark.parametrize("kind", ["answer", "classify"])
def test_nothing_in_the_data_becomes_markup(kind: str) -> None:
    page = Page(render_report(hostile_study(PAYLOADS, kind)))
    assert_harmless(page)
    for payload in PAYLOADS[:-1]:
        assert payload in page.text.replace("\u00a0", " ")


def load(name: str) -> list[str]:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{path.name} is not here")
    if path.suffix == ".json":
        return [str(text) for text in json.loads(path.read_text(encoding="utf-8")) if str(text).strip()]
    return [json.loads(line)["payload"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["xss_payloads/payloads.jsonl", "naughty_strings/blns.json"])
def test_known_attacks_are_shown_as_text(name: str) -> None:
    payloads = list(dict.fromkeys(load(name)))
    source = render_report(hostile_study(payloads))
    page = Page(source)
    assert_harmless(page)
    assert not FORBIDDEN.search(source), "control characters, such as the one that begins a terminal's commands, are in no page"
    text = page.text
    shown = {payload: FORBIDDEN.sub("?", shorten(payload, 400)).replace("\r", "\n") for payload in payloads}
    missing = [payload for payload, said in shown.items() if said not in text.replace("\r", "\n")]
    assert [text for text in missing if "\x00" not in text] == []


def test_a_study_without_answers_can_still_be_shown() -> None:
    study = stopped_study()
    page = Page(render_report(replace(study, steps=study.steps[-1:])))
    assert_harmless(page)
    assert "nothing was measured completely" in page.text


def test_a_huge_text_does_not_make_a_huge_page() -> None:
    study = answer_study()
    huge = "word " * 2_000_000
    steps = tuple(
        replace(step, run=replace(step.run, answers=tuple(replace(answer, raw=huge) for answer in step.run.answers)))
        if step.run is not None
        else step
        for step in study.steps
    )
    html = render_report(replace(study, steps=steps))
    assert len(html) < 4_000_000
    assert "more, not shown" in html


@pytest.mark.parametrize("text", ["", "short", "x" * 5_000, "word " * 300, "a" * 400 + " " + "b" * 400])
def test_a_cut_text_loses_nothing_it_does_not_count(text: str) -> None:
    head, tail, left_out = cut(text, 100)
    assert text.startswith(head + tail) and len(head) + len(tail) + left_out == len(text)


def test_a_sentence_is_escaped_before_anything_else() -> None:
    assert sentence("`a` <b> 5 % `<i>`") == "<code>a</code> &lt;b&gt; 5\u00a0% <code>&lt;i&gt;</code>"


def test_the_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    study = stopped_study()
    path = write_report(study, tmp_path / "deep" / "report.html")
    assert path.read_text(encoding="utf-8") == render_report(study)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    with pytest.raises(UserError, match="cannot be written"):
        write_report(study, tmp_path / "deep")
    with pytest.raises(UserError, match="cannot be written"):
        write_report(study, path / "below-a-file.html")
    assert path.read_text(encoding="utf-8") == render_report(study)


def test_worked_examples_that_are_rows_are_shown_as_what_they_ask() -> None:
    study = classify_study()
    assert study.decision is not None
    shown = next(run.system for run in study.tests if run.system.prompt.shots)
    page = Page(render_report(replace(study, decision=replace(study.decision, chosen=shown.name, fingerprint=shown.fingerprint))))
    for shot in shown.prompt.shots[:20]:
        assert shot.input is None and next(iter(shot.fields.values())) in page.text

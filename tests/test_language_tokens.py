"""What is the same, what is not, and what is in what: numbers, units, signs, articles, scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.language.detect import language_of
from tailor.language.numbers import value_of
from tailor.language.tokens import contains, same, tokens

XQUAD = Path(__file__).resolve().parents[2] / "shared" / "data" / "squad_xquad"
examples = settings(deadline=None, derandomize=True, max_examples=200)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("9 %", "9%"),
        ("5 percent", "5 %"),
        ("1,050", "1050"),
        ("1,050.00", "1050"),
        ("1,00,000", "100000"),
        ("1'000", "1000"),
        ("1\u00a0000", "1000"),
        ("27", "27.0"),
        ("1,5", "1.5"),
        ("-5", "minus 5"),
        ("\u22125", "-5"),
        ("$5", "5 USD"),
        ("US$5 million", "$5,000,000"),
        ("1.2 million", "1,200,000"),
        ("9 a.m.", "9am"),
        ("30 mins", "30 minutes"),
        ("5kg", "5 kg"),
        ("twenty-five days", "25 days"),
        ("七天", "7天"),
        ("一百分", "100分"),
        ("10亿", "1000000000"),
        ("\u0663", "3"),
        ("\uff11\uff12", "12"),
        ("The Amber Desk.", "amber  desk"),
        ("“Curly” – quotes", "curly quotes"),
        ("part-time", "part time"),
        ("m\u00b2", "m2"),
        ("Once Upon A Time", "once upon A Time"),
    ],
)
def test_what_differs_only_in_form_is_the_same(text: str, other: str) -> None:
    assert same(text, other)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("-5", "5"),
        ("-$5", "$5"),
        ("1,5", "15"),
        ("1.5 days", "15 days"),
        ("<5", "5"),
        ("<5", ">5"),
        ("18+", "18"),
        ("A+", "A"),
        ("A-", "A"),
        ("C++", "C"),
        ("C#", "C"),
        (".NET", "net"),
        ("$5", "5 %"),
        ("€500", "500"),
        ("5 kg", "5 g"),
        ("5 m", "5 m/s"),
        ("10:30", "1030"),
        ("12", "1 2"),
        ("007", "7"),
        ("1.10.2", "1102"),
        ("10\u00b2", "102"),
        ("2 million", "2 billion"),
        ("二十五", "十五"),
        ("café", "cafe"),
        ("दिन", "दान"),
        ("ok 👍", "ok 👎"),
        ("vitamin A", "vitamin"),
    ],
)
def test_what_differs_in_meaning_is_not_the_same(text: str, other: str) -> None:
    assert not same(text, other)


@pytest.mark.parametrize(
    ("digits", "language", "value"),
    [
        ("1.050", "en", "1.05"),
        ("1.050", "de", "1050"),
        ("1,050", "en", "1050"),
        ("1,050", "de", "1.05"),
        ("1.050,5", "en", "1050.5"),
        ("1,050.5", "de", "1050.5"),
        ("1.050.000", "en", "1050000"),
        ("0,125", "en", "0.125"),
        ("192.168.1.1", "en", "192.168.1.1"),
        ("09:30", "en", "9:30"),
    ],
)
def test_a_mark_in_a_number_is_read_by_its_place_and_else_by_the_language(digits: str, language: str, value: str) -> None:
    assert value_of(digits, language) == value


@examples
@given(st.integers(0, 10**9), st.integers(0, 99))
def test_a_number_is_the_same_however_it_is_grouped(whole: int, cents: int) -> None:
    assert same(f"{whole:,}.{cents:02}", f"{whole}.{cents:02}")
    assert same(f"{whole:,}.{cents:02}".translate(str.maketrans(",.", ".,")), f"{whole},{cents:02}", "de")
    assert same(f"-{whole:,}", f"-{whole}") and (not whole or not same(f"-{whole}", str(whole)))


@examples
@given(st.text(max_size=40), st.sampled_from(["", "en", "de", "fr", "tr", "fi", "ar", "zh"]))
def test_any_text_is_the_same_as_itself_and_holds_itself(text: str, language: str) -> None:
    assert same(text, text, language)
    assert contains(f"{text}", text, language) == bool(tokens(text, language))


@pytest.mark.parametrize(
    ("text", "part", "language"),
    [
        ("A) heron", "A", "en"),
        ("(A)", "A", "en"),
        ("The answer is A", "A", "en"),
        ("Manning's problems", "Manning", "en"),
        ("答案是杭州。", "杭州", "zh"),
        ("第308分", "308", "zh"),
        ("วันพฤหัสบดีครับ", "วันพฤหัสบดี", "th"),
        ("서울에서 열립니다", "서울", "ko"),
        ("والقاهرة", "القاهرة", "ar"),
        ("بالقاهرة", "القاهرة", "ar"),
        ("בירושלים", "ירושלים", "he"),
        ("Ankara'da", "Ankara", "tr"),
        ("İstanbul’dan", "Istanbul", "tr"),
        ("Helsingissä", "Helsinki", "fi"),
        ("Der Rhein ist lang", "der Rhein", "de"),
        ("près de l'eau", "l'eau", "fr"),
    ],
)
def test_a_part_is_found_with_what_its_language_glues_to_it(text: str, part: str, language: str) -> None:
    assert contains(text, part, language)


@pytest.mark.parametrize(
    ("text", "part", "language"),
    [
        ("This is a test", "A", "en"),
        ("112 days", "12 days", "en"),
        ("$50", "$5", "en"),
        ("2.5", "5", "en"),
        ("-5", "5", "en"),
        ("二十五天", "十五天", "zh"),
        ("น้ำ", "น", "th"),
        ("서울시청", "서울", "ko"),
        ("Ankaragücü", "Ankara", "tr"),
        ("anything", "", "en"),
        ("anything", "...", "en"),
    ],
)
def test_a_part_of_something_else_is_not_found(text: str, part: str, language: str) -> None:
    assert not contains(text, part, language)


@pytest.mark.parametrize("code", ["ar", "de", "en", "es", "hi", "zh"])
def test_verbatim_answers_are_found_in_their_own_paragraph_in_every_language(code: str) -> None:
    if not XQUAD.exists():
        pytest.skip(f"{XQUAD} is not there")
    paragraphs = {row["doc_id"]: row["text"] for row in rows(f"documents.{code}")}
    sample = rows(f"questions.{code}")[::11][:100]
    found = [contains(paragraphs[r["doc_id"]], r["answers"][0]["text"], language_of(paragraphs[r["doc_id"]])) for r in sample]
    assert sum(found) / len(found) >= 0.99


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (XQUAD / f"{name}.jsonl").read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Wie hoch ist die Gebühr?", "de"),
        ("¿Cuál es el plazo?", "es"),
        ("Where is the desk?", "en"),
        ("Quel est le prix du billet ?", "fr"),
        ("会議は何曜日ですか？", "ja"),
        ("项目位于哪座城市？", "zh"),
        ("회의는 어디에서 열립니까?", "ko"),
        ("קפה בירושלים", "he"),
        ("XK-17", ""),
        ("", ""),
    ],
)
def test_the_language_of_a_text_is_told_by_script_and_common_words(text: str, code: str) -> None:
    assert language_of(text) == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.10", ("1.10",)),
        ("1.10", ("1.1",)),
        ("Version 1.10", ("version", "1.10")),
        ("v2.0", ("2",)),
        ("1.10.2", ("1.10.2",)),
        ("v1.10.12", ("1.10.12",)),
        ("a second", ("1", "second")),
        ("a second door", ("2nd", "door")),
        ("the second", ("2nd",)),
    ],
)
def test_versions_are_no_decimals_and_a_second_is_not_the_second(text: str, expected: tuple[str, ...]) -> None:
    assert tokens(text) == expected

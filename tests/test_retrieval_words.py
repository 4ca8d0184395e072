"""Keyword search follows the language of the documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tailor.documents.reading import Document
from tailor.retrieval.index import Index
from tailor.retrieval.words import ENGLISH, words_for

GERMAN = [
    "Die Bibliothek verleiht Bücher für vier Wochen, und die Ausleihe ist kostenlos.",
    "Der Parkplatz ist am Sonntag nicht geöffnet, und das Parken ist nach acht Uhr verboten.",
]
CHINESE = ["普通用户办理退货的规定是七天，超过则需要经理批准。", "企业客户办理换货的规定是一百分，超过则需要经理批准。"]
ENGLISH_TEXTS = [
    "The library lends books for four weeks, and it is free of charge.",
    "Parking is not allowed on Sundays after eight.",
]


def pages(texts: list[str]) -> list[Document]:
    return [Document(f"{number}.md", f"Page {number}", text) for number, text in enumerate(texts)]


def found(index: Index, query: str) -> list[str]:
    return [passage.document for passage in index.search([query], "bm25", 5)[0]]


def test_documents_in_english_and_without_any_language_are_stemmed_as_english() -> None:
    assert words_for(ENGLISH_TEXTS) == words_for(["XK-17 XK-18"]) == words_for([]) == ENGLISH


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (GERMAN, {"language": "German", "stem": True}),
        (["Сколько стоит билет, и где он продаётся?"], {"language": "Russian", "stem": True}),
        (CHINESE, {"stem": False, "base_tokenizer": "icu"}),
        (["यह दुकान सोमवार को बंद रहती है।"], {"stem": False, "remove_stop_words": False}),
        (GERMAN + ENGLISH_TEXTS, {"stem": False}),
        (ENGLISH_TEXTS * 9 + CHINESE[:1], {"language": "English", "stem": True, "base_tokenizer": "icu"}),
    ],
    ids=["German", "Russian", "Chinese", "Hindi without a stemmer", "half German, half English", "English and some Chinese"],
)
def test_words_are_told_apart_by_the_language_of_the_documents(texts: list[str], expected: dict[str, object]) -> None:
    assert words_for(texts).items() >= expected.items()


def test_chinese_is_found_by_a_word_inside_a_clause(tmp_path: Path) -> None:
    index = Index.open(tmp_path, None)
    index.update(pages(CHINESE))
    assert found(index, "普通用户退货") == ["0.md", "1.md"]
    assert found(index, "企业客户") == ["1.md"]


def test_german_is_found_by_another_form_of_the_word(tmp_path: Path) -> None:
    index = Index.open(tmp_path, None)
    index.update(pages(GERMAN))
    assert found(index, "ein Buch") == ["0.md"]
    assert found(index, "Parkplätze") == ["1.md"]


def test_another_language_changes_the_digest_and_an_english_index_keeps_its_own(tmp_path: Path) -> None:
    index = Index.open(tmp_path, None)
    index.update(pages(ENGLISH_TEXTS))
    english = index.digest
    index.update(pages(GERMAN))
    assert index.digest != english
    index.update(pages(ENGLISH_TEXTS))
    assert index.digest == english


def test_an_index_whose_words_were_told_apart_otherwise_is_made_anew(tmp_path: Path) -> None:
    Index.open(tmp_path, None).update(pages(CHINESE))
    (manifest,) = tmp_path.glob("*/manifest.json")
    record = json.loads(manifest.read_text())
    del record["words"]  # as an index of an earlier version has it
    manifest.write_text(json.dumps(record))
    index = Index.open(tmp_path, None)
    index.update(pages(CHINESE))
    assert json.loads(manifest.read_text())["words"]["base_tokenizer"] == "icu"
    assert found(index, "企业客户") == ["1.md"]

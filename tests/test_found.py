"""How well passages are found, measured by itself, and which half of a system fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import answer_material, make_engine, start

from tailor.approaches.retrieval import Retrieve
from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.evaluate.found import Found, found_by, names_of
from tailor.evaluate.measure import measure
from tailor.models.fake import FakeModel
from tailor.report.found import half_that_fails
from tailor.retrieval.passage import Passage

SAYS = "The code of room {k} is {code}. Ask at desk {k} for a spare key."
ROOMS = [Document(f"room-{k}.md", f"Room {k}", SAYS.format(k=k, code=700 + k)) for k in range(12)]


def question(k: int, **changes: Any) -> Example:
    return replace(Example(f"q{k}", {"text": f"What is the code of room {k}?"}, (str(700 + k),)), **changes)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(FakeModel(), tmp_path, ROOMS)
    yield made
    made.ledger.close()


def measured(engine: Engine, rows: list[Example], *searches: str, passages: int = 1) -> tuple[Found, ...]:
    data = replace(answer_material(documents="docs", embedder="fake"), dev=tuple(rows))
    systems = [Retrieve(search, passages=passages).fit(start(data, engine), data, engine) for search in searches]
    runs = [measure(data.task, system, "dev", data.dev, engine) for system in systems]
    found = found_by(data.task, runs, engine)
    return found


def test_words_that_stand_in_one_page_are_found_first_and_every_figure_says_so(engine: Engine) -> None:
    (found,) = measured(engine, [question(k, source=f"room-{k}.md") for k in range(10)], "bm25")
    assert (found.rows, found.sourced, found.shown) == (10, 10, 1)
    assert found.first.mean == found.recall.mean == found.rank.mean == found.gain.mean == found.in_prompt.mean == 1
    assert found.gain.low is not None and 0.6 < found.gain.low < 1 and found.missed is None and found.behind is None


def test_a_source_that_is_never_found_counts_against_the_search_alone(engine: Engine) -> None:
    (found,) = measured(engine, [question(k, source="another.md") for k in range(10)], "bm25")
    assert found.recall.mean == found.gain.mean == found.in_prompt.mean == 0 and found.given is None
    assert found.model_failed == 0 and found.missed is not None and found.missed.n == 10


def test_without_sources_a_passage_counts_that_holds_the_answer_and_questions_without_one_do_not_count(engine: Engine) -> None:
    rows = [question(k) for k in range(8)]
    (found,) = measured(engine, [*rows, replace(question(9), answers=())], "bm25")
    assert (found.rows, found.sourced) == (8, 0) and found.recall.mean == found.first.mean == 1


def test_searches_are_compared_on_the_same_questions_with_limits(engine: Engine) -> None:
    found = measured(engine, [question(k, source=f"room-{k}.md") for k in range(10)], "vector", "bm25")
    assert [one.system for one in found][0] == "rag-bm25" and found[0].gain.mean > found[1].gain.mean
    assert found[0].behind is None and found[1].behind is not None
    mean, low, high = found[1].behind
    assert (
        mean == pytest.approx(found[1].gain.mean - found[0].gain.mean)
        and low is not None
        and high is not None
        and low <= mean <= high
    )


def test_a_quote_makes_one_passage_of_a_document_right(engine: Engine) -> None:
    first, second = (
        Passage("a.md", "A", place, place + 4, text) for place, text in ((0, "Nothing here."), (20, "It is 7 o'clock."))
    )
    example = Example("q", {"text": "When?"}, ("7",), source="a.md")
    assert names_of(example, [first, second]) == (["a.md"], ("a.md",))
    names, right = names_of(replace(example, quote="It is 7 o'clock"), [first, second])
    assert right == ("a.md",) and names.index("a.md") == 1


def test_several_sources_each_count(engine: Engine) -> None:
    both = json.dumps(["room-1.md", "room-2.md"])
    example = question(1, source=both)
    assert example.sources == ("room-1.md", "room-2.md") and question(1).sources == ()
    (found,) = measured(engine, [question(k, source=both) for k in (1, 2)], "bm25")
    assert found.recall.mean == 1 and found.in_prompt.mean == 1


def test_the_half_that_fails_is_named(engine: Engine) -> None:
    (found,) = measured(engine, [question(k, source=f"room-{k}.md" if k < 6 else "another.md") for k in range(10)], "bm25")
    said = half_that_fails(replace(found, search_failed=4, model_failed=3))
    assert said.startswith("Search finds a right passage for 60 % of 10 dev questions; given one, rag-bm25 scores ")
    assert said.endswith(
        "Of 7 answers that are not right, 3 had a right passage in the prompt and 4 had none: "
        "the search fails more often than the model."
    )
    assert "the model fails more often" in half_that_fails(replace(found, search_failed=1, model_failed=3))
    assert half_that_fails(replace(found, search_failed=0, model_failed=0)).endswith("None of its answers is wrong.")

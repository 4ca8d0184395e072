"""The sample projects are what they say they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from tailor.data.audit import audit
from tailor.data.example import Example, Splits
from tailor.data.split import load_splits
from tailor.project import Project, load_project

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
RUN = 8  # words in a row that two texts may not share

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")


@pytest.fixture(scope="module", params=["townhall", "tickets", "handbook"])
def project(request: pytest.FixtureRequest) -> Project:
    return load_project(EXAMPLES / str(request.param))


def all_rows(splits: Splits) -> list[Example]:
    return [*splits.train, *splits.dev, *splits.test, *splits.reserve]


def examples(name: str) -> list[Example]:
    return all_rows(load_splits(load_project(EXAMPLES / name)))


def pages() -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((EXAMPLES / "handbook" / "docs").glob("*.md"))}


def unanswerable() -> list[dict[str, object]]:
    """Questions that the handbook does not answer, in the form of the others."""
    lines = (EXAMPLES / "handbook" / "unanswered.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shared_runs(texts: list[str]) -> list[str]:
    first: dict[tuple[str, ...], int] = {}
    shared = []
    for number, text in enumerate(texts):
        words = [word.casefold() for word in _WORD.findall(text)]
        for start in range(len(words) - RUN + 1):
            run = tuple(words[start : start + RUN])
            if first.setdefault(run, number) != number:
                shared.append(" ".join(run))
    return shared


def spaces(text: str) -> str:
    return " ".join(text.split())


def test_the_audit_finds_nothing_to_mend(project: Project) -> None:
    findings = audit(project, load_splits(project), lambda text: len(text) // 3, {"the model": 8192})
    assert [finding.what for finding in findings if finding.level != "note"] == []


def test_splits_have_the_sizes_that_the_settings_ask_for(project: Project) -> None:
    splits, sizes = load_splits(project), project.task.split
    assert (len(splits.train), len(splits.dev), len(splits.test)) == (sizes.train, sizes.dev, sizes.test)
    assert len(splits.reserve) >= 40


def test_settings_are_explained(project: Project) -> None:
    lines = (project.folder / "tailor.yaml").read_text(encoding="utf-8").splitlines()
    assert sum(line.lstrip().startswith("#") for line in lines) >= 15


@pytest.mark.parametrize("name", ["townhall", "tickets"])
def test_messages_are_many_and_balanced(name: str) -> None:
    rows = examples(name)
    counts = Counter(example.label for example in rows)
    assert len(rows) >= 400
    assert len(counts) >= 10
    assert max(counts.values()) <= 1.1 * min(counts.values())
    assert set(counts) == set(load_project(EXAMPLES / name).task.labels)


def test_no_two_messages_questions_or_pages_share_eight_words_in_a_row() -> None:
    assert shared_runs([example.fields["text"] for name in ("townhall", "tickets") for example in examples(name)]) == []
    questions = [example.fields["question"] for example in examples("handbook")]
    assert shared_runs([*questions, *(str(row["question"]) for row in unanswerable())]) == []
    assert shared_runs(list(pages().values())) == []


def test_the_handbook_has_enough_pages_questions_and_unanswerable_ones() -> None:
    rows, unanswered = examples("handbook"), unanswerable()
    assert len(pages()) >= 20
    assert len(rows) >= 300 and all(example.answers for example in rows)
    assert len(unanswered) >= 50 and not any(row["answers"] or row["page"] or row["quote"] for row in unanswered)
    assert {example.source for example in rows} == set(pages())


def test_every_answer_stands_in_a_sentence_quoted_word_for_word_from_its_page() -> None:
    texts = {name: spaces(text) for name, text in pages().items()}
    for example in examples("handbook"):
        assert spaces(example.quote) in texts[example.source], example.id
        assert spaces(example.answers[0]).casefold() in spaces(example.quote).casefold(), example.id


def test_questions_are_in_no_order() -> None:
    path = EXAMPLES / "handbook" / "questions.jsonl"
    names = [json.loads(line)["page"] for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(a == b for a, b in zip(names, names[1:], strict=False)) < 0.15 * len(names)

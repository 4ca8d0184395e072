"""Whether passages hold the answers given from them: as text, and by the model's judgement where it is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from studies import answer_study
from tiny import answer_material, make_engine, start

from tailor.approaches.named import approach_named
from tailor.data.example import Example
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.evaluate.found import found_by
from tailor.evaluate.measure import measure
from tailor.evaluate.run import Run
from tailor.evaluate.sources import INSTRUCTION, Sources, sources_of, supported
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.report.html import render_report
from tailor.saved import STUDY

PAGES = [Document(f"room-{k}.md", f"Room {k}", f"The code of room {k} is {700 + k}. Ask at desk {k} for a key.") for k in range(24)]
ROWS = tuple(Example(f"q{k}", {"text": f"What is the code of room {k}?"}, (str(700 + k),)) for k in range(24))


class Careful(FakeModel):
    """Says yes where the last word of the statement stands in the passage."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """As said above, and else as the fake."""
        replies = super().reply(requests, tuned)
        for place, request in enumerate(requests):
            if INSTRUCTION in request.messages[0].text:
                passage, _, statement = request.messages[-1].text.partition("Statement: ")
                word = statement.splitlines()[0].rstrip(".").split()[-1]
                replies[place] = replace(replies[place], scores=self.told(word in passage))
        return replies

    def told(self, fits: bool) -> tuple[float, float]:
        """Its scores of yes and no."""
        return (-0.1, -2.0) if fits else (-2.0, -0.1)


class Careless(Careful):
    """Says yes to everything."""

    def told(self, fits: bool) -> tuple[float, float]:
        """Always the same."""
        return (-0.1, -2.0)


def checked(model: FakeModel, folder: Path, name: str = "rag-bm25") -> tuple[Engine, Run, Sources]:
    engine = make_engine(model, folder, PAGES)
    data = replace(answer_material(documents="docs", embedder="fake"), dev=ROWS)
    run = measure(data.task, approach_named(name).fit(start(data, engine), data, engine), "dev", ROWS, engine)
    found = sources_of(data.task, run, run, engine)
    assert found is not None
    return engine, run, found


@pytest.fixture
def careful(tmp_path: Path) -> Iterator[tuple[Engine, Run, Sources]]:
    made = checked(Careful(), tmp_path)
    yield made
    made[0].ledger.close()


def test_a_model_that_tells_what_a_passage_says_is_believed_and_its_judgement_counted(
    careful: tuple[Engine, Run, Sources],
) -> None:
    engine, run, found = careful
    assert found.kappa == 1 and found.believed and found.pairs == 24 and found.sentences >= found.answers == 24
    assert found.supported is not None and found.held is not None
    answer = replace(run.answers[0], raw="The code of room 0 is 700. Room 0 has a balcony.")
    told = supported(found, run.system, ROWS[0], answer, engine)
    assert told == [("The code of room 0 is 700.", True), ("Room 0 has a balcony.", False)]


def test_a_model_that_says_yes_to_everything_is_not_believed_and_asked_no_further(tmp_path: Path) -> None:
    engine, _, found = checked(Careless(), tmp_path)
    assert found.kappa == 0 and not found.believed and found.supported is None and found.sentences == 0
    assert found.held is not None
    engine.ledger.close()


def test_citations_are_checked_and_a_number_that_is_none_holds_nothing(tmp_path: Path) -> None:
    engine, run, found = checked(Careful(), tmp_path, "rag-bm25-2 > grounded")
    assert found.citing == 24 and found.cited is not None
    wrong = replace(run, answers=tuple(replace(answer, raw="700 [9]") for answer in run.answers))
    lost = sources_of(answer_material(documents="docs", embedder="fake").task, wrong, wrong, engine)
    assert lost is not None and lost.cited is not None and lost.cited.mean == 0 and lost.held is not None
    assert lost.held.mean == pytest.approx(sum("700" in "".join(p.text for p in a.passages) for a in run.answers) / 24)
    engine.ledger.close()


def test_nothing_is_said_of_answers_without_passages_and_paid_calls_are_not_made(tmp_path: Path) -> None:
    class Paid(Careful):
        capabilities = replace(Careful.capabilities, billed=True)

    engine, run, found = checked(Paid(), tmp_path)
    assert found.kappa is None and found.held is not None
    bare = replace(run, answers=tuple(replace(answer, passages=()) for answer in run.answers))
    assert sources_of(answer_material().task, bare, bare, engine) is None
    engine.ledger.close()


def test_the_report_says_what_was_found_of_sources(careful: tuple[Engine, Run, Sources]) -> None:
    engine, run, found = careful
    shown = found_by(answer_material(documents="docs", embedder="fake").task, [run], engine)
    study = replace(answer_study(), found=shown, sources=found)
    page = render_report(study)
    assert "stand word for word in a passage that it was given" in page and "kappa 1.00 on 24 known statements" in page
    doubtful = replace(found, kappa=0.2, supported=None, sentences=0)
    assert "Sentences are not checked by the model" in render_report(replace(study, sources=doubtful))
    assert STUDY.validate_python(json.loads(json.dumps(STUDY.dump_python(study, mode="json")))).sources == found

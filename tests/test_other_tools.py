"""Packages of other tools, from the file to a score: `tailor init` reads each, and a model that answers rightly gets all of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow
import pytest
import yaml
from flow import tailor
from pyarrow import parquet
from tiny import make_engine

from tailor.approaches.approach import starting_system
from tailor.data.example import Example
from tailor.data.split import load_splits
from tailor.engine import Engine
from tailor.evaluate.measure import measure
from tailor.kinds.base import kind_of
from tailor.models.base import Capabilities, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.system import System
from tailor.task import Task

TEAMS = ("repair", "visit", "price", "billing")
ASKS = (
    "the boiler in flat {} drips",
    "please move my visit to day {}",
    "how much is plan {} a year",
    "bill {} names the wrong street",
)
NAMES = ("Ada Lovelace", "Bo Ek", "Carla Ruiz", "Dan Ito", "Eve Moss", "Finn Park")
TOWNS = ("Cork", "Turin", "Oslo", "Lima")
ROWS = [(ASKS[n % 4].format(7 * n + 11), TEAMS[n % 4]) for n in range(48)]


def lines(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


def people(n: int) -> tuple[str, list[tuple[int, int, str]]]:
    """A sentence with a person and a town, and their places; every fourth has none."""
    if n % 4 == 3:
        return f"nobody wrote on day {n}", []
    name, town = NAMES[n % 6], TOWNS[n % 4]
    text = f"on day {n} {name} moved to {town}"
    return text, [(text.index(word), text.index(word) + len(word), label) for word, label in ((name, "person"), (town, "town"))]


def promptfoo(folder: Path) -> Path:
    tests = [{"vars": {"message": text}, "assert": [{"type": "equals", "value": team}]} for text, team in ROWS]
    config = {"prompts": ["Name the team for: {{message}}"], "providers": ["openai:gpt-5-mini"], "tests": tests}
    path = folder / "promptfooconfig.yaml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def openai_evals(folder: Path) -> Path:
    told = {"role": "system", "content": "Name the team."}
    return lines(
        folder / "samples.jsonl", [{"input": [told, {"role": "user", "content": text}], "ideal": team} for text, team in ROWS]
    )


def autorag(folder: Path) -> Path:
    rooms = range(48)
    table(
        folder / "corpus.parquet",
        [{"doc_id": f"room-{n}", "contents": f"Room {n} opens with {n * n + 3}.", "metadata": {"p": 1}} for n in rooms],
    )
    asked = ("What opens room {}?", "Code for {} please", "I forgot the number of room {}", "Which code does {} have")
    rows: list[dict[str, object]] = [
        {"qid": f"q{n}", "query": asked[n % 4].format(n), "retrieval_gt": [[f"room-{n}"]], "generation_gt": [str(n * n + 3)]}
        for n in rooms
    ]
    return table(folder / "qa.parquet", rows)


def label_studio(folder: Path) -> Path:
    tasks = []
    for n, (text, team) in enumerate(ROWS):
        chosen = {"from_name": "team", "to_name": "text", "type": "choices", "value": {"choices": [team]}}
        tasks.append({"id": n, "data": {"text": text}, "annotations": [{"id": n, "result": [chosen], "was_cancelled": False}]})
    path = folder / "project-1.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def label_studio_labels(folder: Path) -> Path:
    tasks = []
    for n in range(48):
        text, found = people(n)
        values = [{"start": start, "end": end, "text": text[start:end], "labels": [label]} for start, end, label in found]
        result = [{"from_name": "who", "to_name": "text", "type": "labels", "value": value} for value in values]
        tasks.append({"id": n, "data": {"text": text}, "annotations": [{"id": n, "result": result, "was_cancelled": False}]})
    path = folder / "project-2.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    return path


def label_studio_several(folder: Path) -> Path:
    about = {"annotator": 1, "annotation_id": 2, "lead_time": 3.0, "created_at": "2026-01-01"}
    rows: list[dict[str, object]] = []
    for n, (text, team) in enumerate(ROWS):
        chosen: object = {"choices": [team, "urgent"]} if n % 3 == 0 else team
        rows.append({"id": n, "text": text, "teams": chosen, **about})
    path = folder / "project-3.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def conll(folder: Path) -> Path:
    sentences = []
    for n in range(48):
        text, found = people(n)
        place, tagged = 0, []
        for token in text.split():
            tag = next((f"{'B' if place == start else 'I'}-{label}" for start, end, label in found if start <= place < end), "O")
            tagged.append(f"{token} {tag}")
            place += len(token) + 1
        sentences.append("\n".join(tagged))
    path = folder / "people.conll"
    path.write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
    return path


def spacy(folder: Path) -> Path:
    return lines(folder / "people.jsonl", [{"text": people(n)[0], "entities": people(n)[1]} for n in range(48)])


def alpaca(folder: Path) -> Path:
    return lines(folder / "alpaca.jsonl", [{"instruction": "Name the team.", "input": text, "output": team} for text, team in ROWS])


def sharegpt(folder: Path) -> Path:
    turns = [[{"from": "human", "value": text}, {"from": "gpt", "value": team}] for text, team in ROWS]
    return lines(folder / "sharegpt.jsonl", [{"conversations": said, "system": "Name the team."} for said in turns])


def trl(folder: Path) -> Path:
    def turn(role: str, text: str) -> list[dict[str, str]]:
        return [{"role": role, "content": text}]

    return lines(
        folder / "trl.jsonl", [{"prompt": turn("user", text), "completion": turn("assistant", team)} for text, team in ROWS]
    )


def datasets(folder: Path) -> Path:
    library = pytest.importorskip("datasets")
    names = sorted(TEAMS)
    features = library.Features({"text": library.Value("string"), "label": library.ClassLabel(names=names)})
    values = {"text": [text for text, _ in ROWS], "label": [names.index(team) for _, team in ROWS]}
    library.Dataset.from_dict(values, features=features).save_to_disk(folder / "saved")
    return folder / "saved"


PACKAGES: Mapping[Callable[[Path], Path], str] = {
    promptfoo: "classify",
    openai_evals: "classify",
    autorag: "answer",
    label_studio: "classify",
    label_studio_labels: "extract",
    label_studio_several: "tags",
    conll: "extract",
    spacy: "extract",
    alpaca: "classify",
    sharegpt: "classify",
    trl: "classify",
    datasets: "classify",
}


class Scripted(FakeModel):
    """A model that says what it was given for the text in the last message, and scores nothing."""

    capabilities = Capabilities()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_model_that_answers_rightly_gets_every_row_of_it(tmp_path: Path, package: Callable[[Path], Path]) -> None:
    result = tailor("init", package(tmp_path), "--folder", tmp_path)
    assert result.exit_code == 0, result.output
    project = load_project(tmp_path)
    task, splits = project.task, load_splits(project)
    assert task.kind == PACKAGES[package]
    examples = (*splits.train, *splits.dev, *splits.test, *splits.reserve)
    assert len(examples) == 48

    said: dict[str, str] = {}

    def answer(request: Request) -> str:
        return said[max((text for text in said if text in request.messages[-1].text), key=len)]

    model = Scripted(answer)
    engine = make_engine(model, tmp_path / "store")
    system = starting_system(task, splits.train, model)
    said |= {
        next(iter(example.fields[name] for name in task.variables)): kind_of(task).target_text(system, example, ())
        for example in examples
    }
    with engine.ledger:
        check(task, system, examples, engine, said)


def check(task: Task, system: System, examples: tuple[Example, ...], engine: Engine, said: dict[str, str]) -> None:
    run = measure(task, system, "test", examples, engine)
    wrong = [(example, score) for example, score in zip(examples, run.scores, strict=True) if score.value < 1]
    assert run.mean == 1.0, wrong[:2]

    said |= {text: "something else entirely" for text in said}
    other = measure(task, system.then("asked again", prompt={"context": "Look twice."}), "test", examples, engine)
    assert other.mean < 0.5

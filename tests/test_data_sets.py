"""What `tailor init` makes of public data sets and of the samples: the kind of task, what is asked, and the right answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from data_helpers import SHARED, sentence, write_csv

from tailor.data.guess import guess_task
from tailor.data.table import read_table
from tailor.project import load_project

EXAMPLES = Path(__file__).parents[1] / "examples"

# ClapNQ asks for answers of several sentences, so that they are texts.
SETS = [
    ("banking77/train.csv", "classify", "text", "label"),
    ("clinc150/train.csv", "classify", "text", "label"),
    ("clapnq_dev/queries.jsonl", "write", "question", "answers"),
    ("e2e_nlg/dev.csv", "write", "mr", "ref"),
    ("gsm8k/train.jsonl", "answer", "question", "answer"),
    ("images_bccd/boxes.csv", "classify", "image", "label"),
    ("instructions_self_instruct/seed_tasks.jsonl", "write", "instruction", "output"),
    ("instructions_self_instruct/user_tasks.jsonl", "write", "instruction", "output"),
    ("nlupp/banking.jsonl", "tags", "text", "intents"),
    ("nlupp/hotels.jsonl", "tags", "text", "intents"),
    ("prompt_injection_bipia_train/attacks.csv", "classify", "attack", "category"),
    ("prompt_injection_bipia_train/email.jsonl", "answer", "question", "ideal"),
    ("prompt_injection_bipia_train/table.jsonl", "answer", "question", "ideal"),
    ("scitldr/train.jsonl", "write", "abstract", "summaries"),
    ("squad_xquad/questions.en.jsonl", "answer", "question", "answers"),
    ("squad_xquad/questions.zh.jsonl", "answer", "question", "answers"),
    ("wnut17/train.jsonl", "extract", "text", "entities"),
    ("wnut17/train.conll", "extract", "text", "entities"),
]


@pytest.mark.parametrize(("name", "kind", "asked", "right"), SETS)
def test_public_sets_are_taken_for_what_they_are(name: str, kind: str, asked: str, right: str) -> None:
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not there")
    found = guess_task(SHARED / name)
    assert (found.kind.name, found.output) == (kind, right)
    assert asked in found.asked.columns


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in EXAMPLES.glob("*/tailor.yaml")))
def test_each_sample_is_taken_for_what_its_settings_say(folder: str) -> None:
    task = load_project(EXAMPLES / folder).task
    found = guess_task(EXAMPLES / folder / (task.data.file or task.data.train))
    assert (found.kind.name, found.output) == (task.kind, task.output)


def test_each_instance_of_an_instruction_is_a_row(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    first = {"id": "a", "instruction": "Add.", "instances": [{"input": "1 1", "output": "2"}, {"input": "2 2", "output": "4"}]}
    second = {"id": "b", "instruction": "Name a colour.", "instances": [{"input": "", "output": "red"}]}
    path.write_text("".join(json.dumps(row) + "\n" for row in (first, second)), encoding="utf-8")
    table = read_table(path)
    assert [tuple(row.values()) for row in table.rows] == [
        ("a-1", "Add.", "1 1", "2"),
        ("a-2", "Add.", "2 2", "4"),
        ("b", "Name a colour.", "", "red"),
    ]
    assert any("2 instructions with 3 instances" in finding.what for finding in table.findings)


def test_the_answer_behind_the_working_is_the_right_one(tmp_path: Path) -> None:
    for name, right in (("worked", "Two times {0}.\n#### {0}0"), ("heading", "A heading.\n#### {0}\nand more")):
        given = [(f"How many are {sentence(number)}?", right.format(number)) for number in range(60)]
        write_csv(tmp_path / f"{name}.csv", given, "question,answer")
    said = [finding.what for finding in guess_task(tmp_path / "worked.csv").findings]
    assert any("working before the answer in 60 rows" in what for what in said)
    assert not any("working" in finding.what for finding in guess_task(tmp_path / "heading.csv").findings)

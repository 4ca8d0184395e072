"""What tuning cost elsewhere: the checks themselves, the comparison, and what a study makes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from data_helpers import make_task
from decide_helpers import make_run, make_system, right
from tiny import classify_material, open_tiny, start

from tailor.approaches import replay
from tailor.approaches.named import approach_named
from tailor.approaches.tuning import FineTune
from tailor.decide.forgotten import forgotten, sentence
from tailor.decide.ladder import Climb
from tailor.decide.prices import tokens_of
from tailor.decide.step import Step
from tailor.engine import Engine
from tailor.evaluate.forgetting import CHECKS, Forgetting, Instruction, compared, forgetting, instructions
from tailor.models.tune import read_tuned
from tailor.store.spending import Spent
from tailor.system import System

GOOD = {
    "form": [
        '{"name": "Ana", "age": 31}',
        '```json\n{"city": "Lyon", "country": "France"}\n```',
        '{"wheels": 2, "colour": "red", "price": 90}',
        "HARBOUR",
        "SUMMER",
        "bees make honey.",
        "- soup\n- rice\n- pears",
        "[white]",
    ],
    "count": [
        "Cold, wide, blue.",
        "Otter.",
        "Honest, kind, patient, funny, near.",
        "- apples\n- pears\n- plums\n- figs",
        "- saw\n- plane",
        "Rhine, Ebro, Po, Thames, Nile",
        "2, 4, 6",
        "So that body and brain can rest.",
    ],
    "arithmetic": ["12", "12.", "24", "25", "6", "14", "83", "120"],
    "reading": [
        "At eleven.",
        "She planted beans.",
        "It is the school's.",
        "A child pays 5 pounds.",
        "In Porto.",
        "On Thursday.",
        "The neighbour.",
        "The second one.",
    ],
    "honesty": [
        "not stated",
        "Not stated.",
        "not stated",
        "Not stated",
        "At eight.",
        "They are green.",
        "not stated",
        "not stated",
    ],
    "constraint": [
        "The lakes froze and the days grew short.",
        "A loyal animal waited at the gate.",
        "Yesterday we walked to the mill.",
        "A lamp burned in the window.",
        "Tea warms cold hands!",
        "How far away is the moon?",
        "Yes.",
        "No",
    ],
    "choice": ["Apple", "iron", "purple", "Eagle.", "positive", "Negative", "Statement.", "spoon"],
    "knowledge": ["cold", "Late", "children", "went", "Paris", "7", "Earth", "10"],
}
ASKED = [(one, answer) for one, answer in zip(instructions(), [text for texts in GOOD.values() for text in texts], strict=True)]
RAMBLING = "As a model, I would like to say:\n- hello\n- and so on\n- and on\n- and on\n- snow, dog and dogs"
MakeEngine = Callable[..., Engine]


@pytest.mark.parametrize(("one", "good"), ASKED)
def test_a_good_answer_passes_and_others_do_not(one: Instruction, good: str) -> None:
    assert one.is_followed(good)
    assert not one.is_followed("")
    assert not one.is_followed(RAMBLING)


def test_there_are_enough_instructions_and_each_is_its_own() -> None:
    asked = [one.ask for one in instructions()]
    assert len(set(asked)) == len(asked) >= 60
    assert {name for one in instructions() for name in one.check} == set(CHECKS)
    assert not set(asked) & set(replay.instructions())


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ({"json": ["a"]}, '{"a": 1, "b": 2}'),
        ({"json": ["a"]}, "[1]"),
        ({"is": ["yes"]}, "yes, of course"),
        ({"says": ["art"]}, "a party"),
        ({"number": 12}, "12 of 15"),
        ({"number": 12}, "12.5"),
        ({"words": 3}, "two words"),
        ({"list": 2}, "- a\n- b\n- c"),
        ({"commas": 2}, "a, b, c"),
        ({"upper": True}, "Loud"),
        ({"without": ["snow"]}, "Snow fell."),
        ({"all": ["a", "b"]}, "only a"),
    ],
)
def test_checks_are_strict(check: dict[str, object], wrong: str) -> None:
    assert not Instruction("x", "x", check).is_followed(wrong)


def test_a_loss_is_said_with_its_limits_and_a_small_one_is_not() -> None:
    n = len(instructions())
    before = [True] * 40 + [False] * (n - 40)
    after = [True] * 20 + [False] * (n - 20)
    lost = compared("lora", "f", before, after)
    assert lost.is_shown and lost.p_value < 1e-4 and lost.change.mean == pytest.approx(-20 / n)
    assert (
        lost.change.high is not None and lost.change.low is not None and lost.change.low < lost.change.mean < lost.change.high < 0
    )
    assert sentence(lost).startswith("Tuned on your task, lora follows general instructions 31 points worse [")
    assert sum(skill.before for skill in lost.skills) == 40 and sum(skill.n for skill in lost.skills) == n
    same = compared("lora", "f", before, [True] * 39 + [False] * (n - 39))
    assert not same.is_shown and sentence(same).startswith("It is not shown that lora lost anything elsewhere")


@pytest.mark.slow
def test_a_tuned_system_and_its_model_are_asked_alike(tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine) -> None:
    data = classify_material(tuning={"epochs": 1, "rank": 2, "batch_rows": 8})
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    tuned = FineTune("lora").fit(start(data, engine), data, engine)
    found = forgetting(tuned, engine)
    assert found.system == "lora" and found.fingerprint == tuned.fingerprint and 0 <= found.after <= 1
    assert forgetting(tuned, engine) == found  # the answers are kept
    general = replay.general_system(tuned, tuned=False)
    assert len(engine.answered(general.fingerprint, replay.general_rows([one.ask for one in instructions()]))) == len(
        instructions()
    )


def test_replay_adds_the_models_own_answers_to_the_rows(
    tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "MAX_TOKENS", 400)
    data = classify_material(tuning={"epochs": 1, "rank": 2, "batch_rows": 8, "replay": 0.25})
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    begin = start(data, engine)
    general = replay.general_system(begin, tuned=False)
    rows = replay.general_rows(replay.instructions())
    stopped = [replace(answer, raw=f"answer {number}", finish="stop") for number, answer in enumerate(engine.answer(general, rows))]
    monkeypatch.setattr(engine, "answer", lambda system, examples, progress=None: stopped)
    plain = FineTune("lora").training(begin, data, engine)
    with_replay = approach_named("lora-replay")
    assert isinstance(with_replay, FineTune) and with_replay.name == "lora-replay"
    mixed = with_replay.training(begin, data, engine)
    added = mixed.rows[len(plain.rows) :]
    assert list(mixed.rows[: len(plain.rows)]) == list(plain.rows) and len(added) == 4 and mixed.folder != plain.folder
    model = open_tiny(tiny_folder)
    assert model.tokenizer.decode(added[0].answer[:-1]) == "answer 0"
    assert replay.instructions()[0] in model.tokenizer.decode(added[0].prompt)
    assert read_tuned(mixed.folder) is None and [row.answer for row in mixed.dev] == [row.answer for row in plain.dev]


def stub_climb(setting: str, *names: str) -> Climb:
    """A climb whose runs are these tuned systems, the best first, and a baseline."""
    runs = [make_run(make_system("zero-shot"), right(10, 40))]
    runs += [make_run(make_system(name, method="lora"), right(35 - place, 40)) for place, name in enumerate(names)]
    task = make_task(tuning={"forgetting": setting})
    return cast(
        Climb,
        SimpleNamespace(
            data=SimpleNamespace(task=task),
            runs=runs,
            generative=runs,
            prices=SimpleNamespace(weigh=tokens_of),
            budget=SimpleNamespace(is_limited=False),
            engine=None,
            track=SimpleNamespace(runs=runs),
        ),
    )


@pytest.mark.parametrize(
    ("setting", "asked", "left"),
    [
        ("say", ["lora"], ["zero-shot", "lora", "lora-replay"]),
        ("exclude", ["lora", "lora-replay"], ["zero-shot", "lora-replay"]),
        ("skip", [], ["zero-shot", "lora", "lora-replay"]),
    ],
)
def test_what_forgot_wins_unless_the_user_excludes_it(
    setting: str, asked: list[str], left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    n = len(instructions())

    def measured(system: System, engine: Engine, progress: object = None) -> Forgetting:
        after = 20 if system.name == "lora" else 40
        return compared(system.name, system.fingerprint, [True] * 40 + [False] * (n - 40), [True] * after + [False] * (n - after))

    monkeypatch.setattr("tailor.decide.forgotten.forgetting", measured)
    climb, observer = stub_climb(setting, "lora", "lora-replay"), Heard()
    found = forgotten(climb, observer)
    assert [one.system for one in found] == asked
    assert [run.system.name for run in climb.runs] == left
    assert any("31 points worse" in line for line in observer.lines) == (setting != "skip")
    assert any("left out of the final test" in line for line in observer.lines) == (setting == "exclude")


class Heard:
    """An observer that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def began(self, rung: str, system: str) -> None:
        """Nothing is kept of it."""

    def progress(self, done: int, total: int) -> None:
        """Nothing is kept of it."""

    def ended(self, step: Step) -> None:
        """Nothing is kept of it."""

    def pays(self, spent: Callable[[], Spent]) -> None:
        """Nothing is kept of it."""

    def message(self, text: str) -> None:
        """Kept."""
        self.lines.append(text)

"""How much of a study is asked again where answers are paid for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from endpoint import Answer, Endpoint, completion
from flow import LABELS, Watcher, write_desk

from tailor.decide.ask_again import FEWEST, SHARE
from tailor.evaluate.consistency import REMOTE_ROWS
from tailor.experiment import run
from tailor.project import load_project
from tailor.results import Study


def reading(payload: Mapping[str, Any]) -> Answer:
    """Name the label that is in the message."""
    said = str(payload["messages"][-1]["content"]).split("\n")[-1]
    label = next((label for label in LABELS if label in said), LABELS[0])
    reasons = "Answer:" in str(payload["messages"][0]["content"])
    return Answer(completion(f"Answer: {label}" if reasons else label))


def studied(folder: Path, endpoint: Endpoint, *, ask_again: bool | None = None, **changes: object) -> tuple[Study, list[str]]:
    model = {"name": "m", "base_url": endpoint.url, "concurrency": 8}
    watcher = Watcher()
    study = run(load_project(write_desk(folder, model=model, **changes)), watcher, ask_again=ask_again)
    return study, watcher.sentences


@pytest.mark.slow
def test_asking_again_is_a_small_part_of_a_study_unless_it_is_wanted(tmp_path: Path) -> None:
    with Endpoint(reading) as endpoint:
        study, said = studied(tmp_path, endpoint)
        runs = [*study.tests, *(step.run for step in study.steps if step.run)]
        before = sum(len(found.answers) for found in runs if found.system.decoding.method != "head")
        assert sum(found.calls for found in study.consistency) <= SHARE * before
        small, calls = study.consistency, endpoint.calls
        if not small:
            assert any("not asked again: in such a small study" in sentence for sentence in said)

        study, said = studied(tmp_path, endpoint, ask_again=False)
        assert study.consistency == () and endpoint.calls == calls and not any("finalists are" in sentence for sentence in said)

        study, _ = studied(tmp_path, endpoint, ask_again=True)
        assert [found.system for found in study.consistency] == [found.system.name for found in study.tests]
        rows = min(REMOTE_ROWS, len(study.steps[0].run.examples if study.steps[0].run else ()))
        assert all(found.right.n == rows for found in study.consistency)
        assert endpoint.calls > calls and sum(found.calls for found in study.consistency) > SHARE * before


@pytest.mark.slow
def test_a_larger_study_asks_the_chosen_system_again_on_as_many_rows_as_show_something(tmp_path: Path) -> None:
    with Endpoint(reading) as endpoint:
        study, _ = studied(tmp_path, endpoint, split={"train": 12, "dev": 38, "test": 40}, target=0.75)
        assert study.decision is not None
        names = [found.system for found in study.consistency]
        assert study.decision.chosen in names and all(FEWEST <= found.right.n <= REMOTE_ROWS for found in study.consistency)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_switch_stands_in_the_settings_too(tmp_path: Path, wanted: bool) -> None:
    assert load_project(write_desk(tmp_path, ask_again=wanted)).task.ask_again is wanted

"""A run that is killed again and again ends as one that was left alone."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from flow import Watcher, as_another_user, climb, timeless, write_desk, write_rooms

from tailor.errors import TailorError
from tailor.experiment import run
from tailor.ledger import Ledger
from tailor.models.base import Reply, Request
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.saved import load_study

KILLS = 6
BLOCK_SECONDS = 0.06
PRELOADED = "pytest typer.testing tailor.cli tailor.experiment sklearn.linear_model sklearn.model_selection pyarrow.dataset".split()
"""What takes long to import is imported once, in the process that the killed ones are forked from."""


class Slow(FakeModel):
    """The public fake, slow enough to be killed in the middle; it says when it is first asked."""

    def __init__(self, asked: Event) -> None:
        super().__init__()
        self.asked = asked

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        self.asked.set()
        time.sleep(BLOCK_SECONDS)
        return super().reply(requests, tuned)


class Starting(Watcher):
    """An observer that says when the climb begins."""

    def __init__(self, started: Event) -> None:
        super().__init__()
        self.started = started

    def began(self, rung: str, system: str) -> None:
        self.started.set()


def climb_slowly(folder: Path, started: Event, asked: Event) -> None:
    run(load_project(folder), Starting(started), model=Slow(asked))


def saved_answers(folder: Path) -> int:
    """How many answers the ledger holds; opening it also checks that it is whole."""
    with Ledger(load_project(folder).store) as ledger:
        ((count,),) = ledger._db.execute("SELECT COUNT(*) FROM answers")
    return int(str(count))


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_left_alone(tmp_path: Path) -> None:
    whole, killed = write_project(tmp_path / "whole"), write_project(tmp_path / "killed")
    model = FakeModel()
    with as_another_user(tmp_path / "state"):
        expected = climb(whole, model)
    # All moments together are shorter than the model's sleep, so that every kill lands in the middle.
    longest = 2 * 0.8 * model.calls * BLOCK_SECONDS / KILLS
    moments = random.Random(20)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    kept = []
    for _ in range(KILLS):
        started, asked = context.Event(), context.Event()
        process = context.Process(target=climb_slowly, args=(killed, started, asked))
        process.start()
        # Some kills fall into the preparations of the first rung, others among the questions.
        assert moments.choice((started, asked)).wait(60)
        time.sleep(moments.uniform(0, longest))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        kept.append(saved_answers(killed))
    assert kept == sorted(kept) and kept[-1] > kept[0]

    rest = FakeModel()
    resumed = climb(killed, rest)
    assert 0 < rest.calls < model.calls
    assert timeless(resumed) == timeless(expected) == timeless(load_study(killed))
    assert saved_answers(killed) == saved_answers(whole)


def write_project(folder: Path) -> Path:
    """A classify project with documents: every kind of work that a run without tuning does."""
    (folder / "pages").mkdir(parents=True)
    for label in ("billing", "delivery", "returns"):
        (folder / "pages" / f"{label}.md").write_text(f"# {label}\n\nWrite to {label}@example.org.\n", encoding="utf-8")
    return write_desk(folder, documents="pages", split={"train": 24, "dev": 48, "test": 18})


def test_a_run_that_ends_in_an_error_keeps_what_was_answered(tmp_path: Path) -> None:
    class Ending(FakeModel):
        def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
            if self.calls == 5:
                raise TailorError("the disk is full")
            return super().reply(requests, tuned)

    folder = write_rooms(tmp_path / "stopped", documents="")
    with pytest.raises(TailorError, match="the disk is full"):
        climb(folder, Ending())
    rest, whole = FakeModel(), FakeModel()
    resumed = climb(folder, rest)
    with as_another_user(tmp_path / "state"):
        assert timeless(resumed) == timeless(climb(write_rooms(tmp_path / "whole", documents=""), whole))
    assert rest.calls == whole.calls - 5

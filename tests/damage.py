"""Bits are flipped in every kind of file that a project keeps: what is damaged is never used, and what was lost is told."""

from __future__ import annotations

import random
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_retrieval_index import PAGES, HashingEmbedder, new_index, search_all

from tailor.data.example import Example, answer_key
from tailor.data.identity import Identity, identity
from tailor.errors import StoreError
from tailor.ledger import Ledger
from tailor.models.fake import FakeEmbedder
from tailor.models.vectors import CachedEmbedder
from tailor.retrieval.index import Index
from tailor.store.calls import DAMAGED
from tailor.store.salvage import repair
from tailor.store.spending import Spending
from tailor.system import fingerprint_of

TRIALS = 300
Figures = dict[str, int]
SAVED = re.compile(r"[\d,]+ saved answers? ")


def answer(number: int) -> dict[str, Any]:
    """A record like those of answers, no two alike."""
    passage = {"document": f"page-{number}.md", "text": f"sentence {number} " * (number % 40)}
    record = {"raw": f"answer {number}", "tokens_in": 100 + number, "tokens_out": 3, "passages": [passage], "error": ""}
    return record | {"example": f"{number}"}


def opened_rows(number: int) -> list[Identity]:
    return [identity(["text"], Example(f"{n}", {"text": f"test row {number} {n}"}, ("yes",))) for n in range(3)]


ASKED: dict[str, Any] = {"prompt": {"shots": [], "nearest": 0}, "decoding": {"prior": []}}
SYSTEM = fingerprint_of(ASKED)


def study(number: int, answers: int) -> dict[str, Any]:
    """A study in which the system answers every row."""
    rows = [{"id": f"{n}", "fields": {"text": f"row {n}"}, "occurrence": 0} for n in range(answers)]
    splits = {"train": [], "dev": [], "test": rows, "reserve": [], "how": f"{number}"}
    run = {"system": ASKED, "examples": rows, "answers": [answer(n) for n in range(answers)], "scores": []}
    return {"number": number, "text": [f"step {n}" for n in range(200)], "splits": splits, "tests": [run]}


def fill(store: Path, answers: int = 120) -> dict[str, dict[str, Any]]:
    """A ledger with answers, two openings and two studies that refer to the answers; gives the answers."""
    given = {answer_key({"text": f"row {n}"}, 0): answer(n) for n in range(answers)}
    with Ledger(store) as ledger:
        ledger.save_answers(SYSTEM, given)
        ledger.open_test(opened_rows(1), ["a"])
        ledger.open_test(opened_rows(2), ["a"])
        for number in (1, 2):
            ledger.save_study(study(number, answers))
    return given


def flip(path: Path, chance: random.Random) -> None:
    """Flip one bit of a file, or in one trial of three a run of bytes."""
    data = bytearray(path.read_bytes())
    place = chance.randrange(len(data))
    if chance.random() < 1 / 3:
        data[place : place + 16] = chance.randbytes(len(data[place : place + 16]))
    else:
        data[place] ^= 1 << chance.randrange(8)
    path.write_bytes(bytes(data))


@contextmanager
def alone() -> Iterator[Path]:
    """A folder of one's own, and a user's state in it."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILOR_STATE", str(Path(folder) / "state"))
        yield Path(folder)


def flipped_ledgers(trials: int = TRIALS) -> Figures:
    """R6 for the ledger: flip bits, open it (repairing it where it asks for that), and compare everything with what was saved."""
    figures = {"trials": trials, "wrong": 0, "lost": 0, "unnamed": 0, "repaired": 0, "opening_missed": 0, "old_study": 0}
    figures["study_gone"] = 0
    with alone() as folder:
        given = fill(folder / "first")
        whole = (folder / "first" / "ledger.db").read_bytes()
        for trial in range(trials):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("TAILOR_STATE", str(folder / f"state {trial}"))
                store = folder / str(trial) / ".tailor"
                store.mkdir(parents=True, mode=0o700)
                (store / "ledger.db").write_bytes(whole)
                flip(store / "ledger.db", random.Random(trial))
                _judge(store, given, figures)
    return figures


def _judge(store: Path, given: dict[str, dict[str, Any]], figures: Figures) -> None:
    told: list[str] = []
    try:
        ledger = Ledger(store)
    except StoreError as error:
        assert "is damaged" in str(error) and "tailor store repair" in error.hint, error
        figures["repaired"] += 1
        told += repair(store).problems
        ledger = Ledger(store)
    with ledger:
        told += ledger.messages
        found = ledger.answers(SYSTEM, list(given))
        figures["wrong"] += sum(record != given[key] for key, record in found.items())
        lost = len(given) - len(found)
        figures["lost"] += lost
        counts = [int(sentence.split()[0].replace(",", "")) for sentence in told if SAVED.match(sentence)]
        figures["unnamed"] += sum(counts) != lost and not any("count of saved answers is damaged" in s for s in told)
        for number in (1, 2):
            figures["opening_missed"] += ledger.open_test(opened_rows(number), ["b"]).number < 2
        try:
            last = ledger.last_study()
            figures["wrong"] += last is not None and last != study(last["number"], len(given))
            gone = last is None or last["number"] != 2
            figures["old_study"] += gone and not any("Study 2" in s or "studies" in s or "damaged" in s for s in told)
        except StoreError as error:
            assert "is damaged" in str(error)
            gone = True
        figures["study_gone"] += gone


def flipped_spending(trials: int = TRIALS) -> Figures:
    """R6 for what endpoints were paid: no call is taken for a cheaper one, and nothing counts as less than it was but where that is
    told.
    """
    figures = {"trials": trials, "wrong": 0, "damaged": 0, "cheaper": 0}
    with alone() as folder:
        with pytest.MonkeyPatch.context() as patch, Spending(folder) as spending:
            patch.setattr(secrets, "randbits", random.Random(6).getrandbits)
            for number in range(120):
                noted = spending.reserve("m", 0.02)
                paid = None if number % 7 == 0 else 0.0001 * number
                spending.settle(noted, replace(spending.call(noted), paid=paid, tokens_in=100 + number))
            saved, committed = set(spending._known.values()), spending._committed
        whole = (folder / "spending.db").read_bytes()
        for trial in range(trials):
            store = folder / str(trial) / ".tailor"
            store.mkdir(parents=True, mode=0o700)
            Ledger(store).close()
            (store / "spending.db").write_bytes(whole)
            flip(store / "spending.db", random.Random(trial))
            told: list[str] = []
            try:
                spending = Spending(store)
            except StoreError as error:
                assert "is damaged" in str(error) and "tailor store repair" in error.hint, error
                figures["damaged"] += 1
                told += repair(store).problems
                spending = Spending(store)
            with spending:
                told += spending.messages
                figures["wrong"] += sum(call not in saved and call.model != DAMAGED for call in spending._known.values())
                figures["cheaper"] += spending._committed < committed - 1e-9 and not any("not known" in said for said in told)
    return figures


def flipped_vectors(trials: int = TRIALS) -> Figures:
    """R6 for vectors: those that a damaged file gives must be those that the embedder makes."""
    texts = [f"text number {n}" for n in range(60)]
    expected = FakeEmbedder().embed(texts)
    figures = {"trials": trials, "wrong": 0}
    with alone() as folder:
        CachedEmbedder(FakeEmbedder(), folder / "vectors.db").embed(texts)
        whole = (folder / "vectors.db").read_bytes()
        for trial in range(trials):
            path = folder / f"{trial}.db"
            path.write_bytes(whole)
            flip(path, random.Random(trial))
            figures["wrong"] += not np.array_equal(CachedEmbedder(FakeEmbedder(), path).embed(texts), expected)
    return figures


def flipped_indexes(trials: int = TRIALS) -> Figures:
    """R6 and R24 for indexes: whatever is damaged, searches find what they found before."""
    figures = {"trials": trials, "wrong": 0}
    with alone() as folder:
        expected = search_all(new_index(folder / "index", PAGES))
        for trial in range(trials):
            chance, place = random.Random(trial), folder / str(trial)
            shutil.copytree(folder / "index", place)
            files = sorted(path for path in place.rglob("*") if path.is_file() and path.stat().st_size)
            flip(chance.choice(files), chance)
            index = Index.open(place, HashingEmbedder())
            index.update(PAGES)
            figures["wrong"] += search_all(index) != expected
    return figures


def flipped_studies(trials: int = TRIALS) -> Figures:
    """R6 for studies: bits are flipped in a ledger that holds little else; the newest one is whole, or is told to be damaged."""
    figures = {"trials": trials, "wrong": 0, "old_study": 0, "damaged": 0}
    noise = random.Random(6)
    saved: list[dict[str, Any]] = [{"number": n, "text": [noise.randbytes(40).hex() for _ in range(400)]} for n in (1, 2)]
    with alone() as folder:
        with Ledger(folder / "first") as ledger:
            for record in saved:
                ledger.save_study(record)
        whole = (folder / "first" / "ledger.db").read_bytes()
        for trial in range(trials):
            store = folder / str(trial) / ".tailor"
            store.mkdir(parents=True, mode=0o700)
            (store / "ledger.db").write_bytes(whole)
            flip(store / "ledger.db", random.Random(trial))
            told: list[str] = []
            try:
                with Ledger(store) as ledger:
                    study = ledger.last_study()
            except StoreError as error:
                assert "is damaged" in str(error), error
                told = repair(store).problems
                figures["damaged"] += 1
                with Ledger(store) as ledger:
                    study = ledger.last_study()
            figures["wrong"] += study is not None and study not in saved
            figures["old_study"] += study != saved[1] and not told
    return figures

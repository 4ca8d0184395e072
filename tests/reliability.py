"""What was promised for the store, tried: each trial gives figures, and `python -m reliability` in `tests` writes the page."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import endpoint_trials
import estimates
import pytest
from answer_keys import answer_keys
from damage import (
    SYSTEM,
    Figures,
    alone,
    answer,
    fill,
    flipped_indexes,
    flipped_ledgers,
    flipped_spending,
    flipped_studies,
    flipped_vectors,
)
from disk import Journal, NotedDisk, after_power_cut
from money import capped

from benchmarks.endpoint_kills import killed
from tailor.data.example import Example
from tailor.data.identity import identity
from tailor.errors import StoreError
from tailor.ledger import Ledger

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reliability.md"
_NAMES = itertools.count()


@contextmanager
def noted(journal: Journal) -> Iterator[None]:
    """Inside, ledgers write to a disk that notes down what it is told."""
    name = f"noted-{next(_NAMES)}"
    disk = NotedDisk(name, journal)
    real = apsw.Connection

    def connection(path: str, **options: Any) -> apsw.Connection:
        return real(path, vfs=name, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apsw, "Connection", connection)
        yield
    disk.unregister()


def work(ledger: Ledger, done: list[str], marks: list[int], journal: Journal) -> None:
    """Save answers one after the other; what was acknowledged, and when, is noted down."""
    for number in range(40):
        ledger.save_answers("system", {f"example {number:03}": answer(number)})
        done.append(f"example {number:03}")
        marks.append(len(journal.events))


def power_cuts(cuts: int = 200) -> Figures:
    """R2: the power goes at any moment; what was acknowledged by then must be there, and the database whole."""
    journal, done, marks = Journal(), list[str](), list[int]()
    figures = {"cuts": cuts, "lost": 0, "wrong": 0, "not_whole": 0}
    with alone() as folder:
        store = folder / "first"
        with Ledger(store) as ledger:
            ledger.save_answers("system", {"before": answer(0)})
        before = {"ledger.db": (store / "ledger.db").read_bytes()}
        with noted(journal), Ledger(store) as ledger:
            start = len(journal.events)
            work(ledger, done, marks, journal)
        chance = random.Random(2)
        moments = sorted(chance.sample(range(start, len(journal.events)), min(cuts, len(journal.events) - start)))
        figures["cuts"] = len(moments)
        for moment in moments:
            place = folder / f"cut {moment}"
            place.mkdir(mode=0o700)
            for name, data in after_power_cut(before, journal.events[:moment], chance).items():
                if not name.endswith("-shm"):
                    (place / name).write_bytes(data)
            _after_cut(place, [key for key, mark in zip(done, marks, strict=True) if mark <= moment], figures)
    return figures


def _after_cut(store: Path, acknowledged: list[str], figures: Figures) -> None:
    with Ledger(store) as ledger:
        (check,) = ledger._db.execute("PRAGMA integrity_check").fetchone() or ("",)
        figures["not_whole"] += check != "ok" or bool(ledger.messages)
        found = ledger.answers("system", [f"example {n:03}" for n in range(40)])
    figures["lost"] += sum(key not in found for key in acknowledged)
    figures["wrong"] += sum(record != answer(int(key[-3:])) for key, record in found.items())


def full_disks() -> Figures:
    """R5: the disk is full from any write on; one sentence, nothing lost that was acknowledged, and the same command goes on."""
    figures = {"writes": 0, "lost": 0, "other_sentences": 0, "not_resumed": 0}
    for full_from in itertools.count(1):
        journal, done, marks = Journal(), list[str](), list[int]()
        with alone() as folder:
            with Ledger(folder / "store") as ledger:
                ledger.save_answers("system", {"before": answer(0)})
            (folder / "store" / "ballast").unlink(missing_ok=True)
            journal.full_from = full_from
            try:
                with noted(journal), Ledger(folder / "store") as ledger:
                    work(ledger, done, marks, journal)
            except StoreError as error:
                figures["other_sentences"] += not str(error).startswith("the disk is full")
            else:
                return figures  # it was full only after all work was done
            figures["writes"] += 1
            with Ledger(folder / "store") as ledger:
                figures["lost"] += sum(key not in ledger.answers("system", [key]) for key in ["before", *done])
                ledger.save_answers("system", {"after": answer(1)})
                figures["not_resumed"] += "after" not in ledger.answers("system", ["after"])
    return figures


def full_reserves(step: int = 1) -> Figures:
    """R5 with the reserve in place: it is freed at the first failure, which is one sentence, and what comes after is saved, too."""
    figures = {"writes": 0, "lost": 0, "other_sentences": 0}
    for full_from in itertools.count(1, step):
        journal, told = Journal(), list[str]()
        with alone() as folder:
            store = folder / "store"
            with noted(journal), Ledger(store) as ledger:
                assert (store / "ballast").stat().st_size >= 4 << 20
                journal.reserve, journal.full_from = store / "ballast", journal.writes + full_from
                for number in range(40):
                    try:
                        ledger.save_answers("system", {f"example {number:03}": answer(number)})
                    except StoreError as error:
                        told.append(str(error))
            if not told:
                return figures
            figures["writes"] += 1
            figures["other_sentences"] += len(told) != 1 or not told[0].startswith("the disk is full")
            with Ledger(store) as ledger:
                found = ledger.answers("system", [f"example {n:03}" for n in range(40)])
            figures["lost"] += sum(found.get(f"example {n:03}") != answer(n) for n in range(40))
    raise AssertionError("unreachable")


def two_processes(trials: int = 20) -> Figures:
    """R7: a second process that wants to write is refused within two seconds, and one that reads is let in."""
    code = """
import sys
from pathlib import Path
from tailor.errors import StoreError
from tailor.ledger import Ledger
for shared in (False, True):
    try:
        with Ledger(Path(sys.argv[1]), shared=shared) as ledger:
            print(len(ledger.answers(sys.argv[2], sys.argv[3:])))
    except StoreError as error:
        print("refused" if "another Tailor process" in str(error) else error)
"""
    figures = {"trials": trials, "not_refused": 0, "not_let_in": 0, "late": 0}
    with alone() as folder:
        key = next(iter(fill(folder / "project" / ".tailor", 5)))
        with Ledger(folder / "project" / ".tailor") as ledger:
            for number in range(trials):
                ledger.save_answers(SYSTEM, {f"more {number}": answer(number)})
                if number % 10 == 0:
                    command = [sys.executable, "-c", code, str(folder / "project" / ".tailor"), SYSTEM, key]
                    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.split("\n")
                    figures["not_refused"] += said[0] != "refused"
                    figures["not_let_in"] += said[1] != "1"
                started = time.perf_counter()
                with pytest.raises(StoreError, match="another Tailor process"):
                    Ledger(folder / "project" / ".tailor")
                figures["late"] += time.perf_counter() - started > 2
    return figures


def odd_strings(strings: list[str]) -> Figures:
    """R22: any text is stored as it is, as an answer, in an opening and in a study."""
    figures = {"strings": len(strings), "changed": 0}
    with alone() as folder, Ledger(folder / "store") as ledger:
        records = {f"{n}": {"raw": text, "error": ""} for n, text in enumerate(strings)}
        ledger.save_answers("system", records)
        found = ledger.answers("system", list(records))
        ledger.open_test([identity(["text"], Example("x", {"text": text}, (text,))) for text in strings], strings)
        ledger.save_study({"texts": strings})
        shown, study = ledger.shown(), ledger.last_study()
        figures["changed"] += sum(found.get(key) != record for key, record in records.items())
        figures["changed"] += sum(text != row.text for text, row in zip(strings, shown, strict=True))
        figures["changed"] += study != {"texts": strings}
    return figures


NAUGHTY = Path(__file__).resolve().parents[2] / "shared" / "data" / "naughty_strings"
OWN = ["", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202eabc\u202c", "\ufeff", "\u2028\u2029", "e\u0301", "x" * 1_000_000]


def naughty_strings() -> list[str]:
    """Texts that have broken programs: a public list where it is there, and some of our own."""
    found = [line for path in sorted(NAUGHTY.glob("*.txt")) for line in path.read_text(encoding="utf-8").split("\n")]
    return [*OWN, *found]


def killed_runs(kills: int = 200) -> Figures:
    """R1: runs that are killed at random moments, with many calls under way."""
    found = killed(kills, seed=1)
    beyond = max(0, round(found["unknown_beyond_places"]))
    return {"kills": kills, "repeated": round(found["repeated"]), "lost": round(found["lost"]), "beyond": beyond}


def page() -> str:
    """The page, with figures measured now."""
    power, full, two, odd = power_cuts(), full_disks(), two_processes(), odd_strings(naughty_strings())
    ledgers, vectors, indexes, studies = flipped_ledgers(), flipped_vectors(), flipped_indexes(), flipped_studies()
    reserves = full_reserves()
    rows = [
        ("R1", KILLS, killed_runs(), "kills"),
        ("R2", "The power fails at any moment: sectors that were not synced are there or not, in any order.", power, "cuts"),
        ("R5", "The disk is full from any one write on.", full, "writes"),
        ("R5", "The same with the reserve in place: it is freed, and what is still under way is saved.", reserves, "writes"),
        ("R6", "A bit, or 16 bytes, of `ledger.db` are damaged; `tailor store repair` where needed.", ledgers, "trials"),
        ("R6", "The same in `spending.db`, the notes on what endpoints were paid.", flipped_spending(), "trials"),
        ("R6", "The same in `vectors.db`.", vectors, "trials"),
        ("R6", "The same in the files of an index.", indexes, "trials"),
        ("R6", "The same in a `ledger.db` that holds two studies and little else.", studies, "trials"),
        ("R7", "A second process in the same project, to write and to read.", two, "tries"),
        ("R8", CAPPED, capped(40), "kills"),
        ("R22", "Odd strings as answers, as rows of an opening and in a study.", odd, "strings"),
        ("R26", KEYS, answer_keys(), "cases"),
        *((name, what, trial(), unit) for name, what, trial, unit in endpoint_trials.ROWS),
    ]
    table = "\n".join(_row(*row) for row in sorted(rows, key=lambda row: int(row[0][1:])))
    written = TEXT.format(table=table, expected=expected(estimates.studies(50)))
    return with_row(written, next((row for row in PAGE.read_text(encoding="utf-8").splitlines() if SOAKED in row), ""))


def soak_row(figures: Figures) -> str:
    """The row of the page on ten minutes of work by several processes; `python soak.py` measures it."""
    return f"| R7 | {SOAKED} | {_told(figures, 'tries')} |"


def with_row(written: str, soak: str) -> str:
    """The page with this row in front of that of R8, in the place of an older one."""
    lines = [line for line in written.split("\n") if SOAKED not in line]
    place = next(number for number, line in enumerate(lines) if line.startswith("| R8 "))
    return "\n".join([*lines[:place], *([soak] if soak else []), *lines[place:]])


def expected(found: Mapping[str, int]) -> str:
    """How often an estimate held, in a sentence."""
    return (
        "A run says before it begins what it expects to ask endpoints for. "
        f"In {found['studies']} studies, which differ in documents, judges, thoughts and the length of answers and tokens, "
        f"the calls were within the stated range {found['calls']} times, tokens read {found['read']} times, "
        f"tokens written {found['written']} times and the money {found['money']} times. "
        f"A budget stopped {found['stopped']} further ones; {found['over']} were billed more than their budget."
    )


CAPPED = (
    "A run with a budget and 32 calls under way is killed, its calls fail, and its prices are edited, until the budget is used up."
)


def again(text: str, promises: Sequence[str]) -> str:
    """The page with the rows of some promises on endpoints measured again."""
    lines = text.split("\n")
    for name, what, trial, unit in endpoint_trials.ROWS:
        if name in promises:
            rows = {number: line.split()[1] for number, line in enumerate(lines) if line.startswith("| R")}
            place = next(number for number, other in rows.items() if int(other[1:]) >= int(name[1:]))
            lines[place : place + (rows[place] == name)] = [_row(name, what, trial(), unit)]
    return "\n".join(lines)


def _row(name: str, what: str, figures: Figures, unit: str) -> str:
    return f"| {name} | {what} | {_told(figures, unit)} |"


def _told(figures: Figures, unit: str) -> str:
    (tried, *_), rest = figures.values(), list(figures.items())[1:]
    return f"{tried} {unit}: {', '.join(f'{number} {WORDS[name]}' for name, number in rest)}."


SOAKED = "Two processes run the project and save answers, are killed at random, and a third one reads, for ten minutes."
KILLS = "A run against an endpoint is killed (SIGKILL) with 8, 16 or 32 calls under way, and continues each time."
KEYS = "One thing that may change an answer is changed at random in a system or its question, or only what cannot."
WORDS = {
    "wrong": "wrong ones used",
    "repeated": "asked for again",
    "beyond": "calls that nobody knows of but those under way",
    "cross_talk": "answers taken for those to something else",
    "missed": "asked for again without need",
    "lost": "lost",
    "not_whole": "databases not whole",
    "other_sentences": "sentences that say something else",
    "not_resumed": "ledgers that did not go on",
    "unnamed": "in which the number lost was not told",
    "repaired": "repairs",
    "opening_missed": "openings not counted",
    "old_study": "older studies shown silently",
    "study_gone": "newest studies to be made again from the answers",
    "not_refused": "writers let in",
    "not_let_in": "readers kept out",
    "late": "refusals after more than two seconds",
    "changed": "came back changed",
    "damaged": "refused and repaired",
    "runs": "whole runs",
    "refused": "refusals",
    "killed": "killed",
    "cheaper": "in which less than was paid was counted silently",
    "over": "times over the budget",
    "unlisted": "billed calls neither known nor listed as maybe paid",
    "used": "percent of the budget billed",
    **endpoint_trials.WORDS,
}
TEXT = """# Reliability

What the store of a project promises, and how often each promise held when it was tried. `python reliability.py` in `tests` tries it
all again, in a few minutes, and writes this page; the tests try less of the same. `python reliability.py R10 R13` tries only those
rows on endpoints again.

| Promise | What was done | What came of it |
| --- | --- | --- |
{table}
| R23 | Stores of versions 1 and 2 are opened, also after the process was killed in the middle. | Tests: `seals`, `store_studies`. |

{expected}

Lost by power cuts and full disks means acknowledged answers; lost by damage means answers that were damaged themselves.

## How it works

- Every record is sealed by a SHA-256 over its kind, its key and its content. A record that does not match its seal is not used.
  It is reported, with the tokens that it cost where they can still be read, and asked for again where it is needed.
- A study refers to saved answers, and to rows and worked examples that are named by their content. One that does not come back
  to the letter is reported as damaged; another run makes it again.
- Openings of test sets form a chain. One that was removed or altered counts as an opening of every test set. The openings of
  all of a user's projects are noted down once more, as hashes, in the user's state folder (`TAILOR_STATE`).
- Notes on calls to endpoints are sealed and counted, with the most expensive of them. One that is damaged or gone counts as
  that one, so that damage never makes room in a budget.
- Whoever can write to the files can also make new seals: this guards against accidents and edits, not against forgery.
- 4 MB are kept back on the disk (`.tailor/ballast`) and are freed when it is full, so that answers under way can still be
  saved.
- A store of an older version is copied to `.tailor/backups` before it is changed, and changed in one transaction.
- The files of a model folder are hashed once. While their size and time stay the same, 64 blocks of 64 KiB of each are compared
  whenever it is opened; a file that changed is refused. The models that Tailor fetches are read whole.

## What is not covered

- When the process was killed and the write-ahead log next to the ledger is damaged before the next start, the last answers are
  gone without being named: SQLite takes a damaged log for one that ends earlier. Openings are not among them: they are written
  to the ledger itself at once.
- Damage to a hundredth of a large file of a model folder is missed in about half of the cases.
- Power cuts and full disks were tried on the ledger alone, by simulation; vectors, indexes and tuned weights can be made again.
- What was lost is reported in tokens, and in money where what was paid can still be read from the damaged record.
- Where two projects of a user share rows, these are known again by hashes: of whole values, and of texts with one word left out
  or with a phrase cut off. That finds an edit of one word in texts of five words or more; whatever else says nearly the same is
  compared within one project only, since that needs the texts.
"""


if __name__ == "__main__":
    named = sys.argv[1:]
    PAGE.write_text(again(PAGE.read_text(encoding="utf-8"), named) if named else page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} is written\n")

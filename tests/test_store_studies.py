"""A study in the store: small, whole as it was saved, and readable while a run writes."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apsw
import pytest
from flow import tailor
from hypothesis import given, settings
from hypothesis import strategies as st
from test_seals import migrate_and_die

from tailor.errors import StoreError
from tailor.ledger import Ledger
from tailor.saved import STUDY, load_study
from tailor.store import studies
from tailor.store.database import SEALED, VERSION, dump, version_of
from tailor.store.packing import pack, parts_of, unpack
from tailor.store.salvage import check, repair

STUDIES = Path(__file__).parent / "stores" / "studies"
NAMES = ("desk", "rooms", "tuned")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one study, which an earlier Tailor made and this one saved."""
    store = store_of("desk", tmp_path)
    shutil.copytree(STUDIES / "desk", store.parent, ignore=shutil.ignore_patterns("*.gz"), dirs_exist_ok=True)
    with Ledger(store) as ledger:
        record = ledger.last_study()
        assert record is not None
        ledger.save_study(record, 1)
    return store.parent


def store_of(name: str, folder: Path) -> Path:
    """A store of version 2 as an earlier Tailor left it."""
    store = folder / name / ".tailor"
    store.mkdir(parents=True, mode=0o700)
    (store / "ledger.db").write_bytes(gzip.decompress((STUDIES / name / "ledger.db.gz").read_bytes()))
    return store


def kept_bytes(ledger: Ledger) -> int:
    """What studies take in the store, all together."""
    sizes = ledger._db.execute("SELECT length(record) FROM studies UNION ALL SELECT length(record) FROM parts")
    return sum(int(str(size)) for (size,) in sizes)


def damage(store: Path, statement: str) -> None:
    db = apsw.Connection(str(store / "ledger.db"))
    db.execute(statement)
    db.close()


# --- what comes back


@pytest.mark.parametrize("name", NAMES)
def test_a_study_comes_back_as_it_was_saved_and_takes_a_part_of_its_size(name: str, tmp_path: Path) -> None:
    """Studies of version 2, which hold everything themselves, saved again: labels, passages, priors, tuned weights."""
    store = store_of(name, tmp_path)
    with Ledger(store) as ledger:
        record = ledger.last_study()
        assert record is not None
        before = kept_bytes(ledger)
        number = ledger.save_study(record)
        added = kept_bytes(ledger) - before
        assert dump(ledger.last_study()) == dump(record)
        packed = studies._packed(ledger._db, number)
        assert packed is not None and len(dump(packed)) < 0.3 * len(dump(record))
        assert all("but" in answer for run in packed["study"]["tests"] for answer in _expanded(run["answers"]))
        again = kept_bytes(ledger)
        ledger.save_study(record | {"stopped": "for another reason"})
        assert kept_bytes(ledger) - again < 0.6 * added, "rows and worked examples are shared"


def _expanded(answers: Any) -> list[dict[str, Any]]:
    return answers if isinstance(answers, list) else [dict.fromkeys(answers["columns"])]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def records(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Something like a study, and what is saved of its answers: the same, nearly the same, or nothing."""
    few = st.integers(0, 3)
    rows: list[dict[str, Any]] = [
        {"id": f"{n}", "fields": {"text": draw(st.text(max_size=3))}, "occurrence": n, "more": draw(JSON)} for n in range(draw(few))
    ]
    shown: list[dict[str, Any]] = [{"input": "x"}, {"fields": {"text": "elsewhere"}}, *({"fields": row["fields"]} for row in rows)]
    shots = [draw(st.sampled_from(shown)) | {"answer": draw(st.text(max_size=3))} for _ in range(draw(few))]
    system = {
        "steps": ["a"],
        "prompt": {"input": "{{text}}", "shots": shots, "nearest": draw(st.integers(0, 1))},
        "decoding": {"prior": draw(st.sampled_from([[], [0.5]]))},
    }
    answers = [{"example": row["id"], "raw": draw(JSON), "seconds": draw(JSON)} for row in rows]
    examples = [draw(st.sampled_from([row, row | {"more": draw(JSON)}])) for row in rows]
    scores = [draw(st.dictionaries(st.sampled_from("ab"), JSON, max_size=2)) for _ in rows]
    run = {"system": system, "split": "dev", "examples": examples, "answers": answers, "scores": scores}
    splits = {"train": rows[:1], "dev": rows[1:], "test": [], "reserve": [], "seed": 0}
    saved = {
        row["id"]: draw(st.sampled_from([answer, answer | {"seconds": draw(JSON)}, {"raw": 1}]))
        for row, answer in zip(rows, answers, strict=True)
        if draw(st.booleans())
    }
    steps = [{"run": run, "note": draw(JSON)}, {"run": None, "note": ""}]
    return {"splits": splits, "steps": steps, "tests": [run], "other": draw(JSON)}, saved


@given(records())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_whatever_is_packed_comes_back_to_the_letter(both: tuple[dict[str, Any], dict[str, dict[str, Any]]]) -> None:
    record, saved = both

    def found(system: str, keys: Any) -> dict[str, dict[str, Any]]:
        answers = dict(zip(keys, [run["id"] for run in record["tests"][0]["examples"]], strict=True))
        return {key: saved[name] for key, name in answers.items() if name in saved}

    packed, parts = pack(record, found)
    kept = json.loads(dump(packed))
    assert parts_of(kept) == parts.keys()
    assert dump(unpack(kept, lambda name: json.loads(parts[name]), found)) == dump(record)


def test_a_study_is_the_same_after_further_runs_on_other_data(project: Path) -> None:
    with Ledger(project / ".tailor") as ledger:
        record = ledger.last_study()
        assert record is not None
        study = STUDY.validate_python(record)
        for further in range(3):
            rows = record["splits"]["train"]
            changed = record["splits"] | {"train": [row | {"fields": {"text": f"{row['id']} {further}"}} for row in rows]}
            ledger.save_answers(f"system {further}", {row["id"]: {"raw": "another"} for row in rows})
            ledger.save_study(record | {"splits": changed})
        assert studies.numbers(ledger._db) == [4, 3, 2, 1]
        assert STUDY.validate_python(studies.read(ledger._db, 1)) == study != STUDY.validate_python(ledger.last_study())


def test_parts_go_with_the_last_study_that_refers_to_them(project: Path) -> None:
    with Ledger(project / ".tailor") as ledger:
        first = {name for (name,) in ledger._db.execute("SELECT sha256 FROM parts")}
        record = ledger.last_study()
        assert record is not None and first
        for _ in range(studies.KEPT - 1):
            ledger.save_study(record | {"splits": record["splits"] | {"how": "otherwise"}})
        assert first <= {name for (name,) in ledger._db.execute("SELECT sha256 FROM parts")}
        ledger.save_study({"n": 1})
        left = {name for (name,) in ledger._db.execute("SELECT sha256 FROM parts")}
        assert len(left & first) < len(first) and left
        for _ in range(studies.KEPT):
            ledger.save_study({"n": 1})
        assert list(ledger._db.execute("SELECT sha256 FROM parts")) == []


# --- what is damaged, older or newer


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE parts SET record = CAST(x'7bff' AS BLOB)",
        "DELETE FROM parts",
        "DELETE FROM answers",
        "UPDATE answers SET record = replace(record, '\"raw\"', '\"row\"')",
    ],
)
def test_a_study_that_refers_to_what_is_damaged_or_gone_is_told(statement: str, project: Path) -> None:
    store = project / ".tailor"
    damage(store, statement)
    result = tailor("show", project)
    assert result.exit_code == 2 and "(number 1) is damaged" in result.output and "tailor run" in result.output
    assert "Study 1 is damaged; another run makes it again from the saved answers." in check(store).problems


def test_an_answer_that_was_asked_again_is_not_taken_for_the_one_that_the_study_had(project: Path) -> None:
    store, test = project / ".tailor", load_study(project).tests[0]
    key, system = test.examples[0].answer_key, test.system.fingerprint
    with Ledger(store) as ledger:
        record = ledger.answers(system, [key])[key]
        ledger.save_answers(system, {key: record | {"raw": "something else"}})
    with pytest.raises(StoreError, match="is damaged"):
        load_study(project)


def test_a_repair_goes_back_to_the_study_that_is_whole(project: Path) -> None:
    store = project / ".tailor"
    with Ledger(store) as ledger:
        record = ledger.last_study()
        assert record is not None
        ledger.save_study(record | {"splits": record["splits"] | {"how": "otherwise"}})
        packed = studies._packed(ledger._db, 2)
        assert packed is not None
        splits = packed["study"]["splits"]["part"]
    damage(store, f"UPDATE parts SET record = CAST(x'7bff' AS BLOB) WHERE sha256 = '{splits}'")
    with pytest.raises(StoreError, match=r"\(number 2\) is damaged") as caught:
        load_study(project)
    assert "tailor store repair" in caught.value.hint
    assert "Study 2 is damaged; another run makes it again from the saved answers." in repair(store).problems
    with Ledger(store) as ledger:
        assert dump(ledger.last_study()) == dump(record)
    assert check(store).problems == []


@pytest.mark.parametrize("name", NAMES)
def test_a_store_of_version_2_is_read_as_it_is_and_brought_to_this_version_by_who_writes(name: str, tmp_path: Path) -> None:
    store = store_of(name, tmp_path)
    before = (store / "ledger.db").read_bytes()
    with Ledger(store, shared=True) as ledger:
        record = ledger.last_study()
        assert version_of(ledger._db) == SEALED
    assert check(store).problems == [] and check(store).studies == 1
    assert (store / "ledger.db").read_bytes() == before
    with Ledger(store) as ledger:
        assert version_of(ledger._db) == VERSION and ledger.messages == []
        assert dump(ledger.last_study()) == dump(record)
    backup = apsw.Connection(str(store / "backups" / f"before-version-{VERSION}.db"))
    assert version_of(backup) == SEALED
    backup.close()


def test_a_store_of_version_2_whose_migration_is_killed_anywhere_is_whole(tmp_path: Path) -> None:
    context, versions = multiprocessing.get_context("fork"), set()
    for at in (2, 5, 8, 10, 11, 12, 14, 17, 40):
        store = store_of("desk", tmp_path / f"{at}")
        with Ledger(store, shared=True) as ledger:
            record = ledger.last_study()
        process = context.Process(target=migrate_and_die, args=(store, at))
        process.start()
        process.join(30)
        db = apsw.Connection(str(store / "ledger.db"))
        versions.add(version_of(db))
        db.close()
        with Ledger(store) as ledger:
            assert ledger.messages == [] and version_of(ledger._db) == VERSION
            assert dump(ledger.last_study()) == dump(record)
    assert versions == {SEALED, VERSION}


# --- next to a run


WRITER = """
import sys
from pathlib import Path
from tailor.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    for number in range(10**9):
        ledger.save_answers("s", {f"{number} {n}": {"raw": "x" * 2000} for n in range(20)})
        if number == 3:
            print("going", flush=True)
"""


def test_show_report_and_try_answer_while_a_run_writes(project: Path) -> None:
    """The writer never pauses. Each command is asked once before, so that what is measured is not the loading of modules; of the
    report only the reading counts, since drawing it takes the time that it takes.
    """
    asked = (("show",), ("show", "--json"), ("try", "the parcel is late, delivery"))
    for command, *rest in asked:
        assert tailor(command, project, *rest).exit_code == 0
    with subprocess.Popen([sys.executable, "-c", WRITER, str(project / ".tailor")], stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None and writer.stdout.readline() == "going\n"
            for command, *rest in asked:
                started = time.perf_counter()
                result = tailor(command, project, *rest)
                assert result.exit_code == 0, result.output
                assert time.perf_counter() - started < 2
            assert tailor("report", project).exit_code == 0
            assert writer.poll() is None
        finally:
            writer.kill()

"""The ledger: what was saved is there again, whole, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from tailor.data.example import Example
from tailor.data.identity import Identity, identity
from tailor.errors import StoreError
from tailor.ledger import Ledger
from tailor.store import calls, facts, studies
from tailor.store.database import VERSION
from tailor.store.openings import Opening
from tailor.store.pages import rows
from tailor.store.salvage import check, repair

RECORD: dict[str, Any] = {"raw": "Grüße \ud800 \0 \u2028", "scores": [-0.1, -2.5], "passages": [], "error": ""}


def run_python(code: str, *args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, timeout=60)


def test_answers_survive_reopening(tmp_path: Path) -> None:
    with Ledger(tmp_path / "store") as ledger:
        ledger.save_answers("s", {"a": RECORD, "b": RECORD | {"raw": "b"}})
        ledger.save_answers("other", {"a": RECORD | {"raw": "other"}})
        ledger.save_answers("s", {})
    with Ledger(tmp_path / "store") as ledger:
        assert ledger.answers("s", ["b", "a", "c"]) == {"a": RECORD, "b": RECORD | {"raw": "b"}}
        assert ledger.answers("other", ["a", "b"]) == {"a": RECORD | {"raw": "other"}}
        assert ledger.answers("s", []) == {}


def test_an_answer_given_again_replaces_the_first(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", {"a": RECORD})
        ledger.save_answers("s", {"a": RECORD | {"raw": "new"}})
        assert ledger.answers("s", ["a"])["a"]["raw"] == "new"


def test_the_store_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    with Ledger(tmp_path / "project" / "store"):
        assert (tmp_path / "project" / "store").stat().st_mode & 0o077 == 0


def test_what_was_saved_survives_a_killed_process(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tailor.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.save_answers("s", {str(i): {"raw": str(i)} for i in range(100)})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python(code, tmp_path).returncode == -9
    with Ledger(tmp_path) as ledger:
        assert len(ledger.answers("s", map(str, range(100)))) == 100


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answers SET record = replace(record, '0.1', '0.9') WHERE example='a'",
        "UPDATE answers SET record = CAST(x'7bff00' AS TEXT) WHERE example='a'",
        "UPDATE answers SET sha256 = '' WHERE example='a'",
        "UPDATE answers SET sha256 = CAST(x'ff' AS TEXT) WHERE example='a'",
        "UPDATE answers SET record = '' WHERE example='a'",
        "UPDATE answers SET record = 5 WHERE example='a'",
    ],
)
def test_a_damaged_row_counts_as_absent(damage: str, tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", {"a": RECORD, "b": RECORD})
    db = apsw.Connection(str(tmp_path / "ledger.db"))
    db.execute(damage)
    db.close()
    with Ledger(tmp_path) as ledger:
        assert ledger.answers("s", ["a", "b"]) == {"b": RECORD}
        ledger.save_answers("s", {"a": RECORD})
        assert ledger.answers("s", ["a"]) == {"a": RECORD}


def test_a_damaged_study_is_told_and_an_older_one_does_not_take_its_place(tmp_path: Path) -> None:
    store = tmp_path / ".tailor"
    with Ledger(store) as ledger:
        assert ledger.last_study() is None
        assert [ledger.save_study({"n": 1}), ledger.save_study({"n": 2})] == [1, 2]
        assert ledger.last_study() == {"n": 2}
    db = apsw.Connection(str(store / "ledger.db"))
    db.execute("UPDATE studies SET record = CAST(x'7bff' AS BLOB) WHERE number=2")
    db.close()
    with (
        Ledger(store, shared=True) as ledger,
        pytest.raises(StoreError, match=r"newest study of .* \(number 2\) is damaged") as caught,
    ):
        ledger.last_study()
    assert "tailor store repair" in caught.value.hint
    assert repair(store).problems == ["Study 2 is damaged; another run makes it again from the saved answers."]
    with Ledger(store, shared=True) as ledger:
        assert ledger.last_study() == {"n": 1}


def test_a_run_keeps_one_study_and_old_ones_make_room(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        for n in range(30):
            number = ledger.save_study({"n": n, "steady": False})
            assert ledger.save_study({"n": n, "steady": True}, number) == number == n + 1
        assert ledger.last_study() == {"n": 29, "steady": True}
        assert studies.numbers(ledger._db) == list(range(30, 20, -1))


def test_a_second_process_is_refused_with_one_sentence_and_let_in_afterwards(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tailor.errors import StoreError
from tailor.ledger import Ledger
try:
    Ledger(Path(sys.argv[1])).close()
except StoreError as error:
    print(error)
else:
    print("let in")
"""
    store = tmp_path / "project" / ".tailor"
    with Ledger(store):
        refused = run_python(code, store)
    allowed = run_python(code, store)
    assert refused.stderr == "" and refused.stdout == (
        f"another Tailor process (number {os.getpid()}) is working in {tmp_path / 'project'}\n"
    )
    assert allowed.stdout == "let in\n"


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from tailor.errors import StoreError
from tailor.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
ledger.save_answers("s", {"before": {"raw": "kept"}})
limit = max(path.stat().st_size for path in Path(sys.argv[1]).glob("ledger.db*")) + 50_000
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
try:
    ledger.save_answers("s", {f"{i}": {"raw": "x" * 1000} for i in range(200)})
except StoreError as error:
    print(type(error).__name__)
print(sorted(ledger.answers("s", ["before", *map(str, range(200))])))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
ledger.save_answers("s", {"after": {"raw": "there is room again"}})
"""
    done = run_python(code, tmp_path)
    assert (done.stderr, done.stdout) == ("", "StoreError\n['before']\n")
    with Ledger(tmp_path) as ledger:
        assert set(ledger.answers("s", ["before", "after", "0"])) == {"before", "after"}


def test_sqlites_own_full_disk_is_told_from_other_failures(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", {"before": RECORD})
        db = ledger._db
        (tmp_path / "ballast").unlink()
        ((pages,),) = db.execute("PRAGMA page_count")
        db.execute(f"PRAGMA max_page_count={pages}").fetchall()
        with pytest.raises(StoreError, match="^the disk is full: ") as caught:
            ledger.save_answers("s", {str(i): RECORD | {"raw": "x" * 1000} for i in range(50)})
        assert "run the same command again" in caught.value.hint
        assert ledger.answers("s", ["before", "0"]) == {"before": RECORD}


def row(text: str, answer: str = "yes") -> Identity:
    return identity(["text"], Example(text, {"text": text}, (answer,)))


def test_openings_are_numbered_per_test_set_and_the_same_finalists_open_it_once(tmp_path: Path) -> None:
    one, two = [row("the first test row")], [row("the second one of them")]
    with Ledger(tmp_path) as ledger:
        assert ledger.open_test(one, ["a", "b"]) == Opening(1)
        assert ledger.open_test(two, ["a", "b"]) == Opening(1)
        assert ledger.open_test(one, ["c"]) == Opening(2)
        assert ledger.open_test(one, ["b", "a"]) == Opening(1)
    with Ledger(tmp_path) as ledger:
        assert ledger.open_test(one, ["c"]) == Opening(2)
        assert ledger.open_test(one, ["a"]) == Opening(3)
        assert ledger.open_test(two, ["c"]) == Opening(2)
        assert ledger.open_test([*one, row("a third")], ["a", "b"]) == Opening(4)


def test_a_store_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", {"a": RECORD})
    db = apsw.Connection(str(tmp_path / "ledger.db"))
    db.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match=r"written by a newer Tailor \(store version 99\)") as caught:
        Ledger(tmp_path)
    assert caught.value.hint == "update Tailor"
    db.execute(f"PRAGMA user_version={VERSION}")
    db.close()
    # The refusal is still available, and yet the store is not locked by it.
    with Ledger(tmp_path) as ledger:
        assert ledger.answers("s", ["a"]) == {"a": RECORD}


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"notes of mine, no database " * 100)
    with pytest.raises(StoreError, match="ledger.db is damaged") as caught:
        Ledger(tmp_path)
    assert "tailor store repair" in caught.value.hint
    assert (tmp_path / "ledger.db").read_bytes().startswith(b"notes of mine")


def test_a_damaged_file_is_refused_and_everything_whole_in_it_is_saved_by_a_repair(tmp_path: Path) -> None:
    given = {str(i): RECORD | {"raw": f"answer {i} " * (i % 9), "tokens_in": i} for i in range(500)}
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", given)
    path = tmp_path / "ledger.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // 8192 * 4096
    data[middle : middle + 3 * 4096] = bytes(3 * 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="ledger.db is damaged"):
        Ledger(tmp_path)
    condition = repair(tmp_path)
    assert condition.aside is not None and (condition.aside / "ledger.db").read_bytes() == bytes(data)
    with Ledger(tmp_path) as ledger:
        found = ledger.answers("s", list(given))
        assert ledger.messages == []
    assert all(found[key] == given[key] for key in found)
    assert 350 < len(found) == condition.answers < 500
    assert f"{500 - len(found)} saved answers are gone" in condition.problems[0]


def test_every_row_of_a_whole_file_is_read_without_sqlite(tmp_path: Path) -> None:
    """Also those that are between the leaves of the tree, of which there are many where records are long."""
    given = {str(i): RECORD | {"raw": f"answer {i} " * (i % 90), "tokens_in": i} for i in range(500)}
    with Ledger(tmp_path) as ledger:
        ledger.save_answers("s", given)
    found = {values[1] for number, values in rows((tmp_path / "ledger.db").read_bytes()) if number is None and len(values) == 5}
    assert found == {key.encode() for key in given}


def test_a_store_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file", encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be written to"):
        Ledger(tmp_path / "store")


def test_a_check_next_to_a_run_sees_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the rows and their count, another process writes."""
    store = tmp_path / "p" / ".tailor"
    with Ledger(store) as ledger:
        spending, total = ledger.spending(), calls._total
        ledger.save_answers("system", {"a": {"raw": "x", "error": ""}})
        spending.reserve("m", 0.1)
        written: list[str] = []

        def read_fact(db: apsw.Connection, name: str) -> Any:
            if len(written) < 1:
                written.append(name)
                ledger.save_answers("system", {"b": {"raw": "y", "error": ""}})
            return facts.read_fact(db, name)

        def read_total(row: tuple[object, ...]) -> tuple[int, float] | None:
            if len(written) < 2:
                written.append("total")
                spending.reserve("m", 0.1)
            return total(row)

        monkeypatch.setattr("tailor.store.answers.read_fact", read_fact)
        monkeypatch.setattr(calls, "_total", read_total)
        found = check(store)
        assert (found.answers, found.calls, found.problems, len(written)) == (1, 1, [], 2)
        assert (check(store).answers, check(store).calls) == (2, 2)

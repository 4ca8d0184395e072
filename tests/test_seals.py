"""The ledger remembers what was seen: ordinary edits of data and settings make no seen test row new."""

from __future__ import annotations

import csv
import gzip
import multiprocessing
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import apsw
import pytest
from data_helpers import write_yaml
from flow import ROOMS, Watcher, as_another_user, climb, write_rooms
from hypothesis import given
from hypothesis import strategies as st

from tailor.data.example import Example
from tailor.data.identity import Identity, Known, identity, spelled
from tailor.data.readers import to_examples
from tailor.data.split import read_tables
from tailor.experiment import run
from tailor.ledger import Ledger
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.report.first import first_screen
from tailor.report.summary import summary_text
from tailor.results import Study
from tailor.saved import load_study
from tailor.seals import identities
from tailor.store.database import VERSION, version_of
from tailor.store.openings import Opening

OLD = Path(__file__).parent / "stores" / "version1"
ASKED = ROOMS | {"documents": ""}
Rows = list[dict[str, str]]


def read_rows(folder: Path) -> Rows:
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(folder: Path, rows: Rows) -> None:
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def again(folder: Path, model: FakeModel | None = None) -> tuple[Study, list[str]]:
    watcher = Watcher()
    return run(load_project(folder), watcher, model=model), watcher.sentences


def opening(study: Study) -> int:
    assert study.decision is not None
    return study.decision.opening


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """A project with a second column whose test set was opened once."""
    folder = write_rooms(tmp_path_factory.mktemp("opened"), documents="")
    write_rows(folder, [row | {"plan": ("fibre", "cable")[n % 2]} for n, row in enumerate(read_rows(folder))])
    return folder, climb(folder)


def add_column(folder: Path) -> None:
    write_yaml(folder, ASKED | {"input": "{{plan}}: {{question}}"})


def add_ids(folder: Path) -> None:
    write_rows(folder, [{"number": f"row {n}", **row} for n, row in enumerate(read_rows(folder))])
    write_yaml(folder, ASKED | {"data": {"file": "data.csv", "id": "number"}})


def rename_column(folder: Path) -> None:
    write_rows(folder, [{"message": row["question"], "plan": row["plan"], "answer": row["answer"]} for row in read_rows(folder)])
    write_yaml(folder, ASKED | {"input": "{{message}}"})


def add_full_stops(folder: Path) -> None:
    write_rows(folder, [row | {"question": f"{row['question']}."} for row in read_rows(folder)])


def add_a_word(folder: Path) -> None:
    write_rows(folder, [row | {"question": f"{row['question']} please"} for row in read_rows(folder)])


EDITS = [(edit, False) for edit in (add_column, rename_column, add_full_stops, add_a_word)]
EDITS += [(edit, True) for edit in (add_column, add_full_stops)]


@pytest.mark.parametrize(("edit", "elsewhere"), EDITS)
def test_an_edit_makes_no_seen_row_new(
    edit: Callable[[Path], None], elsewhere: bool, opened: tuple[Path, Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, first = opened
    folder = tmp_path / "project"
    shutil.copytree(before, folder)
    with Ledger(before / ".tailor", shared=True) as ledger:
        shown = ledger.shown()
    if elsewhere:
        shutil.rmtree(folder / ".tailor")
        share_state(before, shown, monkeypatch, tmp_path)
    edit(folder)
    second, said = again(folder)
    assert opening(second) == 2
    seen = {spelled(example.fields["question"]).removesuffix(" please") for example in first.splits.test}
    column = "message" if edit is rename_column else "question"
    learned = [*second.splits.train, *second.splits.dev]
    assert not [e for e in learned if spelled(e.fields[column]).removesuffix(" please") in seen]
    assert any("another project folder" in sentence for sentence in said) == elsewhere


def share_state(before: Path, shown: list[Identity], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The state of a user who ran the project in its first folder."""
    monkeypatch.setenv("TAILOR_STATE", str(tmp_path / "state"))
    with Ledger(tmp_path / "first" / ".tailor") as ledger:
        assert ledger.open_test(shown, ["a", "b"]) == Opening(1)


def test_mended_answers_of_seen_rows_are_told_and_count(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    first = climb(folder)
    wrong = {example.row for example in first.splits.test[:5]}
    rows = read_rows(folder)
    for n in wrong:
        rows[n - 1]["answer"] = "mended"
    write_rows(folder, rows)
    second, said = again(folder)
    assert opening(second) == 2
    in_test = wrong & {example.row for example in second.splits.test}
    answers = "answer was changed after it" if len(in_test) == 1 else "answers were changed after they"
    assert in_test and any(sentence.startswith(f"{len(in_test)} test {answers} had been seen") for sentence in said)
    third, _ = again(folder)
    told = f"{len(in_test)} of {len(third.splits.test)} right {answers.split()[0]} {answers.split()[1]} changed after the test set"
    for study in (second, third):  # another run does not make the change good
        assert study.decision is not None and study.decision.answers_changed == len(in_test)
        assert told in summary_text(study) and told in " ".join(first_screen(study.task, study.decision).sure)
    assert "changed after the test set" not in summary_text(first)


def test_a_column_of_ids_opens_nothing_and_asks_nothing_again(opened: tuple[Path, Study], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(opened[0], folder)
    add_ids(folder)
    model = FakeModel()
    second, _ = again(folder, model)
    assert (model.calls, opening(second)) == (0, 1)


def test_rows_in_another_order_are_not_asked_again_and_open_nothing(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    rows = read_rows(folder)
    write_rows(folder, [*rows, rows[0]])
    climb(folder)
    write_rows(folder, [rows[0], *rows][::-1])
    model = FakeModel()
    second, _ = again(folder, model)
    assert (model.calls, opening(second)) == (0, 1)


def test_rows_with_the_same_fields_keep_answers_of_their_own() -> None:
    one, two = Example("1", {"text": "a"}, ("x",)), Example("2", {"text": "a"}, ("x",), occurrence=1)
    assert one.answer_key != two.answer_key and one.fingerprint == two.fingerprint
    assert one.answer_key == replace(one, id="7", answers=("mended",), row=9).answer_key


def test_a_lost_store_does_not_make_the_test_set_new(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path, documents="")
    climb(folder)
    shutil.rmtree(folder / ".tailor")
    assert opening(climb(folder)) == 2


REMOVED = [
    "DELETE FROM openings WHERE number=2",
    "DELETE FROM openings WHERE number=3",
    """UPDATE openings SET record=replace(record, '"counted": 1', '"counted": 9')""",
    "DELETE FROM shown WHERE sha256=(SELECT MIN(sha256) FROM shown)",
    "DELETE FROM facts WHERE name='openings'",
]


@pytest.mark.parametrize("damage", REMOVED)
def test_an_opening_that_was_removed_or_altered_counts_for_every_test_set(damage: str, tmp_path: Path) -> None:
    rows = [identity(["text"], Example(str(n), {"text": f"the text of row number {n}"}, ("yes",))) for n in range(8)]
    with Ledger(tmp_path) as ledger:
        for n in range(3):
            ledger.open_test(rows[2 * n : 2 * n + 2], ["a"])
    (Path(tmp_path) / "state").mkdir()
    db = apsw.Connection(str(tmp_path / "ledger.db"))
    db.execute(damage)
    assert db.changes()
    db.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILOR_STATE", str(tmp_path / "state"))  # that other projects know of it does not help here
        with Ledger(tmp_path) as ledger:
            assert ledger.open_test(rows[6:], ["a"]).number >= 2


def test_where_nothing_can_be_shared_openings_count_in_each_project_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("TAILOR_STATE", str(tmp_path / "state"))
    study, said = again(write_rooms(tmp_path / "project", documents=""))
    assert opening(study) == 1
    assert said[-1].startswith("Openings of test sets are not shared with your other projects, because") or any(
        sentence.startswith("Openings of test sets are not shared") for sentence in said
    )


def test_what_is_shared_holds_no_text(opened: tuple[Path, Study], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, study = opened
    monkeypatch.setenv("TAILOR_STATE", str(tmp_path / "state"))
    with Ledger(tmp_path / "store") as ledger:
        ledger.open_test(identities(study.task, study.splits.test), ["a"])
    (file,) = (tmp_path / "state").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    words = {word for example in study.splits.test for word in example.fields["question"].split() if len(word) > 4}
    words = {word for word in words if re.search("[g-z]", word)}  # digits may be in a hash by chance
    assert words and not [word for word in words if word.encode() in file.read_bytes()]


# --- what makes a row the row that it is


@given(st.text(), st.sampled_from([".", "!", " ", "\n", "?!"]))
def test_case_space_and_punctuation_around_words_are_no_difference(text: str, mark: str) -> None:
    text = f"A word {text}"
    assert spelled(f" {text}{mark} ") == spelled(text) == spelled(spelled(text))


def test_signs_that_mean_something_are_a_difference() -> None:
    assert len({spelled(text) for text in ("3+4", "3-4", "$5", "5 %", "5", "a/b")}) == 6


def test_short_values_that_many_rows_share_make_no_row_known() -> None:
    seen = Known([identity(["plan"], Example("1", {"plan": "fibre"}, ("x",)))])
    row = identity(["text"], Example("2", {"text": "where is my bill", "plan": "fibre"}, ("x",)))
    assert seen.find(row) is None
    assert seen.find(identity(["plan"], Example("3", {"plan": "Fibre."}, ("y",)))) == 0


# --- stores of the first version


@pytest.fixture
def old_project(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    shutil.copytree(OLD, folder, ignore=shutil.ignore_patterns("*.gz"))
    (folder / ".tailor").mkdir(mode=0o700)
    (folder / ".tailor" / "ledger.db").write_bytes(gzip.decompress((OLD / "ledger.db.gz").read_bytes()))
    return folder


def check_migrated(folder: Path) -> None:
    """Every answer is found for the row that it was given for, the opening still counts, and the study is there."""
    project = load_project(folder)
    study = load_study(folder)
    examples = to_examples(project.task, read_tables(project)["file"])
    by_id = {example.id: example for example in examples}
    assert opening(study) == 1
    with Ledger(project.store) as ledger:
        assert ledger.messages == []
        for tested in (*study.tests, *(step.run for step in study.steps if step.run is not None)):
            for answer in tested.answers:
                example = by_id[answer.example]
                found = ledger.answers(tested.system.fingerprint, {example.answer_key: example.old_answer_key})
                assert found[example.answer_key]["raw"] == answer.raw
        rows = identities(project.task, [by_id[example.id] for example in study.splits.test])
        assert len(ledger.shown()) == len(rows) == 18
        assert ledger.open_test(rows, ["another system"]).number == 2


def test_a_store_of_version_1_opens_with_everything_in_it(old_project: Path) -> None:
    check_migrated(old_project)
    assert (old_project / ".tailor" / "backups" / f"before-version-{VERSION}.db").exists()


def migrate_and_die(store: Path, at: int) -> None:
    """Open an old store and end silently when so many statements have been executed."""
    import os
    import signal

    real = apsw.Connection.execute
    count = 0

    def execute(self: apsw.Connection, *args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *args, **kwargs)  # type: ignore[arg-type]

    counting = type("Counting", (apsw.Connection,), {"execute": execute})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apsw, "Connection", counting)
        Ledger(store).close()


@pytest.mark.slow
def test_a_migration_killed_anywhere_is_done_again_and_a_copy_was_kept_first(old_project: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    kept = gzip.decompress((OLD / "ledger.db.gz").read_bytes())
    for at in (2, 6, 8, 9, 12, 20, 60, 150, 400):
        folder = tmp_path / str(at)
        shutil.copytree(old_project, folder)
        process = context.Process(target=migrate_and_die, args=(folder / ".tailor", at))
        process.start()
        process.join(30)
        db = apsw.Connection(str(folder / ".tailor" / "ledger.db"))
        version = version_of(db)
        db.close()
        assert version in (1, VERSION)
        copy = folder / ".tailor" / "backups" / f"before-version-{VERSION}.db"
        assert version == 1 or copy.exists()
        if copy.exists():
            assert answers_in(copy) == answers_in_bytes(kept, tmp_path)
        with as_another_user(folder / "state"):
            check_migrated(folder)


def answers_in(path: Path) -> list[object]:
    db = apsw.Connection(str(path))
    found = list(db.execute("SELECT system, example, record FROM answers ORDER BY system, example"))
    db.close()
    return list(found)


def answers_in_bytes(data: bytes, tmp_path: Path) -> list[object]:
    path = tmp_path / "original.db"
    path.write_bytes(data)
    return answers_in(path)

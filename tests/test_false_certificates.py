"""Ordinary acts that once made a certificate false: each is tried here as a user would, where the truth is known."""

from __future__ import annotations

import csv
import random
import shutil
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import WORDS, sentence, write_csv, write_yaml
from decide_helpers import make_candidate, make_task, right
from flow import DESK, Watcher, as_another_user, climb, write_desk

from tailor.data.doubt import Data, Doubt
from tailor.data.example import Example, Splits
from tailor.data.identity import Identity, identity
from tailor.data.split import load_splits
from tailor.decide.decision import decide, measured
from tailor.documents.reading import Document
from tailor.errors import DataError
from tailor.evaluate.ratings import Ratings
from tailor.experiment import run, sealed
from tailor.ledger import Ledger
from tailor.project import load_project
from tailor.results import Study
from tailor.seals import around_test, grouping, unseen
from tailor.store.openings import Opening
from tailor.store.registry import OpeningsRegistry


def row(text: str, answer: str = "yes") -> Identity:
    return identity(["text"], Example(text, {"text": text}, (answer,)))


def rows(count: int, first: int = 0) -> list[Identity]:
    return [row(sentence(number)) for number in range(first, first + count)]


# --- near-duplicates that a user's own train and test files divide


def edited(text: str, chance: random.Random) -> str:
    words = text.split()
    words[chance.randrange(len(words) - 1)] = chance.choice(WORDS)
    return " ".join(words)


def test_copies_that_given_files_divide_teach_nothing(tmp_path: Path) -> None:
    """Labels by the toss of a coin, five small edits of every text, divided at random: nobody can be right in more than half."""
    chance = random.Random(1)
    texts = []
    for number in range(120):
        text, label = sentence(number), f"l{chance.randrange(2)}"
        texts += [(text, label), *((edited(text, chance), label) for _ in range(4))]
    chance.shuffle(texts)
    write_csv(tmp_path / "train.csv", texts[:400])
    write_csv(tmp_path / "test.csv", texts[400:])
    settings = {"data": {"train": "train.csv", "test": "test.csv"}, "target": 0.6, "allow_classifier": True}
    write_yaml(tmp_path, DESK | settings)
    watcher = Watcher()
    study = run(load_project(tmp_path), watcher)
    assert study.decision is not None and study.decision.verdict != "target met"
    assert any("rows to learn from are left out" in said for said in watcher.sentences)
    tested = {example.unit for example in study.splits.test if example.unit}
    assert tested and not tested & {example.unit for example in (*study.splits.train, *study.splits.dev)}


# --- what the input holds, and what the data leave out


@pytest.mark.parametrize(
    ("code", "how"),
    [(str.upper, "holds the right answer of 120 of 120 rows"), (lambda label: f"id {label[-1]}", "is another name")],
)
def test_a_column_that_holds_the_right_answer_is_refused(code: Callable[[str], str], how: str, tmp_path: Path) -> None:
    lines = [f"{sentence(number)},label{number % 3},{code(f'label{number % 3}')}" for number in range(120)]
    (tmp_path / "data.csv").write_text("\n".join(["text,label,team", *lines]), encoding="utf-8")
    write_yaml(tmp_path, DESK | {"input": "{{team}}: {{text}}"})
    with pytest.raises(DataError, match=how):
        load_splits(load_project(tmp_path))
    lines[7] = f"{sentence(7)},label1,{code('label2')}"
    lines[8] = f"{sentence(8)},label2,{code('label1')}"
    (tmp_path / "data.csv").write_text("\n".join(["text,label,team", *lines]), encoding="utf-8")
    if how.startswith("is"):  # a column that only tends to go with the labels is one to learn from
        assert load_splits(load_project(tmp_path)).test


def test_rows_without_a_label_are_told(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", [(sentence(number), "" if number % 10 == 3 else f"l{number % 3}") for number in range(90)])
    write_yaml(tmp_path, DESK)
    splits, watcher = load_splits(load_project(tmp_path)), Watcher()
    with Ledger(tmp_path / "store") as ledger:
        sealed(load_project(tmp_path).task, splits, ledger, watcher)
    assert watcher.sentences == ["9 rows have no label: left out, so the results say nothing about rows like them."]


# --- what is done to rows after they were seen


OTHERS = Data(rows(200, 1000), labels=True)


def doubt_after(changed: Sequence[Identity], tmp_path: Path, *, before: Sequence[Identity], data: Data = OTHERS) -> Doubt:
    """What is in doubt of a test set that was shown as it was before."""
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        assert ledger.open_test(before, ["a"], replace(data, read=(), deal="seed 0")) == Opening(1)
        opened = ledger.open_test(changed, ["b"], data)
        assert opened.number == 2
        return opened.doubt


def test_answers_mended_after_they_were_seen_count_as_wrong(tmp_path: Path) -> None:
    before = [row(sentence(n), f"l{n % 3}") for n in range(60)]
    after = [replace(one, answers=before[(place + 1) % 3].answers) if place < 9 else one for place, one in enumerate(before)]
    assert doubt_after(after, tmp_path, before=before) == Doubt(frozenset(range(9)))


def test_answers_put_back_as_they_were_are_as_good_as_before(tmp_path: Path) -> None:
    before = [row(sentence(n), f"l{n % 3}") for n in range(60)]
    after = [replace(one, answers=before[(place + 1) % 3].answers) if place < 9 else one for place, one in enumerate(before)]
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        ledger.open_test(before, ["a"], OTHERS)
        assert ledger.open_test(after, ["a"], OTHERS).doubt.rows == 9
        assert ledger.open_test(before, ["b"], OTHERS).doubt.rows == 0
        assert ledger.open_test(after, ["a"], OTHERS).doubt.rows == 9  # the same again is the same


def test_labels_that_were_merged_in_all_rows_are_no_edit(tmp_path: Path) -> None:
    before = [row(sentence(n), f"l{n % 3}") for n in range(60)]
    merged = [row(sentence(n), "l0" if n % 3 == 0 else "l1 or l2") for n in range(60)]
    assert doubt_after(merged, tmp_path, before=before, data=Data(labels=True)) == Doubt()
    assert doubt_after(merged, tmp_path / "answers", before=before, data=Data()).rows == 40  # free texts are not renamed


def test_rows_taken_out_after_they_were_seen_count_as_wrong(tmp_path: Path) -> None:
    assert doubt_after([*rows(48), *rows(12, 500)], tmp_path, before=rows(60)) == Doubt(gone=12)


def test_rows_reworded_after_they_were_seen_count_as_wrong(tmp_path: Path) -> None:
    before = rows(60)
    after = [*before[:50], *(row(f"{one.text} please") for one in before[50:])]
    assert doubt_after(after, tmp_path, before=before) == Doubt(frozenset(range(50, 60)))


def test_rows_that_the_deal_moved_are_not_gone_but_those_moved_to_another_file_are(tmp_path: Path) -> None:
    moved = rows(12)
    for deal, gone in (("seed 0", 0), ("", 12), ("seed 1", 12)):
        data = Data([*OTHERS.others, *moved], deal)
        after = [*rows(48, 12), *rows(12, 500)]
        assert doubt_after(after, tmp_path / f"with {deal}", before=rows(60), data=data) == Doubt(gone=gone)


def test_data_that_were_replaced_and_texts_that_were_all_changed_chose_nothing(tmp_path: Path) -> None:
    assert doubt_after([*rows(2), *rows(40, 500)], tmp_path / "new", before=rows(60)).rows == 2
    assert doubt_after([row(f"{one.text} please") for one in rows(60)], tmp_path / "please", before=rows(60)) == Doubt()


def test_rows_that_stand_in_the_prompt_or_the_documents_show_nothing(tmp_path: Path) -> None:
    instruction = f"Say yes or no. For example: {rows(1)[0].text.upper()!r} means yes."
    page = "\n\n".join(f"**Q: {one.text}?**\nA: yes" for one in rows(5, 3))
    data = Data(OTHERS.others, read=(instruction, page, "and a short one"))
    assert doubt_after(rows(12), tmp_path, before=rows(12), data=data) == Doubt(read=frozenset([0, *range(3, 8)]))


def test_what_the_model_reads_is_every_text_of_the_prompt_and_the_documents() -> None:
    parts = {"instruction": "one", "context": "two", "persona": "three", "constraints": ("four",)}
    data = around_test(make_task(**parts), Splits((), (), ()), [Document("page.md", "Page", "five")])
    assert sorted(data.read) == sorted(["one", "two", "three", "four", "five"])


def test_a_copy_of_the_folder_does_not_make_edits_good(tmp_path: Path) -> None:
    before = [row(sentence(n), f"l{n % 3}") for n in range(60)]
    after = [replace(one, answers=before[(place + 1) % 3].answers) if place < 9 else one for place, one in enumerate(before[:50])]
    with as_another_user(tmp_path / "state"):
        with Ledger(tmp_path / "one") as ledger:
            ledger.open_test(before, ["a"], OTHERS)
        with Ledger(tmp_path / "copy") as ledger:
            opened = ledger.open_test(after, ["a"], OTHERS)
    assert (opened.number, opened.elsewhere, opened.doubt) == (2, 1, Doubt(frozenset(range(9)), 10))


def test_limits_hold_whatever_is_true_of_rows_in_doubt() -> None:
    """Ten wrong answers of 160 were fixed to what the system said, and twenty wrong rows taken out: nothing is won by it."""
    task = make_task(target=0.85)
    told = make_candidate(task, "a", [1.0] * 160)
    honest = make_candidate(task, "a", [0.0] * 10 + [1.0] * 150 + [0.0] * 20)
    doubt = Doubt(frozenset(range(10)), 20)
    plain, doubted, true = measured([told], 1), measured([told], 1, doubt), measured([honest], 1)
    assert plain.certified[0] > 0.95 and doubted.certified == true.certified
    assert doubted.scores[0].low == true.scores[0].low and doubted.scores[0].high == plain.scores[0].high == 1
    two = [told, make_candidate(task, "b", right(150, 160))]
    (narrow,), (wide,) = measured(two, 1).pairs, measured(two, 1, doubt).pairs
    assert wide.low is not None and narrow.low is not None and wide.low <= narrow.low - 30 / 180 + 10 / 160 < narrow.low
    assert decide(task, [told], 1).verdict == "target met"


def mend_errors(folder: Path, study: Study) -> int:
    """What a user does who trusts the system: the right answers become what it said, where it was not right."""
    tested = study.tests[-1]
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    wrong = [(e.row, s.answer) for e, s in zip(tested.examples, tested.scores, strict=True) if s.outcome == "wrong"]
    for number, said in wrong:
        table[number - 1]["label"] = said
    write_csv(folder / "data.csv", [(one["text"], one["label"]) for one in table])
    return len(wrong)


def take_errors_out(folder: Path, study: Study) -> int:
    """And another, who takes them for rubbish."""
    tested = study.tests[-1]
    wrong = {e.fields["text"] for e, s in zip(tested.examples, tested.scores, strict=True) if s.outcome == "wrong"}
    with (folder / "data.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    write_csv(folder / "data.csv", [(one["text"], one["label"]) for one in table if one["text"] not in wrong])
    return len(wrong)


Act = Callable[[Path, Study], int]


@pytest.mark.slow
@pytest.mark.parametrize("act", [mend_errors, take_errors_out])
def test_what_is_changed_where_the_system_was_wrong_certifies_nothing(act: Act, tmp_path: Path) -> None:
    folder = write_desk(tmp_path, target=0.8)
    first = climb(folder)
    count = act(folder, first)
    assert count >= 3
    watcher = Watcher()
    second = run(load_project(folder), watcher)
    assert first.decision is not None and second.decision is not None
    assert second.decision.doubt.rows == count
    assert any(said.startswith(f"{count} rows of the test set were changed or removed") for said in watcher.sentences)
    highest = max(finalist.certified for finalist in second.decision.finalists)
    assert highest <= max(finalist.certified for finalist in first.decision.finalists)


# --- two at the same time, and what other projects know


def test_an_opening_while_another_run_is_under_way_counts(tmp_path: Path) -> None:
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "one") as one, Ledger(tmp_path / "two") as two:
        assert one.shown() == two.shown() == []  # both have begun
        numbers = [one.open_test(rows(60), ["a"]).number, two.open_test(rows(60), ["b"]).number]
    assert numbers == [1, 2]


def test_what_could_not_be_shared_is_shared_later(tmp_path: Path) -> None:
    with Ledger(tmp_path / "one") as ledger, as_another_user(tmp_path / "elsewhere"):
        assert ledger.open_test(rows(60), ["a"]).number == 1
    with as_another_user(tmp_path / "state"):
        with Ledger(tmp_path / "one") as ledger:
            assert ledger.open_test(rows(60), ["a"]).number == 1
        shutil.rmtree(tmp_path / "one")
        with Ledger(tmp_path / "one") as ledger:
            assert ledger.open_test(rows(60), ["b"]).number == 2
        assert len(OpeningsRegistry().read()) == 2


def test_a_lost_log_of_the_ledger_loses_no_opening(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir(mode=0o700)
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        ledger.open_test(rows(60), ["a"])
        shutil.copy(tmp_path / "store" / "ledger.db", tmp_path / "killed")  # without ledger.db-wal
    with as_another_user(tmp_path / "elsewhere"), Ledger(tmp_path / "killed") as ledger:
        assert ledger.open_test(rows(60), ["b"]) == Opening(2)


# --- other groups


def test_the_same_rows_in_other_groups_are_another_look(tmp_path: Path) -> None:
    def example(number: int, group: str) -> Example:
        return Example(str(number), {"text": sentence(number)}, ("yes",), group=group)

    one, other, none = ([example(n, f"c{n // size}" if size else "") for n in range(12)] for size in (2, 4, 0))
    assert grouping(none) == [] and grouping(one) == grouping(one[::-1]) != grouping(other)
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        numbers = [ledger.open_test(rows(12), ["a", *grouping(part)]).number for part in (one, none, other, one)]
    assert numbers == [1, 2, 3, 1]


def test_to_rate_on_until_the_target_is_shown_is_to_look_again(tmp_path: Path) -> None:
    first, more, still = ({case: [("", "yes")] for case in cases} for cases in ("a", "ab", "abc"))
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        numbers = [ledger.open_test(rows(12), ["a"], rated=rated).number for rated in ({}, first, first, more, first, still, {})]
        assert ledger.open_test(rows(12), ["b"]).number == 5
    assert numbers == [1, 1, 1, 2, 1, 3, 1]


def test_ratings_that_a_decision_rested_on_stay_as_they_were(tmp_path: Path) -> None:
    used = {"a": [("ann", "no"), ("bob", "yes")], "b": [("", "yes")]}
    with as_another_user(tmp_path / "state"), Ledger(tmp_path / "store") as ledger:
        assert ledger.rated() == {}
        ledger.open_test(rows(12), ["a"], rated=used)
        ledger.open_test(rows(12), ["a"], rated={"a": [("ann", "yes")], "c": [("", "no")]})
        assert ledger.rated() == used | {"c": [("", "no")]}
        flipped = Ratings({"a": {"ann": "yes", "bob": "yes"}, "d": {"": "no"}})
        assert flipped.as_used(ledger.rated()) == (
            Ratings({"a": {"ann": "no", "bob": "yes"}, "b": {"": "yes"}, "c": {"": "no"}, "d": {"": "no"}}),
            3,
        )


# --- small edits in another project, where only hashes are kept

EDITS: dict[str, Callable[[str], str]] = {
    "another word": lambda text: " ".join([*text.split()[:3], "other", *text.split()[4:]]),
    "a word less": lambda text: " ".join(text.split()[:3] + text.split()[4:]),
    "a phrase in front": lambda text: f"The customer writes: {text}",
    "a phrase behind": lambda text: f"{text}, thanks in advance for your help",
    "characters that nobody sees": "\u200b".join,
    "other accents": lambda text: unicodedata.normalize("NFD", text),
}


@pytest.mark.parametrize("name", EDITS)
def test_small_edits_in_a_copy_of_the_folder_are_known_again(name: str, tmp_path: Path) -> None:
    texts = [f"{sentence(number)[:-6]} café {WORDS[number % 29]}" for number in range(40)]
    edits = [EDITS[name](text) for text in texts]
    assert name == "other accents" or not set(texts) & set(edits)
    with as_another_user(tmp_path / "state"):
        with Ledger(tmp_path / "one") as ledger:
            ledger.open_test([row(text) for text in texts], ["a"])
        with Ledger(tmp_path / "copy") as ledger:
            learned = [Example(text, {"text": text}, ("yes",)) for text in (*edits, *map(sentence, range(500, 540)))]
            (kept,) = unseen(make_task(input="{{text}}"), [learned], (), ledger.shown())
            assert [example.id for example in kept] == list(map(sentence, range(500, 540)))
            assert ledger.open_test([row(text) for text in edits], ["a"]).number == 2


def test_other_data_that_resemble_a_few_rows_open_nothing(tmp_path: Path) -> None:
    few = [row(EDITS["another word"](one.text)) for one in rows(2)]
    with as_another_user(tmp_path / "state"):
        with Ledger(tmp_path / "one") as ledger:
            ledger.open_test(rows(60), ["a"])
        with Ledger(tmp_path / "two") as ledger:
            assert ledger.open_test([*few, *rows(58, 500)], ["a"]).number == 1

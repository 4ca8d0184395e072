from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from data_helpers import make_example, make_examples, make_task, rows, sentence, write_csv
from golden_text import Golden
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.deal import deal
from tailor.data.example import Example, SplitName, Splits
from tailor.data.near import near_groups
from tailor.data.split import load_splits, split_examples
from tailor.data.units import kept_together
from tailor.errors import ConfigError, DataError
from tailor.project import Project
from tailor.stats.intervals import lower_bound


def parts(splits: Splits) -> list[tuple[Example, ...]]:
    return [splits.train, splits.dev, splits.test, splits.reserve]


def sizes(splits: Splits) -> list[int]:
    return [len(part) for part in parts(splits)]


def homes(splits: Splits) -> dict[str, int]:
    return {example.id: place for place, part in enumerate(parts(splits)) for example in part}


@st.composite
def data_sets(draw: st.DrawFn) -> list[Example]:
    n = draw(st.integers(24, 60))
    labels = draw(st.lists(st.sampled_from("abcd"), min_size=n, max_size=n).filter(lambda given: len(set(given)) > 1))
    groups = draw(st.lists(st.sampled_from(["", "", "", *"stuvwxyz"]), min_size=n, max_size=n))
    texts = draw(st.lists(st.integers(0, 40), min_size=n, max_size=n))
    return [make_example(number, labels[number], text=sentence(texts[number]), group=groups[number]) for number in range(n)]


@given(data_sets(), st.integers(0, 3), st.randoms())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_splits_keep_every_example_once_and_groups_together_in_any_order(
    examples: list[Example], seed: int, rng: random.Random
) -> None:
    task = make_task(split={"seed": seed})
    try:
        splits = split_examples(examples, task)
    except DataError as error:
        assert "must stay together" in str(error)
        return
    home = homes(splits)
    assert Counter(example.id for part in parts(splits) for example in part) == Counter(example.id for example in examples)
    for key in {example.group for example in examples} - {""}:
        assert len({home[example.id] for example in examples if example.group == key}) == 1
    near = near_groups([example.fields["text"] for example in examples])
    for number, example in enumerate(examples):
        assert home[example.id] == home[examples[near[number]].id]
    assert split_examples(examples, task) == splits
    shuffled = examples.copy()
    rng.shuffle(shuffled)
    assert split_examples(shuffled, task).fingerprint == splits.fingerprint


@given(st.integers(20, 300), st.integers(2, 6))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_default_sizes_are_sensible_at_any_size(n: int, n_labels: int) -> None:
    train, dev, test, reserve = sizes(split_examples(make_examples(n, "abcdef"[:n_labels]), make_task()))
    assert train >= 0.45 * n
    assert dev >= min(20, 0.14 * n)
    assert test >= min(30, 0.24 * n)
    assert train + dev + test + reserve == n
    assert reserve >= 0.09 * n or n < 200


def test_rows_asked_for_are_given_and_the_rest_is_the_reserve(golden: Golden) -> None:
    splits = split_examples(make_examples(100), make_task(split={"train": 50, "dev": 10, "test": 25}))
    assert sizes(splits) == [50, 10, 25, 15]
    golden(splits.how)


def test_shares_are_shares_and_what_is_left_open_is_filled_in() -> None:
    assert sizes(split_examples(make_examples(200), make_task(split={"train": 0.6, "dev": 0.1, "test": 0.3}))) == [120, 20, 60, 0]
    assert sizes(split_examples(make_examples(1000), make_task(split={"test": 250}))) == [500, 150, 250, 100]


def share_sd(part: Sequence[Example], whole: Sequence[Example], share: float) -> float:
    """Standard deviation of a label's share in a part that was drawn by chance from the whole."""
    return float((share * (1 - share) / len(part) * (1 - len(part) / len(whole))) ** 0.5)


def test_labels_keep_their_shares_in_train_and_dev_and_test_is_a_random_draw() -> None:
    examples = make_examples(400, ["a", "a", "a", "b"])
    for seed in range(5):
        splits = split_examples(examples, make_task(split={"seed": seed}))
        left = [*splits.train, *splits.dev]
        share = sum(example.label == "a" for example in left) / len(left)
        for part in (splits.train, splits.dev):
            assert abs(sum(example.label == "a" for example in part) - share * len(part)) <= 1
        for part in (splits.test, splits.reserve):
            assert abs(sum(example.label == "a" for example in part) / len(part) - 0.75) <= 3.5 * share_sd(part, examples, 0.75)


def test_labels_keep_their_shares_where_rows_come_in_groups() -> None:
    examples = [make_example(number, "aaab"[number % 4], group=f"g{number // 3}") for number in range(600)]
    splits = split_examples(examples, make_task())
    for part in (splits.train, splits.dev):
        counts = Counter(example.label for example in part)
        assert abs(counts["a"] / len(part) - 0.75) < 0.06
    assert [round(size / 600, 2) for size in sizes(splits)] == [0.5, 0.15, 0.25, 0.1]


def test_a_label_with_one_row_comes_into_a_split_as_often_as_any_row() -> None:
    examples = [*make_examples(99), make_example(1000, "pink")]
    wanted: dict[SplitName, int] = {"train": 50, "dev": 15, "test": 25, "reserve": 10}
    found = Counter[SplitName]()
    for seed in range(400):
        dealt = deal(kept_together(examples), {example.id: example.label for example in examples}, wanted, seed)
        found.update(name for name, part in dealt.parts.items() if any(example.label == "pink" for example in part))
    for name, rows_of_it in wanted.items():
        share = rows_of_it / 100
        assert abs(found[name] / 400 - share) <= 3.5 * (share * (1 - share) / 400) ** 0.5


def test_rare_labels_are_as_often_unknown_in_the_test_as_they_will_be_asked_for() -> None:
    """600 rows with 400 labels, frequent ones and rare ones as words are in a text (Zipf): the test has them as the world does."""
    weights = [1 / rank for rank in range(1, 401)]
    total, gaps, bound = sum(weights), [], 0
    for world in range(20):
        labels = random.Random(world).choices(range(400), weights, k=600)
        examples = [make_example(number, f"label {label}") for number, label in enumerate(labels)]
        splits = split_examples(examples, make_task())
        known = {example.label for example in splits.train}
        truth = sum(weight for label, weight in enumerate(weights) if f"label {label}" in known) / total
        right = [float(example.label in known) for example in splits.test]  # a system that is right on every label of train
        gaps.append(sum(right) / len(right) - truth)
        bound += lower_bound(right, 0.025) > truth
        assert f"{right.count(0.0)} of the 150 test rows have a label that train lacks" in splits.how
    assert abs(sum(gaps) / 20) < 3 * 0.031 / 20**0.5  # 0.031: standard error of a share of 0.82 in 150 rows
    assert bound <= 3  # allowed one time in forty: more than three of twenty, one time in a thousand


def test_one_changed_label_moves_hardly_any_row() -> None:
    examples = make_examples(480, [f"label {number}" for number in range(12)])
    before, moved = homes(split_examples(examples, make_task())), []
    for number in range(0, 480, 16):
        changed = [make_example(n, "label 3") if n == number else example for n, example in enumerate(examples)]
        after = homes(split_examples(changed, make_task()))
        assert (before[str(number)] >= 2) == (after[str(number)] >= 2), "a row does not leave test or reserve, nor come there"
        moved.append(sum(before[name] != after[name] for name in before))
    assert max(moved) <= 0.01 * 480
    assert sum(moved) / len(moved) <= 0.003 * 480


@pytest.mark.slow
def test_one_row_more_moves_hardly_any_row() -> None:
    before, moved = homes(split_examples(make_examples(480), make_task())), []
    for number in range(480, 510):
        after = homes(split_examples([*make_examples(480), make_example(number, "red")], make_task()))
        moved.append(sum(before[name] != after[name] for name in before))
    assert sum(moved) / len(moved) <= 0.01 * 480
    assert max(moved) <= 0.02 * 480


def test_a_unit_too_large_for_the_test_is_told(golden: Golden) -> None:
    examples = [make_example(n, "ab"[n % 2], group="one customer" if n < 60 else "") for n in range(400)]
    splits = split_examples(examples, make_task())
    assert sizes(splits) == [200, 60, 100, 40]
    assert {example.group for example in (*splits.dev, *splits.test, *splits.reserve)} == {""}
    golden(splits.how)


def test_questions_are_stratified_by_answerability_and_source() -> None:
    examples = [make_example(n, "x" if n % 5 else "", source=f"page{n % 4}" if n % 5 else "") for n in range(400)]
    splits = split_examples(examples, make_task(kind="answer"))
    left = [*splits.train, *splits.dev]
    share = sum(not example.answers for example in left) / len(left)
    for part in (splits.train, splits.dev):
        assert abs(sum(not example.answers for example in part) - share * len(part)) <= 1
        assert len({example.source for example in part}) == 5


def test_another_seed_gives_another_split() -> None:
    examples = make_examples(100)
    first, second = (split_examples(examples, make_task(split={"seed": seed})) for seed in (0, 1))
    assert homes(first) != homes(second)


def test_a_first_part_of_a_split_is_a_fair_sample() -> None:
    train = split_examples(make_examples(400), make_task()).train
    assert 0.3 < sum(example.label == "red" for example in train[:60]) / 60 < 0.7


def test_a_template_that_most_rows_fill_in_does_not_become_one_group(golden: Golden) -> None:
    story = "Hello dear team, the parcel with the number {} has still not come to my home address in town, please look into it"
    examples = [make_example(number, "ab"[number % 2], text=story.format(number)) for number in range(100)]
    splits = split_examples(examples, make_task())
    assert min(sizes(splits)[:3]) >= 20
    golden(splits.how)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": 90, "test": 20}, "`split` asks for 90 train + 20 test rows, but there are only 100"),
        ({"train": 99, "test": 1}, "`split` leaves no rows for dev: there are 100 in all"),
        ({"train": 12.5}, "`split.train` is 12.5, but whole numbers (rows) or numbers below 1 (shares) are accepted"),
        ({"dev": 0.001}, "`split` leaves no rows for dev"),
    ],
)
def test_sizes_that_cannot_be_had_are_refused(split: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        split_examples(make_examples(100), make_task(split=split))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([], "there are no usable examples"),
        (make_examples(1), "there is 1 example, but at least 20 are needed"),
        (make_examples(19), "there are 19 examples, but at least 20 are needed"),
        (make_examples(30, ["red"]), "every row has the label `red`"),
        ([make_example(n, "ab"[n % 2], group="all") for n in range(30)], "because 30 rows must stay together"),
        ([*make_examples(30), make_example(3, "red")], "ids are not unique: `3` in data.csv row 3, data.csv row 3"),
    ],
)
def test_data_that_cannot_be_split_are_refused(examples: list[Example], message: str) -> None:
    with pytest.raises(DataError) as caught:
        split_examples(examples, make_task())
    assert message in str(caught.value)


def load(folder: Path, split: dict[str, object] | None = None, **files: int) -> Splits:
    for place, (name, n) in enumerate(files.items()):
        write_csv(folder / f"{name}.csv", rows(1000)[300 * place : 300 * place + n])
    task = make_task(data={name: f"{name}.csv" for name in files}, split=split or {})
    return load_splits(Project(folder, task))


def test_given_splits_are_respected(tmp_path: Path) -> None:
    splits = load(tmp_path, train=30, dev=10, test=20)
    assert sizes(splits) == [30, 10, 20, 0]
    assert {example.file for example in splits.test} == {"test.csv"}
    assert {example.id for example in splits.dev} == {f"dev-{number}" for number in range(1, 11)}


def test_dev_is_cut_from_train_only(tmp_path: Path) -> None:
    splits = load(tmp_path, train=200, test=50)
    assert sizes(splits) == [160, 40, 50, 0]
    assert {example.file for example in splits.dev} == {"train.csv"}
    assert sizes(load(tmp_path, {"dev": 25}, train=200, test=50)) == [175, 25, 50, 0]


def test_sizes_have_no_say_in_given_splits(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`split.test` has no effect"):
        load(tmp_path, {"test": 10}, train=200, test=50)
    with pytest.raises(ConfigError, match="`split.dev` asks for 300 rows, but train has only 200"):
        load(tmp_path, {"dev": 300}, train=200, test=50)


# --- rows keep their split


Table = list[dict[str, str]]


def table(n: int = 400) -> Table:
    """Rows whose labels follow their order, with a short column and a long one that all rows share."""
    rows = [{"text": sentence(number), "plan": ("fibre", "cable")[number % 2]} for number in range(n)]
    return [
        row | {"terms": f"The terms hold for all customers. {'More of them. ' * 9}", "label": "abcd"[4 * number // n]}
        for number, row in enumerate(rows)
    ]


def homes_of(folder: Path, data: Table, settings: Mapping[str, object] | None = None) -> dict[str, str]:
    """The split of each row, by its text; what edits put around it is taken off."""
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(data[0]))
        writer.writeheader()
        writer.writerows(data)
    splits = load_splits(Project(folder, make_task(**(settings or {}))))
    named = zip(("train", "dev", "test", "reserve"), parts(splits), strict=True)
    column = "message" if "message" in data[0] else "text"
    return {example.fields[column].rstrip("."): name for name, part in named for example in part}


def renamed(data: Table) -> Table:
    return [{"message" if column == "text" else column: value for column, value in row.items()} for row in data]


def mended(data: Table) -> Table:
    """One label in a hundred is another one."""
    return [row | ({"label": "abcd"["abcd".index(row["label"]) - 1]} if n % 100 == 7 else {}) for n, row in enumerate(data)]


EDITS: list[tuple[Callable[[Table], Table], dict[str, object]]] = [
    (renamed, {"input": "{{message}}"}),
    (lambda data: [dict(reversed(row.items())) for row in data], {}),
    (lambda data: [{"number": f"row {n}", **row} for n, row in enumerate(data)], {"data": {"file": "data.csv", "id": "number"}}),
    (lambda data: sorted(data, key=lambda row: row["text"]), {}),
    (lambda data: [*data[100:], *data[:100]], {}),
    (lambda data: [row | {"text": f"{row['text']}."} for row in data], {}),
    (lambda data: data, {"input": "{{plan}}: {{text}}"}),
    (lambda data: data, {"data": {"file": "data.csv", "report_by": ["terms"]}}),
    (mended, {}),
]


@pytest.mark.parametrize(("edit", "settings"), EDITS)
def test_an_edit_moves_no_row(edit: Callable[[Table], Table], settings: dict[str, object], tmp_path: Path) -> None:
    before, after = homes_of(tmp_path, table()), homes_of(tmp_path, edit(table()), settings)
    assert before.keys() == after.keys()
    moved = {(before[text], after[text]) for text in before if before[text] != after[text]}
    count = sum(before[text] != after[text] for text in before)
    if edit is mended:  # dev is stratified within what neither test nor reserve took
        assert moved <= {("train", "dev"), ("dev", "train")} and count <= 8
    else:
        assert count == 0


def mails(n: int = 400) -> Table:
    """Rows with a subject, a longer body, short columns and an id that is longer than most subjects."""
    rows = [
        {"key": f"5f0e-{number:032d}", "text": sentence(number), "channel": ("mail", "telephone")[number % 2]}
        for number in range(n)
    ]
    return [row | {"body": f"{sentence(5000 + k)} {row['text']} thanks", "label": "abcd"[4 * k // n]} for k, row in enumerate(rows)]


@pytest.mark.parametrize(
    "template",
    ["{{body}}", "{{text}} {{body}}", "{{channel}}: {{text}}", "{{text}} ({{key}}, {{channel}})", "Mail: {{ text }}\n\n{{body}}"],
)
def test_another_template_moves_no_row(template: str, tmp_path: Path) -> None:
    before = homes_of(tmp_path, mails(), {"data": {"file": "data.csv", "report_by": ["text"]}})
    after = homes_of(tmp_path, mails(), {"input": template, "data": {"file": "data.csv", "report_by": ["text"]}})
    assert before == after


def test_a_column_that_holds_no_text_moves_no_row(tmp_path: Path) -> None:
    """Such as a key or a time, which the next export of the same rows writes otherwise; also where it is the longest."""
    before = homes_of(tmp_path, [{name: row[name] for name in ("text", "label")} for row in mails()])
    for name, value in (("key", "5f0e5f0e-{:064d}"), ("exported", "2026-11-28T12:30:00.{:054d}+00:00")):
        further = [{"text": row["text"], "label": row["label"], name: value.format(k)} for k, row in enumerate(mails())]
        assert homes_of(tmp_path, further) == before


def test_rows_without_texts_are_dealt_by_what_the_template_reads(tmp_path: Path) -> None:
    data = [{"text": f"code-{number * 7919:08d}", "other": f"n-{number}", "label": "ab"[number % 2]} for number in range(200)]
    assert homes_of(tmp_path, data) == homes_of(tmp_path, [row | {"other": "x" * 40} for row in data])


def test_rows_that_share_their_longest_text_are_dealt_by_chance(tmp_path: Path) -> None:
    """Dealt by it alone, they would go by their order in the file: here, only rows of the first label would be tested."""
    shared = {"input": "{{terms}} {{text}}"}
    before = homes_of(tmp_path, table(), shared)
    label = {row["text"]: row["label"] for row in table()}
    tested = Counter(label[text] for text, name in before.items() if name == "test")
    assert all(15 <= tested[name] <= 35 for name in "abcd")
    assert homes_of(tmp_path, table()[::-1], shared) == before

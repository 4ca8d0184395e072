"""Nested subsets and folds: every beginning is stratified, and what belongs together stays together."""

from __future__ import annotations

from collections import Counter

import pytest
from data_helpers import make_example, make_task
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.example import Example
from tailor.data.subsets import folds, nested_order
from tailor.data.units import find_units, kept_together

labelled = st.lists(st.sampled_from("aaabbc"), min_size=1, max_size=80)


def single(labels: list[str]) -> list[tuple[Example, ...]]:
    return [(make_example(number, label),) for number, label in enumerate(labels)]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(labelled, st.integers(0, 5))
def test_every_beginning_has_each_label_in_proportion(labels: list[str], seed: int) -> None:
    ordered = nested_order(single(labels), seed)
    assert sorted(example.id for example in ordered) == sorted(str(number) for number in range(len(labels)))
    share = Counter(labels)
    for n in range(1, len(labels) + 1):
        have = Counter(example.label for example in ordered[:n])
        assert all(abs(have[label] - n * share[label] / len(labels)) < 2 for label in share)


def test_another_seed_gives_another_order_and_the_same_seed_the_same() -> None:
    units = single(list("ab" * 20))
    assert nested_order(units, 0) == nested_order(units, 0) != nested_order(units, 1)


def test_a_beginning_cuts_at_most_one_group() -> None:
    units = [tuple(make_example(3 * g + i, "ab"[g % 2], group=str(g)) for i in range(3)) for g in range(12)]
    ordered = nested_order(units, 3)
    assert [[e.group for e in ordered[at : at + 3]] for at in range(0, 36, 3)] == [[unit.group] * 3 for unit in ordered[::3]]


@settings(deadline=None, derandomize=True, max_examples=60)
@given(labelled, st.integers(0, 5))
def test_folds_hold_every_row_once_and_labels_evenly(labels: list[str], seed: int) -> None:
    dealt = folds(single(labels), 5, seed)
    rows = [[example for unit in fold for example in unit] for fold in dealt]
    assert sorted(e.id for fold in rows for e in fold) == sorted(str(number) for number in range(len(labels)))
    for label in set(labels):
        counts = [sum(e.label == label for e in fold) for fold in rows]
        assert max(counts) - min(counts) <= 1


def test_groups_and_near_duplicates_are_kept_together() -> None:
    rows = [
        make_example(1, "a", text="Where is the card that I ordered last week?", group="x"),
        make_example(2, "b", text="Where is the card that I ordered last week"),
        make_example(3, "b", text="How do I change my address?", group="x"),
        make_example(4, "a", text="What does a transfer abroad cost?"),
    ]
    assert sorted(len(unit) for unit in kept_together(find_units(rows, make_task()).examples)) == [1, 3]


@pytest.mark.parametrize("count", [2, 5])
def test_there_are_as_many_folds_as_asked_for(count: int) -> None:
    assert len(folds(single(list("ab" * 9)), count, 0)) == count

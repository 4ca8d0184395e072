"""Labels of several people brought together: published figures, and what must never happen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.labelling.aggregate import Aggregation, aggregate
from tailor.labelling.judgement import Judgement
from tailor.stats.crowd import Ints, Votes, dawid_skene, gold_weighted, mace, majority, one_coin

PATIENTS = (
    "1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343 1111111 2223212 1211111 "
    "1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222 1111111 1111111 2322222 1111111 1111111 1121121 "
    "1111111 3333233 1111111 2222222 2223232 4334343 2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222"
).split()
"""Grades of 45 patients by five anaesthetists, the first of whom saw each three times (Dawid and Skene 1979)."""
METHODS = (majority, one_coin, dawid_skene, mace)


def votes_of(rows: list[tuple[int, int, int]], shape: tuple[int, int, int]) -> Votes:
    items, people, classes = (np.array(column, dtype=np.int64) for column in zip(*sorted(rows), strict=True))
    return Votes(items, people, classes, shape)


def patients() -> Votes:
    rows = [(i, max(0, seen - 2), int(grade) - 1) for i, row in enumerate(PATIENTS) for seen, grade in enumerate(row)]
    return votes_of(rows, (45, 5, 4))


def crowd(seed: int, items: int = 400) -> tuple[Votes, Ints]:
    """Three classes; five of ten people label each item: six right in 0.7 to 0.9 of cases, one who always says the same, three who
    draw lots.
    """
    draw = np.random.default_rng(seed)
    true, skill = draw.integers(3, size=items), (0.9, 0.9, 0.8, 0.8, 0.7, 0.7)
    rows = []
    for item in range(items):
        for person in draw.choice(10, 5, replace=False):
            said = 0 if person == 6 else int(draw.integers(3))
            if person < 6:
                said = int(true[item] if draw.random() < skill[person] else (true[item] + draw.integers(1, 3)) % 3)
            rows.append((item, int(person), said))
    return votes_of(rows, (items, 10, 3)), true


def accuracy(best: list[tuple[int, ...]], true: Ints) -> float:
    return float(np.mean([(t in found) / len(found) for found, t in zip(best, true, strict=True)]))


def test_dawid_and_skene_of_1979() -> None:
    found = dawid_skene(patients(), pull=0)
    assert found.log_likelihoods[-1] == pytest.approx(-192.8909, abs=1e-3)
    assert np.all(np.diff(found.log_likelihoods) > -1e-9), "it never falls"
    assert found.prior == pytest.approx([0.3996, 0.4220, 0.1118, 0.0667], abs=1e-3)
    assert found.chances[0, 0] == pytest.approx([0.8895, 0.1105, 0, 0], abs=1e-3)
    assert np.bincount([best[0] for best in found.best()]).tolist() == [18, 19, 5, 3]
    assert [majority(patients()).best()[n] for n in (1, 35)] == [(2,), (2,)]
    assert [found.best()[n] for n in (1, 2, 35)] == [(3,), (1,), (3,)]
    assert found.classes[37] == pytest.approx([0, 0.021, 0.979, 0], abs=1e-3)


def test_methods_that_know_people_apart_beat_the_majority_where_some_do_not_look() -> None:
    of = {method.__name__: [] for method in METHODS}  # type: dict[str, list[float]]
    for seed in range(5):
        votes, true = crowd(seed)
        for method in METHODS:
            of[method.__name__].append(accuracy(method(votes).best(), true))
    means = {name: float(np.mean(values)) for name, values in of.items()}
    assert means["dawid_skene"] >= means["majority"] + 0.05
    assert means["one_coin"] >= means["majority"] + 0.05 and means["mace"] >= means["majority"] + 0.05


@pytest.mark.parametrize("method", METHODS)
def test_thousands_of_labels_on_one_item_are_no_trouble(method: object) -> None:
    rows = [(0, person % 50, int(person % 5 == 0)) for person in range(3000)] + [(1, 0, 1), (1, 1, 1)]
    found = method(votes_of(rows, (2, 50, 2)))  # type: ignore[operator]
    assert np.isfinite(found.classes).all() and found.classes.sum(axis=1) == pytest.approx([1, 1])
    assert found.best()[0] == (0,)


@pytest.mark.parametrize("method", METHODS)
def test_numbers_of_people_and_of_classes_change_nothing(method: object) -> None:
    votes, _ = crowd(3, 80)
    draw = np.random.default_rng(0)
    people, classes = draw.permutation(10), draw.permutation(3)
    other = Votes(votes.items, people[votes.people], classes[votes.classes], votes.shape)
    first, second = method(votes), method(other)  # type: ignore[operator]
    assert second.classes[:, classes] == pytest.approx(first.classes, abs=1e-6)
    assert second.skill[people] == pytest.approx(first.skill, abs=1e-6)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40, unique=True))
@settings(max_examples=40, deadline=None)
def test_every_table_of_votes_gives_probabilities(rows: list[tuple[int, int, int]]) -> None:
    for method in METHODS:
        found = method(votes_of(rows, (6, 4, 3)))
        assert np.isfinite(found.classes).all() and found.classes.sum(axis=1) == pytest.approx(np.ones(6))
        assert np.isfinite(found.skill).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40, unique=True))
@settings(max_examples=40, deadline=None)
def test_the_majority_is_what_most_people_said(rows: list[tuple[int, int, int]]) -> None:
    votes = votes_of(rows, (6, 4, 3))
    for counts, best in zip(votes.counts, majority(votes).best(), strict=True):
        assert set(best) == set(np.flatnonzero(counts == counts.max()))


def test_people_are_weighted_by_the_rows_whose_class_is_known() -> None:
    votes, true = crowd(1)
    gold = np.where(np.arange(400) < 100, true, -1)
    found = gold_weighted(votes, gold)
    rest = slice(100, None)
    assert accuracy(found.best()[rest], true[rest]) >= accuracy(majority(votes).best()[rest], true[rest]) + 0.05
    with pytest.raises(ValueError, match="no labelled item has a known class"):
        gold_weighted(votes, np.full(400, -1))


# --- labels out of judgements


def said(row: str, annotator: str, label: object, role: str = "label") -> Judgement:
    return Judgement(f"{row}-{annotator}-{role}", row, annotator, values={"label": label}, role=role)  # type: ignore[arg-type]


def test_a_tie_is_shown_and_decided_by_spelling_whatever_came_first() -> None:
    both = [said("r", "Ana", "b"), said("r", "Ben", "a")]
    for judgements in (both, both[::-1]):
        found = aggregate(judgements, "majority").labels["r", ""]
        assert (found.label, found.tied, dict(found.votes)) == ("a", ("a", "b"), {"a": 1, "b": 1})


def test_what_was_adjudicated_counts_as_it_is() -> None:
    judgements = [said("r", "Ana", "b"), said("r", "Ben", "b"), said("r", "Cem", "a", "adjudicated")]
    found = aggregate(judgements).labels["r", ""]
    assert (found.label, found.by, found.probability, dict(found.votes)) == ("a", "adjudicated", 1.0, {"b": 2})


def test_a_set_is_decided_member_by_member_and_an_object_field_by_field() -> None:
    sets = [said("r", "Ana", ["x", "y"]), said("r", "Ben", ["x"]), said("r", "Cem", ["x", "z", "y"])]
    assert aggregate(sets, "majority").labels["r", ""].label == ["x", "y"]
    assert aggregate([said("r", "Ana", []), said("r", "Ben", [])], "majority").labels["r", ""].label == []
    two = aggregate([said("r", "Ana", ["x"]), said("r", "Ben", [])], "majority").labels["r", ""]
    assert (two.label, two.tied) == ([], ("x",))
    odd = [said("r", person, label) for person, label in (("Ana", "true"), ("Ben", "true"), ("Cem", "[1]"))]
    assert aggregate(odd, "majority").labels["r", ""].label == "true", "a text stays a text"
    objects = [said("r", "Ana", {"n": 1, "of": "a"}), said("r", "Ben", {"n": 1, "of": "b"}), said("r", "Cem", {"n": 2, "of": "b"})]
    assert aggregate(objects, "majority").labels["r", ""].label == {"n": 1, "of": "b"}


def test_the_method_is_chosen_by_what_was_measured_and_says_so() -> None:
    votes, true = crowd(0)
    names = "abc"
    judgements = [
        said(f"r{item}", f"p{person}", names[k]) for item, person, k in zip(votes.items, votes.people, votes.classes, strict=True)
    ]
    found = aggregate(judgements)
    assert found.method != "majority" and found.why.startswith("It predicts best the labels that were held out")
    assert found.scores[found.method] == max(found.scores.values()) and found.differs > 0
    assert min(found.skill[f"p{n}"] for n in range(4)) > max(found.skill[f"p{n}"] for n in range(7, 10))
    gold = [said(f"r{item}", "gold", names[true[item]], "gold") for item in range(60)]
    known = aggregate([*judgements, *gold])
    assert known.why.startswith("It agrees best with the 60 rows whose label is known")
    assert all(known.labels[f"r{item}", ""].label == names[true[item]] for item in range(60))


@pytest.mark.parametrize("seed", [0, 2])
def test_a_hair_of_likelihood_buys_no_table_for_each_person(seed: int) -> None:
    """Three people, each right on 80 %, and a class that 5 % of the rows have: tables split the frequent class in two."""
    draw = np.random.default_rng(seed)
    true = draw.choice(2, size=200, p=[0.95, 0.05])
    judgements = []
    for row in range(200):
        for person in draw.choice(3, 3, replace=False):
            label = true[row] if draw.random() < 0.8 else (true[row] + draw.integers(1, 2)) % 2
            judgements.append(said(f"{row}", f"p{person}", f"{label}"))

    def right(found: Aggregation) -> float:
        return float(np.mean([one.label == f"{true[int(row)]}" for (row, _), one in found.labels.items()]))

    found, tables, most = aggregate(judgements), aggregate(judgements, "dawid-skene"), aggregate(judgements, "majority")
    assert tables.labels != found.labels and right(tables) < right(most) - 0.1
    assert found.method == "one-coin" and right(found) >= right(most) + 0.05
    assert (
        "None that takes more to be different is shown to predict held-out labels better (typical probability: one-coin "
        in found.why
    )


def test_a_few_rows_are_no_evidence_for_weighing_people() -> None:
    found = aggregate([said("r0", "Ana", "a"), said("r0", "Ben", "b"), said("r1", "Ana", "b"), said("r1", "Ben", "b")])
    assert found.method == "majority" and found.why.startswith("No method is shown to predict held-out labels better")
    assert found.labels["r0", ""].tied == ("a", "b")


def test_nothing_is_weighed_where_nobody_labelled_twice_or_answers_are_free() -> None:
    alone = aggregate([said(f"r{n}", "Ana", "a") for n in range(5)])
    assert (alone.method, alone.why) == ("majority", "No row has labels of two people, so there is nothing to weigh.")
    free = aggregate([said(f"r{n}", person, f"text {n} {person}") for n in range(80) for person in ("Ana", "Ben")])
    assert free.method == "majority" and len(free.labels) == 80
    assert aggregate([]).labels == {}

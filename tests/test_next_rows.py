"""Which rows to label next: chosen ones teach more, and none of them is ever tested on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tailor.data.example import Example
from tailor.data.split import split_examples
from tailor.diagnose.curve import continued, learned, measure_vectors
from tailor.labelling.next import compared, dealing_places, next_rows
from tailor.models.base import Array
from tailor.models.head import fit_head
from tailor.models.tfidf import word_vectors
from tailor.task import Task

TASK = Task.model_validate(
    {"name": "t", "kind": "classify", "instruction": "Name the class.", "input": "{{text}}", "output": "label"}
)


def blobs(rows: int, classes: int = 6, seed: int = 0, spread: float = 0.9) -> tuple[Array, list[str]]:
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(classes, 16))
    of = draw.choice(
        classes, size=rows, p=np.array([2.0 ** -min(k, 4) for k in range(classes)]) / sum(2.0 ** -min(k, 4) for k in range(classes))
    )
    vectors = centres[of] + spread * draw.normal(size=(rows, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"class {k}" for k in of]


def test_rows_of_the_two_ends_are_taken_in_their_order_and_none_of_them_is_chosen() -> None:
    vectors, labels = blobs(400)
    places = np.random.default_rng(1).random(400).tolist()
    known: list[Any] = [label if n < 30 else None for n, label in enumerate(labels)]
    picks = next_rows(vectors, known, 100, places=places)
    assert len({pick.place for pick in picks}) == 100 and all(known[pick.place] is None for pick in picks)
    random = [places[pick.place] for pick in picks if pick.why == "random"]
    assert len(random) == 46 and all(place < 0.345 or place >= 0.885 for place in random)
    assert all(0.345 <= places[pick.place] < 0.885 for pick in picks if pick.why != "random")
    first = [place for place in random if place < 0.345]
    assert first == sorted(place for n, place in enumerate(places) if place < 0.345 and known[n] is None)[: len(first)]
    assert {pick.why for pick in picks[:6]} == {"random", "uncertain"}, "the two sorts take turns"


def test_test_and_reserve_hold_rows_taken_at_random_and_no_others() -> None:
    vectors, labels = blobs(1500)
    draw = np.random.default_rng(5)
    texts = [" ".join(draw.choice(list("abcdefghijklmnopqrstuvwxyz"), 30)) for _ in range(1500)]
    examples = [Example(f"{n}", {"text": text.replace(" ", "")}, ()) for n, text in enumerate(texts)]
    places = dealing_places(examples, TASK)
    known: list[Any] = [None] * 1500
    why: dict[str, str] = {}
    for count in (60, 40, 80, 160, 80):
        for pick in next_rows(vectors, known, count, places=places):
            known[pick.place] = labels[pick.place]
            why[f"{pick.place}"] = pick.why
        labelled = [Example(e.id, e.fields, (label,)) for e, label in zip(examples, known, strict=True) if label]
        splits = split_examples(labelled, TASK)
        sealed = {why[example.id] for example in (*splits.test, *splits.reserve)}
        assert sealed == {"random"}, count
    assert {why[example.id] for example in splits.train} >= {"uncertain"}


def test_of_sets_each_label_is_asked_for_and_not_the_set() -> None:
    draw = np.random.default_rng(2)
    centres = draw.normal(size=(3, 16))
    has = draw.random((300, 2)) < 0.5
    # Whether the first label applies is plain; of the second, it is not where rows lie on the border.
    border = np.arange(300) % 3 == 0
    strength = np.where(border, 0.5, has[:, 1])
    vectors = has[:, :1] * centres[0] * 3 + strength[:, None] * centres[1] * 3 + centres[2] + 0.05 * draw.normal(size=(300, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    sets = [frozenset(f"tag {k}" for k in (0, 1) if row[k]) for row in has]
    known: list[Any] = [one if n < 60 else None for n, one in enumerate(sets)]
    chosen = [pick.place for pick in next_rows(vectors, known, 40) if pick.why == "uncertain"]
    assert np.mean(border[chosen]) > 0.8, "a third of the rows are like that"
    why: list[Any] = ["random" if n % 2 else "uncertain" for n in range(300)]
    found = compared(vectors, [one if n < 120 else None for n, one in enumerate(sets)], why)
    assert found is not None and found.random > 0.75
    (alike,) = {next_rows(vectors, [frozenset({"tag 0"}) if n < 9 else None for n in range(300)], 3)[-1].why}
    assert alike == "diverse", "one label that all have tells nothing"


@pytest.mark.parametrize("with_places", [True, False])
def test_switched_off_all_rows_are_taken_at_random(with_places: bool) -> None:
    vectors, labels = blobs(300)
    places = np.random.default_rng(1).random(300).tolist() if with_places else None
    picks = next_rows(vectors, [None] * 300, 60, places=places, choose=False)
    assert {pick.why for pick in picks} == {"random"} and len(picks) == 60
    assert len(next_rows(vectors, [*labels[:290], *[None] * 10], 60, places=places, choose=False)) == 10


def test_the_first_rows_differ_from_each_other_and_a_share_is_random_all_the_same() -> None:
    vectors, labels = blobs(300)
    picks = next_rows(vectors, [None] * 300, 20)
    assert sum(pick.why == "random" for pick in picks) == 2 and sum(pick.why == "diverse" for pick in picks) == 18
    diverse = {labels[pick.place] for pick in picks if pick.why == "diverse"}
    assert len(diverse) >= 5
    assert next_rows(vectors, list(labels), 20) == []


def test_rows_that_are_all_the_same_are_taken_without_a_word() -> None:
    vectors = np.tile(np.eye(1, 4, dtype=np.float32), (40, 1))
    assert len(next_rows(vectors, [None] * 40, 10)) == 10  # warnings are errors here
    assert word_vectors(["the same"] * 5).shape[0] == 5


def test_chosen_rows_reach_an_accuracy_with_fewer_labels() -> None:
    vectors, labels = blobs(900, 12, 3, 0.7)
    accuracies = {}
    for choose in (True, False):
        known: list[Any] = [None] * 600 + ["tested"] * 300
        reached = []
        for _ in range(8):
            for pick in next_rows(vectors, known, 20, choose=choose):
                known[pick.place] = labels[pick.place]
            taught = [n for n in range(600) if known[n] is not None]
            head = fit_head(vectors[taught], [labels[n] for n in taught], 10.0)
            best = head.log_probabilities(vectors[600:]).argmax(axis=1)
            reached.append(float(np.mean([head.labels[k] == label for k, label in zip(best, labels[600:], strict=True)])))
        accuracies[choose] = reached
    assert np.mean(accuracies[True]) > np.mean(accuracies[False])


def test_chosen_rows_are_compared_with_as_many_random_ones_on_other_random_ones() -> None:
    vectors, labels = blobs(700, 12, 3, 0.7)
    known: list[Any] = [None] * 700
    why: list[Any] = [None] * 700
    assert compared(vectors, known, why) is None
    places = np.random.default_rng(1).random(700).tolist()
    for _ in range(4):
        for pick in next_rows(vectors, known, 60, places=places):
            known[pick.place], why[pick.place] = labels[pick.place], pick.why
    found = compared(vectors, known, why)
    assert found is not None and found.rows == 56
    assert found.difference.mean == pytest.approx(found.chosen - found.random)
    assert found.sentence.startswith("56 chosen rows teach a classifier") and "points, 99.5 % limits [" in found.sentence


def digits(seed: int) -> tuple[Array, list[str], list[int], list[int]]:
    """Scaled digits of scikit-learn, their labels, and in an order that was drawn rows to choose from and 719 to test on."""
    bunch = load_digits()
    scaled = (bunch.data - bunch.data.mean(axis=0)) / (bunch.data.std(axis=0) + 1e-9)
    vectors: Array = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
    order = np.random.default_rng(seed).permutation(len(vectors)).tolist()
    return vectors, [str(label) for label in bunch.target], order[:1078], order[1078:]


def taught(seed: int, *, choose: bool, steps: int) -> float:
    """Accuracy with 20 rows at random and so many times 40 that were chosen, or not."""
    vectors, labels, pool, test = digits(seed)
    known = [labels[place] if n < 20 else None for n, place in enumerate(pool)]
    for _ in range(steps):
        for pick in next_rows(vectors[pool], known, 40, choose=choose, seed=seed):
            known[pick.place] = labels[pool[pick.place]]
    rows = [n for n, label in enumerate(known) if label is not None]
    head = fit_head(vectors[[pool[n] for n in rows]], [labels[pool[n]] for n in rows], 10.0)
    best = head.log_probabilities(vectors[test]).argmax(axis=1)
    return float(np.mean([head.labels[k] == labels[place] for k, place in zip(best, test, strict=True)]))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_hundred_chosen_digits_teach_more_than_a_hundred_random_ones(seed: int) -> None:
    chosen, random = (taught(seed, choose=choose, steps=2) for choose in (True, False))
    assert chosen >= 0.904 and chosen - random >= 0.03


@pytest.mark.slow
def test_chosen_digits_teach_what_was_published_for_rows_of_small_margin() -> None:
    """Published, the mean of ten draws: 0.904 with 100 rows where random ones reach 0.874, better in all of ten; 0.965 with 300."""
    reached = np.array([[taught(seed, choose=choose, steps=2) for choose in (True, False)] for seed in range(10)])
    gain = reached[:, 0] - reached[:, 1]
    assert reached[:, 0].mean() >= 0.904 and gain.mean() >= 0.03 and (gain > 0).all()
    more = np.array([[taught(seed, choose=choose, steps=7) for choose in (True, False)] for seed in range(3)])
    assert more[:, 0].mean() >= 0.95 and (more[:, 0] - more[:, 1]).mean() >= 0.02


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "true"), [(120, {300: 0.935}), (200, {300: 0.935, 600: 0.955})])
def test_a_learning_curve_of_digits_holds_what_was_published_and_ends_where_nobody_can_tell(
    rows: int, true: dict[int, float]
) -> None:
    """Published: a power law through 120 rows says 0.944 for 300 (true 0.935) and 0.978 for 1,078 (0.968), too much both times."""
    vectors, labels, pool, _ = digits(0)
    examples = [Example(f"{place}", {"text": f"{place}"}, (labels[place],)) for place in pool[:rows]]
    measured = measure_vectors(examples, {f"{place}": vectors[place] for place in pool[:rows]})
    measured = learned(measured) if measured else None
    assert measured is not None
    series = continued("probe", rows, measured, 0.95).series
    assert series[-1].size <= 4 * rows < 1078, "it says nothing of so many more"
    for size, accuracy in true.items():
        nearest = min(series, key=lambda forecast: abs(forecast.size - size))
        assert nearest.low <= accuracy <= nearest.high and nearest.high - nearest.low < 0.12

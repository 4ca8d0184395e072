"""Suspected label errors, on clusters whose wrong labels were planted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cleanlab.benchmarking.noise_generation import generate_noise_matrix_from_trace, generate_noisy_labels
from cleanlab.filter import find_label_issues
from data_helpers import make_example, make_task
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.preprocessing import StandardScaler

from tailor.approaches.approach import TrainingData, starting_system
from tailor.diagnose import diagnosis
from tailor.diagnose.diagnosis import cross_check_labels, review_labels
from tailor.diagnose.labels import _noise, crossed, enough, find_errors, suspected
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.kinds.base import score_run
from tailor.models.base import Array
from tailor.models.fake import FakeModel
from tailor.score.types import Answer

NAMES = ("red", "green", "blue", "grey")
FILTERS = ("prune_by_noise_rate", "prune_by_class", "both", "confident_learning")


@pytest.fixture
def engine(engine_for: Callable[..., Engine], tmp_path: Path) -> Engine:
    return engine_for(FakeModel(), tmp_path)


def clusters(rows: int, spread: float, flipped: float) -> tuple[Array, list[str], NDArray[np.bool_]]:
    """Unit vectors around one direction per label, the labels given, and which of them are wrong."""
    random = np.random.default_rng(0)
    true = np.arange(rows) % len(NAMES)
    vectors = np.eye(16)[true] + spread * random.standard_normal((rows, 16))
    wrong = np.zeros(rows, bool)
    wrong[random.choice(rows, round(flipped * rows), replace=False)] = True
    given = np.where(wrong, (true + random.integers(1, len(NAMES), rows)) % len(NAMES), true)
    unit: Array = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, [NAMES[i] for i in given], wrong


def test_planted_errors_are_found_and_their_share_lies_in_the_interval() -> None:
    vectors, labels, wrong = clusters(400, 0.2, 0.15)
    found = find_errors(vectors, labels)
    hits = wrong[list(found.suspects)].sum()
    assert hits / len(found.suspects) >= 0.95 and hits / wrong.sum() >= 0.9
    assert found.noise.low is not None and found.noise.high is not None
    assert found.noise.low <= 0.15 <= found.noise.high and abs(found.noise.mean - 0.15) < 0.03
    # Nearly all that is missed is wrong, and what is likely instead is the label of the cluster.
    assert found.by_labels == pytest.approx(found.missed, abs=0.02)
    first = found.suspects[0]
    assert found.likely[first] == NAMES[first % 4] and found.likely_probability[first] > 0.5 > found.given_probability[first]


def test_sound_labels_are_not_blamed_for_hard_rows() -> None:
    vectors, labels, _ = clusters(400, 0.3, 0.0)
    found = find_errors(vectors, labels)
    assert found.missed > 0.02 and found.noise.low == 0.0 and found.by_labels < 0.5 * found.missed


@pytest.mark.parametrize("seed", range(8))
def test_a_few_rows_do_not_show_that_labels_are_wrong(seed: int) -> None:
    # Two labels that overlap, a dozen rows each: by chance, many of the rows that a classifier misses look mislabelled.
    random = np.random.default_rng(seed)
    vectors = np.eye(16)[np.arange(24) % 2] + 0.7 * random.standard_normal((24, 16))
    found = find_errors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), ["red", "blue"] * 12)
    assert found.noise.low == 0.0


def test_a_share_of_wrong_labels_counts_only_beyond_a_classifiers_own_errors() -> None:
    assert _noise(3, 4, 0.1, 24).low == 0.0 and _noise(0, 0, 0.0, 24).low == 0.0
    assert _noise(30, 100, 0.1, 400).low == 0.0
    low = _noise(50, 80, 0.12, 400).low
    assert low is not None and low > 0.05


def test_few_groups_tell_nothing_and_stop_nothing() -> None:
    vectors, labels, _ = clusters(90, 0.2, 0.0)
    groups = [f"g{i % 3}" for i in range(90)]
    assert enough(labels) and not enough(labels, groups)
    find_errors(vectors, labels, groups)
    # What one group alone has cannot be doubted by the others.
    given = np.array([0, 1] * 20 + [2] * 20)
    alone = crossed(vectors[:60], given, [f"g{i // 2}" for i in range(40)] + ["all"] * 20)
    assert (alone[40:] == [0, 0, 1]).all()


def test_a_model_that_agrees_with_the_labels_speaks_for_them(engine: Engine) -> None:
    known = material(100)
    found = review_labels(known, engine)
    system = starting_system(known.task, known.train, engine.model)
    by_label = tuple(Answer(example.id, example.label) for example in known.dev)
    agreeing = Run(system, "dev", known.dev, by_label, score_run(known.task, system, known.dev, by_label))
    suspects, labels, notes = cross_check_labels(found, agreeing)
    assert (suspects, labels) == ((), None)
    assert "answers 30 of 30 dev rows as they are labelled, 2 of 2 suspected ones among them." in notes[0]
    likely = {suspect.example: suspect.likely for suspect in found[0]}
    other = tuple(Answer(example.id, likely.get(example.id, example.label)) for example in known.dev)
    assert cross_check_labels(found, Run(system, "dev", known.dev, other, score_run(known.task, system, known.dev, other))) == found


def test_labels_that_nothing_can_be_learned_from_are_not_judged() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((400, 32)).astype(np.float32)
    signs = (vectors[:, 0] > 0) ^ (vectors[:, 1] > 0)  # no line separates these
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for labels in (list(map(str, random.integers(0, 10, 400))), list(map(str, signs))):
        assert not find_errors(unit, labels).can_tell
    assert find_errors(*clusters(400, 0.2, 0.2)[:2]).can_tell


def test_rows_of_one_group_are_not_learned_from_while_one_of_them_is_judged() -> None:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((40, 64)).astype(np.float32)
    vectors = np.repeat(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 2, axis=0)  # each row twice
    given = np.repeat(random.integers(0, 2, 40), 2)
    alone = crossed(vectors, given).argmax(axis=1) == given
    together = crossed(vectors, given, [str(i // 2) for i in range(80)]).argmax(axis=1) == given
    # Labels are chance: only who has seen a row's copy knows its label.
    assert alone.mean() > 0.75 and together.mean() < 0.65


@pytest.mark.parametrize(
    ("labels", "is_enough"),
    [(["a", "b"] * 10, True), (["a", "b"] * 9, False), (["a"] * 30, False), (["a"] * 20 + ["b"] * 2, False), ([], False)],
)
def test_labels_are_judged_only_where_there_are_rows_enough(labels: list[str], is_enough: bool) -> None:
    assert enough(labels) is is_enough


def material(flipped: int) -> TrainingData:
    """Rows that name their label, but for every fifth of the first `flipped`."""
    rows = []
    for i in range(160):
        label = NAMES[i % 4]
        given = NAMES[(i + 1) % 4] if i < flipped and i % 5 == 0 else label
        rows.append(make_example(i, given, text=f"{label} {label} paint number {i % 7}"))
    return TrainingData(make_task(labels=NAMES), tuple(rows[:90] + rows[120:]), tuple(rows[90:120]))


def test_suspects_are_named_with_their_row_and_the_likelier_label(engine: Engine) -> None:
    suspects, labels, notes = review_labels(material(100), engine)
    assert {suspect.row for suspect in suspects} == set(range(0, 100, 5)) and not notes
    assert {suspect.split for suspect in suspects} == {"train", "dev"}
    assert all(suspect.text.startswith(f"{suspect.likely} ") and suspect.given != suspect.likely for suspect in suspects)
    assert labels is not None and labels.are_the_limit and labels.noise.n == 160
    # Two of thirty dev rows are wrong: the ceiling is what their lower limit leaves.
    assert 0.93 < labels.ceiling < 1


def test_a_label_is_not_suspected_where_the_likelier_one_is_accepted_too(engine: Engine) -> None:
    known = material(100)
    both = tuple(replace(row, answers=(*row.answers, row.fields["text"].split()[0])) for row in known.train)
    suspects, _, _ = review_labels(TrainingData(known.task, both, known.dev), engine)
    assert {suspect.split for suspect in suspects} == {"dev"}


def test_sound_labels_leave_the_ceiling_at_all(engine: Engine) -> None:
    suspects, labels, _ = review_labels(material(0), engine)
    assert suspects == () and labels is not None
    assert labels.ceiling == 1.0 and labels.noise.mean == 0 and not labels.are_the_limit


def test_without_cleanlab_or_rows_enough_it_says_what_to_do(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    known = material(0)
    assert review_labels(TrainingData(known.task, known.train[:10], known.dev[:5]), engine)[2] == (diagnosis.FEW_LABELS,)
    monkeypatch.setattr(diagnosis, "can_look", lambda: False)
    suspects, labels, notes = review_labels(known, engine)
    assert (suspects, labels) == ((), None) and "tailor[labels]" in notes[0]


def digits(share: float, seed: int) -> tuple[Array, NDArray[np.int64], NDArray[np.bool_]]:
    """Scaled digits of scikit-learn, their labels of which a share is made another one, and which these are."""
    bunch = load_digits()
    draw, labels = np.random.default_rng(seed), bunch.target.copy()
    planted = draw.choice(len(labels), round(share * len(labels)), replace=False)
    labels[planted] = (labels[planted] + draw.integers(1, 10, len(planted))) % 10
    scaled: Array = StandardScaler().fit_transform(bunch.data).astype(np.float32)
    return scaled, labels, labels != bunch.target


PUBLISHED = {0.05: (0.701, 0.852, 0.996), 0.1: (0.770, 0.856, 0.992), 0.2: (0.850, 0.895, 0.990)}
"""Of cleanlab 2.9 with its default filter, by the share of digits whose labels are made another one, the mean of five draws:
precision, recall, and the area under the curve of its order."""


@pytest.mark.parametrize("seed", range(5))
def test_planted_errors_among_digits_are_found_with_few_reviews(seed: int) -> None:
    vectors, labels, wrong = digits(0.1, seed)
    found = find_errors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), [str(label) for label in labels])
    hits = wrong[list(found.suspects)]
    assert hits.mean() >= 0.72 and hits.sum() / wrong.sum() >= 0.8
    assert roc_auc_score(wrong, -found.given_probability) >= 0.98
    assert np.flatnonzero(np.cumsum(hits) >= 0.8 * wrong.sum())[0] + 1 <= 1.5 * wrong.sum()
    assert len(found.suspects) == pytest.approx(found.noise.mean * len(labels), abs=1), "the list says what the estimate says"
    assert found.noise.low is not None and found.noise.high is not None and found.noise.low <= 0.1 <= found.noise.high


@pytest.mark.slow
@pytest.mark.parametrize("share", PUBLISHED)
def test_digits_give_at_least_the_published_precision_and_recall(share: float) -> None:
    ours: list[tuple[float, float, float]] = []
    plain: list[tuple[float, float, float]] = []
    for seed in range(5):
        vectors, labels, wrong = digits(share, seed)
        found = find_errors(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), [str(label) for label in labels])
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        probabilities = cross_val_predict(LogisticRegression(max_iter=1000), vectors, labels, cv=folds, method="predict_proba")
        own = probabilities[np.arange(len(labels)), labels]
        cases = [(ours, found.suspects, found.given_probability), (plain, suspected(labels, probabilities)[0], own)]
        for reached, suspects, given in cases:
            hits = wrong[list(suspects)]
            reached.append((hits.mean(), hits.sum() / wrong.sum(), roc_auc_score(wrong, -given)))
    # Its classifier and ours both give what was published, to the last digit printed.
    for reached in (ours, plain):
        assert (np.mean(reached, axis=0) >= np.array(PUBLISHED[share]) - 0.0005).all()


def test_overlapping_classes_are_suspected_as_well_as_by_each_filter_of_cleanlab() -> None:
    """The data of cleanlab's overview: four clusters of two dimensions, of which two overlap, and 20 % wrong labels."""
    means, sizes = ((3, 2), (7, 7), (0, 8), (0, 10)), (100, 50, 50, 50)
    spreads = (((5, -1.5), (-1.5, 1)), ((1, 0.5), (0.5, 4)), ((5, 1), (1, 5)), ((3, 1), (1, 1)))
    true = np.repeat(np.arange(4), sizes)
    np.random.seed(0)  # its generator of wrong labels knows no other
    # Of each cluster it draws a second sample, to test on.
    pairs = [[np.random.multivariate_normal(*about) for _ in "ab"] for about in zip(means, spreads, sizes, strict=True)]
    noise = generate_noise_matrix_from_trace(4, trace=3.2, py=np.bincount(true) / 250, valid_noise_matrix=True, seed=0)
    given = generate_noisy_labels(true, noise)
    wrong = given != true
    assert wrong.mean() == pytest.approx(0.2)
    reached: dict[str, list[tuple[float, float, float]]] = {}
    for seed in range(5):
        folds = StratifiedKFold(5, shuffle=True, random_state=seed)
        rows = np.concatenate([first for first, _ in pairs])
        probabilities = cross_val_predict(LogisticRegression(), rows, given, cv=folds, method="predict_proba")
        lists = {name: np.flatnonzero(find_label_issues(given, probabilities, filter_by=name, n_jobs=1)) for name in FILTERS}
        for name, places in {**lists, "ours": suspected(given, probabilities)[0]}.items():
            precision, recall = wrong[places].mean(), wrong[places].sum() / wrong.sum()
            reached.setdefault(name, []).append((precision, recall, 2 * precision * recall / (precision + recall)))
    # What is printed there, precision 0.68 to 0.73 and recall 0.88 to 0.92, is of folds that are not told. These are the same.
    figures = {name: np.mean(values, axis=0) for name, values in reached.items()}
    _, recall, both = figures.pop("ours")
    assert recall > max(values[1] for values in figures.values()) and both >= max(values[2] for values in figures.values()) - 0.005

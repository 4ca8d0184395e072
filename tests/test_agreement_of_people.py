"""Agreement of several people: published figures, degenerate cases in words, and what is told."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.labelling.agreement import agreement_of
from tailor.labelling.judgement import Judgement, Suggestion
from tailor.labelling.marked import agreement_on_marks, sentences_on_marks
from tailor.stats.agreement import Distance, apart, box_iou, boxes_apart, fleiss_kappa, krippendorff, sets_apart, spans_apart
from tailor.stats.kappa import cohen_kappa

FLEISS = "0 0 0 0 14/0 2 6 4 2/0 0 3 5 6/0 3 9 2 0/2 2 8 1 1/7 7 0 0 0/3 2 6 3 0/2 5 3 2 2/6 5 2 1 0/0 2 2 3 7"
FOUR = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")
THREE = (". . . . . 3 4 1 2 1 1 3 3 . 3", "1 . 2 1 3 3 4 3 . . . . . . .", ". . 2 1 3 4 4 . 2 1 1 3 3 . 4")


def units(people: tuple[str, ...]) -> list[list[int]]:
    return [[int(said) for said in column if said != "."] for column in zip(*(line.split() for line in people), strict=True)]


def test_kappas_of_published_examples() -> None:
    counts = np.array([[float(n) for n in row.split()] for row in FLEISS.split("/")])
    assert fleiss_kappa(counts) == pytest.approx(0.209931, abs=1e-6)
    tables = {((20, 5), (10, 15)): 0.4, ((45, 15), (25, 15)): 0.130435, ((25, 35), (5, 35)): 0.259259}
    for table, expected in tables.items():
        assert float(cohen_kappa(np.array(table, dtype=float))) == pytest.approx(expected, abs=1e-6)
    assert fleiss_kappa(np.array([[3.0, 0.0], [3.0, 0.0]])) is None
    with pytest.raises(ValueError, match="use Krippendorff's alpha"):
        fleiss_kappa(np.array([[3.0, 0.0], [1.0, 1.0]]))


@pytest.mark.parametrize(
    ("people", "distance", "expected"),
    [
        (FOUR, "nominal", 0.743421),
        (FOUR, "ordinal", 0.815388),
        (FOUR, "interval", 0.849107),
        (FOUR, "ratio", 0.797403),
        (THREE, "nominal", 0.691358),
        (THREE, "ordinal", 0.806721),
        (THREE, "interval", 0.810845),
        (THREE, "ratio", 0.808944),
    ],
)
def test_alpha_of_published_examples(people: tuple[str, ...], distance: Distance, expected: float) -> None:
    found = krippendorff(units(people), distance).chance_corrected
    assert found is not None and found.mean == pytest.approx(expected, abs=1e-6)
    assert found.low is not None and found.high is not None and found.low < expected < found.high <= 1


def test_where_one_value_was_used_it_is_said_in_words() -> None:
    found = krippendorff([["a", "a"], ["a", "a", "a"]])
    assert (found.observed, found.chance_corrected) == (1.0, None)
    assert found.why_not == 'only one value was used ("a"), so nothing tells agreement from chance'
    assert krippendorff([["a"], []]).why_not == "no row was answered by two people"
    one = krippendorff([["a", "b"]]).chance_corrected
    assert one is not None and one.low is None


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=12))
@settings(max_examples=25, deadline=None)
def test_alpha_is_a_number_or_a_reason(rows: list[list[str]]) -> None:
    found = krippendorff(rows)
    assert (found.chance_corrected is None) == bool(found.why_not)
    if found.chance_corrected is not None:
        interval = found.chance_corrected
        assert math.isfinite(interval.mean) and interval.mean <= 1
        assert interval.low is None or interval.high is None or interval.low <= interval.mean <= interval.high


@pytest.mark.slow
def test_the_limits_of_alpha_hold_with_forty_rows() -> None:
    draw = np.random.default_rng(0)

    def rows(count: int) -> list[list[str]]:
        true = draw.choice(3, size=count, p=(0.7, 0.2, 0.1))
        return [["abc"[t if draw.random() < 0.85 else draw.integers(3)] for _ in range(2)] for t in true]

    true = krippendorff(rows(20_000)).chance_corrected
    assert true is not None
    held = 0
    for _ in range(60):
        found = krippendorff(rows(40)).chance_corrected
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= true.mean <= found.high
    assert held >= 52


def test_with_many_rows_of_two_labels_the_limits_lie_around_the_estimate() -> None:
    """Few distinct rows are many rows all the same: limits that took 3 for 1,000 lay above the truth in every second sample."""
    draw = np.random.default_rng(0)
    true, outside = (2 * 0.85 - 1) ** 2, 0
    for _ in range(40):
        rows = draw.integers(2, size=1000)
        said = np.where(draw.random((2, 1000)) < 0.85, rows, 1 - rows)
        found = krippendorff(said.T.tolist()).chance_corrected
        assert found is not None and found.low is not None and found.high is not None
        assert found.low + found.high == pytest.approx(2 * found.mean, abs=0.02)
        outside += not found.low <= true <= found.high
    assert outside <= 6


@pytest.mark.parametrize("distance", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_of_rows_that_repeat_is_that_of_the_rows_one_by_one(distance: Distance) -> None:
    rows = [[1, 2], [2, 2], [1, 1, 3]] * 40 + [[3, 3]] * 30
    found = krippendorff(rows, distance)
    shuffled = krippendorff([rows[n] for n in np.random.default_rng(0).permutation(len(rows))], distance)
    assert found == shuffled and found.chance_corrected is not None
    # One minus what people differ by within rows, by what any two ratings differ by, from all pairs by hand.
    named = [value for row in rows for value in row]
    counts = {value: named.count(value) for value in (1, 2, 3)}

    def apart_(a: int, b: int) -> float:
        between = [value for value in (1, 2, 3) if min(a, b) <= value <= max(a, b)]
        return {
            "nominal": float(a != b),
            "ordinal": (sum(counts[value] for value in between) - (counts[a] + counts[b]) / 2) ** 2 if a != b else 0.0,
            "interval": float((a - b) ** 2),
            "ratio": ((a - b) / (a + b)) ** 2,
        }[str(distance)]

    within = sum(apart_(a, b) / (len(row) - 1) for row in rows for a in row for b in row) / len(named)
    between = sum(apart_(a, b) for a in named for b in named) / (len(named) * (len(named) - 1))
    assert found.chance_corrected.mean == pytest.approx(1 - within / between, abs=1e-9)


def test_sets_are_nearer_the_more_they_share() -> None:
    a, ab, bc, c = (frozenset(text) for text in ("a", "ab", "bc", "c"))
    masi, jaccard = (sets_apart([frozenset(), a, ab, bc, c], name) for name in ("masi", "jaccard"))
    assert masi.diagonal().tolist() == [0] * 5 and masi[1, 4] == masi[0, 1] == jaccard[1, 4] == 1
    assert masi[1, 2] == pytest.approx(1 - 1 / 2 * 2 / 3) and masi[2, 3] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert jaccard[1, 2] == pytest.approx(1 / 2) and jaccard[2, 3] == pytest.approx(2 / 3)
    rows = [[ab, ab], [a, ab], [bc, bc], [c, bc], [a, a]]
    near, strict = krippendorff(rows, "masi").chance_corrected, krippendorff(rows, "nominal").chance_corrected
    assert near is not None and strict is not None and near.mean > strict.mean


def test_spans_and_boxes_have_the_published_overlaps() -> None:
    first = {(0, 4, "ORG"), (10, 13, "MONEY"), (20, 25, "PER")}
    assert 1 - spans_apart(first, (first - {(20, 25, "PER")}) | {(20, 26, "PER")}) == pytest.approx(2 / 3)
    assert box_iou([64, 96, 160, 60], [72, 100, 160, 60]) == pytest.approx(0.796407, abs=1e-6)
    assert boxes_apart([], []) == 0 and boxes_apart([("", [0, 0, 1, 1])], []) == 1
    assert boxes_apart([("a", [0, 0, 1, 1])], [("b", [0, 0, 1, 1])]) == 1, "another label is another thing"


def test_boxes_agree_wholly_or_as_chance_would_have_it() -> None:
    draw = np.random.default_rng(0)

    def box() -> list[tuple[str, list[float]]]:
        return [("car", [*draw.uniform(0, 60, 2), *draw.uniform(20, 40, 2)])]

    same = [[one, one] for one in (box() for _ in range(30))]
    alike, random = apart(same, boxes_apart), apart([[box(), box()] for _ in range(60)], boxes_apart)
    assert alike.chance_corrected is not None and alike.chance_corrected.mean == pytest.approx(1)
    assert alike.chance_corrected.low is not None and 0.7 < alike.chance_corrected.low < 1
    assert random.chance_corrected is not None and abs(random.chance_corrected.mean) < 0.15
    assert random.chance_corrected.low is not None and random.chance_corrected.high is not None
    assert random.chance_corrected.low < 0 < random.chance_corrected.high
    nothing = apart([[[], []], [[], []]], boxes_apart)
    assert nothing.observed == 1 and nothing.chance_corrected is None and "the same answer to every row" in nothing.why_not


# --- of judgements


def said(row: int, annotator: str, label: object, *, suggested: bool = False) -> Judgement:
    shown = Suggestion({"label": label}, "system") if suggested else None
    at = f"2026-01-01T{row // 60:02}:{row % 60:02}:00+00:00"
    return Judgement(f"{row}{annotator}", f"r{row}", annotator, values={"label": label}, at=at, suggested=shown)


def test_labels_that_are_mixed_up_are_named_with_what_to_do() -> None:
    judgements = [said(row, "Ana", "billing" if row % 2 else "refund") for row in range(60)]
    judgements += [said(row, "Ben", "refund" if row % 2 and row < 40 else "billing" if row % 2 else "refund") for row in range(60)]
    judgements += [said(60 + row, person, "other") for row in range(20) for person in ("Ana", "Ben")]
    found = agreement_of(judgements)
    assert found.confusions[0].sentence == '"billing" and "refund" are mixed up in 20 of 60 rows: show both in the guideline.'
    assert found.confusions[0].sentence in found.sentences
    assert found.sentences[0] == "People agree on 75 % [64, 84] of 80 rows that several answered."
    assert [(name, near.mean, near.n) for name, near in found.by_annotator.items()] == [("Ana", 0.75, 80), ("Ben", 0.75, 80)]
    other, billing = found.by_label["other"].chance_corrected, found.by_label["billing"].chance_corrected
    assert other is not None and billing is not None and other.mean == pytest.approx(1) and billing.mean < 0.5
    first, _, last = (part.chance_corrected or None for part in found.over_time)
    assert first is not None and last is not None and last.mean > first.mean


def test_what_agreement_is_good_for_is_left_open_where_its_limits_say_different_things() -> None:
    few, many = (
        agreement_of([said(row, person, "ab"[row % 2]) for row in range(rows) for person in ("Ana", "Ben")]) for rows in (4, 80)
    )
    assert few.sentences[1].endswith("good enough to rely on, as far as so few rows can tell.")
    assert many.sentences[1].endswith("good enough to rely on.")


def test_rows_that_were_chosen_for_being_hard_do_not_count_as_a_sample() -> None:
    hard = [said(row, person, "ab"[(row + (person == "Ben")) % 2]) for row in range(10) for person in ("Ana", "Ben")]
    easy = [said(row, person, "ab"[row % 2]) for row in range(10, 30) for person in ("Ana", "Ben")]
    doubted = [replace(one, chosen="suspected" if one.annotator == "Ben" else "random") for one in hard]
    found = agreement_of([*doubted, *easy])
    assert found.overall.observed == pytest.approx(2 / 3) and (found.at_random.observed, found.at_random.rows) == (1, 20)


def test_agreement_with_suggestions_stands_next_to_that_without() -> None:
    judgements = [said(row, "Ana", "ab"[row % 2], suggested=row < 30) for row in range(60)]
    judgements += [said(row, "Ben", "ab"[(row + (row >= 30 and row % 3 == 0)) % 2], suggested=row < 30) for row in range(60)]
    found = agreement_of(judgements)
    assert found.blind.chance_corrected and found.suggested.chance_corrected
    assert found.blind.chance_corrected.mean < found.suggested.chance_corrected.mean == pytest.approx(1)
    assert any(sentence.startswith("With suggestions it is 1.00") for sentence in found.sentences)


@pytest.mark.parametrize(
    ("labels", "measure"),
    [
        (["a", "b"], "Krippendorff's alpha, nominal"),
        ([1, 5], "Krippendorff's alpha, ordinal"),
        ([1.5, 2.25], "Krippendorff's alpha, interval"),
        ([["a"], ["a", "b"]], "Krippendorff's alpha with MASI"),
        ([[{"start": 0, "end": 4, "label": "ORG"}], []], "Agreement of spans (F1) beyond chance"),
        ([[{"x": 0, "y": 0, "width": 9, "height": 9}], []], "Agreement of boxes beyond chance"),
        ([{"a": 1}, {"a": 2}], "Krippendorff's alpha, nominal"),
    ],
)
def test_the_measure_fits_what_was_answered(labels: list[object], measure: str) -> None:
    judgements = [said(row, person, label) for row, label in enumerate(labels * 3) for person in ("Ana", "Ben")]
    found = agreement_of(judgements)
    assert found.measure == measure
    assert found.overall.chance_corrected is not None and found.overall.chance_corrected.mean == pytest.approx(1)


def test_without_two_people_on_a_row_nothing_is_claimed() -> None:
    told = agreement_of([said(row, "Ana", "a") for row in range(5)]).sentences
    assert told == agreement_of([]).sentences == ["How far people agree is not known: no row was answered by two people."]
    same = agreement_of([said(row, person, "a") for row in range(5) for person in ("Ana", "Ben")]).sentences
    assert same[1].endswith('is not defined: only one value was used ("a"), so nothing tells agreement from chance.')


def test_sets_of_three_tasks_have_the_published_alphas() -> None:
    dog, cat, both = (frozenset(text.split()) for text in ("dog", "cat", "cat mouse"))
    rows = [[dog, dog], [cat, cat], [cat, both]]
    plain, near = krippendorff(rows, "nominal").chance_corrected, krippendorff(rows, "masi").chance_corrected
    assert plain is not None and plain.mean == pytest.approx(0.5454545, abs=1e-6)
    assert near is not None and near.mean == pytest.approx(0.6673337, abs=1e-3), "published with 0.67 in the place of 2/3"


def marked(name: str, row: int, *boxes: tuple[float, str], state: str = "") -> Judgement:
    regions: list[dict[str, object]] = [
        {"id": f"r{n}", "form": "box", "on": "photo", "labels": [label], "x": x, "y": 0, "width": 10, "height": 10}
        for n, (x, label) in enumerate(boxes)
    ]
    values: dict[str, object] = {"label": "seen"}
    if state:
        regions.append({"id": "p", "form": "span", "on": "text", "labels": ["phrase"], "start": row, "end": row + 3})
        values["links"] = [{"from": "p", "to": ["r0"] if state == "located" else [], "state": state}]
    return Judgement(f"{name}{row}", f"row {row}", name, values={**values, **({"regions": regions} if regions else {})})


def test_regions_agree_by_their_overlap_and_links_by_what_is_said_of_a_phrase() -> None:
    same = [marked(name, row, (20.0 * row, "dent")) for name in ("Ada", "Ben") for row in range(6)]
    found = agreement_on_marks([*same, marked("Ada", 9), marked("Ben", 9)])
    assert list(found) == ["regions"] and found["regions"].chance_corrected is not None
    assert found["regions"].chance_corrected.mean == 1 and found["regions"].rows == 7, "nothing marked by both is agreement"
    apart_ = [marked(name, row, (20.0 * row + shift, "dent")) for name, shift in (("Ada", 0), ("Ben", 5)) for row in range(6)]
    shifted = agreement_on_marks(apart_)["regions"]
    assert shifted.observed == pytest.approx(1 / 3) and shifted.chance_corrected is not None
    others = [marked("Cy", row, (20.0 * row, "scratch")) for row in range(6)]
    none = agreement_on_marks([one for one in same if one.annotator == "Ada"] + others)["regions"]
    assert none.observed == 0
    states = ["located", "absent"] * 3
    linked = [marked(name, row, (0, "cell"), state=state) for name in ("Ada", "Ben") for row, state in enumerate(states)]
    assert agreement_on_marks(linked)["links"].observed == 1
    told = sentences_on_marks(linked)
    assert len(told) == 2 and told[1].startswith("On 6 rows that several marked, agreement on links is 1.00")
    assert sentences_on_marks([marked("Ada", 0, (0, "dent"))]) == [
        "How far people agree on regions is not known: no row was answered by two people."
    ]
    assert sentences_on_marks([Judgement("k", "r", "Ada", values={"label": "a"})]) == []

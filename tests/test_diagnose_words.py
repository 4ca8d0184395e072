"""What the ladder and a reader are told by a diagnosis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from golden_text import Golden

from tailor.decide.prune import in_order
from tailor.decide.rungs import Rung
from tailor.diagnose.forecast import Pulls, forecast_for, promises_more
from tailor.diagnose.types import Diagnosis, Labels, Lever, LeverName
from tailor.diagnose.words import cannot_win, headline, labels_sentence, lever_sentence, sentences
from tailor.stats.intervals import Interval


def lever(name: LeverName, values: tuple[float, ...], half: float = 0.1, alone: int = 3, only: int = 1) -> Lever:
    mean = sum(values) / len(values)
    return Lever(
        name, Interval(mean, max(0.0, mean - half), min(1.0, mean + half), len(values), 0.8), values, alone, only, "So it is."
    )


def labels(mean: float, low: float, high: float, missed: float, by_labels: float, each: float = 60) -> Labels:
    return Labels(Interval(mean, low, high, 400, 0.8), missed, by_labels, 1 - low, each)


TUNED = lever("behaviour", (1, 1, 1, 0, 0, 0, 0, 0, 0, 0))
READ = lever("knowledge", (0, 0, 1, 1, 1, 1, 1, 0, 0, 0), alone=4, only=4)
SHOWN = lever("examples", (1, 1, 0, 0, 0, 0, 0, 0, 0, 0), alone=2, only=0)
FOUND = Diagnosis(0.1, 10, 9, (READ, TUNED, SHOWN), (), None, 0.8, ("A note.",), 1.0)
NOISY = labels(0.11, 0.07, 0.14, 0.18, 0.11)


def test_a_rung_of_one_lever_has_its_forecast() -> None:
    assert forecast_for(FOUND, ("behaviour",)) == TUNED.forecast
    assert forecast_for(FOUND, ("knowledge",)) == READ.forecast
    assert forecast_for(FOUND, ("form", "examples")) == SHOWN.forecast, "nothing was forecast of the form"


def test_rungs_that_pull_no_lever_have_none() -> None:
    assert forecast_for(FOUND, ()) is None and forecast_for(FOUND, ("form",)) is None


def test_several_levers_reach_between_the_best_of_them_and_all_they_mend() -> None:
    both = forecast_for(FOUND, ("examples", "behaviour"))
    assert both == TUNED.forecast  # the examples fix nothing that tuning does not
    reading = forecast_for(FOUND, ("knowledge", "form", "examples"))
    # Seven rows are fixed by one of the two; the best alone fixes five.
    assert reading is not None and reading.mean == pytest.approx(0.6) and reading.low == pytest.approx(0.4)
    assert reading.high == pytest.approx(0.8)


def test_tuning_on_passages_may_mend_every_row_whose_passage_is_found() -> None:
    found = forecast_for(FOUND, ("knowledge", "behaviour"))
    assert found is not None and found.mean == pytest.approx((0.5 + 0.8) / 2) and found.high == pytest.approx(0.9)
    assert forecast_for(replace(FOUND, retrieval_recall=None), ("knowledge", "behaviour")) != found


def test_a_rung_goes_first_only_where_its_forecast_lies_clearly_above() -> None:
    sure = replace(FOUND, levers=(lever("behaviour", (1.0,) * 10), READ))
    tunes: Pulls = ("behaviour",)
    reads: Pulls = ("knowledge",)
    assert promises_more(sure, tunes, reads) and not promises_more(FOUND, reads, tunes)
    pulled: list[Pulls] = [(), ("form", "examples"), reads, ("knowledge", "behaviour"), tunes]
    base, prompt, retrieve, both, tune = rungs = [Rung(" and ".join(pulls), lambda start, runs: [], pulls) for pulls in pulled]
    assert in_order(FOUND, rungs) == rungs
    assert in_order(sure, rungs) == [base, prompt, tune, retrieve, both]
    assert in_order(sure, [base, tune]) == [base, tune]


def test_a_rung_whose_forecast_does_not_reach_the_leader_cannot_pay(golden: Golden) -> None:
    said = cannot_win(TUNED.forecast, "tune", "rag-hybrid", 0.5)
    assert said is not None
    golden(said)
    assert cannot_win(TUNED.forecast, "tune", "rag-hybrid", 0.39) is None


def test_the_headline_says_what_is_lacking_and_what_would_win_most(golden: Golden) -> None:
    most = replace(FOUND, levers=(replace(READ, alone=5), TUNED))
    golden(headline(most))


def test_the_headline_is_no_surer_than_the_forecast(golden: Golden) -> None:
    golden(headline(FOUND))
    unsure = replace(FOUND, levers=(lever("examples", (1, 1, 0, 0, 0, 0, 0, 0, 0, 0), half=0.15, alone=1),))
    golden(headline(unsure))


def test_with_few_rows_per_label_wrong_ones_are_not_told_from_hard_ones(golden: Golden) -> None:
    found = replace(FOUND, labels=labels(0.18, 0.08, 0.25, 0.31, 0.2, each=25))
    assert found.labels is not None and not found.labels.are_the_limit
    golden(labels_sentence(found))


def test_where_no_lever_wins_it_says_so(golden: Golden) -> None:
    flat = replace(FOUND, levers=(lever("behaviour", (1, 0, 0, 0, 0, 0, 0, 0, 0, 0), alone=0, only=0),))
    golden(headline(flat))
    golden(lever_sentence(flat, flat.levers[0]))
    assert headline(replace(FOUND, levers=())).endswith("nothing could be forecast.")
    golden(sentences(replace(FOUND, failures=0))[0])


@pytest.mark.parametrize(
    ("one", "mends"),
    [
        (READ, "it would fix about 4 of the 9 failed rows and is the only fix for all of them."),
        (TUNED, "it would fix about 3 of the 9 failed rows and is the only fix for 1 of them."),
        (SHOWN, "it would fix about 2 of the 9 failed rows and is the only fix for none of them."),
    ],
)
def test_a_lever_is_said_with_what_it_mends_alone(one: Lever, mends: str) -> None:
    assert mends in lever_sentence(FOUND, one) and lever_sentence(FOUND, one).endswith("So it is.")


def test_labels_are_said_to_be_the_limit_first_of_all(golden: Golden) -> None:
    said = sentences(replace(FOUND, labels=NOISY))
    golden(said[0])
    assert said[1] == headline(FOUND) and said[-1] == "A note."


@pytest.mark.parametrize(
    "found",
    [
        labels(0.11, 0.07, 0.14, 0.40, 0.15),  # most misses have other causes
        labels(0.02, 0.0, 0.03, 0.03, 0.02),  # no label is wrong for sure
    ],
)
def test_labels_are_not_the_limit_where_most_misses_have_other_causes_or_none_is_wrong_for_sure(found: Labels) -> None:
    assert not found.are_the_limit
    said = sentences(replace(FOUND, labels=found))
    assert said[0] == headline(FOUND) and not any("are the limit" in sentence for sentence in said)
    assert labels_sentence(replace(FOUND, labels=found)) in said


def test_labels_are_called_sound_only_where_few_may_be_wrong(golden: Golden) -> None:
    said = [labels_sentence(replace(FOUND, labels=labels(mean, 0.0, high, 0.2, 0.1))) for mean, high in ((0.01, 0.04), (0.2, 0.3))]
    golden(said[0])
    golden(said[1])


def test_labels_that_were_not_looked_at_are_not_spoken_of() -> None:
    assert labels_sentence(FOUND) == "" and "" not in sentences(FOUND)

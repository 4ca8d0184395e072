"""Two finalists side by side: judges that are broken on purpose decide nothing, and a fair one is believed once people agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from data_helpers import write_csv
from flow import Watcher
from judge_helpers import JUDGE, between, chance, judged_candidate, judged_task, people, sheet, verdicts_of, write_codes

from benchmarks.judges import JUDGES, coverage
from tailor.data.split import load_splits
from tailor.decide.estimate import expected_spending
from tailor.decide.judged import decide_judged
from tailor.decide.tiebreak import not_told_apart, sampled_pairs, sentences, tie_break
from tailor.decide.types import Decision, TieBreak
from tailor.engine import Engine
from tailor.errors import DataError
from tailor.evaluate.pairwise import Compared, compare, pairs_file, read_comparisons, write_pairs
from tailor.evaluate.run import Run
from tailor.experiment import compared
from tailor.ledger import Ledger
from tailor.models.base import Capabilities, Request
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.project import load_project
from tailor.task import Task

ROWS = 160
GOOD, LONG = "good", "so very much longer than it has to be"
Judge = Callable[[str, str], str]


def fair(first: str, second: str) -> str:
    """Prefers the good one."""
    good = [GOOD in text for text in (first, second)]
    return "neither" if good[0] == good[1] else "first" if good[0] else "second"


def first_is_best(first: str, second: str) -> str:
    return "first"


def long_is_best(first: str, second: str) -> str:
    return "first" if len(first) > len(second) else "second"


def at_random(first: str, second: str) -> str:
    return "first" if chance(first + second) < 50 else "second"


def two_runs(task: Task, better: float, worse: float) -> tuple[Run, Run]:
    """The one is good so often and brief, the other so often and long; which rows are good has nothing to do with each other."""
    random = np.random.default_rng(5)
    runs = []
    for name, rate in (("brief", better), (f"other {LONG}", worse)):
        good = [bool(fine) for fine in random.random(ROWS) < rate]
        runs.append(judged_candidate(task, name, good, verdicts_of(random, good, 0.95, 0.9)).run)
    return runs[0], runs[1]


def compared_by(judge: Judge, store: Path, task: Task, one: Run, other: Run) -> Compared:
    """What a scripted judge says."""

    def says(request: Request) -> str:
        text = request.messages[-1].text
        return judge(between(text, "first"), between(text, "second"))

    judging = FakeModel(says, name="fake:judge")
    judging.capabilities = Capabilities()
    with Ledger(store) as ledger:
        engine = Engine(FakeModel(), lambda name: FakeEmbedder(), ledger, store, [])
        engine.judge = judging
        return compare(task, engine, one, other)


def by_people(task: Task, seen: Compared, one: Run) -> dict[str, int | None]:
    """What fair people say of the sample, without knowing whose answers they see."""
    found: dict[str, int | None] = {}
    for pair in sampled_pairs(task, seen, one).values():
        a, b = (pair.texts[which] for which in pair.blind)
        found[pair.id] = {"first": 0, "second": 1, "neither": None}[fair(a, b)]
    return found


def side_by_side(judge: Judge, store: Path, better: float = 0.85, worse: float = 0.35, *, asked: bool = True) -> TieBreak:
    """What comes of a comparison; people are asked unless told otherwise."""
    task = judged_task(judge=JUDGE | {"compare": True, "sample": 60})
    one, other = two_runs(task, better, worse)
    seen = compared_by(judge, store, task, one, other)
    return tie_break(task, one, other, seen, by_people(task, seen, one) if asked else {})


# --- judges that are broken on purpose


def test_a_judge_that_prefers_the_first_one_prefers_nobody(tmp_path: Path) -> None:
    found = side_by_side(first_is_best, tmp_path, asked=False)
    assert found.flipped == found.rows == ROWS
    assert (found.share.mean, found.share.low, found.preferred) == (0.5, None, "")
    assert any(said.startswith("Not decided: 60 more blind comparisons by people are needed") for said in sentences(found, "x.csv"))


@pytest.mark.parametrize("judge", [long_is_best, at_random, first_is_best])
def test_no_broken_judge_makes_a_preference_where_people_have_none(judge: Judge, tmp_path: Path) -> None:
    found = side_by_side(judge, tmp_path, 0.6, 0.6)
    assert found.preferred == "" and found.share.low is not None and found.share.high is not None
    assert found.share.low < 0.5 < found.share.high
    assert sentences(found, "x.csv")[-1].startswith("Not decided")


def test_a_judge_that_prefers_the_long_one_decides_nothing_by_itself(tmp_path: Path) -> None:
    alone = side_by_side(long_is_best, tmp_path / "alone", asked=False)
    assert (alone.flipped, alone.share.mean, alone.share.low, alone.preferred) == (0, 0.0, None, "")
    assert alone.rated == 0 and alone.wanted == 60
    # People prefer the brief ones, and their comparisons take the judge's liking off again.
    corrected = side_by_side(long_is_best, tmp_path / "people")
    assert corrected.preferred in ("brief", "") and corrected.share.mean > 0.5


def test_a_fair_judge_is_believed_once_people_agree(tmp_path: Path) -> None:
    alone, found = side_by_side(fair, tmp_path / "a", asked=False), side_by_side(fair, tmp_path / "b")
    assert alone.share.mean > 0.7 and alone.preferred == ""
    assert found.preferred == "brief" and found.share.low is not None and found.share.low > 0.5 and found.more is None


def test_how_many_more_comparisons_would_decide_is_said(tmp_path: Path) -> None:
    found = side_by_side(at_random, tmp_path, 0.66, 0.56)
    assert found.preferred == "" and found.more is not None and found.more > 0
    assert "more blind comparisons would probably decide" in sentences(found, "x.csv")[-1]


def test_scoring_answers_by_their_length_shows_nothing() -> None:
    task = judged_task(target=0.5)
    random = np.random.default_rng(3)
    good = [bool(fine) for fine in random.random(ROWS) < 0.6]
    is_long = [bool(long) for long in random.random(ROWS) < 0.8]
    candidate = judged_candidate(task, "a", good, list(is_long))
    decision = decide_judged(task, [candidate], 1, people(task, [candidate]))
    assert decision.verdict == "not shown" and decision.judge is not None and not decision.judge.passed
    assert "the judge agrees too little with people" in decision.headline


# --- which finalists, and the sheet


def decision_of(task: Task, rates: Sequence[float]) -> tuple[Decision, list[Run]]:
    random, candidates = np.random.default_rng(2), []
    for name, rate in zip("abc", rates, strict=False):
        good = [bool(fine) for fine in random.random(ROWS) < rate]
        candidates.append(judged_candidate(task, name, good, verdicts_of(random, good, 0.97, 0.95)))
    return decide_judged(task, candidates, 1, people(task, candidates)), [candidate.run for candidate in candidates]


def test_only_finalists_that_scores_do_not_tell_apart_are_compared() -> None:
    task = judged_task(target=0.9)
    close, runs = decision_of(task, (0.7, 0.72, 0.1))
    two = not_told_apart(close, runs)
    assert two is not None and {run.system.name for run in two} == {"a", "b"} and two[0].key == close.winner.key
    apart, runs = decision_of(task, (0.1, 0.8))
    assert not_told_apart(apart, runs) is None
    met, runs = decision_of(judged_task(target=0.3), (0.7, 0.72))
    assert met.verdict == "target met" and not_told_apart(met, runs) is None


def test_the_sheet_hides_whose_answers_it_holds_and_keeps_what_people_wrote(tmp_path: Path) -> None:
    task = judged_task(judge=JUDGE | {"compare": True, "sample": 60})
    one, other = two_runs(task, 0.8, 0.4)
    seen = compared_by(fair, tmp_path / "store", task, one, other)
    pairs, path = list(sampled_pairs(task, seen, one).values()), pairs_file(tmp_path / "judge.csv")
    assert task.judge is not None and path.name == "judge-pairs.csv"
    assert write_pairs(path, task.judge, pairs[:20]) == 20
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    path.write_text("\n".join([lines[0], lines[1].removesuffix('""') + '"b"', *lines[2:]]), encoding="utf-8")
    assert write_pairs(path, task.judge, pairs) == len(pairs) - 20 and write_pairs(path, task.judge, pairs) == 0
    assert read_comparisons(path) == {pairs[0].id: 1}
    long_ones = [LONG in row["A"] for row in sheet(path)]
    assert 0.2 < sum(long_ones) / len(long_ones) < 0.8
    swapped = compared_by(fair, tmp_path / "other", task, other, one)
    assert [(pair.id, pair.blind) for pair in swapped.pairs.values()] == [
        (pair.id, (1 - pair.blind[0], 1 - pair.blind[1])) for pair in seen.pairs.values()
    ]


def test_words_that_say_neither_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="A, B and tie are accepted"):
        read_comparisons(write_csv(tmp_path / "p.csv", [("p1", "left")], "id,better"))
    with pytest.raises(DataError, match="lacks the column `better`"):
        read_comparisons(write_csv(tmp_path / "q.csv", [("p1", "a")], "id,what"))
    assert read_comparisons(tmp_path / "none.csv") == {}


def test_a_run_compares_its_best_finalists_and_asks_people_for_a_sample(tmp_path: Path) -> None:
    folder = write_codes(tmp_path, judge=JUDGE | {"compare": True}, target=0.9, input="{{x}}", output="y")
    project = load_project(folder)
    decision, runs = decision_of(project.task, (0.7, 0.72))
    judging = FakeModel(lambda request: "first", name="fake:judge")
    judging.capabilities = Capabilities()
    for rated, said in ((0, "60 more blind comparisons by people are needed"), (60, "Corrected by 60 blind comparisons")):
        with Ledger(project.store) as ledger:
            engine = Engine(FakeModel(), lambda name: FakeEmbedder(), ledger, project.store, [])
            engine.judge = judging
            found = compared(project, engine, tuple(runs), decision, Watcher())
        assert found is not None and found.tie_break is not None and found.verdict == "not shown"
        assert (found.tie_break.rated, found.tie_break.wanted, found.tie_break.preferred) == (rated, 60, "")
        assert any(said in reason for reason in found.reasons)
        fill_comparisons(folder / "judge-pairs.csv")
    assert compared(load_project(write_codes(tmp_path)), engine, tuple(runs), decision, Watcher()) is decision


def fill_comparisons(path: Path) -> None:
    """Compare every pair of a sheet, as people who see no difference."""
    text = path.read_text(encoding="utf-8-sig").splitlines()
    path.write_text("\n".join([text[0], *(line.removesuffix('""') + '"tie"' for line in text[1:])]), encoding="utf-8")


def test_comparing_counts_in_what_a_run_is_expected_to_ask_for(tmp_path: Path) -> None:
    model = {"name": "j-1", "base_url": "http://127.0.0.1:9/v1", "context_tokens": 8192}
    calls = []
    for side_by_side in (False, True):
        judge = JUDGE | {"model": model, "compare": side_by_side, "prices": {"input_per_million": 1, "output_per_million": 1}}
        project = load_project(write_codes(tmp_path / f"{side_by_side}", judge=judge))
        assert project.task.judge is not None
        expected = expected_spending(
            project.task,
            load_splits(project),
            [FakeModel()],
            open_model(project.task.judge.model),
            [],
            flights=[],
            everything=False,
            limited=False,
        )
        assert expected is not None
        calls.append(expected.calls)
    assert (calls[1].low, calls[1].high) == (calls[0].low, calls[0].high + 2 * 240)


# --- coverage


@pytest.mark.slow
def test_corrected_limits_cover_the_truth_under_biased_judges() -> None:
    held, trusted = coverage(list(JUDGES.values()), np.random.default_rng(11))
    assert held >= 0.93 and trusted < 0.5

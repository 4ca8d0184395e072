"""What counts once, from a data file to the limits of a decision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data_helpers import make_example, make_task, sentence, write_csv
from decide_helpers import RATES, make_system
from golden_text import Golden
from hypothesis import given, settings
from hypothesis import strategies as st

from tailor.data.audit import audit
from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.split import load_splits, split_examples
from tailor.data.units import find_units, kept_together
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.types import Decision
from tailor.evaluate.consistency import sampled
from tailor.evaluate.run import Run
from tailor.models.fake import FakeModel
from tailor.project import Project
from tailor.score.types import Answer, Score
from tailor.stats.clusters import by_cluster, usual_size
from tailor.stats.intervals import clopper_pearson, counted_limits
from tailor.system import Decoding, System
from tailor.task import Task


def load(folder: Path, pairs: list[tuple[str, str]], **settings: object) -> tuple[Project, Splits]:
    write_csv(folder / "data.csv", pairs)
    project = Project(folder, make_task(**settings))
    return project, load_splits(project)


def decided(task: Task, splits: Splits, right: list[bool], system: System | None = None) -> Decision:
    """What follows where a system is right on these rows of the test set."""
    system = system or make_system("a")
    answers = tuple(Answer(example.id, "y", tokens_in=10) for example in splits.test)
    scores = tuple(Score("right" if good else "wrong", float(good), "y") for good in right)
    run = Run(system, "test", splits.test, answers, scores)
    return decide(task, [Candidate("best", run, None, cost_of(task, run, RATES, 0, 0))], 1)


def test_twenty_five_texts_five_times_are_twenty_five_observations(golden: Golden, tmp_path: Path) -> None:
    # As a file of tests often is: 25 texts, each five times, all of them in the test set; every answer right.
    texts = [(sentence(number), "ab"[number % 2]) for number in range(25)]
    write_csv(tmp_path / "train.csv", [(sentence(number), "ab"[number % 2]) for number in range(100, 200)])
    write_csv(tmp_path / "test.csv", 5 * texts)
    task = make_task(data={"train": "train.csv", "test": "test.csv"}, target=0.85)
    splits = load_splits(Project(tmp_path, task))
    decision = decided(task, splits, [True] * 125)
    assert (len(splits.test), len(kept_together(splits.test))) == (125, 25)
    golden(splits.how)
    assert decision.finalists[0].score.clusters == 25
    assert decision.finalists[0].certified == pytest.approx(0.0125 ** (1 / 25), abs=0.004)
    assert decision.verdict == "not shown", "125 rows right of 125 would show 96.5 %"
    golden(" ".join(decision.reasons))


def test_repeated_rows_are_one_observation_in_one_split(tmp_path: Path) -> None:
    pairs = [(sentence(number), "ab"[number % 2]) for number in range(80) for _ in range(5)]
    project, splits = load(tmp_path, pairs)
    assert [len(part) for part in (splits.train, splits.dev, splits.test, splits.reserve)] == [200, 60, 100, 40]
    assert len(kept_together(splits.test)) == 20
    findings = audit(project, splits)
    assert any("100 test rows in 20 groups (near-duplicates count once)" in finding.what for finding in findings)


@given(st.lists(st.tuples(st.integers(0, 12), st.sampled_from(["", "", "u", "v", "w"])), min_size=1, max_size=40), st.randoms())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_units_join_equal_texts_and_groups_and_nothing_else(rows: list[tuple[int, str]], rng: object) -> None:
    task = make_task()
    examples = [make_example(place, "a", text=sentence(text), group=group) for place, (text, group) in enumerate(rows)]
    found = find_units(examples, task).examples
    # The partition by repeated merging, as slow and plain as can be.
    parts = [{place} for place in range(len(rows))]
    for a in range(len(rows)):
        for b in range(a):
            if rows[a][0] == rows[b][0] or (rows[a][1] and rows[a][1] == rows[b][1]):
                joined = next(part for part in parts if a in part) | next(part for part in parts if b in part)
                parts = [part for part in parts if not part & joined] + [joined]
    assert {frozenset(int(e.id) for e in unit) for unit in kept_together(found)} == {frozenset(part) for part in parts}
    assert all((example.unit == "") == (len(unit) == 1) for unit in kept_together(found) for example in unit)
    assert {e.id: e.unit for e in find_units(examples[::-1], task).examples} == {e.id: e.unit for e in found}
    assert [e.fingerprint for e in found] == [e.fingerprint for e in examples], "a unit changes no paid answer"


def test_a_template_keeps_exact_repeats_together_as_units(golden: Golden) -> None:
    story = "Hello dear team, the parcel with the number {} has still not come to my home address in town, please look into it"
    examples = [make_example(number, "ab"[number // 2 % 2], text=story.format(number // 2)) for number in range(200)]
    splits = split_examples(examples, make_task())
    golden(splits.how)
    assert len(kept_together(splits.test)) == 25 and len(splits.test) == 50


def test_edits_of_few_texts_are_copies_and_no_templates() -> None:
    """Four texts that were edited 25 times each are four observations, however large a part of the data each is."""
    stories = [" ".join(sentence(100 * number + line)[:-6] for line in range(10)).split() for number in range(4)]
    texts = [" ".join([*story[: 2 * edit], f"new{edit}ly", *story[2 * edit + 1 :]]) for edit in range(25) for story in stories]
    examples = [make_example(place, "abcd"[place % 4], text=text) for place, text in enumerate(texts)]
    units = kept_together(find_units(examples, make_task()).examples)
    assert sorted(len(unit) for unit in units) == [25, 25, 25, 25]
    assert len(kept_together(split_examples(examples, make_task()).test)) == 1


def test_test_rows_are_one_unit_with_their_like_in_given_files(tmp_path: Path) -> None:
    base = [(sentence(number), "ab"[number % 2]) for number in range(140)]
    write_csv(tmp_path / "train.csv", base[:100])
    write_csv(tmp_path / "test.csv", [*base[100:], *base[100:110], *base[100:110]])
    task = make_task(data={"train": "train.csv", "test": "test.csv"})
    splits = load_splits(Project(tmp_path, task))
    assert (len(splits.test), len(kept_together(splits.test))) == (60, 40)
    assert sorted(len(unit) for unit in kept_together(splits.test))[-10:] == [3] * 10


# --- labels that train lacks


def with_rare_labels(n: int = 300, rare: int = 60) -> list[tuple[str, str]]:
    """The last rows have labels of their own."""
    return [(sentence(number), f"own {number}" if number >= n - rare else "ab"[number % 2]) for number in range(n)]


def finding(findings: list[Finding], words: str) -> Finding:
    return next(finding for finding in findings if words in finding.what)


def test_labels_that_train_lacks_are_counted_foretold_and_bound_what_can_be_shown(tmp_path: Path) -> None:
    project, splits = load(tmp_path, with_rare_labels())
    known = {example.label for example in splits.train}
    unknown = sum(example.label not in known for example in splits.test)
    assert unknown > 5
    assert f"{unknown} of the 75 test rows have a label that train lacks, so that no system can be right there" in splits.how

    findings = audit(project, splits)
    once = sum(label.startswith("own") for label in known)
    kept_back = [*splits.test, *splits.reserve]
    lacking = sum(example.label not in known for example in kept_back)
    said = finding(findings, "by Good and Turing")
    assert said.level == "warning"
    assert said.what.startswith(f"About {round(100 * once / 150, 1):g} % of future rows will have a label that train lacks")
    assert f"Of {len(kept_back)} rows in test and reserve {lacking} have a label that train lacks" in said.what
    high = clopper_pearson(lacking, len(kept_back), 0.9)[1]
    assert f"at most {np.ceil(1000 * high) / 10:g} % with 95 % confidence" in said.what
    assert f"all but the {unknown} with a label that train lacks answered right" in finding(findings, "answered right").what

    system = make_system("a").model_copy(update={"decoding": Decoding(method="score", labels=tuple(sorted(known)))})
    decision = decided(project.task, splits, [example.label in known for example in splits.test], system)
    reason = next(reason for reason in decision.reasons if "no training example has" in reason)
    best = f"{np.ceil(1000 * (1 - unknown / 75)) / 10:g}"  # rounded up: no less can be excluded
    assert reason == (
        f"{unknown} of the 75 test examples have a label that no training example has: a "
        f"cannot get these right, and can reach {best} % at most."
    )


def test_labels_that_the_task_lists_can_be_given(tmp_path: Path) -> None:
    pairs = with_rare_labels()
    project, splits = load(tmp_path, pairs, labels=sorted({label for _, label in pairs}))
    assert "train lacks" not in splits.how
    findings = audit(project, splits)
    assert "by Good and Turing" in finding(findings, "Good and Turing").what, "they cannot be learned all the same"
    assert " all answered right" in finding(findings, "answered right").what


def test_where_every_label_is_frequent_nothing_is_foretold(tmp_path: Path) -> None:
    project, splits = load(tmp_path, [(sentence(number), "ab"[number % 2]) for number in range(200)])
    assert not any("Good and Turing" in finding.what for finding in audit(project, splits))


# --- where counts are all there is


def test_rows_that_count_as_one_widen_limits_that_rest_on_counts() -> None:
    assert usual_size(["", "", ""]) == 1
    assert usual_size(["a", "a", "a", "", ""]) == pytest.approx((9 + 1 + 1) / 5)
    assert counted_limits(90, 100) == clopper_pearson(90, 100)
    assert counted_limits(90, 100, 0.95, 5.0) == clopper_pearson(18, 20)
    low, high = counted_limits(89, 100, 0.95, 5.0)
    assert (low, high) == (clopper_pearson(17, 20)[0], clopper_pearson(18, 20)[1])
    assert counted_limits(3, 4, 0.95, 9.0) == clopper_pearson(0, 1)[:1] + clopper_pearson(1, 1)[1:]
    assert counted_limits(0, 0, 0.95, 2.0) == (0.0, 1.0)


def test_systems_are_asked_again_on_one_row_of_each_unit() -> None:
    examples = [Example(str(n), {"text": f"{n // 3}"}, ("a",), unit=f"u{n // 3}") for n in range(60)]
    chosen = sampled((FakeModel(),), examples)
    assert len(chosen) == 20 == len({example.unit for example in chosen})
    assert sampled((FakeModel(),), examples[::-1]) == chosen
    assert len(sampled((FakeModel(),), examples, rows=7)) == 7


def test_units_of_one_row_are_rows() -> None:
    assert by_cluster([1.0, 0.0], ["", ""]).alone

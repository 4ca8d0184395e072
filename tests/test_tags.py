"""Several labels per row: cells, what a model lists, what a list is worth, and the way from a file to a decision."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_helpers import make_task, sentence, write_yaml
from flow import tailor
from hypothesis import given
from hypothesis import strategies as st

from tailor.approaches.approach import starting_system
from tailor.approaches.prompting import with_thresholds
from tailor.approaches.tuning import minimal_prompt
from tailor.data.example import Example
from tailor.data.guess import GivenOptions, guess_task
from tailor.data.jsontext import Value
from tailor.data.readers import to_examples
from tailor.data.scaffold import write_project
from tailor.data.split import load_splits
from tailor.data.table import read_table
from tailor.diagnose.sets import find_wrong_sets
from tailor.errors import DataError
from tailor.evaluate.rewording import turned_prior
from tailor.kinds.base import Draft, kind_of, label_set, score
from tailor.kinds.tags import TAGS
from tailor.labels import as_set, in_set, written_set
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.project import load_project
from tailor.saved import load_study
from tailor.score.confidence import confidence
from tailor.score.parse import find_labels
from tailor.score.tagging import example_f1
from tailor.score.types import Answer
from tailor.stats.f1 import f1_intervals
from tailor.system import Decoding, Prompt, System, Weights
from tailor.task import Task
from tailor.testing import GeneratingModel, check_kind

LABELS = ("billing", "delivery", "lost_stolen", "cancel, close")


def tags_task(**changes: object) -> Task:
    return make_task(kind="tags", **changes)


def row(number: int, *labels: str) -> Example:
    return Example(str(number), {"text": sentence(number)}, (as_set(labels),), row=number, file="data.csv")


ROWS = [row(1, "billing"), row(2, "billing", "lost_stolen"), row(3), row(4, "cancel, close", "delivery")]


@pytest.mark.parametrize("changes", [{}, {"labels": list(LABELS)}, {"metric": "exact_set"}])
def test_the_kind_keeps_its_promises(changes: dict[str, object]) -> None:
    check_kind(TAGS, tags_task(**changes), ROWS)


@pytest.mark.parametrize(
    ("cell", "held"),
    [
        ("billing; delivery", ["billing", "delivery"]),
        ("delivery|billing", ["billing", "delivery"]),
        ("billing, delivery", ["billing", "delivery"]),
        ("billing;", ["billing"]),
        ("cancel, close", ["cancel, close"]),
        ("cancel, close; billing", ["billing", "cancel, close"]),
        (["delivery", "billing", "billing"], ["billing", "delivery"]),
        ('["delivery", "billing"]', ["billing", "delivery"]),
        ("['delivery' 'billing']", ["billing", "delivery"]),
        (["cancel, close"], ["cancel, close"]),
        ([], []),
        ("[]", []),
    ],
)
def test_a_cell_holds_a_set(cell: Value, held: list[str]) -> None:
    assert TAGS.accepted(tags_task(labels=list(LABELS)), cell) == (as_set(held),)


@pytest.mark.parametrize("cell", ["", "  ", "nan", ";"])
def test_an_empty_cell_says_nothing_and_is_no_empty_set(cell: str) -> None:
    assert TAGS.accepted(tags_task(), cell) == ()


def test_a_label_that_is_not_listed_and_marks_of_spans_are_refused_by_row(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    cells: list[object] = [["billing"], ["billing", "deliverry"], []]
    path.write_text("\n".join(json.dumps({"text": sentence(n), "label": cell}) for n, cell in enumerate(cells)), encoding="utf-8")
    with pytest.raises(DataError, match=r"not in `labels`: `deliverry` \(data.jsonl row 2\)"):
        to_examples(tags_task(labels=list(LABELS)), read_table(path))
    path.write_text(json.dumps({"text": "x", "label": [{"start": 0, "end": 1, "label": "A"}]}), encoding="utf-8")
    with pytest.raises(DataError, match="marks spans of a text in data.jsonl row 1, but kind `tags` takes none"):
        to_examples(tags_task(), read_table(path))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("billing; lost stolen", {"billing", "lost_stolen"}),
        ("- billing\n- lost stolen", {"billing", "lost_stolen"}),
        ('["billing", "cancel, close"]', {"billing", "cancel, close"}),
        ("billing, lost stolen and delivery", {"billing", "lost_stolen", "delivery"}),
        ("billing: yes\ndelivery: no", {"billing"}),
        ("billing: no\ndelivery: no", set()),
        ("The labels are billing and lost_stolen.", {"billing", "lost_stolen"}),
        ("It is about billing, not delivery.", {"billing"}),
        ("billing (yes), delivery (no)", {"billing"}),
        ("| billing | yes |\n| delivery | no |", {"billing"}),
        ('{"billing": true, "delivery": false}', {"billing"}),
        ("none", set()),
        ("None of them.", set()),
        ("Labels: none", set()),
        ("No label applies.", set()),
        ("None of the labels apply to this message.", set()),
        ("None, it is about the weather.", set()),
        ("[]", set()),
        ("billing; unheard of", {"billing"}),
        ("something else entirely", None),
        ("", None),
    ],
)
def test_the_labels_that_a_text_lists(text: str, found: set[str] | None) -> None:
    assert (None if (labels := find_labels(text, LABELS)) is None else set(labels)) == found


@given(st.sets(st.sampled_from(LABELS)))
def test_what_is_written_for_a_set_is_read_as_that_set(chosen: set[str]) -> None:
    found = find_labels(written_set(chosen, LABELS), LABELS)
    assert found is not None and set(found) == chosen and set(in_set(as_set(chosen))) == chosen


def test_a_label_called_none_is_told_from_no_label() -> None:
    labels = ("none", "some")
    assert find_labels(written_set((), labels), labels) == () and find_labels(written_set(["none"], labels), labels) == ("none",)


def test_a_label_that_ends_in_yes_or_no_is_no_verdict_on_another() -> None:
    labels = ("smoker: yes", "smoker: no", "diabetic")
    assert find_labels("smoker: no; diabetic: yes", labels) == ("smoker: no", "diabetic")
    assert find_labels("smoker: no, diabetic", labels) == ("smoker: no", "diabetic")


def test_the_instruction_names_no_label_as_what_to_say_for_none() -> None:
    for labels, said in ((("billing", "login"), '"none"'), (("none", "login"), '"[]"')):
        draft = Draft("the text", False, "tags", "", False, "", labels, len(labels), 25)
        assert f"with {said} where none applies" in TAGS.instruction(draft)


def test_labels_that_have_commas_are_shown_apart() -> None:
    assert TAGS.shown(as_set(["billing", "login"])) == "billing, login"
    assert TAGS.shown(as_set(["billing, refunds", "login"])) == "billing, refunds; login"


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    found = find_labels(text, LABELS)
    assert found is None or set(found) <= set(LABELS)


@pytest.mark.slow
def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score

    rng = np.random.default_rng(0)
    for _ in range(500):
        rows, labels = int(rng.integers(1, 12)), int(rng.integers(2, 8))
        right, said = (rng.random((rows, labels)) < rng.random() for _ in range(2))
        sets = [[frozenset(f"l{i}" for i in np.flatnonzero(line)) for line in table] for table in (said, right)]
        each = [example_f1(a, b) for a, b in zip(*sets, strict=True)]
        exact = [float(a == b) for a, b in zip(*sets, strict=True)]
        assert np.mean(each) == pytest.approx(f1_score(right, said, average="samples", zero_division=1))
        assert np.mean(exact) == accuracy_score(right, said)
        used = np.flatnonzero(right.any(axis=0) | said.any(axis=0))
        found = f1_intervals(said, right)
        assert (found is None) == (used.size == 0)
        # A label that is nowhere given nor right has no F1 here; scikit-learn must be told to leave it out.
        for average, f1 in zip(("micro", "macro"), found or (), strict=bool(found)):
            assert f1.mean == pytest.approx(f1_score(right, said, average=average, labels=used, zero_division=0))


def a_system(**decoding: object) -> System:
    made = Decoding.model_validate({"labels": LABELS, "several": True, **decoding})
    return System(steps=("a",), weights=Weights(model="m"), prompt=Prompt(instruction="a", input="{{text}}"), decoding=made)


@pytest.mark.parametrize(
    ("said", "outcome", "f1", "exact"),
    [
        ("billing; lost stolen", "right", 1.0, 1.0),
        ("billing", "wrong", 2 / 3, 0.0),
        ("billing; lost stolen; delivery", "wrong", 0.8, 0.0),
        ("none", "wrong", 0.0, 0.0),
        ("who knows", "unparsed", 0.0, 0.0),
    ],
)
def test_an_answer_is_worth_its_overlap_or_all_or_nothing(said: str, outcome: str, f1: float, exact: float) -> None:
    for metric, value in (("example_f1", f1), ("exact_set", exact)):
        found = score(tags_task(metric=metric), a_system(), ROWS[1], Answer("2", said))
        assert found.outcome == outcome and found.value == pytest.approx(value)


def test_form_is_kept_by_a_list_and_nothing_else() -> None:
    forms = {
        text: score(tags_task(), a_system(), ROWS[1], Answer("2", text)).details["form"]
        for text in ("lost stolen; billing", "billing; lost stolen; maybe", "Labels: billing; lost stolen")
    }
    assert list(forms.values()) == [1.0, 0.0, 0.0]


# --- reading probabilities


def test_each_label_is_scored_with_yes_and_with_no_and_given_where_yes_is_likelier() -> None:
    decoding = a_system(method="score").decoding
    assert decoding.choices[:4] == ("billing: yes", "billing: no", "delivery: yes", "delivery: no")
    assert decoding.likeliest([-1, -2, -9, -3, -5, -4.9, -7, -7]) == '["billing"]'
    assert confidence(Answer("1", "", (-1.0, -2.0, -9.0, -3.0)), several=True) == pytest.approx(
        1 / (1 + math.exp(-1)) / (1 + math.exp(-6))
    )
    assert turned_prior(decoding.with_(prior=tuple(map(float, range(8)))))[:4] == (6.0, 7.0, 4.0, 5.0)


def test_one_label_systems_are_the_systems_that_they_were() -> None:
    assert "several" not in Decoding(labels=("a",)).model_dump()
    assert a_system().fingerprint != a_system(several=False).fingerprint


def test_a_threshold_is_chosen_by_the_training_rows() -> None:
    scores = [(-1.0, -3.0, -1.0, -2.0), (-1.0, -2.9, -2.0, -4.0)]  # yes is always likelier
    options = list(with_thresholds([(0.0,) * 4], ("a", "b"), [("a",), ("b",)], scores))
    decoding = Decoding(labels=("a", "b"), several=True, method="score")
    said = {tuple(decoding.likeliest(list(np.subtract(row, prior))) for row in scores) for prior in options}
    assert ('["a","b"]', '["a","b"]') in said and len(said) > 2


def test_a_tuned_system_writes_what_it_learned() -> None:
    task = tags_task()
    start = starting_system(task, ROWS, FakeModel())
    assert start.decoding.method == "score" and start.decoding.several
    assert minimal_prompt(task, start).decoding.method == "generate"
    assert starting_system(task, ROWS, GeneratingModel()).decoding.labels == label_set(task, ROWS)


# --- from a file to a decision

WORDS = {"billing": "invoice", "delivery": "parcel", "returns": "refund"}


def write_messages(folder: Path, rows: int = 120) -> Path:
    """Messages that name words of their labels: two, one or none."""
    lines = []
    for number in range(rows):
        labels = [label for place, label in enumerate(WORDS) if number % (place + 2) == 0]
        text = " ".join([sentence(number), *(WORDS[label] for label in labels)])
        lines.append(json.dumps({"text": text, "topics": labels}))
    path = folder / "messages.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that `init` wrote and `run` ran, with the fake model."""
    folder = tmp_path_factory.mktemp("tags")
    begun = tailor("init", write_messages(folder))
    assert begun.exit_code == 0, begun.output
    settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
    assert (settings["kind"], settings["labels"], settings["output"]) == ("tags", sorted(WORDS), "topics")
    settings |= {"model": "fake", "embedder": "fake"}
    (folder / "tailor.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    checked = tailor("check", folder)
    assert checked.exit_code == 0, checked.output
    assert "3 labels, 1.1 per row on average; 40 of 120 rows have none." in checked.output
    ran = tailor("run", folder)
    assert ran.exit_code == 0, ran.output
    return folder


def test_the_way_from_init_to_the_report(decided: Path) -> None:
    study = load_study(decided)
    assert study.decision is not None
    runs = {run.system.name: run for run in study.tests}
    assert any(not run.system.is_generative for run in runs.values())
    best = max(run.mean for run in runs.values())
    assert best > 0.8, {name: run.mean for name, run in runs.items()}
    page = (decided / "report.html").read_text(encoding="utf-8")
    assert "overlap with the right labels" in page and "Micro-F1" in page and "gets wrong most" in page
    assert tailor("show", decided).exit_code == 0


def test_try_names_the_labels(decided: Path) -> None:
    said = tailor("try", decided, "where is the invoice for my parcel")
    shown = said.stdout.splitlines()[0]
    assert said.exit_code == 0 and (shown == "none" or set(shown.split(", ")) <= set(WORDS))


# --- labels that look wrong, and how labels fare


def test_labels_that_look_wrong_are_found_label_by_label() -> None:
    sets = [frozenset(label for place, label in enumerate(WORDS) if number % (place + 2) == 0) for number in range(180)]
    texts = [" ".join([f"message {number}", *(WORDS[label] for label in held)]) for number, held in enumerate(sets)]
    wrong = {7: "billing", 40: "returns", 90: "delivery"}
    given = [held ^ {wrong[number]} if number in wrong else held for number, held in enumerate(sets)]
    found = find_wrong_sets(FakeEmbedder().embed(texts), given)
    assert set(found.judged) == set(WORDS)
    assert {row.place for row in found.rows[:3]} == set(wrong)
    assert all(row.likely == sets[row.place] and row.given_probability < 0.5 for row in found.rows[:3])


def test_a_label_that_few_rows_have_is_not_judged() -> None:
    sets = [frozenset(["rare"] if number < 9 else ["common"] if number % 2 else []) for number in range(60)]
    vectors = FakeEmbedder().embed([" ".join([sentence(number), *held]) for number, held in enumerate(sets)])
    assert "rare" not in find_wrong_sets(vectors, sets).judged


def test_f1_intervals_hold_the_figure_and_narrow_with_rows() -> None:
    rng = np.random.default_rng(1)
    right = rng.random((400, 5)) < 0.3
    given = right ^ (rng.random((400, 5)) < 0.1)
    few, many = f1_intervals(given[:50], right[:50]), f1_intervals(given, right)
    assert few is not None and many is not None
    assert all(one.low is not None and one.high is not None and one.low < one.mean < one.high for one in many)
    assert all((a.high or 0) - (a.low or 0) > (b.high or 0) - (b.low or 0) for a, b in zip(few, many, strict=True))
    assert f1_intervals(np.zeros((3, 2)), np.zeros((3, 2))) is None


def test_f1_intervals_cover_what_all_rows_have() -> None:
    rng = np.random.default_rng(2)
    has, wrong = np.array([0.5, 0.3, 0.2, 0.15]), np.array([0.1, 0.1, 0.1, 0.05])
    both = has * (1 - wrong)
    together = has + both + (1 - has) * wrong
    truth = np.array([2 * both.sum() / together.sum(), (2 * both / together).mean()])  # micro and macro
    held = np.zeros(2)
    for _ in range(150):
        right = rng.random((150, 4)) < has
        found = f1_intervals(right ^ (rng.random((150, 4)) < wrong), right)
        assert found is not None
        held += [(one.low or 0) <= real <= (one.high or 1) for one, real in zip(found, truth, strict=True)]
    assert (held / 150 > 0.9).all(), held / 150


# --- what `init` takes for several labels

REPAIRS = Path(__file__).resolve().parents[1] / "examples" / "repairs"


def test_the_sample_is_what_init_makes_of_its_table(tmp_path: Path) -> None:
    found = guess_task(REPAIRS / "messages.csv")
    project = load_project(REPAIRS)
    assert (found.kind.name, found.input, found.output, found.report_by) == ("tags", "message", "about", ("channel",))
    assert set(found.labels) == set(project.task.labels) and project.task.kind == "tags"
    splits = load_splits(project)
    rows = [*splits.train, *splits.dev, *splits.test]
    assert len(rows) >= 60 and sum(not TAGS.labels_in(example.label) for example in rows) >= 5
    assert min(Counter(label for example in rows for label in TAGS.labels_in(example.label)).values()) >= 5


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        ([["a", "b"], ["b"], []], "tags"),
        (["a;b", "b", "a"], "tags"),
        (["a, b", "b", "a"], "tags"),
        ([["a"], ["b"], ["c"]], "classify"),
        (["a", "b", "c"], "classify"),
    ],
)
def test_a_column_of_sets_is_told_from_one_of_labels(tmp_path: Path, cells: list[object], kind: str) -> None:
    path = tmp_path / "data.jsonl"
    lines = [json.dumps({"text": sentence(number), "topics": cells[number % 3]}) for number in range(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    found = guess_task(path, GivenOptions(output="topics"))
    assert found.kind.name == kind


def test_a_column_of_0_and_1_for_each_label_is_read_as_sets(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    lines = [f"{sentence(number)},{number % 2},{number // 2 % 2}" for number in range(60)]
    path.write_text("\n".join(["text,billing,delivery", *lines, f"{sentence(60)},,"]), encoding="utf-8")
    folder = write_project(guess_task(path)).parent
    splits = load_splits(load_project(folder))
    rows = (*splits.train, *splits.dev, *splits.test, *splits.reserve)
    assert Counter(kind_of(load_project(folder).task).labels_in(row.label) for row in rows) == dict.fromkeys(
        [(), ("billing",), ("delivery",), ("billing", "delivery")], 15
    ), "a row that fills neither column says nothing"
    assert tailor("check", folder).exit_code == 0
    settings = yaml.safe_load((folder / "tailor.yaml").read_text(encoding="utf-8"))
    write_yaml(folder, settings | {"output": ["billing", "delivery"]})
    assert load_splits(load_project(folder)) == splits
    path.write_text(path.read_text(encoding="utf-8").replace(",,", ",maybe,1"), encoding="utf-8")
    with pytest.raises(DataError, match="row 61 has `maybe` in `billing`, where a column for each label holds 0 or 1"):
        load_splits(load_project(folder))


def test_a_label_with_a_comma_that_stands_in_a_list_is_whole(tmp_path: Path) -> None:
    sets: tuple[list[str], ...] = (["billing", "billing, refunds"], ["billing, refunds"], ["login"], [], ["login", "billing"])
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(json.dumps({"text": sentence(n), "tags": sets[n % 5]}) for n in range(30)), encoding="utf-8")
    guess = guess_task(path)
    assert (guess.kind.name, guess.labels) == ("tags", ("billing", "billing, refunds", "login"))


def test_a_sign_behind_a_label_is_no_part_of_it(tmp_path: Path) -> None:
    cells = ("billing;", "login;;", "billing;login", "login", "[]")
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["text,tags", *(f"{sentence(n)},{cells[n % 5]}" for n in range(30))]), encoding="utf-8")
    assert guess_task(path).labels == ("billing", "login")

"""Tailor from a notebook: one approach, two compared, a whole study; kept as an ordinary project."""

from __future__ import annotations

import builtins
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas
import pytest
from endpoint import Endpoint
from flow import tailor as tailor_command
from hostile import hostile_study
from library_desk import ROWS, desk
from studies import answer_study, classify_study, not_shown_study, stopped_study

import tailor
from tailor.approaches.prompting import ZeroShot
from tailor.data.split import load_splits
from tailor.errors import ConfigError, DataError, StoreError, TailorError
from tailor.ledger import Ledger
from tailor.library import FOLDER, ProjectStudy
from tailor.models.fake import FakeModel
from tailor.plugins import APPROACHES, KINDS, RETRIEVERS
from tailor.project import load_project
from tailor.results import Study
from tailor.stats.paired import paired_max_t


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def without_a_learning_curve() -> Iterator[None]:
    """It takes most of the time of so small a study, and has tests of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tailor.experiment.learning_curve", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> ProjectStudy:
    return tailor.study(desk(), ROWS, folder=tmp_path_factory.mktemp("study"), quiet=True)


# --- a study


def test_a_study_is_an_ordinary_project(done: ProjectStudy) -> None:
    folder = done.project.folder
    assert done.decision is not None
    shown = tailor_command("show", folder)
    assert shown.exit_code == 0 and done.decision.headline.split(".")[0] in shown.stdout.replace("\n", " ")
    assert tailor_command("report", folder).exit_code == 0 and (folder / "report.html").exists()
    tried = tailor_command("try", folder, "returns please")
    assert tried.exit_code == 0 and tried.stdout.split()[0] == done.chosen("returns please")
    assert load_project(folder).task == desk(data="rows.jsonl")
    again = tailor.load(str(folder))
    assert again.table() == done.table() and again == done


def test_nothing_is_asked_twice(done: ProjectStudy) -> None:
    model, folder = FakeModel(), done.project.folder
    found = tailor.study(desk(), pandas.DataFrame(ROWS), folder=folder, model=model, quiet=True)
    tailor.measure(desk(), ROWS, "few-shot-5", folder=folder, model=model, quiet=True)
    tailor.compare(desk(), ROWS, ["zero-shot", "few-shot-nearest-5"], folder=folder, model=model, quiet=True)
    assert not model.calls and found.table() == done.table()
    assert found.decision is not None and found.decision.opening == 1


def test_the_winner_answers_one_text_several_columns_or_many_rows(done: ProjectStudy) -> None:
    texts = ["billing please", "delivery tomorrow", "billing please"]
    assert done.answers([{"text": text} for text in texts]) == [done.chosen(text) for text in texts]
    assert done.answers(pandas.DataFrame({"text": texts, "more": 1})) == [done.chosen(text=text) for text in texts]
    two = _with_a_winner_reading_two(done)
    assert two.chosen(text="returns now", number="3") == two.chosen("returns now", number="3") == "returns"
    with pytest.raises(ConfigError, match="one text was given, but `desk` reads `text`, `number`"):
        two.chosen("returns now")
    with pytest.raises(ConfigError, match="also needs `number`"):
        two.chosen(text="returns now")
    with pytest.raises(ConfigError, match="`txt` is not a column that the task reads; did you mean `text`"):
        done.chosen(txt="returns now")


def _with_a_winner_reading_two(study: ProjectStudy) -> ProjectStudy:
    assert study.decision is not None
    won = study.decision.winner
    systems = {run.system.fingerprint: run.system for run in study.tests}
    other = systems[won.fingerprint].with_(prompt={"input": "{{text}} {{number}}"})
    finalists = tuple(
        replace(found, fingerprint=other.fingerprint) if found is won else found for found in study.decision.finalists
    )
    tests = tuple(replace(run, system=other) if run.system.fingerprint == won.fingerprint else run for run in study.tests)
    return replace(study, tests=tests, decision=replace(study.decision, finalists=finalists, fingerprint=other.fingerprint))


def test_the_table_is_plain_sorted_and_complete(done: ProjectStudy) -> None:
    table = done.table()
    assert all(type(row) is dict for row in table) and isinstance(table, list)
    assert {row["system"] for row in table} == {step.system for step in done.steps}
    assert [row["system"] for row in table if row["chosen"]] == [done.decision and done.decision.chosen]
    tested = [row["test"] for row in table if row["test"] is not None]
    assert (
        len(tested) == len(done.tests) and tested == sorted(tested, reverse=True) == [row["test"] for row in table][: len(tested)]
    )
    rest = [row["dev"] for row in table[len(tested) :] if row["dev"] is not None]
    assert rest == sorted(rest, reverse=True)
    assert list(pandas.DataFrame(table).columns) == list(table[0])
    assert stopped_study().table() and not any(row["chosen"] for row in stopped_study().table())


def test_a_study_that_decided_nothing_says_so(done: ProjectStudy) -> None:
    found = replace(done, decision=None, tests=())
    assert "no decision" in repr(found) and "no decision" in found._repr_html_()
    with pytest.raises(ConfigError, match="the last run ended without a decision"):
        found.chosen("returns")
    tailor.measure(desk(), ROWS, "zero-shot", quiet=True)
    with pytest.raises(StoreError, match="has no finished run yet"):
        tailor.load(f"{FOLDER}/desk")


# --- one approach, and two compared


def test_one_approach_is_measured_on_dev(done: ProjectStudy) -> None:
    found = tailor.measure(desk(), ROWS, "few-shot-5", folder=done.project.folder, quiet=True)
    step = next(step for step in done.steps if step.system == "few-shot-5")
    assert step.dev is not None and (found.score, found.cost) == (step.dev, step.cost)
    assert repr(found) == f"<Measurement `few-shot-5`: {repr(found).split(': ')[1]}" and "dev rows" in repr(found)


def test_a_comparison_is_paired(done: ProjectStudy) -> None:
    names = ["zero-shot", "reference-classifier", "few-shot-nearest-5"]
    found = tailor.compare(desk(), ROWS, names, folder=done.project.folder, quiet=True)
    runs = [measurement.run for measurement in found.measurements]
    assert [run.system.name for run in runs] == names and runs[0].examples == runs[1].examples == runs[2].examples
    pairs = paired_max_t(np.array([run.values for run in runs]).T, 0.95, groups=runs[0].units)
    assert [(d.estimate.mean, d.estimate.low, d.estimate.high) for d in found.differences] == [
        (p.mean, p.low, p.high) for p in pairs
    ]
    assert [(d.first, d.second) for d in found.differences] == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]
    assert all(d.p_value >= p.p_value for d, p in zip(found.differences, pairs, strict=True))
    means = [row["dev"] for row in found.table()]
    assert means == sorted(means, reverse=True) and len(repr(found)) < 200


def test_measuring_asks_nothing_of_the_test_set_and_opens_nothing() -> None:
    model = FakeModel()
    tailor.measure(desk(), ROWS, "few-shot-nearest-5", model=model, quiet=True)
    tailor.compare(desk(), ROWS, ["zero-shot", "prior-removed", "reference-classifier"], model=model, quiet=True)
    splits = load_splits(load_project(f"{FOLDER}/desk"))
    asked = " ".join(message.text for request in model.requests for message in request.messages)
    assert splits.dev[0].fields["text"] in asked
    assert not [row for row in (*splits.test, *splits.reserve) if row.fields["text"] in asked]
    with Ledger(load_project(f"{FOLDER}/desk").store) as ledger:
        assert ledger.shown() == []


def test_rows_that_a_test_set_has_shown_do_not_count(done: ProjectStudy) -> None:
    shown = {example.fields["text"] for example in done.splits.test}
    dealt = load_splits(done.project)
    other = desk(split={"seed": 1})
    found = tailor.measure(other, ROWS, "zero-shot", folder=done.project.folder, quiet=True)
    again = load_splits(load_project(done.project.folder))
    assert shown & {example.fields["text"] for example in again.dev} and dealt.fingerprint != again.fingerprint
    assert not shown & {example.fields["text"] for example in found.run.examples}
    tailor.measure(desk(), ROWS, "zero-shot", folder=done.project.folder, quiet=True)  # as it was, for the other tests


@pytest.mark.parametrize(
    ("approach", "told"),
    [
        ("few-shoot-5", "there is no approach `few-shoot-5`; did you mean `few-shot`?"),
        ("few-shot-9", "`few-shot-9` needs a number from 2 to 5"),
        ("few-shot", "`few-shot` needs a number from 2 to 5"),
        ("zero-shot-2", "there is no approach `zero-shot-2`"),
        ("", "there is no approach ``"),
        ("few-shot-2 >", "there is no approach ``"),
        ("persona", "the task has no persona"),
        ("constraints", "the task has no constraints"),
        ("rag-hybrid-3", "the task has no documents"),
        ("whole-documents > few-shot-2", "the task has no documents"),
        ("lora", "cannot be tuned"),
        ("reference-classifier > lora", "was made with weights of"),
    ],
)
def test_an_approach_that_does_not_fit_is_told_in_a_sentence(approach: str, told: str) -> None:
    with pytest.raises(TailorError) as caught:
        tailor.measure(desk(), ROWS, approach, quiet=True)
    assert told in str(caught.value)


@pytest.mark.parametrize("name", sorted(tailor.list_approaches()))
def test_every_approach_runs_or_says_why_not(name: str) -> None:
    chosen = name.replace("[-N]", "-3").replace("-N", "-3")
    for task in (desk(), desk(kind="answer")):
        try:
            found = tailor.measure(task, ROWS, chosen, quiet=True)
        except TailorError:
            continue
        assert found.name == chosen


def test_what_packages_add_is_listed_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry, name in ((APPROACHES, "polite"), (RETRIEVERS, "reranked"), (KINDS, "verdict")):
        monkeypatch.setattr(registry, "own", {**registry.own, name: "somewhere:THING"})
    monkeypatch.setitem(APPROACHES._loaded, "polite", ZeroShot("polite"))
    assert {"polite", "rag-reranked[-N]"} <= set(tailor.list_approaches()) and tailor.list_kinds()[-1] == "verdict"
    assert tailor.measure(desk(), ROWS, "polite", quiet=True).score.n > 0


def test_wrong_lists_of_approaches_are_refused() -> None:
    for approaches, told in (
        (["zero-shot"], "two or more"),
        ("zero-shot", "two or more"),
        (["full", "full"], "`full` is listed twice"),
    ):
        with pytest.raises(ConfigError, match=told):
            tailor.compare(desk(), ROWS, approaches, quiet=True)


WRONG_ARGUMENTS: dict[str, tuple[dict[str, Any], str]] = {
    "a word for a flag": ({"allow_send": "no"}, "`allow_send` is `no`, but True or False is accepted"),
    "a number for a flag": ({"quiet": 1}, "`quiet` is `1`, but True or False is accepted"),
    "no path": ({"folder": 3}, "`folder` is `3`, but a path is accepted"),
    "an empty path": ({"folder": ""}, "`folder` is empty, but a path is accepted"),
}


@pytest.mark.parametrize(("given", "told"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments_are_sentences_and_nothing_is_sent(given: dict[str, Any], told: str) -> None:
    task = desk(model={"name": "m", "base_url": "http://203.0.113.1/v1"})  # an address that nobody has
    for call in (
        lambda: tailor.study(task, ROWS, **{"quiet": True} | given),
        lambda: tailor.measure(task, ROWS, "zero-shot", **{"quiet": True} | given),
        lambda: tailor.compare(task, ROWS, ["zero-shot", "few-shot-5"], **{"quiet": True} | given),
    ):
        with pytest.raises(ConfigError, match=re.escape(told)):
            call()


def test_wrong_models_times_and_approaches_are_sentences(done: ProjectStudy) -> None:
    wrong: list[tuple[Any, str]] = [
        *(
            (
                lambda minutes=minutes: tailor.study(desk(), ROWS, max_minutes=minutes),
                "a number of minutes is accepted, 0.1 or more",
            )
            for minutes in ("5", -1, 0, float("nan"), True)
        ),
        *(
            (lambda model=model: tailor.study(desk(), ROWS, model=model), "a model of your own is accepted")
            for model in ("fake", 3, FakeModel)
        ),
        *(
            (lambda model=model: tailor.measure(desk(), ROWS, "zero-shot", model=model), "a model of your own is accepted")
            for model in (3, FakeModel)
        ),
        *(
            (lambda approach=approach: tailor.measure(desk(), ROWS, approach), "is no approach")
            for approach in (None, 3, ["zero-shot"], ZeroShot)
        ),
        *(
            (lambda several=several: tailor.compare(desk(), ROWS, several), "takes a list of two or more")
            for several in (None, 3, iter(["zero-shot", "generated"]))
        ),
        *(
            (lambda name=name: tailor.measure(desk(), ROWS, name), "needs a number from 2 to 5 behind its name")
            for name in ("few-shot", "few-shot--1", "few-shot-100000")
        ),
        *((lambda path=path: done.report(path), "`path` is .*but a path is accepted") for path in (3, "", b"a.html")),
        *((lambda path=path: tailor.load(path), "`folder` is .*but a path is accepted") for path in (3, None)),
    ]
    for call, told in wrong:
        with pytest.raises(ConfigError, match=told):
            call()


def test_what_is_asked_may_be_of_any_sort_that_rows_may_hold(done: ProjectStudy) -> None:
    assert done.chosen(3) == done.chosen("3") == done.answers([{"text": 3}])[0]  # type: ignore[arg-type]  # as in a frame
    assert done.chosen(text=np.float64(2.5)) == done.chosen("2.5")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="column `text` holds a `object`"):
        done.chosen(object())  # type: ignore[arg-type]  # on purpose


# --- the task, and the folder


def test_paths_in_a_task_may_be_paths_and_a_task_does_not_change(tmp_path: Path) -> None:
    task = desk(kind="answer", documents=tmp_path / "pages", model={"name": tmp_path / "weights"}, models=[tmp_path / "others"])
    assert task.documents == str(tmp_path / "pages") and task.models[0].name == str(tmp_path / "others")
    with pytest.raises(ConfigError, match="`target` cannot be set: a task does not change"):
        task.target = 0.5  # type: ignore[misc]  # on purpose


def test_mistakes_in_a_task_are_sentences() -> None:
    with pytest.raises(ConfigError) as caught:
        tailor.Task(name="x", kind="clasify", taget=1)  # type: ignore[call-arg]  # on purpose
    assert "did you mean `classify`?" in str(caught.value) and "`taget` is not a setting; did you mean `target`?" in str(
        caught.value
    )
    assert "`instruction`, `input` and `output` are missing" in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    with pytest.raises(ConfigError, match="a task was expected, not `dict`"):
        tailor.study({"name": "x"}, ROWS)  # type: ignore[arg-type]  # on purpose
    with pytest.raises(ConfigError, match="that column holds the right answer"):
        tailor.measure(desk(input="{{text}} {{label}}"), ROWS, "zero-shot", quiet=True)
    with pytest.raises(DataError, match="the task names its data, and rows are given too"):
        tailor.measure(desk(data="rows.csv"), ROWS, "zero-shot", quiet=True)


def test_a_mistake_shows_no_frame_from_inside_and_what_to_do(done: ProjectStudy) -> None:
    for call in (
        lambda: tailor.study(desk(), ROWS[:5], quiet=True),
        lambda: tailor.measure(desk(), ROWS, "rag-bm25", quiet=True),
        lambda: tailor.compare(desk(), ROWS, ["full"], quiet=True),
        lambda: tailor.load("nowhere"),
        lambda: tailor.Dataset([1]),  # type: ignore[list-item]  # on purpose
        lambda: tailor.Task(name="x"),  # type: ignore[call-arg]  # on purpose
        lambda: done.chosen(),
    ):
        with pytest.raises(TailorError) as caught:
            call()
        assert len(caught.traceback) <= 3, caught.traceback  # this test, the call, and the raise itself
        assert caught.value.__notes__ == [f"What to do: {caught.value.hint}"]


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.md").write_text("# Rooms\nThe code is blue.")
    task = desk(
        kind="answer",
        context="Say: 'yes'\n# no",
        constraints=["{{number}} #1", "東京 \u2028"],
        json_schema={"type": "object", "properties": {"a": {"type": "string"}}},
        data={"id": "number", "report_by": ["label"]},
        documents="pages",
        split={"train": 60, "seed": 3},
        prices={"label": 0.1},
        facts={"stakes": "low"},
    )
    tailor.measure(task, ROWS, "zero-shot", quiet=True)
    project = load_project(tmp_path / FOLDER / "desk")
    data = task.data.model_copy(update={"file": "rows.jsonl"})
    assert project.task == task.model_copy(update={"data": data, "documents": "../../pages"})
    assert project.documents == tmp_path / "pages"


def test_settings_that_somebody_wrote_are_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "tailor.yaml").write_text("name: mine\n")
    with pytest.raises(ConfigError, match="settings of its own, which are not replaced"):
        tailor.study(desk(), ROWS, folder=folder, quiet=True)
    assert [path.name for path in folder.iterdir()] == ["tailor.yaml"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written to"):
        tailor.study(desk(), ROWS, folder=tmp_path / "file", quiet=True)


def test_nothing_is_sent_unless_it_is_allowed() -> None:
    with Endpoint() as endpoint:
        model = {"name": "m", "base_url": endpoint.url, "api_key_env": "SOME_KEY", "context_tokens": 8192}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOME_KEY", "value-of-a-key-0123")
            for call in (
                lambda: tailor.study(desk(model=model), ROWS, quiet=True),
                lambda: tailor.measure(desk(model=model), ROWS, "zero-shot"),
            ):
                with pytest.raises(ConfigError, match="with the value of SOME_KEY, and you have not allowed that yet") as caught:
                    call()
                assert "allow_send=True" in caught.value.hint and endpoint.calls == 0
            tailor.measure(desk(model=model), ROWS, "zero-shot", allow_send=True, quiet=True)
            asked = endpoint.calls
            assert asked
            tailor.measure(desk(model=model), ROWS, "few-shot-2", quiet=True)  # remembered for this folder
            assert endpoint.calls > asked
            with pytest.raises(ConfigError, match="not allowed that yet"):
                tailor.measure(desk(model=model), ROWS, "few-shot-2", folder="elsewhere", quiet=True)
            tailor.study(desk(model=model), ROWS, folder="given", model=FakeModel(), quiet=True)
            asked = endpoint.calls
            with pytest.raises(ConfigError, match="not allowed that yet"):
                tailor.load("given").chosen("returns please")
            assert endpoint.calls == asked
    far = {"name": "m", "base_url": "http://example.com/v1", "context_tokens": 8192}
    with pytest.raises(ConfigError, match="is plain http to another machine") as caught:
        tailor.measure(desk(model=far), ROWS, "zero-shot", folder="far", allow_send=True, quiet=True)
    assert "allow_http=True" in caught.value.hint


# --- what is shown


def test_a_terminal_sees_lines_on_standard_error_and_quiet_sees_none(capsys: pytest.CaptureFixture[str]) -> None:
    tailor.measure(desk(), ROWS, "few-shot-2")
    shown = capsys.readouterr()
    assert shown.out == "" and "Everything is kept in studies/desk." in shown.err and "few-shot-2" in shown.err
    tailor.measure(desk(), ROWS, "few-shot-3", quiet=True)
    assert capsys.readouterr() == ("", "")


def test_a_notebook_sees_one_display_that_grows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    drawn: list[str] = []

    class Handle:
        def update(self, shown: str) -> None:
            drawn.append(shown)

    def display(shown: str, *, display_id: bool) -> Handle:
        assert display_id
        drawn.append(shown)
        return Handle()

    class ZMQInteractiveShell:
        pass

    module = ModuleType("IPython.display")
    module.__dict__.update(HTML=str, display=display)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.setattr("tailor.screen.REDRAW_SECONDS", 0)
    tailor.compare(desk(name="pages", prices={"currency": "<b>"}), ROWS, ["few-shot-5", "reference-classifier"])
    assert capsys.readouterr() == ("", "")
    assert any("<progress" in page for page in drawn[:-1]) and "<progress" not in drawn[-1]
    assert "Everything is kept in studies/pages." in drawn[-1] and "few-shot-5" in drawn[-1]
    assert "&lt;b&gt; per 1,000" in drawn[-1] and "<b>" not in "".join(drawn)


class Cells(HTMLParser):
    """Tags and text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"style"}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("make", [classify_study, answer_study, not_shown_study, stopped_study, hostile_study])
def test_a_study_is_one_short_line_and_a_safe_card(make: Any) -> None:
    study: Study = make()
    parts = [study, study.splits, study.splits.train[0], *study.tests, *(run.system for run in study.tests)]
    for part in [*parts, *([study.decision] if study.decision else [])]:
        line = repr(part)
        assert len(line) < 200 and line.isprintable() and line.startswith("<") and str(part) == line
    html = study._repr_html_() + study.table()._repr_html_()
    page = Cells(html)
    assert page.tags <= {"code", "div", "table", "thead", "tbody", "tr", "th", "td"}
    assert all(system in page.text for system in (run.system.name for run in study.tests))


def test_what_is_measured_has_cards_too(done: ProjectStudy) -> None:
    rows = [{**row, "text": f"<script>{row['text']}"} for row in ROWS]
    found = tailor.compare(desk(), rows, ["zero-shot", "few-shot-2"], folder="cards", quiet=True)
    for shown in (found, found.measurements[0], found.table(), tailor.Dataset(rows)):
        assert "script" not in Cells(shown._repr_html_()).tags
    assert "points" in Cells(found._repr_html_()).text

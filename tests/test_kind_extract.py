"""Kind `extract`: fields and entities from the settings to a score, and what a wrong field costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from data_helpers import make_task, sentence

from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.prompting import ChainOfThought, FreeForm, QuoteSources
from tailor.data.example import Example
from tailor.data.guess import GivenOptions, guess_task
from tailor.data.readers import to_examples
from tailor.data.scaffold import write_project
from tailor.data.split import read_tables
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.formats import describe_system
from tailor.decide.types import Decision, Rates
from tailor.errors import ConfigError, DataError
from tailor.evaluate.run import Run
from tailor.jsonform import has_sources
from tailor.kinds.base import Draft, Unreadable, kind_of, score, score_run
from tailor.models.fake import FakeModel
from tailor.project import load_project
from tailor.render import render_messages
from tailor.score.types import Answer, Score
from tailor.system import System
from tailor.task import Task
from tailor.testing import check_kind

FIELDS = {"customer": "text", "total": "number(0.01)", "express": "boolean", "items": [{"sku": "exact", "quantity": "number"}]}
ORDERS: tuple[dict[str, Any], ...] = (
    {"customer": "Ada Ltd", "total": 1240.5, "express": True, "items": [{"sku": "B7", "quantity": 2}]},
    {"customer": "Bo & Co", "total": None, "express": None, "items": []},
    {"customer": None, "total": 12, "express": False, "items": [{"sku": "C1", "quantity": 9}, {"sku": "B7", "quantity": 1}]},
)
TEXT = "Ann met Bo in Rome. Rome is where Ann lives."


def extract_task(fields: Mapping[str, Any] = FIELDS, **changes: Any) -> Task:
    return make_task(kind="extract", fields=fields, **changes)


def rows(task: Task, *cells: Any, text: str = TEXT) -> list[Example]:
    read = [kind_of(task).accepted(task, cell if isinstance(cell, str) else json.dumps(cell)) for cell in cells]
    return [Example(str(number), {"text": text}, given) for number, given in enumerate(read)]


def system_of(task: Task, train: Sequence[Example]) -> System:
    return starting_system(task, train, FakeModel())


def scored(task: Task, wanted: Any, said: Any, **changes: Any) -> Score:
    (row,) = rows(task, wanted)
    raw = said if isinstance(said, str) else json.dumps(said)
    return score(task, system_of(task, [row]), row, Answer(row.id, raw, **changes))


SPANS = [[0, 3, "person"], [20, 24, "place"]]


@pytest.mark.parametrize(
    ("task", "cells"),
    [
        (extract_task(), ORDERS),
        (extract_task(metric="field_accuracy"), ORDERS),
        (extract_task({}, labels=["person", "place"]), (SPANS, [], [{"start": 4, "end": 10, "label": "person"}])),
        (extract_task({}, json_schema={"type": "object", "properties": {"a": {"type": "string"}}}), ({"a": "x"}, {})),
    ],
)
def test_every_way_to_describe_what_is_extracted_keeps_the_promises(task: Task, cells: Sequence[Any]) -> None:
    check_kind(kind_of(task), task, rows(task, *cells))


def test_a_row_is_right_when_every_field_is_and_half_right_when_half_are() -> None:
    task, graded = extract_task(), extract_task(metric="field_accuracy")
    said = ORDERS[0] | {"total": "1,240.50 EUR", "customer": "Ada"}
    assert [(found.outcome, round(found.value, 2)) for found in (scored(one, ORDERS[0], said) for one in (task, graded))] == [
        ("wrong", 0.0),
        ("wrong", 0.8),
    ]
    found = scored(task, ORDERS[0], f"```json\n{json.dumps(ORDERS[0] | {'total': '1,240.50 EUR'})}\n```")
    assert (found.outcome, found.details) == ("right", {"form": 0.0, "fields": 1.0, "strict": 0.0})


@pytest.mark.parametrize(
    ("raw", "changes", "outcome"),
    [
        ("I cannot say.", {}, "unparsed"),
        ('{"customer": "Ada', {"finish": "length"}, "cut"),
        ("", {"finish": "refused"}, "refused"),
        ("", {"finish": "error", "error": "gone"}, "failed"),
        ("{}", {}, "wrong"),
    ],
)
def test_what_is_no_object_is_told_apart_from_a_wrong_one(raw: str, changes: dict[str, str], outcome: str) -> None:
    found = scored(extract_task(), ORDERS[0], raw, **changes)
    assert (found.outcome, found.value) == (outcome, 0.0)


def test_the_form_is_told_and_may_be_set_free_and_steps_get_a_property() -> None:
    task = extract_task()
    (row,) = rows(task, ORDERS[0])
    start = system_of(task, [row])
    assert '"total": number' in render_messages(start, row)[0].text
    assert json.loads(start.decoding.json_schema)["required"] == ["customer", "total", "express", "items"]
    data = TrainingData(task, (row,), ())
    free = FreeForm().fit(start, data, None)  # type: ignore[arg-type]
    assert not free.decoding.json_schema and free.prompt == start.prompt and free.name == "free-form"
    steps = ChainOfThought().fit(start, data, None)  # type: ignore[arg-type]
    assert next(iter(json.loads(steps.decoding.json_schema)["properties"])) == "reasoning"
    assert '"reasoning"' in render_messages(steps, row)[0].text and "Answer:" not in render_messages(steps, row)[0].text
    said = json.dumps({"reasoning": "Ada is the customer.", **ORDERS[0]})
    assert score(task, steps, row, Answer("0", said)).details == {"form": 1.0, "fields": 1.0, "strict": 1.0}
    both = ChainOfThought().fit(free, data, None)  # type: ignore[arg-type]
    assert score(task, both, row, Answer("0", f"Ada.\nAnswer: {json.dumps(ORDERS[0])}")).outcome == "right"


def test_words_of_the_text_get_a_property_and_are_looked_up_in_it() -> None:
    task = extract_task()
    (row,) = rows(task, ORDERS[0])
    start = system_of(task, [row])
    quoting = QuoteSources().fit(start, TrainingData(task, (row,), ()), None)  # type: ignore[arg-type]
    assert list(json.loads(quoting.decoding.json_schema)["properties"])[0] == "sources" and quoting.name == "sources-first"
    assert 'list in "sources" the words of the text' in render_messages(quoting, row)[0].text
    words = next(iter(row.fields.values())).split()
    quotes = [" ".join(words[:2]).upper(), "what nobody said"]
    said = json.dumps({"sources": quotes, **ORDERS[0]})
    assert score(task, quoting, row, Answer("0", said)).details == {"form": 1.0, "fields": 1.0, "strict": 1.0, "sources": 0.5}
    none = json.dumps({"sources": [], **ORDERS[0]})
    assert score(task, quoting, row, Answer("0", none)).details["sources"] == 0.0
    assert "sources" not in score(task, start, row, Answer("0", json.dumps(ORDERS[0]))).details
    assert describe_system(quoting) == "the words of the text first" and not has_sources(start.decoding.json_schema)
    with pytest.raises(ConfigError, match="no words of the text can come before"):
        QuoteSources().fit(quoting, TrainingData(task, (row,), ()), None)  # type: ignore[arg-type]


def test_entities_are_asked_for_by_their_words_and_kept_by_their_places() -> None:
    task = extract_task({}, labels=["person", "place"])
    (row,) = rows(task, SPANS)
    assert json.loads(row.label) == {
        "entities": [{"type": "person", "start": 0, "end": 3}, {"type": "place", "start": 20, "end": 24}]
    }
    written = kind_of(task).target_text(system_of(task, [row]), row, ())
    assert json.loads(written)["entities"] == [{"type": "person", "text": "Ann"}, {"type": "place", "text": "Rome", "nth": 2}]


# --- Prices


def test_a_wrong_field_costs_its_own_price_and_the_others_that_of_an_error() -> None:
    prices = {"error": 2, "fields": {"total": {"misread": 50, "missed": 5}, "express": 0}}
    task = extract_task(prices=prices)
    said = ORDERS[0] | {"total": 3, "express": False, "customer": "Bo"}
    found = scored(task, ORDERS[0], said)
    assert (found.loss, found.errors, found.cost(2)) == (50, 1, 52)
    assert scored(task, ORDERS[0], ORDERS[0]).cost(2) == 0
    missed = scored(task, ORDERS[0], "no idea")
    assert (missed.loss, missed.errors) == (5, 3), "customer, sku and quantity"
    assert scored(extract_task(prices={"error": 2}), ORDERS[0], said).cost(2) == 2, "without prices of fields, a row is one error"


def candidate(task: Task, name: str, wrong: Mapping[str, int]) -> Candidate:
    """A system that misreads these fields of so many of a hundred orders each, one field a row."""
    cells = [ORDERS[0] | {"customer": f"Ada {number}"} for number in range(100)]
    train = rows(task, *cells)
    system = system_of(task, train).then(name)
    spoilt = [field for field, count in wrong.items() for _ in range(count)]
    said = [cell | ({spoilt[n]: "other"} if n < len(spoilt) else {}) for n, cell in enumerate(cells)]
    answers = [Answer(row.id, json.dumps(one), tokens_in=100) for row, one in zip(train, said, strict=True)]
    run = Run(system, "test", tuple(train), tuple(answers), score_run(task, system, train, answers))
    return Candidate(name, run, None, cost_of(task, run, Rates(1.0, 1.0, 1.0, ""), 0, 0))


def test_a_price_of_a_field_decides_which_system_is_chosen() -> None:
    # One misreads the total of few orders, the other customers of somewhat more; nothing is asked again for another price.
    def chosen(**prices: Any) -> Decision:
        task = extract_task(target=0.8, prices=prices)
        return decide(task, [candidate(task, "totals", {"total": 4}), candidate(task, "names", {"customer": 7})], opening=1)

    plain = chosen(error=1)
    assert (plain.verdict, plain.chosen) == ("target met", "totals"), "a row is a row"
    priced = chosen(error=1, fields={"total": 50, "customer": 0})
    assert (priced.verdict, priced.chosen) == ("target met", "names")
    assert [round(finalist.cost.errors_per_1000) for finalist in priced.finalists] == [0, 2000]
    assert "wrong fields at 50 USD for total, 0 USD for customer and 1 USD for each other" in " ".join(priced.reasons)
    assert chosen(error=1, fields={"total": 1, "customer": {"misread": 2, "missed": 50}}).chosen == "totals"


# --- Settings and cells


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fields": {}}, "say what is extracted"),
        ({"fields": {"a": "nmuber"}}, "did you mean `number`"),
        ({"prices": {"fields": {"iban": 50}}}, "`prices.fields` names 'iban', which is no field"),
        ({"pattern": "[0-9]+"}, "`pattern` is for free text"),
        ({"fields": {"a": {}}}, "which has no fields"),
        ({"fields": {"a": [{}]}}, "which has no fields"),
        ({"kind": "write", "requirements": {"lacks": ["x"]}}, "`fields` are for answers that have fields"),
        ({"kind": "answer"}, "`fields` are for answers that have fields"),
        ({"kind": "answer", "fields": {}, "prices": {"fields": {"iban": 50}}}, "`prices.fields` are for answers"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_task(**{"kind": "extract", "fields": FIELDS, **changes})


def test_a_type_of_entities_may_have_any_name() -> None:
    task = extract_task({}, labels=["date | time", "size (m)"])
    wanted = [{"type": "size (m)", "text": "Bo"}]
    assert scored(task, {"entities": wanted}, {"entities": wanted}).outcome == "right"
    assert scored(task, {"entities": wanted}, {"entities": [{"type": "date | time", "text": "Bo"}]}).outcome == "wrong"


def test_a_cell_without_an_object_is_refused_and_an_empty_one_leaves_the_row_out() -> None:
    task = extract_task()
    assert kind_of(task).accepted(task, "") == ()
    with pytest.raises(Unreadable):
        kind_of(task).accepted(task, "Ada Ltd")
    tagged = extract_task({}, labels=["person", "place"])
    cell = ['{"start":0,"end":3,"label":"person"}']
    assert kind_of(tagged).accepted(tagged, cell) == ('{"entities": [{"type": "person", "start": 0, "end": 3}]}',)


def lines(*cells: Any) -> str:
    draft = Draft("the text", False, "record", "", False, "", (), 0, 25, answers=tuple(map(json.dumps, cells)))
    return "\n".join(line for line in kind_of(extract_task()).settings(draft) if not line.startswith("#"))


def test_init_describes_what_the_cells_hold() -> None:
    sizes = ["small", "large"] * 4
    orders: list[dict[str, Any]] = [
        {
            "who": f"Ada {n} Ltd",
            "iban": f"DE{n}9",
            "due": "2026-03-05",
            "size": size,
            "tags": ["a"],
            "net": "1,240.00",
            **ORDERS[0],
        }
        for n, size in enumerate(sizes)
    ]
    assert lines(*orders).splitlines() == [
        "fields:",
        "  who: text",
        "  iban: exact",
        "  due: date",
        '  size: "small | large"',
        "  tags: set",
        "  net: number",
        "  customer: text",
        "  total: number",
        "  express: boolean",
        "  items:",
        "    - sku: exact",
        "      quantity: number",
    ]
    assert lines(SPANS, []).splitlines() == ["labels:", '  - "person"', '  - "place"']


def test_a_list_of_objects_is_a_field_that_is_called_like_its_column(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    cells: list[Any] = [None, [{"sku": "B7", "count": 2}], [], [{"sku": "C1", "count": 1}, {"sku": "B7", "count": 3}]]
    path.write_text("\n".join(json.dumps({"mail": sentence(n), "items": cells[n % 4]}) for n in range(24)), encoding="utf-8")
    task = load_project(write_project(guess_task(path))).task
    assert (task.kind, task.fields) == ("extract", {"items": [{"sku": "B7 | C1", "count": "number"}]})
    assert kind_of(task).accepted(task, json.dumps(cells[1])) == ('{"items": [{"sku": "B7", "count": 2}]}',)


def test_an_object_as_python_writes_it_is_read() -> None:
    task = extract_task({"a": "number", "b": "text", "c": "boolean"})
    assert kind_of(task).accepted(task, "{'a': 1, 'b': \"it's\", 'c': None}") == ('{"a": 1, "b": "it\'s", "c": null}',)
    with pytest.raises(Unreadable):
        kind_of(task).accepted(task, "{'a', 'b'}")


def test_a_value_alone_is_that_of_the_one_field() -> None:
    one = extract_task({"total": "number"})
    assert [kind_of(one).accepted(one, cell) for cell in ("12.5", "12.50 EUR", "")] == [
        ('{"total": 12.5}',),
        ('{"total": 12.5}',),
        (),
    ]
    with pytest.raises(Unreadable):
        kind_of(one).accepted(one, '{"total": 12')


def test_init_writes_names_that_yaml_reads_as_names_and_leaves_out_what_cannot_be_compared() -> None:
    described = lines({"no": "x", "on": 1, "a.b": 2, "d": [{"x": 1, "y": [{"z": 1, "w": "v"}]}]})
    nested = [{"x": "number", "y": [{"z": "number", "w": "text"}]}]
    assert yaml.safe_load(described)["fields"] == {"no": "text", "on": "number", "d": nested}
    assert '# "a.b" is left out' in described


def test_what_says_nothing_in_a_list_is_no_invention() -> None:
    task = extract_task({"tags": "set", "items": [{"sku": "exact"}], "note": "text"})
    nothing: dict[str, Any] = {"tags": [], "items": [], "note": None}
    for said in ({"tags": ["none"], "items": "n/a", "note": "Not provided."}, {"tags": "none", "items": ["none"], "note": "-"}):
        assert scored(task, nothing, said).outcome == "right"
    assert scored(task, nothing, {**nothing, "items": ["one box"]}).outcome == "wrong"


def test_several_columns_are_the_fields_of_one_answer(tmp_path: Path) -> None:
    lines = [f'"We are Firm {n} and send {n}.50 euros",Firm {n},"{n},50",{"yes" if n % 2 else ""}' for n in range(12)]
    (tmp_path / "bills.csv").write_text("\n".join(["mail,customer,total,paid", *lines, "Nothing here,,,"]), encoding="utf-8")
    write_project(guess_task(tmp_path / "bills.csv", GivenOptions(output="customer, total")))
    project = load_project(tmp_path)
    assert (project.task.kind, project.task.fields) == ("extract", {"customer": "text", "total": "number"})
    (table,) = read_tables(project).values()
    assert table.columns == ("mail", "paid", "customer, total")
    examples = to_examples(project.task, table)
    assert [json.loads(row.label) for row in examples[:2]] == [
        {"customer": "Firm 0", "total": 0.5},
        {"customer": "Firm 1", "total": 1.5},
    ]
    assert len(examples) == 12, "a row that fills none of the columns has no answer"
    with pytest.raises(DataError, match="lacks a column"):
        to_examples(project.task.model_copy(update={"input": "{{mail}} {{total}}"}), table)


def test_init_makes_of_the_sample_what_it_says() -> None:
    folder = Path(__file__).resolve().parents[1] / "examples" / "orders"
    project = load_project(folder)
    (table,) = read_tables(project).values()
    guess = guess_task(folder / "orders.jsonl")
    draft = Draft("the mail", False, "order", "", False, "", (), 0, 25, answers=guess.answers)
    settings = yaml.safe_load("\n".join(guess.kind.settings(draft)))
    assert (guess.kind.name, guess.input, settings["fields"]) == ("extract", "mail", project.task.fields)
    examples = to_examples(project.task, table)
    assert len(examples) == len(table.rows) >= 60
    assert len({row.fields["mail"].split()[0] for row in examples}) > 40, "mails begin in ways of their own"
    system = system_of(project.task, examples)
    for row in examples:
        written = kind_of(project.task).target_text(system, row, ())
        assert score(project.task, system, row, Answer(row.id, written)).details == {"form": 1.0, "fields": 1.0, "strict": 1.0}


@pytest.mark.parametrize("style", ["objects", "triples"])
def test_init_sees_marks_of_a_text(tmp_path: Path, style: str) -> None:
    rows = []
    for number in range(12):
        text = f"{sentence(number)} met Ann in Rome"
        at = text.index("Ann")
        marks: list[Any] = [[at, at + 3, "person"], [at + 7, at + 11, "place"]] if number % 3 else []
        if style == "objects":
            marks = [{"start": start, "end": end, "label": kind} for start, end, kind in marks]
        rows.append({"text": text, "entities": marks})
    (tmp_path / "names.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    write_project(guess_task(tmp_path / "names.jsonl"))
    task = load_project(tmp_path).task
    assert (task.kind, task.output, task.labels) == ("extract", "entities", ("person", "place"))
    (table,) = read_tables(load_project(tmp_path)).values()
    examples = to_examples(task, table)
    assert len(examples) == 12, "a text without marks has a right answer, too"
    system = system_of(task, examples)
    assert all(score(task, system, row, Answer(row.id, kind_of(task).target_text(system, row, ()))).value == 1 for row in examples)
    assert score(task, system, examples[0], Answer("1", '{"entities": [{"type": "person", "text": "Ann"}]}')).outcome == "wrong"

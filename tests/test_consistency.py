"""Whether a system says the same when it is asked the same: models made to waver, and models that cannot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import make_example
from pydantic import TypeAdapter
from statsmodels.stats.proportion import proportion_confint
from tiny import DOCUMENTS, LABELS, answer_material, classify_material, open_tiny, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.prompting import FewShot, RemovePrior, WriteLabels
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import Reference
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.evaluate.consistency import REMOTE_ROWS, ROWS, Consistency, consistency, planned_calls, sampled
from tailor.evaluate.rewording import FORMS, Kind, askings, other_capitals, please
from tailor.models.base import Capabilities, Request
from tailor.models.fake import FakeModel
from tailor.system import System
from tailor.task import Task

MakeEngine = Callable[..., Engine]
WHERE = "the 25th of each month"


def questions(n: int) -> tuple[Example, ...]:
    return tuple(make_example(i, WHERE, text=f"When are wages paid, case {i}?") for i in range(n))


def free(**changes: object) -> tuple[Task, TrainingData]:
    data = answer_material(**changes)
    return data.task, data


def measured(
    model: FakeModel, folder: Path, engine_for: MakeEngine, n: int = 20, rows: int | None = None, **decoding: object
) -> tuple[Consistency, Engine]:
    task, data = free()
    engine = engine_for(model, folder)
    system = start(data, engine)
    system = system.model_copy(update={"decoding": system.decoding.model_copy(update=decoding)})
    (found,) = consistency(task, [system], questions(n), engine, rows=rows)
    return found, engine


def changed(found: Consistency, kind: Kind) -> float:
    interval = found.of(kind).changed
    assert interval is not None
    return interval.mean


def case(request: Request) -> int:
    return int("".join(c for c in request.messages[-1].text if c.isdigit()))


def test_a_system_that_does_not_waver_is_right_every_time(tmp_path: Path, engine_for: MakeEngine) -> None:
    found, _ = measured(FakeModel(lambda request: WHERE), tmp_path, engine_for)
    assert (found.right.mean, found.all_right.mean, found.right.n) == (1.0, 1.0, 20)
    assert found.of("again").basis == found.of("format").basis == "measured"
    assert found.of("order").basis == "nothing to vary" and found.of("order").changed is None
    assert [v.how for v in found.of("format").variations] == [form.how for form in FORMS]
    assert all(v.changed.mean == 0 and v.became_right == v.became_wrong == v.failed == 0 for v in found.of("format").variations)
    assert found.ways == 1 + 1 + len(FORMS) and found.calls == 20 * (1 + len(FORMS))


def test_answers_that_depend_on_the_form_are_counted_by_row(tmp_path: Path, engine_for: MakeEngine) -> None:
    def say(request: Request) -> str:
        text = request.messages[-1].text
        if "please" in text.lower() and case(request) < 4:
            return "March"
        return "never" if text.startswith("**") and case(request) in (3, 19) else WHERE

    found, _ = measured(FakeModel(say), tmp_path, engine_for)
    form = found.of("format")
    told = {v.how: (round(20 * v.changed.mean), v.became_wrong, v.became_right) for v in form.variations}
    assert told["with a “please” behind it"] == (4, 4, 0)
    assert told["in bold Markdown"] == (2, 2, 0)
    assert {how: counts for how, counts in told.items() if counts != (0, 0, 0)}.keys() == {
        "with a “please” behind it",
        "in bold Markdown",
    }
    assert form.changed is not None and form.turned is not None and form.all_right is not None
    assert form.changed.mean == form.turned.mean == 5 / 20 and form.all_right.mean == 15 / 20
    assert (form.changed.low, form.changed.high) == pytest.approx(proportion_confint(5, 20, method="beta"))
    assert found.right.mean == 1.0 and found.all_right.mean == 15 / 20
    assert changed(found, "again") == 0


def test_another_wrong_answer_is_a_change_that_turns_nothing(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel(lambda request: "April" if request.messages[-1].text.startswith('"') else "March")
    found, _ = measured(model, tmp_path, engine_for)
    form = found.of("format")
    assert form.changed is not None and form.turned is not None
    assert (form.changed.mean, form.turned.mean, found.right.mean) == (1.0, 0.0, 0.0)


def test_the_same_answer_in_other_words_for_not_found_or_in_other_letters_is_no_change(
    tmp_path: Path, engine_for: MakeEngine
) -> None:
    said = {'"': "It is not in the documents.", "*": "unknown"}
    found, _ = measured(FakeModel(lambda r: said.get(r.messages[-1].text[0], "not in the documents")), tmp_path, engine_for)
    assert changed(found, "format") == 0
    other, _ = measured(
        FakeModel(lambda r: "The 25th, of each month!" if r.messages[-1].text[0] == '"' else WHERE), tmp_path / "b", engine_for
    )
    assert changed(other, "format") == 0 and other.all_right.mean == 1.0


def test_a_system_that_samples_is_asked_with_other_seeds(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel(lambda request: WHERE if request.seed != 2 else "March")
    found, _ = measured(model, tmp_path, engine_for, temperature=0.7)
    again = found.of("again")
    assert [v.how for v in again.variations] == ["asked with another seed"] * 3
    assert [v.changed.mean for v in again.variations] == [0.0, 1.0, 0.0]
    assert {request.seed for request in model.requests} == {0, 1, 2, 3} and found.all_right.mean == 0.0


def test_an_answer_that_did_not_come_is_no_other_answer_but_not_right(tmp_path: Path, engine_for: MakeEngine) -> None:
    def fail(request: Request) -> str:
        return "down" if request.messages[-1].text.startswith("**") and case(request) == 7 else ""

    found, _ = measured(FakeModel(lambda request: WHERE, fail=fail), tmp_path, engine_for)
    bold = next(v for v in found.of("format").variations if "bold" in v.how)
    assert (bold.failed, bold.changed.n, bold.changed.mean) == (1, 19, 0.0)
    assert found.all_right.mean == 19 / 20 and found.of("format").all_right == found.all_right


def test_nothing_is_paid_for_twice_and_the_calls_are_foretold(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel(lambda request: WHERE)
    task, data = free()
    engine = engine_for(model, tmp_path)
    system, rows = start(data, engine), questions(60)
    engine.answer(system, rows)
    before, seen = len(model.requests), []
    planned = planned_calls(task, [system], rows, engine)
    assert len(model.requests) == before
    first = consistency(task, [system], rows, engine, lambda done, total: seen.append((done, total)))
    assert len(model.requests) - before == first[0].calls == planned[0] == ROWS * (1 + len(FORMS))
    assert seen[-1] == (planned[0], planned[0]) and [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert consistency(task, [system], rows[::-1], engine) == first
    assert len(model.requests) - before == planned[0]


def test_few_rows_are_asked_where_each_answer_is_paid_for() -> None:
    task, _ = free()
    paid, rows = FakeModel(), questions(100)
    paid.capabilities = Capabilities(billed=True)
    assert [len(sampled((model,), rows)) for model in (FakeModel(), paid)] == [ROWS, REMOTE_ROWS]
    assert sampled((FakeModel(),), rows)[:REMOTE_ROWS] == sampled((paid,), rows[::-1])
    assert consistency(task, [], rows, None) == consistency(task, [], (), None) == ()  # type: ignore[arg-type]


def orders(system: System, data: TrainingData, engine: Engine) -> dict[str, list[str]]:
    """By what is turned round: the requests in which it is."""
    found = [a for a in askings(system, data.dev, engine.model) if a.kind == "order"]
    return {a.how.split(" in the")[0]: [str(r.messages) for r, _ in engine.render(a.system, a.examples)] for a in found}


def test_worked_examples_and_labels_are_turned_round(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    for shots in (FewShot(3), FewShot(3, "nearest")):
        system = shots.fit(start(data, engine), data, engine)
        ((plain, _), *_) = engine.render(system, data.dev)
        turned = orders(system, data, engine)
        assert turned.keys() == {"worked examples", "labels listed"}
        pairs = [tuple(m.text for m in plain.messages[i : i + 2]) for i in (1, 3, 5)]
        (asking, *_) = [a for a in askings(system, data.dev, engine.model) if a.kind == "order"]
        ((other, _), *_) = engine.render(asking.system, asking.examples)
        assert [tuple(m.text for m in other.messages[i : i + 2]) for i in (1, 3, 5)] == pairs[::-1]
        assert other.messages[0] == plain.messages[0] and other.messages[-1] == plain.messages[-1]
        assert asking.system.name == system.name and asking.system.fingerprint != system.fingerprint


def test_a_label_prior_is_turned_round_with_its_labels(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    system = RemovePrior().fit(start(data, engine), data, engine)
    system = system.model_copy(update={"decoding": system.decoding.model_copy(update={"prior": (1.0, 2.0, 3.0, 4.0)})})
    (asking,) = [a for a in askings(system, data.dev, engine.model) if a.kind == "order"]
    pairs = list(zip(system.decoding.labels, system.decoding.prior, strict=True))
    assert list(zip(asking.system.decoding.labels, asking.system.decoding.prior, strict=True)) == pairs[::-1]


def test_passages_are_turned_round(tmp_path: Path, engine_for: MakeEngine) -> None:
    _, data = free(documents="docs")
    engine = engine_for(FakeModel(), tmp_path, DOCUMENTS)
    system = Retrieve("hybrid", passages=3).fit(start(data, engine), data, engine)
    (asking,) = [a for a in askings(system, data.dev, engine.model) if a.kind == "order"]
    for (_, best_first), (_, best_last) in zip(
        engine.render(system, data.dev), engine.render(asking.system, data.dev), strict=True
    ):
        assert len(best_first) > 1 and best_last == best_first[::-1]
    one = Retrieve("hybrid").fit(start(data, engine), data, engine)
    assert orders(one, data, engine) == {}


def test_saved_systems_keep_their_fingerprints(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    record = start(data, engine).model_dump(mode="json")
    assert "nearest_first" not in record["prompt"] and "best_last" not in record["knowledge"]


def test_a_classifier_says_the_same_by_construction_but_is_asked_in_other_forms(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    system = Reference().fit(start(data, engine), data, engine)
    (found,) = consistency(data.task, [system], data.dev, engine)
    assert [k.basis for k in found.kinds] == ["by construction", "nothing to vary", "measured"]
    # The fake embedder sees words alone: only a "please" is news to it.
    assert {v.how for v in found.of("format").variations if v.changed.mean} <= {"with a “please” behind it"}


def test_labels_without_the_form_asked_for_are_all_alike(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = classify_material()
    model = FakeModel(lambda request: f"no idea about {request.messages[-1].text}")
    model.capabilities = Capabilities()
    engine = engine_for(model, tmp_path)
    system = WriteLabels().fit(start(data, engine), data, engine)
    (found,) = consistency(data.task, [system], data.dev, engine)
    assert changed(found, "format") == 0


def test_a_local_model_is_asked_one_at_a_time_with_the_same_requests(
    tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    data, model = classify_material(n_dev=5), open_tiny(tiny_folder)
    engine = engine_for(model, tmp_path)
    system = start(data, engine)
    sizes: list[int] = []
    reply = model.reply

    def counted(requests: list[Request], tuned: Path | None = None) -> object:
        sizes.append(len(requests))
        return reply(requests, tuned)

    model.reply = counted  # type: ignore[method-assign, assignment]
    (found,) = consistency(data.task, [system], data.dev, engine)
    assert sizes == [5, *[1] * 5, 5, *[5] * len(FORMS)]
    # In float32 on so few tokens the company makes no difference.
    assert found.of("again").variations[0].changed.mean == 0 and "one at a time" in found.of("again").variations[0].how


def test_a_way_that_leaves_a_row_as_it_is_does_not_ask_it(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    rows = (replace(data.dev[0], fields={"text": "123"}), *data.dev[1:3])
    plan = {a.how: a.places for a in askings(start(data, engine), rows, engine.model)}
    assert plan["in other capitals"] == (1, 2) and plan["in bold Markdown"] == (0, 1, 2)


def test_forms_keep_every_word() -> None:
    assert other_capitals("Where IS it?") == "where is it?" and other_capitals("where is it?") == "Where is it?"
    assert please("Where is it?") == "Where is it? Please." and please("lost card ") == "lost card, please"
    for form in FORMS:
        assert "where is it" in form.change("Where is it?").lower()


def test_what_was_found_can_be_saved(tmp_path: Path, engine_for: MakeEngine) -> None:
    found, _ = measured(FakeModel(lambda request: WHERE), tmp_path, engine_for)
    adapter = TypeAdapter(tuple[Consistency, ...])
    assert adapter.validate_json(adapter.dump_json((found,))) == (found,)


def test_labels_are_compared_as_they_are(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = classify_material(labels=("C", "C++", LABELS[0]))
    model = FakeModel(lambda request: "C++" if request.messages[-1].text.startswith('"') else "C")
    model.capabilities = Capabilities()
    engine = engine_for(model, tmp_path)
    (found,) = consistency(data.task, [start(data, engine)], data.dev, engine)
    assert changed(found, "format") == 1.0

"""The engine: asks for what is missing and nothing else, saves what it paid for, and answers with what a System names."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import make_example, make_examples, sentence
from pydantic import BaseModel
from tiny import DOCUMENTS, LABELS, answer_material, classify_material, start

from tailor.approaches.approach import Chain
from tailor.approaches.prompting import FewShot
from tailor.approaches.retrieval import Retrieve, WholeDocuments
from tailor.approaches.tuning import Reference
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.errors import ConfigError, EndpointError, ModelError, OutOfTime, StoreError
from tailor.models.base import Array, Reply, Request
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.system import Decoding, Knowledge, Prompt, Shot, System, Teacher, Weights, fingerprint_of

MakeEngine = Callable[..., Engine]
EXAMPLES = make_examples(10, LABELS)


def plain(engine: Engine) -> System:
    return start(classify_material(), engine)


def test_answered_examples_are_not_asked_again_even_after_a_restart(tmp_path: Path, engine_for: MakeEngine) -> None:
    model = FakeModel()
    engine = engine_for(model, tmp_path)
    system = plain(engine)
    first = engine.answer(system, EXAMPLES[:6])
    assert len(model.requests) == 6
    assert engine.answer(system, EXAMPLES[:6]) == first and len(model.requests) == 6
    more = engine.answer(system, EXAMPLES[::-1])
    assert len(model.requests) == 10 and [a.example for a in more] == [e.id for e in EXAMPLES[::-1]]
    engine.ledger.close()

    other = FakeModel()
    again = engine_for(other, tmp_path).answer(system, EXAMPLES)
    assert other.calls == 0 and again == more[::-1] and again[:6] == first


def test_an_answer_from_the_ledger_is_the_answer_that_came(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material()
    engine = engine_for(FakeModel(), tmp_path, DOCUMENTS)
    system = Retrieve("bm25").fit(start(data, engine), data, engine)
    first = engine.answer(system, data.dev)
    assert first[0].passages[0].document == "leave.md" and all(a.tokens_in > 0 for a in first)
    engine.ledger.close()
    assert engine_for(FakeModel(), tmp_path, DOCUMENTS).answer(system, data.dev) == first


def test_the_same_example_twice_is_answered_twice(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    one, two = engine.answer(plain(engine), [EXAMPLES[0], EXAMPLES[0]])
    assert one == two and engine.answer(plain(engine), []) == []


class Blocks(FakeModel):
    """A model whose answers may depend on the others of their block."""

    block = 4
    capabilities = replace(FakeModel.capabilities, batch_invariant=False)


def asked(model: FakeModel) -> list[str]:
    return [request.messages[-1].text for request in model.requests]


@pytest.mark.parametrize("kind", [FakeModel, Blocks])
def test_a_block_with_a_gap_is_redone_whole_where_the_batch_matters(
    kind: type[FakeModel], tmp_path: Path, engine_for: MakeEngine
) -> None:
    first = engine_for(kind(), tmp_path)
    system = plain(first)
    saved = first.answer(system, [EXAMPLES[0], EXAMPLES[5], EXAMPLES[8], EXAMPLES[9]])
    first.ledger.close()
    model = kind()
    answers = engine_for(model, tmp_path).answer(system, EXAMPLES)
    texts = [example.fields["text"] for example in EXAMPLES]
    assert asked(model) == (texts[:8] if kind is Blocks else [texts[i] for i in (1, 2, 3, 4, 6, 7)])
    assert [answers[i] for i in (0, 5, 8, 9)] == saved, "what was saved stands"


def test_failed_calls_are_reported_and_asked_again_next_time(tmp_path: Path, engine_for: MakeEngine) -> None:
    bad = EXAMPLES[3].fields["text"]
    model = FakeModel(fail=lambda request: "no answer came" if request.messages[-1].text == bad else "")
    engine = engine_for(model, tmp_path)
    system = plain(engine)
    answers = engine.answer(system, EXAMPLES)
    assert [a.error for a in answers] == ["no answer came" if i == 3 else "" for i in range(10)] and answers[3].finish == "error"
    engine.ledger.close()
    healed = FakeModel()
    again = engine_for(healed, tmp_path).answer(system, EXAMPLES)
    assert asked(healed) == [bad] and not again[3].error and again[:3] == answers[:3]


class Dying(FakeModel):
    """An endpoint whose key dies after three replies, the last of them a failed call."""

    def stream(self, requests: Sequence[Request], deliver: Callable[[dict[int, Reply]], None]) -> None:
        replies = self.reply(requests[:3])
        deliver({0: replies[0], 2: replies[2]})
        deliver({3: Reply("", finish="error", error="timed out")})
        raise EndpointError("the key is dead", fatal=True)


def test_replies_paid_for_before_a_fatal_failure_are_kept(tmp_path: Path, engine_for: MakeEngine) -> None:
    dying = engine_for(Dying(), tmp_path)
    system = plain(dying)
    with pytest.raises(EndpointError, match="the key is dead"):
        dying.answer(system, EXAMPLES)
    dying.ledger.close()
    model = FakeModel()
    answers = engine_for(model, tmp_path).answer(system, EXAMPLES)
    texts = [example.fields["text"] for example in EXAMPLES]
    assert asked(model) == [texts[1], *texts[3:]] and not any(a.error for a in answers)


def test_out_of_time_keeps_the_blocks_that_were_answered(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(Blocks(), tmp_path)
    system, checks = plain(engine), [0]

    def check() -> None:
        checks[0] += 1
        if checks[0] == 3:
            raise OutOfTime("the time is up")

    engine.check = check
    seen: list[tuple[int, int]] = []
    with pytest.raises(OutOfTime):
        engine.answer(system, EXAMPLES, lambda done, total: seen.append((done, total)))
    assert seen == [(4, 10), (8, 10)]
    engine.ledger.close()
    model = Blocks()
    engine_for(model, tmp_path).answer(system, EXAMPLES)
    assert len(model.requests) == 2


def test_a_prior_is_subtracted_before_the_label_is_chosen(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    system = plain(engine)
    prior = (-9.0, -0.1, -0.2, -0.3)
    without = system.then("prior", decoding=system.decoding.model_copy(update={"prior": prior}))
    for a, b in zip(engine.answer(system, EXAMPLES), engine.answer(without, EXAMPLES), strict=True):
        np.testing.assert_allclose(np.subtract(a.scores, prior), b.scores)
        assert b.raw == LABELS[int(np.argmax(b.scores))]
    assert {a.raw for a in engine.answer(without, EXAMPLES)} == {LABELS[0]}


@pytest.mark.parametrize("retrieve_first", [False, True])
def test_the_nearest_shots_never_show_the_row_itself(retrieve_first: bool, tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material()
    # The same question under many numbers: none of them may be shown next to it.
    copies = [make_example(100 + i, "March", text=data.train[1].fields["text"]) for i in range(12)]
    data = replace(data, train=(*data.train, *copies))
    engine = engine_for(FakeModel(), tmp_path, DOCUMENTS)
    chain = Chain((Retrieve("bm25"), FewShot(2, "nearest")) if retrieve_first else (FewShot(2, "nearest"), Retrieve("bm25")))
    system = chain.fit(start(data, engine), data, engine)
    for example, (chat, _) in zip(data.train, engine.messages(system, data.train), strict=True):
        shown = [m.text for m in chat if m.role == "user"]
        assert len(shown) == 3 and [example.fields["text"] in text for text in shown] == [False, False, True]


def test_the_nearest_shot_stands_last(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    shots = tuple(Shot(input=text, answer="x") for text in ("red green blue", "red stone", "nothing alike", "red green stone"))
    base = plain(engine)
    system = base.then("near", prompt=base.prompt.model_copy(update={"shots": shots, "nearest": 2, "embedder": "fake"}))
    ((chat, _),) = engine.messages(system, [make_example(0, "", text="red green blue pink")])
    assert [m.text for m in chat if m.role == "user"] == ["red green stone", "red green blue", "red green blue pink"]


def test_thousands_of_examples_to_choose_from_cost_an_answer_next_to_nothing(tmp_path: Path, engine_for: MakeEngine) -> None:
    """Their vectors, their JSON and the fingerprint are made once, not with every answer."""
    engine = engine_for(FakeModel(), tmp_path)
    base, embedder = plain(engine), FakeEmbedder()
    shots = tuple(Shot(fields={"text": f"{sentence(n)} {'and so on ' * 20}"}, answer="x") for n in range(5000))
    system = base.then("near", prompt={"shots": shots, "nearest": 5, "embedder": embedder.name})
    system = system.then("prior", decoding={"prior": (0.0,) * len(LABELS)})
    rows = make_examples(40, LABELS)
    engine.answer(system, rows[:1])
    assert min(timed_one_by_one(engine, system, rows[1:])) < 0.002 + min(timed_one_by_one(engine, base, rows[1:]))


def timed_one_by_one(engine: Engine, system: System, rows: Sequence[Example]) -> list[float]:
    took = []
    for row in rows:
        started = time.process_time()
        engine.answer(system, [row])
        took.append(time.process_time() - started)
    return took


def test_a_system_of_another_model_is_refused(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    system = plain(engine_for(FakeModel(name="other"), tmp_path / "other"))
    with pytest.raises(ConfigError, match="made with weights of `other`, and the project asks `fake`") as caught:
        engine.answer(system, EXAMPLES)
    assert "tailor.yaml" in caught.value.hint


def test_tuned_weights_that_are_gone_are_said(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    base = plain(engine)
    lost = base.then("lora", weights=base.weights.model_copy(update={"tuned": "tuned/x", "tuned_digest": "0", "method": "lora"}))
    with pytest.raises(StoreError, match="does not hold the tuned weights of 'lora'") as caught:
        engine.answer(lost, EXAMPLES)
    assert "tailor run" in caught.value.hint


@pytest.mark.parametrize("damage", ["{", "[]", '{"labels": ["a", "b"], "weights": [[0.0], [1.0]], "bias": [0, 0]}'])
def test_a_damaged_classifier_is_refused(damage: str, tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(), engine_for(FakeModel(), tmp_path)
    system = Reference().fit(start(data, engine), data, engine)
    (tmp_path / system.weights.tuned / "head.json").write_text(damage, encoding="utf-8")
    with pytest.raises(StoreError, match="does not hold"):
        engine.answer(system, data.dev)


class Counting(FakeEmbedder):
    opened = 0

    def __init__(self) -> None:
        Counting.opened += 1
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Array:
        self.texts += texts
        return super().embed(texts)


def test_an_embedder_is_opened_once_and_no_text_is_embedded_twice(tmp_path: Path, engine_for: MakeEngine) -> None:
    embedder, opened = Counting(), Counting.opened
    engine = engine_for(FakeModel(), tmp_path, DOCUMENTS)
    calls: list[str] = []

    def open_embedder(name: str) -> Counting:
        calls.append(name)
        return embedder

    engine.open_embedder = open_embedder
    first = engine.embed("fake", ["a b", "c", "a b"])
    again = engine.embed("fake", ["c", "d"])
    assert embedder.texts == ["a b", "c", "d"]
    np.testing.assert_array_equal(first[[0, 1]], [first[2], again[0]])
    assert engine.embed("fake", []).shape[0] == 0 and engine.embedder_digest("fake") == embedder.digest
    engine.indexes.index(Knowledge(embedder="fake"))
    assert calls == ["fake"] and Counting.opened == opened


def test_requests_carry_what_the_decoding_says(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine = engine_for(FakeModel(), tmp_path)
    base = plain(engine)
    ((request, passages),) = engine.render(base, EXAMPLES[:1])
    assert request.choices == ("charged twice", "charged", "charged too much", "refund missing") and passages == ()
    form: dict[str, Any] = {"pattern": "a+", "json_schema": "{}", "stop": ("x",)}
    decoding = Decoding(method="generate", labels=LABELS, max_tokens=7, temperature=0.5, seed=3, **form)
    ((request, _),) = engine.render(base.then("written", decoding=decoding), EXAMPLES[:1])
    assert (request.choices, request.max_tokens, request.temperature, request.seed) == ((), 7, 0.5, 3)
    assert (request.pattern, request.json_schema, request.stop) == ("a+", "{}", ("x",))


def test_a_pattern_leaves_room_for_what_the_prompt_asks_for_beside_the_answer() -> None:
    def pattern(decoding: Decoding, **prompt: bool) -> str:
        return FULL.model_copy(update={"decoding": decoding, "prompt": FULL.prompt.model_copy(update=prompt)}).pattern

    free, word = Decoding(pattern="[a-z]+|7"), Decoding(pattern="yes|no", labels=("yes", "no"))
    for text in ("hello", "7", "hello [2]"):
        assert re.fullmatch(pattern(free), text)
        assert re.fullmatch(pattern(free, reasoning=True), f"First.\n\nThen: 8.\nAnswer: {text}")
    assert not any(re.fullmatch(pattern(free), text) for text in ("8", "hello 7", "hello [x]", "hello [4]", "[2]", "Answer: hello"))
    assert not any(re.fullmatch(pattern(free, reasoning=True), text) for text in ("hello", "Answer: hello\nAnswer: 8", "Answer: "))
    assert pattern(word) == "yes|no" and re.fullmatch(pattern(word, reasoning=True), "Answer: no")
    assert pattern(Decoding(), reasoning=True) == ""


def test_whole_documents_are_in_every_prompt(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = answer_material(), engine_for(FakeModel(), tmp_path, DOCUMENTS)
    system = WholeDocuments().fit(start(data, engine), data, engine)
    for chat, passages in engine.messages(system, data.dev):
        assert all(document.text in chat[0].text for document in DOCUMENTS) and passages == ()


FULL = System(
    steps=("one",),
    weights=Weights(model="m", digest="d", precision="p", tuned="t", tuned_digest="td", method="lora"),
    prompt=Prompt(instruction="i", input="{{x}}", shots=(Shot(input="a", answer="b"),), persona="p", constraints=("c",)),
    knowledge=Knowledge(kind="index", search="bm25", passages=3, digest="d", embedder="e"),
    decoding=Decoding(method="score", labels=("a", "b"), prior=(-1.0, -2.0), max_tokens=5, temperature=0.0, seed=0),
)
OTHERS: dict[str, Any] = {
    "weights.teacher": Teacher(fingerprint="f", model="m"),
    "weights.method": "full",
    "knowledge.kind": "whole",
    "knowledge.search": "hybrid",
    "prompt.constraints": ("c", "d"),
    "prompt.shots": (Shot(input="a", answer="c"),),
    "decoding.method": "generate",
    "decoding.labels": ("b", "a"),
    "decoding.prior": (-1.0, -2.5),
    "decoding.stop": ("x",),
    "knowledge.queries": "hyde",
}


def changed(system: System, part: str, name: str) -> System:
    model: BaseModel = getattr(system, part)
    old = getattr(model, name)
    new = OTHERS.get(f"{part}.{name}", not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else f"{old}+")
    return system.model_copy(update={part: model.model_copy(update={name: new})})


FIELDS = [
    (part, name) for part in ("weights", "prompt", "knowledge", "decoding") for name in type(getattr(FULL, part)).model_fields
]


@pytest.mark.parametrize(("part", "name"), FIELDS, ids=[f"{part}.{name}" for part, name in FIELDS])
def test_every_field_changes_the_fingerprint(part: str, name: str) -> None:
    before = FULL.fingerprint
    other = changed(FULL, part, name)
    assert getattr(getattr(other, part), name) != getattr(getattr(FULL, part), name)
    assert other.fingerprint != before == FULL.fingerprint


def test_what_was_saved_before_there_were_forms_keeps_its_fingerprint() -> None:
    assert FULL.fingerprint == "6aed664a0faab55ee1ef4b4f7b6f84d336fe85d21ea060d3fce6c0dafd69f4d3"
    formed = FULL.model_copy(update={"decoding": Decoding(pattern="a", json_schema="{}", stop=("x",))})
    assert System.model_validate_json(formed.model_dump_json()) == formed


def test_what_a_system_is_called_does_not_change_the_fingerprint() -> None:
    assert set(System.model_fields) == {"steps", "label", "weights", "prompt", "knowledge", "decoding"}
    assert FULL.then("two").fingerprint == FULL.fingerprint and FULL.then("two").name == "one > two"
    labelled = FULL.with_(label="small")
    assert labelled.fingerprint == FULL.fingerprint and labelled.name == "one on small"


def test_a_model_that_cannot_answer_at_all_raises(tmp_path: Path, engine_for: MakeEngine) -> None:
    def fail(request: Request) -> str:
        raise ModelError("the machine is off")

    engine = engine_for(FakeModel(fail=fail), tmp_path)
    with pytest.raises(ModelError, match="the machine is off"):
        engine.answer(plain(engine), EXAMPLES)


def test_a_system_is_changed_part_by_part_and_stays_as_it_was() -> None:
    changed = FULL.with_(prompt={"persona": "You are new."}, decoding={"max_tokens": 7})
    assert changed.prompt == Prompt(**{**FULL.prompt.model_dump(), "persona": "You are new."}) and changed.decoding.max_tokens == 7
    assert changed.steps == FULL.steps and changed.fingerprint != FULL.fingerprint == FULL.with_().fingerprint
    assert FULL.with_(decoding=Decoding(seed=3)).decoding == Decoding(seed=3), "a whole part takes the place of the one before"


def test_the_fingerprint_is_that_of_the_json_and_is_made_anew_with_every_change() -> None:
    for system in (FULL, FULL.asked, FULL.with_(prompt={"persona": "Ü \ud800"}), FULL.model_copy(update={"decoding": Decoding()})):
        assert system.fingerprint == fingerprint_of(system.model_dump(mode="json"))
    assert FULL.model_copy(update={"decoding": Decoding()}).fingerprint != FULL.fingerprint
    assert FULL.asked.decoding.prior == () and FULL.asked.asked is FULL.asked


@pytest.mark.parametrize(
    "change",
    [{"prompt": {"personna": "You"}}, {"promt": {}}, {"decoding": {"method": "guess"}}, {"knowledge": {"passages": "two"}}],
)
def test_a_change_that_no_system_has_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"personna|promt|method|passages"):
        FULL.with_(**change)

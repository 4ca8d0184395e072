"""The approaches: each keeps the promises of `Approach`, and does what it says."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import make_example
from tiny import DOCUMENTS, LABELS, answer_material, classify_material, open_tiny, start

from tailor.approaches.approach import Approach, Chain, TrainingData
from tailor.approaches.prompting import (
    ChainOfThought,
    Constraints,
    FewShot,
    Grounded,
    Persona,
    RemovePrior,
    WriteLabels,
    ZeroShot,
    spread,
)
from tailor.approaches.retrieval import Retrieve, WholeDocuments
from tailor.approaches.tuning import FineTune, Reference, TfidfReference
from tailor.content import text_of
from tailor.documents.reading import Document
from tailor.engine import Engine, OnProgress
from tailor.errors import ConfigError, DocumentsError, DoesNotFit, StoreError
from tailor.evaluate.measure import measure
from tailor.kinds.base import kind_of
from tailor.labels import display_labels
from tailor.models.base import Capabilities, Reply, Request
from tailor.models.fake import FakeModel
from tailor.retrieval.passage import Passage
from tailor.system import System
from tailor.testing import check_approach

MakeEngine = Callable[..., Engine]
QUICK = {"epochs": 1, "rank": 2, "batch_rows": 8}

BOTH: list[Approach] = [
    ZeroShot(),
    Persona(),
    Constraints(),
    ChainOfThought(),
    FewShot(2),
    FewShot(5),
    FewShot(3, "nearest"),
    Chain((Persona(), FewShot(2))),
]
CLASSIFY: list[Approach] = [
    WriteLabels(),
    RemovePrior(),
    Reference(),
    TfidfReference(),
    Chain((FewShot(4, "nearest"), RemovePrior())),
    FineTune("lora"),
    FineTune("full"),
    Chain((FewShot(2, "nearest"), FineTune("lora"))),
]
ANSWER: list[Approach] = [
    Grounded(),
    WholeDocuments(),
    Retrieve("bm25", passages=2),
    Retrieve("vector"),
    Retrieve("hybrid", passages=3),
    Chain((Retrieve("hybrid"), Grounded(), FewShot(2, "nearest"))),
    Chain((Retrieve("bm25"), FineTune("lora"))),
]
CASES = [*itertools.product(["classify"], [*BOTH, *CLASSIFY]), *itertools.product(["answer"], [*BOTH, *ANSWER])]


def material_of(kind: str) -> TrainingData:
    settings: dict[str, Any] = {"persona": "You are a clerk.", "constraints": ["Be short."], "tuning": QUICK}
    return classify_material(**settings) if kind == "classify" else answer_material(**settings)


def is_tuned(approach: Approach) -> bool:
    return any(isinstance(part, FineTune) for part in (approach.parts if isinstance(approach, Chain) else (approach,)))


@pytest.mark.parametrize(("kind", "approach"), CASES, ids=[f"{kind}: {approach.name}" for kind, approach in CASES])
def test_every_approach_keeps_its_promises(
    kind: str, approach: Approach, tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    data = material_of(kind)
    model = open_tiny(tiny_folder) if is_tuned(approach) else FakeModel()
    engine = engine_for(model, tmp_path, DOCUMENTS if kind == "answer" else ())
    plain = start(data, engine)
    check_approach(approach, plain, data, engine)
    if not is_tuned(approach):  # and on top of something else
        check_approach(approach, Persona("before").fit(plain, data, engine), data, engine)


@dataclass(frozen=True)
class Broken:
    """Breaks one promise, by name."""

    promise: str
    calls: list[int] = field(default_factory=list)
    name: str = "broken"

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        self.calls.append(1)
        if self.promise == "input":
            object.__setattr__(system, "prompt", system.prompt.model_copy(update={"persona": "changed"}))
        if self.promise == "steps":
            return system.model_copy(update={"steps": ("broken",)})
        if self.promise == "name":
            return system.then("another name")
        if self.promise == "twice":
            return system.then(self.name, decoding=system.decoding.model_copy(update={"seed": len(self.calls)}))
        if self.promise == "saving":
            return system.then(self.name, decoding=system.decoding.model_copy(update={"temperature": float("inf")}))
        if self.promise == "answers":
            return system.then(self.name, prompt=system.prompt.model_copy(update={"persona": "word " * 9000}))
        return system.then(self.name)


@pytest.mark.parametrize("promise", ["input", "steps", "name", "twice", "saving", "answers", "none"])
def test_a_broken_promise_is_noticed(promise: str, tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = classify_material(persona="You are new."), engine_for(FakeModel(), tmp_path)
    system = Persona("before").fit(start(data, engine), data, engine)
    if promise == "none":
        return check_approach(Broken(promise), system, data, engine)
    with pytest.raises(StoreError if promise == "saving" else AssertionError):
        check_approach(Broken(promise), system, data, engine)


@pytest.mark.parametrize("count", [-1, 0, 1, 6])
def test_few_shot_shows_two_to_five_examples(count: int) -> None:
    for choose in ("diverse", "nearest"):
        with pytest.raises(ConfigError, match=f"^{count} worked examples are not 2 to 5$"):
            FewShot(count, "diverse" if choose == "diverse" else "nearest")


def test_examples_are_spread_over_labels_before_meanings() -> None:
    draw = np.random.default_rng(0)
    for trial in range(20):
        vectors = draw.normal(size=(30, 8)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        labels = [f"{i}" for i in draw.integers(0, 4, 30)]
        chosen = spread(vectors, labels, 5)
        assert len(set(chosen)) == 5 and chosen[0] == int((vectors @ vectors.sum(axis=0)).argmax())
        assert {labels[i] for i in chosen[:4]} == set(labels), f"trial {trial}"
    assert spread(vectors[:3], ["a", "b", "a"], 5) != [] and sorted(spread(vectors[:3], ["a", "b", "a"], 5)) == [0, 1, 2]
    # Of two equal texts the second adds nothing, so it comes last.
    twice = np.vstack([vectors[0], vectors[0], vectors[1], vectors[2]])
    assert set(spread(twice, ["a"] * 4, 3)) in ({0, 2, 3}, {1, 2, 3})


def test_shots_are_training_rows_with_their_labels_as_a_model_reads_them(tmp_path: Path, engine_for: MakeEngine) -> None:
    # Few rows and many labels, each label twice at most: labels are covered all the same.
    data = classify_material(n_train=6)
    engine = engine_for(FakeModel(), tmp_path)
    system = FewShot(4).fit(start(data, engine), data, engine)
    by_text = {example.fields["text"]: example.label for example in data.train}
    shown = {by_text[shot.fields["text"]]: shot.answer for shot in system.prompt.shots}
    assert shown == dict(zip(LABELS, ("charged twice", "charged", "charged too much", "refund missing"), strict=True))


def test_a_question_without_an_answer_is_among_the_shots(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material()
    data = replace(data, train=(*data.train, data.dev[-1]))
    engine = engine_for(FakeModel(), tmp_path)
    system = FewShot(2).fit(start(data, engine), data, engine)
    assert {shot.answer == data.task.not_found for shot in system.prompt.shots} == {True, False}


class Biased(FakeModel):
    """Reads the right label in the input, but likes one of them more, whatever it reads."""

    def __init__(self, likes: float) -> None:
        super().__init__()
        self.likes = likes

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        replies = []
        for request, reply in zip(requests, super().reply(requests), strict=True):
            asked = request.messages[-1].text
            scores = tuple(self.likes * (i == 0) + (choice in asked) for i, choice in enumerate(request.choices))
            replies.append(reply if reply.error else replace(reply, scores=scores))
        return replies


def labelled(n_train: int = 8, n_dev: int = 8) -> TrainingData:
    data = classify_material(("red", "green", "blue", "pink"), n_train, n_dev)
    train, dev = (
        tuple(make_example(e.row, e.label, text=f"{e.fields['text']} {e.label}") for e in part) for part in (data.train, data.dev)
    )
    return replace(data, train=train, dev=dev)


def test_a_prior_is_removed_where_that_helps(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = labelled(), engine_for(Biased(5.0), tmp_path)
    plain = start(data, engine)
    system = RemovePrior().fit(plain, data, engine)
    runs = [measure(data.task, s, "dev", data.dev, engine) for s in (plain, system)]
    assert [run.mean for run in runs] == [0.25, 1.0] and system.name == "prior-removed"
    # The content-free input alone tells that one label is liked by 5; removed once more, nothing changes.
    assert system.decoding.prior == (5.0, 0.0, 0.0, 0.0)
    assert RemovePrior().fit(system, data, engine).decoding == system.decoding


def test_no_prior_is_removed_where_that_does_not_help(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = labelled(), engine_for(Biased(0.5), tmp_path)
    plain = start(data, engine)
    system = RemovePrior().fit(plain, data, engine)
    assert system.decoding == plain.decoding and system.fingerprint == plain.fingerprint


def test_the_prior_is_chosen_on_training_rows_and_dev_is_not_asked(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, model = replace(labelled(), dev=()), Biased(5.0)
    engine = engine_for(model, tmp_path)
    plain = start(data, engine)
    assert RemovePrior().fit(plain, data, engine).decoding.prior == (5.0, 0.0, 0.0, 0.0)
    assert len(model.requests) == len(data.train) + 1
    shots = FewShot(3).fit(plain, data, engine)
    before = len(model.requests)
    RemovePrior().fit(shots, data, engine)
    assert len(model.requests) - before == len(data.train) + 1 - 3, "a row that the prompt shows is not asked"


def test_rows_without_an_answer_or_with_a_new_label_do_not_stop_the_prior(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = labelled()
    new = make_example(99, "violet", text="a colour that the labels do not have")
    data = replace(data, train=(*data.train, new))
    model = Biased(5.0)
    model._fail = lambda request: "too long" if request.messages[-1].text == data.train[0].fields["text"] else ""
    engine = engine_for(model, tmp_path)
    assert RemovePrior().fit(start(data, engine), data, engine).decoding.prior == (5.0, 0.0, 0.0, 0.0)
    model._fail = lambda request: "too long"
    engine = engine_for(model, tmp_path / "other")
    assert RemovePrior().fit(start(data, engine), data, engine).decoding.prior == ()


def test_chain_of_thought_is_read_behind_the_last_answer(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = labelled()

    def think(request: Request) -> str:
        label = request.messages[-1].text.split()[-1]
        return "It may be red.\nAnswer: red?\nNo.\n**Answer:** " + label if label != "pink" else "It may be pink."

    engine = engine_for(FakeModel(think), tmp_path)
    system = ChainOfThought().fit(start(data, engine), data, engine)
    assert system.decoding.method == "generate" and system.decoding.max_tokens >= 96
    run = measure(data.task, system, "dev", data.dev, engine)
    assert (run.count("right"), run.count("unparsed")) == (6, 2)


def test_documents_that_do_not_fit_are_refused_with_numbers(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material()
    engine = engine_for(FakeModel(context_tokens=300), tmp_path, [Document("long.md", "Long", "word " * 400)])
    with pytest.raises(DoesNotFit, match=r"^a prompt with all documents does not fit: \d{3} of 300 tokens$") as caught:
        WholeDocuments().fit(start(data, engine), data, engine)
    assert caught.value.tokens > 400 and caught.value.window == 300


@pytest.mark.parametrize("approach", [WholeDocuments(), Retrieve()])
def test_reading_needs_documents(approach: Approach, tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = answer_material(), engine_for(FakeModel(), tmp_path)
    with pytest.raises(DocumentsError, match="the task has no documents"):
        approach.fit(start(data, engine), data, engine)


def test_a_system_knows_which_documents_it_reads(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material()
    newer = [*DOCUMENTS[:2], Document("leave.md", "Leave", "Everyone has 31 days of leave.")]
    for approach in (WholeDocuments(), Retrieve("bm25")):
        made = []
        for number, documents in enumerate((DOCUMENTS, newer)):
            engine = engine_for(FakeModel(), tmp_path / f"{approach.name}-{number}", documents)
            made.append(approach.fit(start(data, engine), data, engine))
        assert made[0].name == made[1].name and made[0].fingerprint != made[1].fingerprint


def test_generated_labels_are_held_to_the_labels_where_the_model_can_be(
    tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    data, engine = classify_material(), engine_for(open_tiny(tiny_folder), tmp_path)
    system = WriteLabels().fit(start(data, engine), data, engine)
    run = measure(data.task, system, "dev", data.dev, engine)
    assert {answer.raw for answer in run.answers} <= set(display_labels(LABELS)) and run.count("unparsed") == 0
    remote = FakeModel({"": "something else"})
    remote.capabilities = Capabilities()
    engine = engine_for(remote, tmp_path / "remote")
    assert WriteLabels().fit(start(data, engine), data, engine).pattern == ""


@pytest.mark.parametrize("documents", ["", "docs"])
def test_a_task_with_a_pattern_holds_every_generated_system_to_it(
    documents: str, tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    data = answer_material(pattern="[0-9]{2} (?:days|pounds)|March", documents=documents, persona="You know the rules.")
    engine = engine_for(open_tiny(tiny_folder), tmp_path, DOCUMENTS if documents else ())
    plain = start(data, engine)
    systems = [plain, FewShot(2).fit(plain, data, engine), Persona().fit(plain, data, engine)]
    if documents:
        systems += [WholeDocuments().fit(plain, data, engine), Retrieve("bm25").fit(plain, data, engine)]
    for system in systems:
        for answer in measure(data.task, system, "dev", data.dev, engine).answers:
            found = re.fullmatch(r"([0-9]{2} (?:days|pounds)|March|not in the documents)( \[[0-9]+\])?", answer.raw)
            assert found and (documents or found[1] != "not in the documents"), (system.name, answer.raw)
            assert system.knowledge.kind == "index" or not found[2]


def test_not_found_may_be_said_where_a_row_expects_it() -> None:
    data = answer_material(pattern="March|April")
    assert kind_of(data.task).decoding(data.task, data.train, scores=True).pattern == "March|April"
    with_empty = (*data.train, data.dev[-1])
    assert re.fullmatch(kind_of(data.task).decoding(data.task, with_empty, scores=True).pattern, "not in the documents")
    assert kind_of(data.task).decoding(answer_material().task, with_empty, scores=True).pattern == ""


def test_a_form_that_cannot_be_kept_to_stops_before_anything_is_asked(
    tiny_folder: Path, tmp_path: Path, engine_for: MakeEngine
) -> None:
    engine = engine_for(open_tiny(tiny_folder), tmp_path)
    for form in ({"pattern": r"\bfoo\b"}, {"json_schema": {"type": "array", "uniqueItems": True}}):
        with pytest.raises(ConfigError, match="no answer can be held to"):
            start(answer_material(**form), engine)


def test_json_stands_alone(tmp_path: Path, engine_for: MakeEngine) -> None:
    data = answer_material(json_schema={"enum": ["March", "April", None]})
    engine = engine_for(FakeModel({"": '"March"'}), tmp_path, DOCUMENTS)
    plain = start(data, engine)
    assert json.loads(plain.decoding.json_schema) == {"enum": ["March", "April", None]}
    for approach in (ChainOfThought(), Grounded()):
        with pytest.raises(ConfigError, match="held to (this )?`json_schema`") as caught:
            approach.fit(plain, data, engine)
        assert caught.value.hint
    reads = Retrieve("bm25").fit(plain, data, engine)
    passage = Passage("pay.md", "Pay", 0, 4, DOCUMENTS[0].text)
    assert kind_of(data.task).target_text(reads, make_example(1, '"March"'), (passage,)) == '"March"'


def test_the_order_of_a_chain_is_in_its_name_and_in_what_it_makes(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = answer_material(), engine_for(FakeModel(), tmp_path, DOCUMENTS)
    one, other = Chain((Retrieve("bm25"), FewShot(2))), Chain((FewShot(2), Retrieve("bm25")))
    systems = [chain.fit(start(data, engine), data, engine) for chain in (one, other)]
    assert [s.name for s in systems] == [one.name, other.name] == ["rag-bm25 > few-shot-2", "few-shot-2 > rag-bm25"]
    assert systems[0].fingerprint != systems[1].fingerprint
    assert all("<passages>" in text_of(systems[0].shown(shot)) for shot in systems[0].prompt.shots)
    assert not any("<passages>" in text_of(systems[1].shown(shot)) for shot in systems[1].prompt.shots)


def test_what_is_taught_is_in_the_passages_or_not_found(tmp_path: Path, engine_for: MakeEngine) -> None:
    data, engine = answer_material(), engine_for(FakeModel(), tmp_path, DOCUMENTS)
    plain = start(data, engine)
    reads = Retrieve("bm25").fit(plain, data, engine)
    example = make_example(1, "March", text="When is a bonus paid?")
    passages = tuple(Passage(d.path, d.title, 0, len(d.text), d.text) for d in (DOCUMENTS[1], DOCUMENTS[0]))
    assert kind_of(data.task).target_text(reads, example, passages).startswith("March")
    assert kind_of(data.task).target_text(reads, example, passages[:1]) == data.task.not_found
    assert kind_of(data.task).target_text(plain, example, ()) == "March"
    assert kind_of(data.task).target_text(plain, make_example(2, ""), ()) == data.task.not_found


@pytest.mark.parametrize("labels", [("red", "green"), ("red", "green", "blue", "pink")])
@pytest.mark.parametrize("n_train", [4, 24])
@pytest.mark.parametrize("reference", [Reference(), TfidfReference()], ids=lambda reference: reference.name)
def test_the_reference_classifiers_learn_what_words_tell(
    labels: tuple[str, ...], n_train: int, reference: Approach, tmp_path: Path, engine_for: MakeEngine
) -> None:
    rows = [make_example(i, labels[i % len(labels)], text=f"{labels[i % len(labels)]} thing number{i}") for i in range(n_train + 8)]
    data = replace(classify_material(labels), train=tuple(rows[:n_train]), dev=tuple(rows[n_train:]))
    model = FakeModel()
    engine = engine_for(model, tmp_path)
    system = reference.fit(start(data, engine), data, engine)
    run = measure(data.task, system, "dev", data.dev, engine)
    assert run.mean >= 0.75 and model.calls == 0 and not system.is_tuned
    for answer in run.answers:
        assert sum(np.exp(answer.scores)) == pytest.approx(1) and answer.raw in labels

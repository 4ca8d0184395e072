"""What is served answers as what was measured, and the gate refuses what does not: planted faults of the kinds that happen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data_helpers import make_example, make_task, sentence
from serving_helpers import certify, serve_measured, serving_these
from tiny import TEMPLATE, classify_material, make_engine, open_tiny, start

from tailor.approaches.approach import Approach, Chain, TrainingData
from tailor.approaches.prompting import FewShot, RemovePrior
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune
from tailor.documents.reading import Document
from tailor.errors import StoreError
from tailor.models.local import LocalModel
from tailor.serving.bundle import write_merged
from tailor.serving.card import recipes_of
from tailor.serving.certified import Certified
from tailor.serving.parity import hold, parity
from tailor.serving.worker import Worker
from tailor.system import Knowledge

ROWS = 60
QUICK = {"epochs": 6, "rank": 8, "batch_rows": 4, "learning_rate": 3e-2}
TRAIN = 12


@pytest.fixture
def worker() -> Iterator[Worker]:
    found = Worker()
    yield found
    found.close()


def rooms() -> tuple[TrainingData, list[Document]]:
    """Questions of which each has its own document."""
    settings: dict[str, Any] = {
        "kind": "answer",
        "instruction": "Answer the question.",
        "output": "answer",
        "max_words": 6,
        "tuning": QUICK,
    }
    names = [sentence(number) for number in range(TRAIN + ROWS)]
    pages = [Document(f"{n}.md", name, f"The code of the {name} room is {n}.") for n, name in enumerate(names)]
    rows = [make_example(n, str(n), text=f"What is the code of the {name} room?") for n, name in enumerate(names)]
    return TrainingData(make_task(**settings), tuple(rows[:TRAIN]), tuple(rows[TRAIN:])), pages


def measured(
    model: LocalModel, store: Path, data: TrainingData, approach: Approach, documents: Sequence[Document] = ()
) -> Certified:
    engine = make_engine(model, store, documents)
    try:
        system = approach.fit(start(data, engine), data, engine)
        return certify(data.task, system, data.dev, engine)
    finally:
        engine.ledger.close()


def case(name: str) -> tuple[TrainingData, Approach, list[Document]]:
    if name == "prompt":  # without the prior, so that even a random model gives more than one label
        return classify_material(n_dev=ROWS), Chain((FewShot(3, "nearest"), RemovePrior())), []
    data, documents = rooms()
    approaches: dict[str, Approach] = {"retrieval": Retrieve("hybrid"), "tuned": FineTune("lora")}
    return data, approaches[name], documents if name == "retrieval" else []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["prompt", "retrieval", "tuned"])
def test_what_is_served_equals_what_was_measured(name: str, tiny_folder: Path, tmp_path: Path) -> None:
    data, approach, documents = case(name)
    found = measured(open_tiny(tiny_folder), tmp_path / ".tailor", data, approach, documents)
    served = serve_measured(found, open_tiny(tiny_folder), tmp_path / ".tailor", documents)
    with serving_these(served) as client:
        for row in found.rows:
            body = client.chat(row.example.fields["text"]).body
            assert body["usage"]["prompt_tokens"] == row.answer.tokens_in
            assert body["choices"][0]["message"]["content"] == row.answer.raw
    assert len(found.rows) >= 50
    assert len({row.answer.raw for row in found.rows}) > 1


@pytest.mark.slow
def test_a_wrong_adapter_is_refused(tiny_folder: Path, tmp_path: Path, worker: Worker) -> None:
    store, (data, approach, _) = tmp_path / ".tailor", case("tuned")
    found = measured(open_tiny(tiny_folder), store, data, approach)
    other = replace(data, train=tuple(make_example(900 + n, "never") for n in range(TRAIN)))
    wrong = measured(open_tiny(tiny_folder), store, other, approach).system.weights
    # Its files in the place of the right ones: the digest tells.
    served = serve_measured(found, open_tiny(tiny_folder), store)
    kept = shutil.copytree(store / found.system.weights.tuned, tmp_path / "kept")
    shutil.rmtree(store / found.system.weights.tuned)
    shutil.copytree(store / wrong.tuned, store / found.system.weights.tuned)
    with pytest.raises(StoreError, match="does not hold the tuned weights"):
        hold(served, worker, rows=64, agreement=1.0)
    shutil.rmtree(store / found.system.weights.tuned)
    shutil.copytree(kept, store / found.system.weights.tuned)
    # Named as the right one: the answers tell, and none at all is another one, too.
    for weights in (wrong, found.system.weights.with_(tuned="", tuned_digest="", method="none")):
        served = serve_measured(found, open_tiny(tiny_folder), store, system=found.system.with_(weights=weights))
        refused = hold(served, worker, rows=64, agreement=1.0)
        assert "answers are those measured" in refused.why
        assert refused.differences
        served.close()


def test_a_changed_template_is_refused(tiny_folder: Path, tmp_path: Path, worker: Worker) -> None:
    data, approach, _ = case("prompt")
    found = measured(open_tiny(tiny_folder), tmp_path / ".tailor", data, approach)
    changed = shutil.copytree(tiny_folder, tmp_path / "changed")
    for path in changed.iterdir():
        if path.suffix in (".json", ".jinja") and "assistant" in (text := path.read_text(encoding="utf-8")):
            path.write_text(text.replace("assistant\\n", "assistant:\\n").replace("assistant\n", "assistant:\n"), encoding="utf-8")
    assert open_tiny(changed).tokenizer.chat_template != TEMPLATE
    served = serve_measured(found, open_tiny(changed), tmp_path / ".tailor")
    refused = hold(served, worker, rows=64, agreement=0.0)
    assert "prompt tokens" in refused.why
    assert "when measured" in str(refused.differences[0])
    served.close()


@pytest.mark.slow
def test_a_stale_index_is_refused(tiny_folder: Path, tmp_path: Path, worker: Worker) -> None:
    data, approach, documents = case("retrieval")
    found = measured(open_tiny(tiny_folder), tmp_path / "new", data, approach, documents)
    # An index of older texts that says of itself that it holds the documents as they are.
    older = [replace(page, text=page.text.replace("code", "old code"), digest=page.digest) for page in documents]
    stale = make_engine(open_tiny(tiny_folder), tmp_path / "stale", older)
    stale.indexes.index(Knowledge(embedder="fake"))
    stale.ledger.close()
    served = serve_measured(found, open_tiny(tiny_folder), tmp_path / "stale", documents)
    assert not served.documents_changed
    refused = hold(served, worker, rows=64, agreement=0.0)
    assert "passages" in refused.why
    served.close()


def test_documents_that_changed_count_by_the_score_and_are_said_to_have(tiny_folder: Path, tmp_path: Path, worker: Worker) -> None:
    data, approach, documents = case("retrieval")
    found = measured(open_tiny(tiny_folder), tmp_path / ".tailor", data, approach, documents)
    newer = [replace(page, text=f"{page.text} Knock first.", digest="") for page in documents[TRAIN : TRAIN + 10]]
    newer = documents[:TRAIN] + newer + documents[TRAIN + 10 :]
    served = serve_measured(found, open_tiny(tiny_folder), tmp_path / ".tailor", newer)
    assert served.documents_changed
    held = hold(served, worker, rows=64, agreement=1.0)
    assert held.moved >= 1
    assert held.holds or "score" in held.why
    served.close()


@pytest.mark.slow
def test_a_rounded_merge_is_refused(tiny_folder: Path, tmp_path: Path, worker: Worker) -> None:
    import torch

    data, approach, _ = case("tuned")
    model = open_tiny(tiny_folder)
    found = measured(model, tmp_path / ".tailor", data, approach)
    other = open_tiny(tiny_folder)
    served = serve_measured(found, other, tmp_path / ".tailor")
    for parameter in other.module(tmp_path / ".tailor" / found.system.weights.tuned).parameters():
        parameter.data = parameter.data.to(torch.float8_e5m2).to(parameter.dtype)
    assert "answers are those measured" in hold(served, worker, rows=64, agreement=1.0).why
    served.close()


@pytest.mark.slow
def test_merged_weights_answer_as_was_measured_and_rounded_ones_are_not_written(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from transformers import PreTrainedModel

    data, approach, _ = case("tuned")
    store = tmp_path / ".tailor"
    found = measured(open_tiny(tiny_folder), store, data, approach)
    served = serve_measured(found, open_tiny(tiny_folder), store)
    assert write_merged(served, tmp_path / "merged").startswith("60 of 60 measured rows are answered alike")
    assert not list((tmp_path / "merged").glob("adapter*"))
    assert "FROM ./model.gguf" in (recipe := recipes_of(found, served.model, merged="merged"))
    assert "vllm serve ./merged --port" in recipe
    assert "lora" not in recipe
    real = PreTrainedModel.save_pretrained

    def rounding(module: Any, *given: Any, **named: Any) -> None:
        for parameter in (rounded := deepcopy(module)).parameters():
            parameter.data = parameter.data.to(torch.bfloat16).to(parameter.dtype)
        real(rounded, *given, **named)

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", rounding)
    with pytest.raises(StoreError, match="changed when they were written"):
        write_merged(served, tmp_path / "rounded")
    assert not (tmp_path / "rounded").exists()
    served.close()


def test_a_score_outside_the_certified_interval_is_refused(tiny_folder: Path, tmp_path: Path) -> None:
    data, approach, _ = case("prompt")
    found = measured(open_tiny(tiny_folder), tmp_path / ".tailor", data, approach)
    right = [replace(row.answer, raw=row.example.label) for row in found.rows]
    refused = parity(found, right, agreement=0.0)
    assert refused.why == "the score is outside the certified interval"
    assert refused.score == pytest.approx(1.0)
    assert parity(found, [row.answer for row in found.rows]).holds
    assert not parity(replace(found, rows=()), []).holds


def test_a_bundle_of_rows_survives_being_written(tiny_folder: Path, tmp_path: Path) -> None:
    from tailor.serving.certified import CERTIFIED

    data, approach, _ = case("prompt")
    found = measured(open_tiny(tiny_folder), tmp_path / ".tailor", data, approach)
    again = CERTIFIED.validate_python(json.loads(CERTIFIED.dump_json(found)))
    assert again == found
    assert again.system.fingerprint == found.system.fingerprint

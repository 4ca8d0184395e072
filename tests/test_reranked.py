"""Passages in another order, and searches by more than the question: candidates of their own, whose further calls count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tiny import answer_material, make_engine, start

from tailor.approaches.approach import TrainingData
from tailor.approaches.named import approach_named
from tailor.approaches.retrieval import Rerank, Widen
from tailor.data.example import Example
from tailor.decide.rungs import ladder
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.errors import ConfigError, ModelNotFound, StoreError
from tailor.evaluate.measure import measure
from tailor.models.base import Capabilities, Reply, Request
from tailor.models.crossencoder import CrossEncoder
from tailor.models.fake import FakeModel
from tailor.models.quiet import quiet_libraries
from tailor.reranked import INSTRUCTION
from tailor.system import System
from tailor.widened import queries_of

PAGES = [Document(f"{k}.md", f"Page {k}", f"Lamp lamp lamp {k}, said the keeper.") for k in range(4)]
PAGES.append(Document("right.md", "Light", "A lamp burns for nine hours."))
ROWS = (Example("q", {"text": "lamp lamp keeper"}, ("nine hours",)),)


class Keeper(FakeModel):
    """Says yes to the one passage that answers, and writes what is searched for."""

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """As said above, and else as the fake."""
        replies = super().reply(requests, tuned)
        for place, request in enumerate(requests):
            if INSTRUCTION in request.messages[0].text:
                yes = "nine hours" in request.messages[-1].text
                replies[place] = replace(replies[place], scores=(-0.1, -2.0) if yes else (-2.0, -0.1))
            elif request.messages[0].text == "You help a search engine.":
                replies[place] = replace(replies[place], text="It burns for hours.\nNine hours.\n")
        return replies


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(Keeper(), tmp_path, PAGES)
    yield made
    made.ledger.close()


def fitted(engine: Engine, name: str) -> tuple[TrainingData, System]:
    data = replace(answer_material(documents="docs", embedder="fake"), dev=ROWS)
    return data, approach_named(name).fit(start(data, engine), data, engine)


def found(engine: Engine, name: str) -> list[str]:
    _, system = fitted(engine, name)
    return [passage.document for passage in engine.retrieve(system, ROWS)[0]]


def test_the_passage_that_the_model_says_yes_to_comes_first_and_the_others_stay_in_their_order(engine: Engine) -> None:
    plain, other = found(engine, "rag-bm25-5"), found(engine, "rag-bm25-5 > reranked")
    assert plain[0] != "right.md" and other == ["right.md", *(name for name in plain if name != "right.md")]
    assert found(engine, "rag-bm25 > reranked") == ["right.md"]


def test_what_was_asked_to_find_passages_counts_in_the_price_and_is_asked_once(engine: Engine) -> None:
    model = engine.model
    assert isinstance(model, FakeModel)
    data, plain = fitted(engine, "rag-bm25")
    before = engine.answer(plain, ROWS)[0]
    for name, calls in (("rag-bm25 > reranked", 5), ("rag-bm25 > hyde", 1), ("rag-bm25 > several-queries", 1)):
        _, system = fitted(engine, name)
        asked = len(model.requests)
        (answer,) = measure(data.task, system, "dev", ROWS, engine).answers
        assert len(model.requests) == asked + calls + 1 and answer.tokens_in > before.tokens_in, name
        assert engine.answer(system, ROWS) == [answer] and len(model.requests) == asked + calls + 1, name


@pytest.mark.parametrize("name", ["hyde", "several-queries"])
def test_what_the_model_writes_is_searched_for_too(engine: Engine, name: str) -> None:
    assert "right.md" in found(engine, f"rag-bm25-2 > {name}") and "right.md" not in found(engine, "rag-bm25-2")


def test_other_wordings_are_read_line_by_line_and_the_question_comes_first() -> None:
    assert queries_of("several", "a b", "1. b a\n- a?\n\na b\n4) x\n5. y") == ["a b", "b a", "a?"]
    assert queries_of("hyde", "a b", "One.\nTwo.") == ["a b", "One. Two."] and queries_of("hyde", "a b", " ") == ["a b"]


def test_fingerprints_tell_them_apart_and_those_of_before_stay(engine: Engine) -> None:
    made = [
        fitted(engine, name)[1] for name in ("rag-bm25", "rag-bm25 > reranked", "rag-bm25 > hyde", "rag-bm25 > several-queries")
    ]
    assert len({system.fingerprint for system in made}) == 4
    assert not {"filter", "queries", "rerank", "rerank_digest"} & made[0].knowledge.model_dump(mode="json").keys()


def test_what_finds_nothing_cannot_be_reranked(engine: Engine) -> None:
    with pytest.raises(ConfigError, match="reranked changes how passages are found, and zero-shot finds none"):
        fitted(engine, "reranked")


def test_a_model_without_probabilities_does_not_rerank(tmp_path: Path) -> None:
    class Silent(FakeModel):
        capabilities = Capabilities()

    engine = make_engine(Silent(), tmp_path, PAGES)
    engine.ledger.close()
    with pytest.raises(ConfigError, match="tells no probabilities"):
        fitted(engine, "rag-bm25 > reranked")


def test_settings_make_each_a_candidate_on_the_best_retrieval(engine: Engine) -> None:
    data, system = fitted(engine, "rag-bm25")
    task = answer_material(documents="docs", embedder="fake", retrieval={"rerank": ["model"], "queries": ["hyde"]}).task
    run = measure(data.task, system, "dev", ROWS, engine)
    (rung,) = [rung for rung in ladder(task, True, Capabilities()) if rung.name == "retrieve and prompt"]
    approaches = [proposal.approach for proposal in rung.candidates(system, [run])]
    assert Rerank("model") in approaches and Widen("hyde") in approaches


def save_cross_encoder(folder: Path) -> Path:
    """A tiny cross-encoder with random weights and a real tokenizer."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        [page.text for page in PAGES] * 3, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special)
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(1)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=120, max_position_embeddings=64, num_labels=1, initializer_range=1.0, **sizes)
    with quiet_libraries():
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return save_cross_encoder(tmp_path_factory.mktemp("cross") / "judge")


def test_a_cross_encoder_orders_passages_by_its_scores(engine: Engine, encoder: Path) -> None:
    data, plain = fitted(engine, "rag-bm25-5")
    system = Rerank(str(encoder)).fit(plain, data, engine)
    scores = CrossEncoder(encoder, "judge", "").scores(ROWS[0].fields["text"], [f"{page.title}\n{page.text}" for page in PAGES])
    by_score = sorted(zip(scores, PAGES, strict=True), key=lambda pair: -pair[0])
    (passages,) = engine.retrieve(system, ROWS)
    assert [passage.document for passage in passages] == [page.path for _, page in by_score]
    assert len(set(scores)) == len(scores) and system.name == "rag-bm25-5 > reranked-by-judge"
    other = system.with_(knowledge={"rerank_digest": "0" * 64})
    with pytest.raises(StoreError, match="is not the cross-encoder that"):
        engine.retrieve(other, ROWS)


def test_long_and_odd_texts_are_scored_alike_alone_and_together(encoder: Path) -> None:
    model = CrossEncoder(encoder, "judge", "")
    texts = ["lamp " * 500, "", "\ud800 lamp", "nine hours"]
    together, alone = model.scores("lamp?", texts), [model.scores("lamp?", [text])[0] for text in texts]
    assert together == pytest.approx(alone, abs=1e-4) and model.scores("lamp?", []) == []


def test_a_folder_that_holds_no_cross_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["BertModel"]}', encoding="utf-8")
    with pytest.raises(ModelNotFound, match="does not hold a cross-encoder"):
        CrossEncoder(tmp_path, "plain", "")

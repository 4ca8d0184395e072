"""Embedding: unit vectors that do not depend on company, and for the built-in one the published numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailor.errors import ModelNotFound
from tailor.models.cache import MINILM
from tailor.models.catalogue import open_embedder
from tailor.models.embedder import TransformersEmbedder
from tailor.models.fake import FakeEmbedder

TEXTS = ["a cat", "", "the dog sat on the mat", "cat " * 300, "  ", "a cat", "dog cat dog", "東京 é \U0001f642"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "cat", "dog", "sat", "on", "mat"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, [("[CLS]", 2), ("[SEP]", 3)])
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_vectors_have_length_one_and_keep_the_order(folder: Path) -> None:
    embedder = TransformersEmbedder(folder, "tiny", "d")
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions) == (8, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[5])
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)


def test_no_text_gives_no_vector(folder: Path) -> None:
    assert TransformersEmbedder(folder, "tiny", "d").embed([]).shape == (0, 16)


def test_a_text_is_computed_once_per_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = TransformersEmbedder(folder, "tiny", "d")
    rows: list[int] = []
    compute = embedder._vectors

    def counting(ids: list[list[int]]) -> Any:
        rows.append(len(ids))
        return compute(ids)

    monkeypatch.setattr(embedder, "_vectors", counting)
    embedder.embed(["a cat"] * 200 + ["a dog"])
    assert rows == [2]


def test_pooling_and_length_are_as_the_folder_says(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "1_Pooling").mkdir()
    pooling = tmp_path / "1_Pooling" / "config.json"
    by_mean = TransformersEmbedder(folder, "tiny", "d").embed(TEXTS)
    pooling.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    by_first = TransformersEmbedder(tmp_path, "tiny", "d").embed(TEXTS)
    assert np.abs(by_mean - by_first).max() > 0.01
    pooling.write_text(json.dumps({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 4}')
    short = TransformersEmbedder(tmp_path, "tiny", "d").embed(["cat dog the the", "cat dog a mat"])
    np.testing.assert_array_equal(short[0], short[1])  # both are cut to [CLS] cat dog [SEP]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}]),
    ],
)
def test_a_pooling_that_is_not_computed_is_refused(tmp_path: Path, file: str, content: object) -> None:
    (tmp_path / "config.json").write_text('{"hidden_size": 16}')
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(json.dumps(content))
    with pytest.raises(ModelNotFound, match="not mean or first token"):
        TransformersEmbedder(tmp_path, "x", "d")


def test_a_folder_that_is_no_embedder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelNotFound, match="names no hidden_size"):
        TransformersEmbedder(tmp_path, "x", "d")


def test_the_fake_embedder_puts_texts_that_share_words_near_each_other() -> None:
    vectors = FakeEmbedder().embed(["a lost card", "my card is lost", "exchange rate", "", "\ud800"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] > 0.7 > vectors[0] @ vectors[2]


@pytest.mark.model
def test_minilm_gives_the_published_similarities() -> None:
    if not MINILM.folder.exists():
        pytest.skip("minilm-l6 is not in the cache; `tailor models pull` fetches it")
    source = "That is a happy person"
    others = ["That is a happy dog", "That is a very happy person", "Today is a sunny day"]
    embedder = open_embedder("minilm-l6")
    vectors = embedder.embed([source, *others])
    # what the Hub's own inference of this model answers to this example of its documentation
    published = [0.6945773363113403, 0.9429150819778442, 0.2568760812282562]
    np.testing.assert_allclose(vectors[1:] @ vectors[0], published, atol=1e-5)
    assert embedder.digest == MINILM.digest and embedder.dimensions == 384
    long = embedder.embed(["word " * 254, "word " * 1000])
    np.testing.assert_allclose(long[0], long[1], atol=1e-5)  # cut to 256 tokens with [CLS] and [SEP]

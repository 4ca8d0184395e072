"""Embedding: unit vectors that do not depend on company, and for the built-in one the published numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailor.documents.reading import Document
from tailor.errors import ModelNotFound
from tailor.models.cache import MINILM
from tailor.models.catalogue import open_embedder
from tailor.models.embedder import TransformersEmbedder
from tailor.models.fake import FakeEmbedder
from tailor.models.local import device
from tailor.models.prompted import NONE, Prompts, prompts_of
from tailor.models.vectors import CachedEmbedder
from tailor.retrieval.index import Index

TEXTS = ["a cat", "", "the dog sat on the mat", "cat " * 300, "  ", "a cat", "dog cat dog", "東京 é \U0001f642", "\ud800 cat"]


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


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_vectors_have_length_one_and_keep_the_order(folder: Path, dtype: str) -> None:
    embedder = TransformersEmbedder(folder, "tiny", "d", dtype)
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimensions) == (9, 16) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(vectors[0], vectors[5])
    plain = TransformersEmbedder(folder, "tiny", "d", "float32").embed(TEXTS)
    assert (vectors * plain).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_vector_does_not_depend_on_its_company(folder: Path, dtype: str) -> None:
    embedder = TransformersEmbedder(folder, "tiny", "d", dtype)
    texts = [" ".join(("cat dog mat the a sat on " * 9).split()[start : start + n]) for n in range(1, 60, 3) for start in range(5)]
    together = embedder.embed(texts)
    exact = 1e-6 if device() == "cpu" else 1e-2
    np.testing.assert_allclose(together, np.concatenate([embedder.embed([text]) for text in texts]), atol=exact)
    np.testing.assert_allclose(together[::-1], embedder.embed(texts[::-1]), atol=exact)
    # from the definition: no padding, no batch
    import torch

    token = {word: i for i, word in enumerate(["a", "the", "cat", "dog", "sat", "on", "mat"], start=4)}
    ids = [2, *(token[word] for word in texts[50].split()), 3]
    with torch.inference_mode():
        hidden = embedder._module(torch.tensor([ids], device=device())).last_hidden_state
        mean = hidden[0].float().mean(0).cpu().numpy()
    np.testing.assert_allclose(together[50] @ (mean / np.linalg.norm(mean)), 1, atol=1e-6 if dtype == "float32" else 1e-3)


def test_no_text_gives_no_vector(folder: Path) -> None:
    assert TransformersEmbedder(folder, "tiny", "d").embed([]).shape == (0, 16)


def test_a_text_is_computed_once_per_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = TransformersEmbedder(folder, "tiny", "d")
    rows: list[int] = []
    compute = embedder._vectors

    def counting(ids: list[list[int]], width: int) -> Any:
        rows.append(len(ids))
        return compute(ids, width)

    monkeypatch.setattr(embedder, "_vectors", counting)
    embedder.embed(["a cat"] * 200 + ["a dog"])
    assert rows == [2]


def test_batches_hold_every_text_once_and_no_more_tokens_than_fit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.models.embedder.BATCH_TOKENS", {"cpu": 40, "cuda": 40})
    embedder = TransformersEmbedder(folder, "tiny", "d")
    shapes: list[tuple[int, int]] = []
    compute = embedder._vectors

    def counting(ids: list[list[int]], width: int) -> Any:
        assert all(width - 8 < len(row) <= width for row in ids)
        shapes.append((len(ids), width))
        return compute(ids, width)

    monkeypatch.setattr(embedder, "_vectors", counting)
    embedder.embed(["cat " * n for n in range(1, 70)])
    assert sum(rows for rows, _ in shapes) == 69 and max(width for _, width in shapes) == 64
    assert all(rows == 1 or rows * width <= 40 for rows, width in shapes)


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
    plain = TransformersEmbedder(MINILM.folder, "minilm-l6", MINILM.digest, "float32").embed([source, *others])
    np.testing.assert_allclose(plain[1:] @ plain[0], published, atol=1e-5)
    np.testing.assert_allclose(vectors[1:] @ vectors[0], published, atol=5e-3)  # in bfloat16 where the processor has it
    assert (vectors * plain).sum(axis=1).min() > 0.9995
    assert embedder.digest == MINILM.digest and embedder.dimensions == 384
    long = embedder.embed(["word " * 254, "word " * 1000])
    np.testing.assert_allclose(long[0], long[1], atol=1e-5)  # cut to 256 tokens with [CLS] and [SEP]


PROMPTS = {"prompts": {"query": "the cat ", "document": "the dog "}, "default_prompt_name": None}


@pytest.mark.parametrize(
    ("name", "config", "expected"),
    [
        ("minilm-l6", {}, NONE),
        ("intfloat/multilingual-e5-small", {}, Prompts("query: ", "passage: ")),
        ("/models/e5-base-v2/", {}, Prompts("query: ", "passage: ")),
        ("BAAI/bge-small-en-v1.5", {}, Prompts("Represent this sentence for searching relevant passages: ")),
        ("BAAI/bge-m3", {}, NONE),
        ("intfloat/e5-small", PROMPTS, Prompts("the cat ", "the dog ")),
        ("own", {"prompts": {"query": "q ", "passage": "p "}}, Prompts("q ", "p ")),
        ("own", {"prompts": {"s": "sts "}, "default_prompt_name": "s"}, Prompts("sts ", "sts ")),
        ("own", {"prompts": {"query": "", "document": ""}}, NONE),
        ("own", {"prompts": ["query"]}, NONE),
    ],
)
def test_prompts_are_those_of_the_folder_else_of_the_family(name: str, config: dict[str, Any], expected: Prompts) -> None:
    assert prompts_of(name, config) == expected


def test_what_is_searched_and_what_is_asked_get_their_own_prompts(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "own" / "config_sentence_transformers.json").write_text(json.dumps(PROMPTS), encoding="utf-8")
    plain, prompted = TransformersEmbedder(folder, "own", "d"), TransformersEmbedder(tmp_path / "own", "own", "d")
    np.testing.assert_array_equal(prompted.embed(["sat"]), plain.embed(["sat"]))  # classifiers and examples compare like with like
    index, other = (
        Index.open(tmp_path / "index", CachedEmbedder(prompted, tmp_path / "v.db")),
        Index.open(tmp_path / "index", plain),
    )
    pages = [Document("a.md", "A", "on the mat"), Document("b.md", "B", "a dog sat")]
    index.update(pages)
    other.update(pages)
    assert index.digest != other.digest and index.name != other.name
    (found,) = index.search(["sat"], "vector", 2)
    vectors = plain.embed(["the cat sat", "the dog A\non the mat", "the dog B\na dog sat"])
    expected = dict(zip(["a.md", "b.md"], vectors[1:] @ vectors[0], strict=True))
    assert {passage.document: passage.score for passage in found} == pytest.approx(expected, abs=2e-5)


def test_a_pooling_without_its_prompt_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "own")
    (tmp_path / "own" / "config_sentence_transformers.json").write_text(json.dumps(PROMPTS), encoding="utf-8")
    (tmp_path / "own" / "1_Pooling").mkdir()
    (tmp_path / "own" / "1_Pooling" / "config.json").write_text('{"include_prompt": false}', encoding="utf-8")
    with pytest.raises(ModelNotFound, match="leaves its prompts out of the pooling"):
        TransformersEmbedder(tmp_path / "own", "own", "d")

"""Every kind of model keeps the promises of `Model`; and the suite notices one that does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from endpoint import Endpoint

from tailor.models.base import Model, Reply, Request
from tailor.models.cache import SMOLLM2
from tailor.models.catalogue import open_model
from tailor.models.fake import FakeModel
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings
from tailor.testing import check_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with random weights that knows every byte."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("llama")
    words = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    turns = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    fast.chat_template = turns + "{% if add_generation_prompt %}assistant: {% endif %}"
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1}
    config = LlamaConfig(
        vocab_size=len(words), max_position_embeddings=512, eos_token_id=0, pad_token_id=0, bos_token_id=0, **sizes
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "model" not in request.keywords:
        monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "cache"))


def test_the_fake_keeps_every_promise() -> None:
    check_model(FakeModel(context_tokens=300))


def test_a_remote_model_keeps_every_promise() -> None:
    with Endpoint() as endpoint:
        check_model(RemoteModel(ModelSettings(name="m", base_url=endpoint.url, context_tokens=None)))


def test_a_local_folder_keeps_every_promise(folder: Path) -> None:
    model = open_model(ModelSettings(name=str(folder), context_tokens=None))
    assert model.capabilities.scores and model.capabilities.tunes and model.precision.startswith("float32 weights")
    check_model(model)


@pytest.mark.slow
@pytest.mark.model
def test_the_built_in_model_keeps_every_promise() -> None:
    if not SMOLLM2.folder.exists():
        pytest.skip("smollm2-135m is not in the cache; `tailor models pull` fetches it")
    check_model(open_model(ModelSettings(context_tokens=None)))


class Broken(FakeModel):
    """Breaks one promise, by name."""

    def __init__(self, promise: str) -> None:
        super().__init__(context_tokens=300)
        self.promise = promise
        if promise == "digest":
            self.digest = "not a digest"

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        replies = super().reply(requests, tuned)
        if self.promise == "order":
            replies = replies[:-1]
        if self.promise == "again" and self.calls % 2:
            replies = [replace(reply, text=reply.text + "!") for reply in replies]
        if self.promise == "scores":
            replies = [replace(reply, scores=reply.scores[:-1]) for reply in replies]
        if self.promise == "likeliest":
            replies = [replace(reply, text="none of them") for reply in replies]
        if self.promise == "pattern":
            replies = [
                replace(reply, text="12") if asked.pattern else reply for asked, reply in zip(requests, replies, strict=True)
            ]
        if self.promise == "tokens":
            replies = [replace(reply, tokens_in=0) for reply in replies]
        if self.promise == "long":
            replies = [replace(reply, error="", finish="stop") for reply in replies]
        return replies


@pytest.mark.parametrize("promise", ["digest", "order", "again", "scores", "likeliest", "pattern", "tokens", "long"])
def test_a_broken_promise_is_noticed(promise: str) -> None:
    model: Model = Broken(promise)
    with pytest.raises(AssertionError):
        check_model(model)

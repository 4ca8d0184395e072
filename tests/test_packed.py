"""Rows computed packed behind a shared prefix: the numbers of the plain computation, or the plain computation itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import LABELS, chat, open_tiny

from tailor.models import decoding, packed, scoring, unpacked
from tailor.models.base import Request
from tailor.models.decoding import Sampling
from tailor.models.frozen import FrozenStates, can_split, only_layers
from tailor.models.local import LocalModel
from tailor.models.packed import can_pack
from tailor.models.quiet import quiet_libraries
from tailor.models.training import Collator, TrainingRow, mean_loss, padded_logits
from tailor.models.tune import Recipe, _lora_config, tune

SMALL = {"vocab_size": 400, "hidden_size": 32, "num_hidden_layers": 2}
HEADS = SMALL | {"intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2}


@pytest.fixture
def model(tiny_folder: Path) -> LocalModel:
    return open_tiny(tiny_folder)


def make_rows(n: int) -> list[TrainingRow]:
    draw = np.random.default_rng(0)
    return [TrainingRow((9, 8, 7, *draw.integers(4, 300, 1 + i % 5).tolist()), (5 + i % 3, 6, 2)) for i in range(n)]


def sliding() -> Any:
    from transformers import MistralConfig, MistralForCausalLM

    return MistralForCausalLM(MistralConfig(**HEADS, sliding_window=4))


def capped() -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    return Gemma2ForCausalLM(Gemma2Config(**HEADS, head_dim=8, sliding_window=4, final_logit_softcapping=2.0))


def recurrent() -> Any:
    from transformers import MambaConfig, MambaForCausalLM

    return MambaForCausalLM(MambaConfig(**SMALL, state_size=4, conv_kernel=2))


def qwen() -> Any:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    return Qwen2ForCausalLM(Qwen2Config(**HEADS))


def normed() -> Any:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    return Qwen3ForCausalLM(Qwen3Config(**HEADS, head_dim=8))


def fused() -> Any:
    from transformers import Phi3Config, Phi3ForCausalLM

    return Phi3ForCausalLM(Phi3Config(**HEADS, pad_token_id=0))


def experts() -> Any:
    from transformers import MixtralConfig, MixtralForCausalLM

    return MixtralForCausalLM(MixtralConfig(**HEADS, num_local_experts=4, num_experts_per_tok=2, sliding_window=None))


def latent() -> Any:
    from transformers import DeepseekV3Config, DeepseekV3ForCausalLM

    sizes = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
    sizes |= {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 2}
    return DeepseekV3ForCausalLM(DeepseekV3Config(**HEADS | {"num_key_value_heads": 4}, **sizes))


def shared_experts() -> Any:
    from transformers import Glm4MoeConfig, Glm4MoeForCausalLM

    sizes = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "first_k_dense_replace": 1}
    return Glm4MoeForCausalLM(Glm4MoeConfig(**HEADS, head_dim=8, **sizes))


def viewing() -> Any:
    from transformers import JetMoeConfig, JetMoeForCausalLM

    sizes = {"num_key_value_heads": 2, "kv_channels": 8, "num_local_experts": 4, "num_experts_per_tok": 2}
    return JetMoeForCausalLM(JetMoeConfig(**SMALL | {"intermediate_size": 64}, **sizes))


@pytest.mark.parametrize("make", [shared_experts, viewing])
def test_models_with_experts_learn_packed_and_on_their_top_layer(make: Callable[[], Any]) -> None:
    import torch
    from peft import get_peft_model

    with quiet_libraries():
        torch.manual_seed(0)
        module, rows = make().eval(), make_rows(7)
        assert can_pack(module)
        losses = [float(collator.loss(module, rows).detach()) for collator in (Collator((9, 8, 7)), Collator((), packs=False))]
        assert losses[0] == pytest.approx(losses[1], abs=1e-4)
        adapted = get_peft_model(module, _lora_config(module, 4, 1, 2))
        trained = [name for name, part in adapted.named_parameters() if part.requires_grad]
        assert trained and all("layers.1." in name for name in trained)


@pytest.mark.parametrize(
    ("make", "packs"),
    [
        (sliding, False),
        (capped, False),
        (recurrent, False),
        (latent, False),
        (qwen, True),
        (normed, True),
        (fused, True),
        (experts, True),
    ],
)
def test_whatever_the_architecture_scores_and_texts_are_the_models_own(make: Callable[[], Any], packs: bool) -> None:
    import torch

    with quiet_libraries():
        torch.manual_seed(0)
        module = make().eval()
        assert can_pack(module) == packs
        way: Any = (scoring, decoding) if packs else (unpacked, unpacked)
        prompts, answers = [[5, 6, 7, 8, 9, 10, 11], [5, 6, 7, 8, 40], [5, 6, 7, 8, 50, 51]], [[5, 6], [7], [5, 9, 9]]
        found = way[0].score_answers(module, prompts, answers)
        texts = way[1].generate(module, prompts, [Sampling(6)] * 3, frozenset())
        for prompt, row, text in zip(prompts, found, texts, strict=True):
            for answer, score in zip(answers, row, strict=True):
                with torch.inference_mode():
                    steps = module(input_ids=torch.tensor([prompt + answer])).logits[0].log_softmax(-1)[len(prompt) - 1 : -1]
                assert score == pytest.approx(float(steps[range(len(answer)), answer].sum()), abs=1e-3)
            tokens = list(prompt)
            for _ in range(6):
                with torch.inference_mode():
                    tokens.append(int(module(input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
            assert text.tokens == tokens[len(prompt) :] and not text.ended


def test_a_model_that_cannot_be_packed_answers_and_learns_row_by_row(tiny_folder: Path, tmp_path: Path) -> None:
    with quiet_libraries():
        from transformers import MistralConfig, MistralForCausalLM

        folder = shutil.copytree(tiny_folder, tmp_path / "sliding")
        ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
        MistralForCausalLM(MistralConfig(**HEADS | ends, sliding_window=8)).save_pretrained(folder)
    model = open_tiny(folder)
    requests = [Request(chat("amber"), LABELS), Request(chat("basil"), max_tokens=4), Request(chat("basil"), temperature=1.0)]
    base = model.reply(requests)
    assert base[0].text in LABELS and base[1].tokens_out <= 4
    rows = make_rows(8)
    tuned = tune(model, rows, rows, Recipe("lora", 2, 4, 1e-2, 4, 0), tmp_path / "tuned")
    assert tuned.dev_loss < mean_loss(model.module(), rows, Collator((), packs=False))
    assert not np.allclose(model.reply(requests[:1], tuned.folder)[0].scores, base[0].scores, atol=1e-3)


@pytest.mark.parametrize("dense", [packed.DENSE_TOKENS, 0])
def test_packed_rows_have_the_loss_and_the_gradients_of_padded_ones(
    dense: int, model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    monkeypatch.setattr(packed, "DENSE_TOKENS", dense)
    module, rows = model.module(), make_rows(7)
    gradients = []
    for collator in (Collator((9, 8, 7)), Collator(()), Collator((), packs=False)):
        module.zero_grad()
        loss = collator.loss(module, rows)
        torch.autograd.backward(loss)
        gradients.append([loss.detach(), *(part.grad.clone() for part in module.parameters())])
    for found in gradients[:2]:
        for one, other in zip(found, gradients[2], strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert padded_logits(module, rows).shape[0] == sum(len(row.answer) for row in rows)


def test_frozen_states_give_the_upper_layers_what_the_whole_model_would(model: LocalModel) -> None:
    module, rows = model.module(), make_rows(7)
    assert can_split(module, 1) and not can_split(module, 0) and not can_split(module, 2)
    states, collator = FrozenStates(1), Collator((9, 8, 7))
    states.fill(module, collator.shared, [collator.own(row) for row in rows])
    whole = mean_loss(module, rows, collator)
    with only_layers(module, 1):
        assert mean_loss(module, rows, replace(collator, embed=states.embed)) == pytest.approx(whole, abs=1e-5)
    assert mean_loss(module, rows, collator) == whole


@pytest.mark.slow
def test_adapters_on_the_top_layers_lie_there_when_loaded_again(model: LocalModel, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    rows = make_rows(8)
    before = mean_loss(model.module(), rows, Collator(()))
    recipe = Recipe("lora", 3, 8, 5e-2, 4, 0, layers=1)
    tuned = tune(model, rows, rows, recipe, tmp_path / "tuned")
    names = set(load_file(tuned.folder / "adapter_model.safetensors"))
    assert names and all(".layers.1.mlp." in name for name in names)
    assert mean_loss(model.module(tuned.folder), rows, Collator(())) == pytest.approx(tuned.dev_loss, abs=1e-4)
    assert tuned.dev_loss < before - 0.5
    again = tune(model, rows, rows, replace(recipe, learning_rate=5e-3), tmp_path / "again")
    assert again.digest != tuned.digest
    assert tune(open_tiny(model.folder), rows, rows, recipe, tmp_path / "fresh").digest == tuned.digest


@pytest.mark.slow
def test_more_layers_than_there_are_means_all(model: LocalModel, tmp_path: Path) -> None:
    rows = make_rows(4)
    every, many = (tune(model, rows, rows, Recipe("lora", 1, 4, 1e-2, 4, 0, layers), tmp_path / str(layers)) for layers in (0, 99))
    assert every.digest == many.digest


def test_a_repeated_call_is_answered_from_memory_and_a_released_model_anew(model: LocalModel) -> None:
    requests = [Request(chat("amber"), LABELS), Request(chat("basil"), max_tokens=3)]
    first = model.reply(requests)
    assert [reply.seconds for reply in model.reply(requests)] == [reply.seconds for reply in first]
    model.release()
    again = model.reply(requests)
    assert [(r.text, r.scores) for r in again] == [(r.text, r.scores) for r in first]
    assert [reply.seconds for reply in again] != [reply.seconds for reply in first]


def test_calls_that_share_a_longer_or_shorter_prefix_do_not_disturb_each_other(model: LocalModel) -> None:
    texts = [("amber one", "amber two"), ("amber two", "basil"), ("cedar",), ("amber one", "amber two", "cedar")]
    for group in texts:
        requests = [Request(chat(text), LABELS) for text in group]
        fresh = open_tiny(model.folder).reply(requests)
        assert [r.scores for r in model.reply(requests)] == [r.scores for r in fresh]

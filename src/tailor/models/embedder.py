"""Texts to unit vectors with a sentence-embedding model that transformers loads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tailor.errors import ModelNotFound
from tailor.models.base import Array
from tailor.models.cores import share_cores
from tailor.models.local import device, fitting_dtype
from tailor.models.prompted import NONE, prompts_of
from tailor.models.quiet import quiet_libraries
from tailor.models.whole import load_tokenizer, load_whole, weight_count

BATCH_TOKENS = {"cpu": 1024, "cuda": 65_536}
"""Tokens computed at once, padding included: on a CPU no more than its caches hold, on a GPU as many as fill it."""
GRID = 8
SHORT = 512


class TransformersEmbedder:
    """Pooled last hidden states, scaled to length 1, as sentence-transformers computes them (Reimers and Gurevych 2019).

    Texts longer than the model was trained for are cut to its published length. Weights are loaded at the first call.

    A text is padded to the next multiple of 8 tokens and computed with texts of that width alone. So on a CPU its vector does not
    depend on its company: the padded width changes how sums are rounded, the number of rows does not. An index that grew has the
    vectors of one made at once, in bfloat16 too.

    Args:
        folder: a transformers folder; `1_Pooling/config.json`, `sentence_bert_config.json` and
            `config_sentence_transformers.json` are heeded where they exist.
        name: what the user calls it.
        digest: SHA-256 of its weights.
        dtype: "auto" computes in bfloat16 where the processor or GPU has it, else in float32; vectors are float32 either way.

    Attributes:
        prompts: what whoever searches puts in front of questions and texts; `embed` itself adds nothing.

    Raises:
        ModelNotFound: the folder describes a model that this class does not compute.
    """

    def __init__(self, folder: Path, name: str, digest: str, dtype: str = "auto") -> None:
        self.name = name
        self.digest = digest
        self.is_remote = False
        self._folder = folder
        self._dtype = dtype
        config = _read(folder / "config.json")
        if "hidden_size" not in config:
            raise ModelNotFound(f"{folder} does not hold an embedder: its config.json names no hidden_size")
        self.dimensions = int(config["hidden_size"])
        positions = int(config.get("max_position_embeddings", 512))
        self._max_tokens = min(int(_read(folder / "sentence_bert_config.json").get("max_seq_length", positions)), positions)
        self._pooling = _pooling(folder)
        self.prompts = prompts_of(name, _read(folder / "config_sentence_transformers.json"))
        if self.prompts != NONE and _read(folder / "1_Pooling" / "config.json").get("include_prompt") is False:
            raise ModelNotFound(f"{folder} leaves its prompts out of the pooling", "Choose an embedder such as minilm-l6.")

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1; equal texts are computed once."""
        distinct = list(dict.fromkeys(texts))
        vectors = np.zeros((len(distinct), self.dimensions), dtype=np.float32)
        if distinct:
            plain = [text.encode("utf-8", "replace").decode() for text in distinct]  # tokenizers refuse lone surrogates
            ids = self._tokenizer(plain, truncation=True, max_length=self._max_tokens, padding=False)["input_ids"]
            for width, rows in _batches([len(row) for row in ids], BATCH_TOKENS[device()], self._max_tokens):
                vectors[rows] = self._vectors([ids[i] for i in rows], width)
        where = {text: i for i, text in enumerate(distinct)}
        return vectors[[where[text] for text in texts]]

    def _vectors(self, ids: list[list[int]], width: int) -> Array:
        import torch

        batch = self._tokenizer.pad({"input_ids": ids}, padding="max_length", max_length=width, return_tensors="pt")
        batch = batch.to(self._module.device)
        share_cores()
        with torch.inference_mode():
            hidden = self._module(**batch).last_hidden_state.float()  # (rows, tokens, dimensions)
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        unit: Array = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._folder)

    @cached_property
    def _module(self) -> Any:
        with quiet_libraries():
            import torch
            from transformers import AutoModel

            dtype = fitting_dtype() if self._dtype == "auto" else self._dtype
            # On a CPU torch's fused attention is the slower one for short texts in bfloat16; for long ones it saves memory.
            plain = device() == "cpu" and dtype == "bfloat16" and self._max_tokens <= SHORT
            options = {"dtype": getattr(torch, dtype)} | ({"attn_implementation": "eager"} if plain else {})
            try:
                module = load_whole(AutoModel, self._folder, weight_count(self._folder), **options)
            except Exception as error:  # an odd folder makes the libraries fail in many ways
                raise ModelNotFound(f"{self._folder} cannot be loaded as an embedder: {error}") from error
            return module.to(device()).eval()


def _batches(lengths: Sequence[int], budget: int, longest: int) -> Iterator[tuple[int, list[int]]]:
    """Padded width and rows of each batch: texts of one width, of about `budget` tokens together, the shortest first."""
    groups: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        groups.setdefault(min(-(-length // GRID) * GRID, longest), []).append(row)
    for width, rows in sorted(groups.items()):
        size = max(1, budget // width)
        yield from ((width, rows[start : start + size]) for start in range(0, len(rows), size))


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    """How token vectors become one: as the folder says, else their mean.

    Raises:
        ModelNotFound: it asks for layers or a pooling other than mean and first token.
    """
    modules = _read_list(folder / "modules.json")
    kinds = {str(module.get("type", "")).rsplit(".", 1)[-1] for module in modules if isinstance(module, dict)}
    chosen = {
        key
        for key, value in _read(folder / "1_Pooling" / "config.json").items()
        if key.startswith("pooling_mode_") and value is True
    }
    other = sorted(kinds - {"Transformer", "Pooling", "Normalize"}) + sorted(
        chosen - {"pooling_mode_mean_tokens", "pooling_mode_cls_token"}
    )
    if other or len(chosen) > 1:
        raise ModelNotFound(
            f"{folder} combines token vectors by {', '.join(other or sorted(chosen))}, which is not mean or first token",
            "Choose an embedder such as minilm-l6.",
        )
    return "cls" if "pooling_mode_cls_token" in chosen else "mean"


def _read(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _read_list(path: Path) -> list[Any]:
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return value if isinstance(value, list) else []

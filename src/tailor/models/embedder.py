"""Texts to unit vectors with a sentence-embedding model that transformers loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tailor.errors import ModelNotFound
from tailor.models.base import Array
from tailor.models.quiet import quiet_libraries

BATCH = 64


class TransformersEmbedder:
    """Pooled last hidden states, scaled to length 1, as sentence-transformers computes them (Reimers and Gurevych 2019).

    Texts longer than the model was trained for are cut to its published length. Weights are loaded at the first call.

    Args:
        folder: a transformers folder; `1_Pooling/config.json` and `sentence_bert_config.json` are heeded where they exist.
        name: what the user calls it.
        digest: SHA-256 of its weights.

    Raises:
        ModelNotFound: the folder describes a model that this class does not compute.
    """

    def __init__(self, folder: Path, name: str, digest: str) -> None:
        self.name = name
        self.digest = digest
        self._folder = folder
        config = _read(folder / "config.json")
        if "hidden_size" not in config:
            raise ModelNotFound(f"{folder} does not hold an embedder: its config.json names no hidden_size")
        self.dimensions = int(config["hidden_size"])
        positions = int(config.get("max_position_embeddings", 512))
        self._max_tokens = min(int(_read(folder / "sentence_bert_config.json").get("max_seq_length", positions)), positions)
        self._pooling = _pooling(folder)

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1; equal texts are computed once."""
        distinct = list(dict.fromkeys(texts))
        vectors = np.zeros((len(distinct), self.dimensions), dtype=np.float32)
        if distinct:
            ids = self._tokenizer(distinct, truncation=True, max_length=self._max_tokens, padding=False)["input_ids"]
            by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))  # so that a batch holds little padding
            for start in range(0, len(by_length), BATCH):
                rows = by_length[start : start + BATCH]
                vectors[rows] = self._vectors([ids[i] for i in rows])
        where = {text: i for i, text in enumerate(distinct)}
        return vectors[[where[text] for text in texts]]

    def _vectors(self, ids: list[list[int]]) -> Array:
        import torch

        batch = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._module.device)
        with torch.inference_mode():
            hidden = self._module(**batch).last_hidden_state  # (rows, tokens, dimensions)
        if self._pooling == "cls":
            pooled = hidden[:, 0]
        else:
            mask = batch["attention_mask"].unsqueeze(-1).to(hidden.dtype)
            pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        unit: Array = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit

    @cached_property
    def _tokenizer(self) -> Any:
        with quiet_libraries():
            from transformers import AutoTokenizer

            try:
                return AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            except (OSError, ValueError, KeyError) as error:
                raise ModelNotFound(f"{self._folder} has no tokenizer that can be read: {error}") from error

    @cached_property
    def _module(self) -> Any:
        with quiet_libraries():
            import torch
            from transformers import AutoModel

            try:
                module = AutoModel.from_pretrained(self._folder, dtype=torch.float32, use_safetensors=True, local_files_only=True)
            except (OSError, ValueError, KeyError) as error:
                raise ModelNotFound(f"{self._folder} cannot be loaded as an embedder: {error}") from error
            return module.to("cuda" if torch.cuda.is_available() else "cpu").eval()


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

"""How well texts fit a question, by a model that reads both together and that transformers loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tailor.errors import ModelNotFound
from tailor.models.cores import share_cores
from tailor.models.local import device
from tailor.models.quiet import quiet_libraries
from tailor.models.whole import load_tokenizer, load_whole, weight_count

BATCH = 16
LONGEST = 512


class CrossEncoder:
    """A sequence classifier with one output, or with two of which the second says that a text fits (sentence-transformers).

    Args:
        folder: a transformers folder.
        name: what the user calls it.
        digest: SHA-256 of its weights.

    Raises:
        ModelNotFound: the folder does not describe such a model.
    """

    def __init__(self, folder: Path, name: str, digest: str) -> None:
        self.name, self.digest, self._folder = name, digest, folder
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if not any("ForSequenceClassification" in kind for kind in config.get("architectures") or ()):
            raise ModelNotFound(f"{folder} does not hold a cross-encoder: its config.json names no sequence classifier")
        self._longest = min(LONGEST, int(config.get("max_position_embeddings", LONGEST)))

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """A number for each text, higher where it fits better; in float32, one question at a time."""
        import torch

        found: list[float] = []
        share_cores()
        for start in range(0, len(texts), BATCH):
            some = [text.encode("utf-8", "replace").decode() for text in texts[start : start + BATCH]]
            batch = self._tokenizer(
                [question.encode("utf-8", "replace").decode()] * len(some),
                some,
                truncation=True,
                max_length=self._longest,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits = self._module(**batch.to(device())).logits.float()
            found += (logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]).tolist()
        return found

    @cached_property
    def _tokenizer(self) -> Any:
        return load_tokenizer(self._folder)

    @cached_property
    def _module(self) -> Any:
        with quiet_libraries():
            import torch
            from transformers import AutoModelForSequenceClassification

            try:
                stored = weight_count(self._folder)
                module = load_whole(AutoModelForSequenceClassification, self._folder, stored, dtype=torch.float32)
            except Exception as error:  # an odd folder makes the libraries fail in many ways
                raise ModelNotFound(f"{self._folder} cannot be loaded as a cross-encoder: {error}") from error
            return module.to(device()).eval()

"""A network from a folder of safetensors, only if the files hold all of its weights."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from tailor.errors import ModelNotFound
from tailor.models.quiet import quiet_libraries

SPARE = 50_000_000
"""Parameters beyond what the files hold that a configuration may ask for: weights without files fill 200 MB at most."""
PACKED = 16
"""Parameters that one stored number may hold, such as 16 of two bits."""
UNUSED = "pooler"
"""Weights of this name are often not stored, and what they give is never used here."""


def load_whole(auto_class: Any, folder: Path, stored: int, **options: Any) -> Any:
    """The network, as transformers loads it.

    Transformers makes up weights that a folder lacks, differently in every process: such a model would answer differently each
    time.

    Args:
        auto_class: a class of transformers, such as `AutoModel`.
        folder: configuration and weights.
        stored: numbers in the folder's weight files.
        options: of `from_pretrained`.

    Raises:
        ValueError: its weights are not all in the files.
    """
    import torch
    from transformers import AutoConfig

    with torch.device("meta"):  # takes no memory, whatever size the configuration asks for
        outline = auto_class.from_config(AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False))
    asked = sum(parameter.numel() for parameter in outline.parameters())
    if asked > PACKED * stored + SPARE:
        raise ValueError(f"config.json asks for {asked:,} weights, and the files hold {stored:,}")
    module, found = auto_class.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, trust_remote_code=False, output_loading_info=True, **options
    )
    if missing := sorted(name for name in found["missing_keys"] if UNUSED not in name):
        raise ValueError(f"its files lack {len(missing)} of the weights that config.json asks for, such as {missing[0]}")
    return module


def weight_count(folder: Path) -> int:
    """Parameters stored in a folder's safetensors files, read from their headers alone."""
    from safetensors import safe_open

    count = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    return count


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer in a model's folder; no code of the folder is run.

    Raises:
        ModelNotFound: it has none that can be read.
    """
    with quiet_libraries():
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # an odd folder makes the libraries fail in many ways
            raise ModelNotFound(f"{folder} has no tokenizer that can be read: {error}") from error

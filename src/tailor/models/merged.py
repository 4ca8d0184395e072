"""Tuned weights merged into a model of their own, which any runtime loads without knowing of adapters."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tailor.errors import StoreError
from tailor.models.local import LocalModel
from tailor.models.quiet import quiet_libraries

OF_WEIGHTS = ("config.json", "manifest.json", "model.safetensors.index.json")
"""Files of a model's folder that say something of its weights; the others make tokens of texts, and are taken along as they are."""


def save_merged(model: LocalModel, tuned: Path, target: Path) -> LocalModel:
    """Write the weights that answer, base and tuned in one, as a folder for transformers; gives the model in it.

    They are the very weights that were measured: added up and rounded once, to the precision in which answers are computed. A file
    that holds others is not left behind.

    Args:
        model: the base.
        tuned: folder of the tuned weights.
        target: folder to write; it must not be there.

    Raises:
        StoreError: what was written is not what answers.
    """
    target.mkdir()
    for path in model.folder.iterdir():
        if path.is_file() and path.suffix != ".safetensors" and path.name not in OF_WEIGHTS:
            shutil.copyfile(path, target / path.name)
    with quiet_libraries():
        model.module(tuned).save_pretrained(target, safe_serialization=True)
    written = LocalModel(target, model.name, model.digest, model.precision.partition(", computed")[0], model.dtype)
    if (other := _differing(model.module(tuned), written.module())) is not None:
        shutil.rmtree(target)
        raise StoreError(f"the merged weights were changed when they were written, in {other}", "Leave out --merge.")
    return written


def _differing(one: Any, other: Any) -> str | None:
    """The name of the first tensor that is not the same in both, bit for bit; None where all are."""
    import torch

    ours: dict[str, Any] = one.state_dict()
    theirs: dict[str, Any] = other.state_dict()
    if ours.keys() != theirs.keys():
        return sorted(ours.keys() ^ theirs.keys())[0]
    return next((n for n in ours if ours[n].dtype != theirs[n].dtype or not torch.equal(ours[n], theirs[n])), None)

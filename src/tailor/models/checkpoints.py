"""A training that was stopped goes on where it was: weights, optimiser, place, random state and the best weights so far.

Nothing is pickled: tensors are safetensors, the rest is JSON. A checkpoint is there whole or not at all: its tensors lie in a file
of their own before the file that names them, with their digest, takes the place of the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]

EVERY_SECONDS = 60.0
"""Work that a stopped training may lose."""
WRITING_SHARE = 0.05
"""Most of the time that writing checkpoints may take."""
KEPT_DAYS = 7
NAME = ".resume-"
STATE, TENSORS = "state.json", "tensors-{}.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """What a training goes on from.

    Attributes:
        record: what is kept of it as JSON.
        tensors: by their names: `model.`, `best.` and `optimizer.` with the name of a weight behind them, and `random`.
    """

    record: Mapping[str, Any]
    tensors: Tensors

    def part(self, name: str) -> dict[str, torch.Tensor]:
        """The tensors of one part, by what follows its name."""
        return {key.removeprefix(f"{name}."): value for key, value in self.tensors.items() if key.startswith(f"{name}.")}


@dataclass
class Checkpoints:
    """The checkpoint of one recipe.

    Args:
        folder: where it lies.
        key: of the recipe; one of another recipe is none.
        every: seconds of training between two checkpoints, at least.
    """

    folder: Path
    key: str
    every: float = EVERY_SECONDS
    _written: float = field(default_factory=time.monotonic)
    _took: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() - self._written >= max(self.every, self._took / WRITING_SHARE if self.every else 0.0)

    def write(self, step: int, record: Mapping[str, Any], tensors: Tensors) -> None:
        """Put a checkpoint in the place of the one before."""
        from safetensors.torch import save

        started = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        name, data = TENSORS.format(step), save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
        (self.folder / name).write_bytes(data)
        note = {"key": self.key, "tensors": name, "sha256": hashlib.sha256(data).hexdigest(), **record}
        (self.folder / f"{STATE}.new").write_text(json.dumps(note), encoding="utf-8")
        os.replace(self.folder / f"{STATE}.new", self.folder / STATE)
        for old in self.folder.glob(TENSORS.format("*")):
            if old.name != name:
                old.unlink()
        self._written = time.monotonic()
        self._took = self._written - started

    def read(self) -> Checkpoint | None:
        """The checkpoint; None where there is none that is whole."""
        from safetensors.torch import load

        try:
            record = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
            data = (self.folder / str(record["tensors"])).read_bytes()
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if record.get("key") != self.key or record.get("sha256") != hashlib.sha256(data).hexdigest():
            return None
        return Checkpoint(record, load(data))

    def remove(self) -> None:
        """Forget it: the training is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def remove_stale(folder: Path) -> None:
    """Remove what stopped trainings left in a folder long ago: nobody has gone on with them."""
    for left in [*folder.glob(f"{NAME}*"), *folder.glob(".training-*")]:
        if time.time() - left.stat().st_mtime > KEPT_DAYS * 86_400:
            shutil.rmtree(left, ignore_errors=True)


def optimizer_tensors(optimizer: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """What an optimiser keeps of each weight, by the weight's place and the name of the quantity."""
    import torch

    for place, kept in optimizer.state_dict()["state"].items():
        for name, value in kept.items():
            yield f"{place}.{name}", torch.as_tensor(value)


def restore_optimizer(optimizer: Any, groups: list[dict[str, Any]], tensors: Tensors) -> None:
    """Give an optimiser what it kept of each weight."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        place, _, name = key.partition(".")
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})

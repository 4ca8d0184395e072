"""What is needed to repeat a study."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from tailor.data.example import Splits
from tailor.models.base import Model

PACKAGES = ("tailor", "torch", "transformers", "peft", "trl", "lancedb", "httpx2", "numpy", "scipy")


def provenance(splits: Splits, models: Sequence[Model], judge: Model | None = None) -> dict[str, str]:
    """What is needed to repeat the study: fingerprints, weights, versions, machine."""
    found = {
        "data": splits.fingerprint,
        "seed": str(splits.seed),
        **{
            name: value
            for number, model in enumerate(models, start=1)
            for name, value in _weights(model, f" {number}" if number > 1 else "").items()
        },
        **({} if judge is None else {"judge": judge.name, "judge weights": judge.digest}),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        **_versions(PACKAGES),
    }
    # In the order in which the ledger gives it back, so that a report looks the same when it is written again.
    return dict(sorted(found.items()))


def _weights(model: Model, number: str) -> dict[str, str]:
    return {f"model{number}": model.name, f"weights{number}": model.digest, f"precision{number}": model.precision}


def _versions(names: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

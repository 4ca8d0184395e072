"""Does `tailor serve --check` hold for a tuned system whose merged weights llama.cpp's server answers with, and for no others?

Needs what `benchmarks.real_servers` needs. A LoRA adapter of the built-in model is trained on a few rows of the sample, measured,
merged as `tailor export --bundle --merge` does, and converted to a GGUF file. The server gets the merged weights, then the base.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.real_servers import SAMPLES, llama_server, merged_gguf, unpacked
from benchmarks.serve import certify
from tailor.approaches.approach import TrainingData, starting_system
from tailor.approaches.tuning import FineTune
from tailor.data.split import load_splits
from tailor.ledger import Ledger
from tailor.models.cache import SMOLLM2
from tailor.models.catalogue import fetch
from tailor.models.local import LocalModel
from tailor.models.merged import save_merged
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.serving.elsewhere import Checked, Runtime, check
from tailor.serving.served import Served, opened

LEARNED, CHOSEN, ROWS = 64, 16, 24
AGREEMENT = 0.9
"""Share of the answers that must be equal: sums are taken in another order there."""


def run() -> dict[str, float]:
    """Share of rows answered alike, and whether the check holds, with merged weights and with those that were not tuned."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        served, model = tuned(folder)
        try:
            weights = save_merged(model, served.project.store / (served.system.weights.tuned or ""), folder / "merged")
            found: dict[str, float] = {"score": served.certified.score.mean}
            for side, path in (
                ("merged", merged_gguf(weights.folder, folder / "merged.gguf")),
                ("base", unpacked(folder / "base.gguf")),
            ):
                with llama_server(path) as address:
                    done = asked(served, address)
                print(f"  {side}: {' '.join(done.sentences())}", file=sys.stderr)
                found |= {f"{side}_alike": done.found.equal / done.found.rows, f"{side}_holds": float(done.found.holds)}
            return found
        finally:
            served.close()


def asked(served: Served, address: str) -> Checked:
    """What the check says of a runtime."""
    return check(served, Runtime(address, SMOLLM2.name), rows=ROWS, agreement=AGREEMENT)


def tuned(folder: Path) -> tuple[Served, LocalModel]:
    """The sample's classifier with an adapter that was trained on a few rows, measured on others."""
    model = LocalModel(fetch(SMOLLM2), SMOLLM2.name, SMOLLM2.digest, SMOLLM2.precision, dtype="float32")
    project = load_project(shutil.copytree(SAMPLES / "townhall", folder / "townhall", ignore=shutil.ignore_patterns(".tailor")))
    splits = load_splits(project)
    material = TrainingData(project.task, splits.train[:LEARNED], splits.dev[:CHOSEN])
    with Ledger(project.store) as ledger:
        engine = open_engine(project, ledger, model)
        system = FineTune().fit(starting_system(project.task, splits.train, model), material, engine)
        system = system.with_(decoding={"method": "generate"})
        found = certify(project, system, splits.dev[:ROWS], engine)
    return opened(project, found, project.store, model), model

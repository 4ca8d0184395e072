"""Two LoRA candidates trained side by side, a core each, against one after the other on all cores: seconds, from start to weights.

Data: twelve intents of banking77 (Casanueva et al. 2020, arXiv:2003.04807), 480 rows, three epochs, the built-in model; on all
layers, and on the top layers over frozen states. The candidates differ in their seed. Starting the processes and saving the
weights count.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.quality import RECIPE, TOP, cases, token_rows
from tailor.errors import TailorError
from tailor.models.catalogue import open_model
from tailor.models.local import LocalModel
from tailor.models.together import Training, side_by_side, train_together
from tailor.models.tune import Recipe
from tailor.task import ModelSettings

RECIPES = {"all_layers": RECIPE, "top_layers": TOP}


def run() -> dict[str, float]:
    """`ratio_all_layers` and `ratio_top_layers`, with their seconds."""
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    figures: dict[str, float] = {}
    for name, recipe in RECIPES.items():
        apart, together = seconds_apart(model, recipe), seconds_together(model, recipe)
        print(f"  {name}: apart {apart:.1f} s, together {together:.1f} s", file=sys.stderr)
        figures |= {f"apart_s_{name}": apart, f"together_s_{name}": together, f"ratio_{name}": apart / together}
    return figures


def trainings(model: LocalModel, recipe: Recipe, place: Path) -> list[Training]:
    """The two candidates, to be trained below a folder."""
    case = cases()[0]
    rows, dev = token_rows(model, case.train), token_rows(model, case.dev)
    return [Training(model, rows, dev, replace(recipe, seed=seed), place / f"seed {seed}") for seed in (0, 1)]


def seconds_apart(model: LocalModel, recipe: Recipe) -> float:
    """One after the other; the second one has what frozen layers made of the rows from the first."""
    model = LocalModel(model.folder, model.name, model.digest, "the same weights")
    with tempfile.TemporaryDirectory() as place:
        todo = trainings(model, recipe, Path(place))
        started = time.perf_counter()
        for training in todo:
            training.run()
        return time.perf_counter() - started


def seconds_together(model: LocalModel, recipe: Recipe) -> float:
    """Side by side."""
    with tempfile.TemporaryDirectory() as place:
        todo = trainings(model, recipe, Path(place))
        started = time.perf_counter()
        done = train_together(side_by_side(todo))
        if len(done) < len(todo):
            raise TailorError("this machine does not train side by side", "it takes two cores, no GPU, and memory for both")
        return time.perf_counter() - started

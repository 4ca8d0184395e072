"""Labels of several people brought together: accuracy of each method against gold, and of the one that is chosen by measure.

Data: `crowd_bluebirds` (Welinder et al. 2010: 39 people, 108 birds), `crowd_adult_content` (Ipeirotis, Provost and Wang 2010: 825
people, 11,040 sites, 333 of them with gold), and 400 items of three classes that five of ten invented people label, one of whom
always says the same and three draw lots; five draws. Gold is used for nothing but the accuracy. Where crowd-kit is installed, its
majority and its Dawid-Skene stand next to ours. The workers' reviews in `label_errors_cifar10` name no workers and have no gold, so
that nothing can be measured on them here.
"""

from __future__ import annotations

import csv
import importlib
import sys
from statistics import mean

import numpy as np

from benchmarks.common import data_file
from tailor.labelling.aggregate import WITHOUT_GOLD, aggregate
from tailor.labelling.judgement import Judgement

Label = tuple[str, str, str]
"""Item, person, class."""
SEEDS = 5


def run() -> dict[str, float]:
    """Accuracies by data and method, and how far `auto` is from the better of majority and Dawid-Skene, in points."""
    figures: dict[str, float] = {}
    for name in ("crowd_bluebirds", "crowd_adult_content"):
        figures |= _measured(name.removeprefix("crowd_"), *_read(name))
    drawn = [_measured("synthetic", *_drawn(seed)) for seed in range(SEEDS)]
    figures |= {key: mean(one[key] for one in drawn) for key in drawn[0]}
    return figures | {"auto_worst_points": min(value for key, value in figures.items() if key.endswith("_auto_points"))}


def _measured(name: str, labels: list[Label], gold: dict[str, str]) -> dict[str, float]:
    judgements = [Judgement(f"{n}", item, person, values={"label": said}) for n, (item, person, said) in enumerate(labels)]
    found: dict[str, float] = {}
    for method in WITHOUT_GOLD:
        derived = aggregate(judgements, method)
        found[method] = _accuracy({item: one.tied or (one.label,) for (item, _), one in derived.labels.items()}, gold)
    auto = aggregate(judgements)
    found["auto"] = _accuracy({item: one.tied or (one.label,) for (item, _), one in auto.labels.items()}, gold)
    print(f"  {name}: auto took {auto.method}. {auto.why}", file=sys.stderr)
    better = max(found["majority"], found["dawid-skene"])
    figures = {f"{name}_{method.replace('-', '_')}": value for method, value in (found | _theirs(labels, gold)).items()}
    return figures | {f"{name}_auto_points": 100 * (found["auto"] - better)}


def _accuracy(said: dict[str, tuple[str, ...]], gold: dict[str, str]) -> float:
    """Share of the items with gold that are right; ties share."""
    return mean((gold[item] in best) / len(best) for item, best in said.items() if item in gold)


def _theirs(labels: list[Label], gold: dict[str, str]) -> dict[str, float]:
    """Crowd-kit's; its majority breaks ties by chance."""
    try:
        methods, pandas = importlib.import_module("crowdkit.aggregation"), importlib.import_module("pandas")
    except ImportError:
        print("  crowd-kit is not installed: nothing of it is measured", file=sys.stderr)
        return {}
    table = pandas.DataFrame(labels, columns=["task", "worker", "label"])
    theirs = {"majority": methods.MajorityVote(), "dawid-skene": methods.DawidSkene(100), "mace": methods.MACE(random_state=0)}
    return {
        f"crowdkit_{name}": _accuracy({str(item): (str(label),) for item, label in method.fit_predict(table).items()}, gold)
        for name, method in theirs.items()
    }


def _read(name: str) -> tuple[list[Label], dict[str, str]]:
    with data_file(f"{name}/labels.csv").open(encoding="utf-8", newline="") as file:
        labels = [(row["item"], row["annotator"], row["label"]) for row in csv.DictReader(file)]
    with data_file(f"{name}/gold.csv").open(encoding="utf-8", newline="") as file:
        gold = {row["item"]: row["label"] for row in csv.DictReader(file)}
    return labels, gold


def _drawn(seed: int) -> tuple[list[Label], dict[str, str]]:
    draw = np.random.default_rng(seed)
    true, skill = draw.integers(3, size=400), (0.9, 0.9, 0.8, 0.8, 0.7, 0.7)
    labels = []
    for item in range(400):
        for person in draw.choice(10, 5, replace=False):
            said = 0 if person == 6 else int(draw.integers(3))
            if person < 6:
                said = int(true[item] if draw.random() < skill[person] else (true[item] + draw.integers(1, 3)) % 3)
            labels.append((f"{item}", f"{person}", f"{said}"))
    return labels, {f"{item}": f"{label}" for item, label in enumerate(true)}

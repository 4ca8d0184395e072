"""List the benchmarks, or run one and print its figures."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version

from tailor.errors import TailorError

BENCHMARKS = {
    "approximate": "benchmarks.approximate",
    "busy-cores": "benchmarks.busy_cores",
    "cost-curves": "benchmarks.cost_curves",
    "certificate": "benchmarks.certificate",
    "check-merged": "benchmarks.check_merged",
    "coverage": "benchmarks.coverage",
    "crowd": "benchmarks.crowd",
    "diagnosis": "benchmarks.diagnosis",
    "distil": "benchmarks.distil",
    "documents": "benchmarks.documents",
    "endpoint-kills": "benchmarks.endpoint_kills",
    "endpoint-speed": "benchmarks.endpoint_speed",
    "failing-calls": "benchmarks.failing_calls",
    "forgetting": "benchmarks.forgetting",
    "freshness": "benchmarks.freshness",
    "generate": "benchmarks.generate",
    "handover": "benchmarks.handover",
    "injection": "benchmarks.injection",
    "intents": "benchmarks.intents",
    "judges": "benchmarks.judges",
    "kinds": "benchmarks.kinds",
    "label-errors": "benchmarks.label_errors",
    "languages": "benchmarks.languages",
    "learning-curve": "benchmarks.learning_curve",
    "learning-curve-lora": "benchmarks.curve_lora",
    "near-duplicates": "benchmarks.near_duplicates",
    "races": "benchmarks.races",
    "rag-qa": "benchmarks.rag_qa",
    "rag-rivals": "benchmarks.rag_rivals",
    "real-servers": "benchmarks.real_servers",
    "score-labels": "benchmarks.score_labels",
    "search-races": "benchmarks.search_races",
    "search-scale": "benchmarks.search_scale",
    "search-speed": "benchmarks.search_speed",
    "serve": "benchmarks.serve",
    "study": "benchmarks.study",
    "train": "benchmarks.train",
    "train-together": "benchmarks.train_together",
    "two-models": "benchmarks.two_models",
    "worth": "benchmarks.worth",
    "watch": "benchmarks.watch",
}
PACKAGES = ("tailor", "torch", "transformers", "peft", "trl", "lancedb", "scikit-learn")


def main() -> int:
    """Run what was asked for; exit status 2 when its data are not available."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=sorted(BENCHMARKS), help="which one; left out: list them")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else on standard output")
    given = parser.parse_args()
    if given.name is None:
        for name, module in sorted(BENCHMARKS.items()):
            print(f"{name:<20} {(importlib.import_module(module).__doc__ or '').splitlines()[0]}")
        return 0
    started = time.perf_counter()
    try:
        figures: dict[str, float] = importlib.import_module(BENCHMARKS[given.name]).run()
    except (FileNotFoundError, TailorError) as error:
        print(f"{given.name} cannot run: {error}", file=sys.stderr)
        return 2
    environment = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "seconds": round(time.perf_counter() - started),
        **{name: version(name) for name in PACKAGES},
    }
    rounded = {key: round(value, 4) for key, value in figures.items()}
    if given.json:
        print(json.dumps({"name": given.name, "figures": rounded, "environment": environment}))
    else:
        for key, value in rounded.items():
            print(f"{key:<32} {value:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

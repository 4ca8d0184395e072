"""Where only the core is installed: an endpoint is measured, and what needs a model of this machine is left out with the reason."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from flow import climb, write_desk

from tailor.models.catalogue import needed

ABSENT = {"torch", "transformers", "safetensors", "sklearn", "threadpoolctl"}
FIND = importlib.util.find_spec
CLASSIFIER = "needs scikit-learn, safetensors and threadpoolctl, which are not installed: `pip install 'tailor[local]'` adds them."
EMBEDDER = "`minilm-l6` runs on this machine and needs torch, transformers and safetensors, which are not installed"


@pytest.fixture(autouse=True)
def core_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name in ABSENT else FIND(name, package)

    monkeypatch.setattr("tailor.models.packages.importlib.util.find_spec", find)


def test_a_study_goes_on_without_reference_classifiers_and_says_why(tmp_path: Path) -> None:
    study = climb(write_desk(tmp_path, embedder="minilm-l6", ask_again=False))
    notes = {step.system: step.note for step in study.steps if step.status == "not possible"}
    for name in ("reference-classifier", "tfidf-classifier"):
        assert notes[name] == f"{name} {CLASSIFIER}"
    assert notes["few-shot-nearest-5"].startswith(EMBEDDER)
    assert study.decision is not None and study.decision.chosen == "zero-shot"
    assert study.curve is not None and study.curve.why_not.startswith(EMBEDDER)
    assert needed(study.task) == [], "an embedder that cannot run is not fetched"

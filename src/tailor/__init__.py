"""Tailor: measure whether to prompt, retrieve, fine-tune or combine them, on your own data, and use what won.

The public names are loaded when they are first used, so that `import tailor` is instant. Nothing inside the package imports from
here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tailor.asking import ask
    from tailor.data.dataset import Dataset
    from tailor.data.example import Example, Splits
    from tailor.decide.types import Decision
    from tailor.errors import TailorError
    from tailor.experiment import run
    from tailor.library import compare, list_approaches, list_kinds, load, measure, study
    from tailor.project import load_project
    from tailor.report.html import write_report
    from tailor.results import Study
    from tailor.system import System
    from tailor.task import Task

    __version__: str

__all__ = [
    "Dataset",
    "Decision",
    "Example",
    "Splits",
    "Study",
    "System",
    "TailorError",
    "Task",
    "ask",
    "compare",
    "list_approaches",
    "list_kinds",
    "load",
    "load_project",
    "measure",
    "run",
    "study",
    "write_report",
]

_HOMES = {
    "Dataset": "tailor.data.dataset",
    "Decision": "tailor.decide.types",
    "Example": "tailor.data.example",
    "Splits": "tailor.data.example",
    "Study": "tailor.results",
    "System": "tailor.system",
    "TailorError": "tailor.errors",
    "Task": "tailor.task",
    "ask": "tailor.asking",
    "compare": "tailor.library",
    "list_approaches": "tailor.library",
    "list_kinds": "tailor.library",
    "load": "tailor.library",
    "load_project": "tailor.project",
    "measure": "tailor.library",
    "run": "tailor.experiment",
    "study": "tailor.library",
    "write_report": "tailor.report.html",
}


def __getattr__(name: str) -> object:
    """A public name, loaded from its home."""
    if name == "__version__":
        return import_module("importlib.metadata").version("tailor")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return __all__

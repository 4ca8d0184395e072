"""The packages that run models and classifiers on this machine: are they installed?"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from tailor.errors import NotInstalled

MODEL = ("torch", "transformers", "safetensors")
CLASSIFIER = ("sklearn", "safetensors", "threadpoolctl")
CALLED = {"sklearn": "scikit-learn"}
"""Module -> what its package is called, where that is something else."""


def missing(packages: Sequence[str]) -> list[str]:
    """Those that are not installed, by the names of their packages; nothing is imported."""
    return [CALLED.get(name, name) for name in packages if importlib.util.find_spec(name) is None]


def require(what: str, packages: Sequence[str]) -> None:
    """Refuse what cannot run here.

    Args:
        what: the subject of the sentence, such as "`minilm-l6` runs on this machine and".
        packages: what it needs.

    Raises:
        NotInstalled: some of them are not installed.
    """
    absent = missing(packages)
    if absent:
        listed = " and ".join(filter(None, (", ".join(absent[:-1]), absent[-1])))
        are, them = ("is", "it") if len(absent) == 1 else ("are", "them")
        raise NotInstalled(f"{what} needs {listed}, which {are} not installed: `pip install 'tailor[local]'` adds {them}")

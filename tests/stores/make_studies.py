"""Makes the saved studies beside this file, and prints the fingerprints that `test_saved_studies.py` pins: not run by the suite.

What lies here was saved once and stays as it is, so that a later Tailor is held to opening it. To add a study, run
``python tests/stores/make_studies.py NAME``, which makes only that one; name all three for a new format, and keep the old folder.
"""

from __future__ import annotations

import gzip
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from flow import LABELS, Watcher, write_desk, write_rooms  # noqa: E402
from systems import examples_today, systems_today  # noqa: E402
from tiny import open_tiny, save_tiny  # noqa: E402

from tailor.experiment import run  # noqa: E402
from tailor.models.base import Model  # noqa: E402
from tailor.models.fake import FakeModel  # noqa: E402
from tailor.project import load_project  # noqa: E402

STUDIES = HERE / "studies"


def desk(folder: Path) -> None:
    """Labels, by the fake model: few-shot, the prior taken off, the reference."""
    measure(write_desk(folder, labels=list(LABELS), prices={"label": 0.2, "error": 0.01}))


def rooms(folder: Path) -> None:
    """Questions over three short pages, by the fake model: the pages whole and searched, worked examples."""
    measure(write_rooms(folder, remarks=2))


def tuned(folder: Path) -> None:
    """Labels, by a tiny model of random weights that is tuned."""
    folder = write_desk(folder, tuning={"epochs": 1, "rank": 2, "layers": 1})
    measure(folder, open_tiny(save_tiny(folder / "tiny")))
    shutil.rmtree(folder / "tiny")


def measure(folder: Path, model: Model | None = None) -> None:
    """Run the project, everything."""
    run(load_project(folder), Watcher(), everything=True, model=model or FakeModel())


def keep(name: str, make: Any) -> None:
    """The project and the ledger of its run, without what can be made again."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / name
        make(folder)
        target = STUDIES / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns(".tailor", "report.html", ".gitignore"))
        (target / "ledger.db.gz").write_bytes(gzip.compress((folder / ".tailor" / "ledger.db").read_bytes(), mtime=0))


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        keep(wanted, {"desk": desk, "rooms": rooms, "tuned": tuned}[wanted])
    with tempfile.TemporaryDirectory() as store:
        for name, found in {**systems_today(Path(store)), **examples_today(Path(store))}.items():
            print(f'    "{name}": "{found}",')

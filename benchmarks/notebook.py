"""Runs docs/notebook.ipynb again with the built-in model, and keeps what it shows: `python -m benchmarks.notebook`.

It needs `nbformat`, `nbclient` and `ipykernel`, and takes as long as the study in it: some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
SAMPLE = Path("examples") / "townhall"


def rerun() -> dict[str, Any]:
    """The notebook, executed in a folder with a copy of the sample, without times and names of this machine."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / SAMPLE, Path(folder) / SAMPLE, ignore=shutil.ignore_patterns(".tailor", "*.html"))
        (Path(folder) / "docs").mkdir()
        os.environ["TAILOR_STATE"] = folder  # there its test set was never opened
        NotebookClient(notebook, timeout=3600, resources={"metadata": {"path": Path(folder) / "docs"}}).execute()
    for cell in notebook.cells:
        cell.metadata.clear()
    notebook.metadata.clear()
    notebook.metadata.update(
        kernelspec={"name": "python3", "display_name": "Python 3", "language": "python"}, language_info={"name": "python"}
    )
    record: dict[str, Any] = json.loads(nbformat.writes(notebook))
    return record


def main() -> None:
    """Write the notebook."""
    text = json.dumps(rerun(), indent=1, ensure_ascii=False) + "\n"
    NOTEBOOK.write_text(text, encoding="utf-8")
    print(f"{NOTEBOOK.relative_to(ROOT)}: {len(text):,} characters", file=sys.stderr)


if __name__ == "__main__":
    main()

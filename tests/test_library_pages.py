"""What the README and the notebook show of the library runs as it stands."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pandas
import pytest
from test_docs import BLOCK
from test_structure import MODULES, dotted, loaded_by

import tailor
from tailor.library import ProjectStudy
from tailor.models.fake import FakeEmbedder, FakeModel

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def cells() -> list[dict[str, Any]]:
    """The cells of the notebook."""
    found: list[dict[str, Any]] = json.loads((ROOT / "docs" / "notebook.ipynb").read_text(encoding="utf-8"))["cells"]
    return found


def test_the_lines_of_the_readme_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # By the fake and on the first messages, since the built-in model takes minutes; the executed notebook shows what that one says.
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## From a notebook")[2].partition("\n## ")[0]
    ((_, _, code),) = BLOCK.findall(section)
    monkeypatch.setattr("tailor.library.needed", lambda *_, **__: [])
    monkeypatch.setattr("tailor.experiment.learning_curve", lambda *_: None)  # most of the time of so small a study
    for place in ("tailor.open_engine", "tailor.library"):
        monkeypatch.setattr(f"{place}.open_model", lambda *_, **__: FakeModel())
    monkeypatch.setattr("tailor.open_engine.open_embedder", lambda *_, **__: FakeEmbedder())
    (tmp_path / "examples" / "townhall").mkdir(parents=True)
    pandas.read_csv(ROOT / "examples" / "townhall" / "messages.csv").head(100).to_csv("examples/townhall/messages.csv", index=False)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert isinstance(names["study"], ProjectStudy) and names["study"].decision
    assert (tmp_path / "report.html").exists() and len(code.strip().splitlines()) <= 12


def test_the_notebook_uses_what_there_is() -> None:
    used = {
        (node.value.id, node.attr)
        for cell in cells()
        for node in ast.walk(ast.parse("".join(cell["source"]) if cell["cell_type"] == "code" else ""))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    known = {"tailor": tailor, "study": ProjectStudy}
    assert {(name, attribute) for name, attribute in used if name in known and not hasattr(known[name], attribute)} == set()
    assert {"Task", "Dataset", "study", "compare"} <= {attribute for name, attribute in used if name == "tailor"}


def test_the_notebook_was_executed_and_names_no_machine() -> None:
    path = ROOT / "docs" / "notebook.ipynb"
    text, code = path.read_text(encoding="utf-8"), [cell for cell in cells() if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    shown = [output for cell in code for output in cell["outputs"]]
    assert {output["output_type"] for output in shown} <= {"display_data", "execute_result"}
    assert len(shown) >= len(code) - 2 and len(text) < 100_000
    assert not re.search(r"/(tmp|home|root|work|Users|usr)/|object at 0x", text)
    assert not re.search(r"<(script|progress)", "".join(part for output in shown for part in output["data"].get("text/html", [])))


def test_pandas_is_optional() -> None:
    loaded = loaded_by("import tailor\ntailor.study, repr(tailor.Dataset([{'a': 1}, {'a': None}])), tailor.list_approaches()")
    assert not loaded & {"pandas", "torch", "transformers", "IPython"}


def test_no_public_name_is_hidden_by_a_module() -> None:
    modules = {dotted(path).split(".")[1] for path in MODULES.values() if dotted(path) != "tailor"}
    assert not modules & set(tailor.__all__)
    assert tailor.__version__.count(".") >= 1

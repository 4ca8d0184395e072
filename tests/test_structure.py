"""The shape of the code: who may import whom, how long things may be, what is public."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import tailor

ROOT = Path(tailor.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
ORDER = (
    "errors card limits files outside confined documents language doors jsonform keys mistakes plugins access settings task "
    "part project stats passage conversation content media web cells labels system example payment score kinds data models "
    "trust retrieval store ledger render rewritten reranked widened searching replies batches engine approaches evaluate advise "
    "diagnose decide labelling labelled results saved report provenance open_engine seals experiment asking judging probing "
    "workbench watching export serving testing screen library cli __main__"
).split()
LOW = {"tailor.data.example": "example", "tailor.retrieval.passage": "passage"}
LOW |= {f"tailor.data.{name}": "cells" for name in ("jsontext", "cells", "joined")}
"""Core types and the reading of cells, which stand lower than the folders that they lie in."""
RANK = {part: place for place, level in enumerate(ORDER) for part in level.split(",")}
HEAVY = ("torch transformers scipy openai lancedb pyarrow sklearn cleanlab peft trl datasets genai_prices jinja2").split()

PUBLIC = set(
    "Dataset Decision Example Splits Study System TailorError Task ask compare list_approaches list_kinds load load_project "
    "measure run study write_report".split()
)


def dotted(path: Path) -> str:
    parts = ("tailor", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {dotted(path): path for path in FILES}
INSIDE = [name for name in MODULES if name != "tailor"]


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def part(module: str) -> str:
    """The part of the package a module belongs to; empty for the package itself."""
    return LOW.get(module) or module.partition(".")[2].partition(".")[0]


def imports(path: Path) -> set[str]:
    """Modules of the package that a file imports: at the top, inside functions, and for types alone."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            base = node.module or ""
            found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}
    return {name for name in found if name in MODULES}


def loaded_by(statement: str) -> set[str]:
    """Names of the modules that a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


# --- imports


@pytest.mark.parametrize("module", INSIDE)
def test_a_module_imports_only_what_stands_before_it(module: str) -> None:
    later = sorted(
        name
        for name in imports(MODULES[module])
        if name == "tailor" or (part(name) != part(module) and RANK[part(name)] >= RANK[part(module)])
    )
    assert not later, f"{module} imports {later}, which stand at or after it in {ORDER}"


def test_no_imports_go_in_a_circle() -> None:
    # The package itself is left out: it names the public things for type checkers, and nothing inside imports it (see above).
    TopologicalSorter({module: imports(MODULES[module]) for module in INSIDE}).prepare()


def test_the_command_line_starts_without_heavy_packages() -> None:
    assert not {name.split(".")[0] for name in loaded_by("import tailor.cli")} & set(HEAVY)


def test_importing_the_package_loads_nothing_else() -> None:
    loaded = loaded_by("import tailor")
    assert {name for name in loaded if name.startswith("tailor")} == {"tailor"}
    assert not loaded & {"numpy", "pydantic", "yaml", "rich", "typer", *HEAVY}


# --- public names


def test_the_public_names_are_sorted_and_complete() -> None:
    assert list(tailor.__all__) == sorted(tailor.__all__) == sorted(tailor._HOMES) == dir(tailor)
    assert set(tailor.__all__) == PUBLIC


def test_type_checkers_see_the_public_names_from_where_they_are_loaded() -> None:
    seen = {
        alias.name: node.module
        for block in tree(ROOT / "__init__.py").body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == tailor._HOMES


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_can_be_imported_and_is_described(name: str) -> None:
    assert getattr(tailor, name).__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        tailor.trian  # noqa: B018


def nodes(words: str, *besides: str) -> Iterator[tuple[str, ast.AST]]:
    """Every node, and where it stands, of the modules that hold one of the words (an expression), without those of some parts."""
    for module in INSIDE:
        if part(module) not in besides and re.search(words, MODULES[module].read_text(encoding="utf-8")):
            for node in ast.walk(tree(MODULES[module])):
                yield f"{module}, line {getattr(node, 'lineno', 0)}", node


def test_nobody_asks_of_what_class_a_model_is_or_whether_it_has_an_address() -> None:
    # What it can do is asked of its `capabilities`; settings have an address, and read it alone.
    for where, node in nodes("base_url|LocalModel|RemoteModel", "models"):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            assert not re.search("(Local|Remote)Model", ast.unparse(node)), where
        if isinstance(node, ast.Attribute) and node.attr == "base_url":
            assert where.startswith("tailor.settings,"), where


def test_nobody_asks_what_kind_a_task_is_called() -> None:
    # What a kind is like is asked of its traits, and what is its own to do is its function (`tailor.kinds.base.Kind`).
    for where, node in nodes(r"classify|task\.kind", "kinds", "plugins"):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            sides += [one for side in sides if isinstance(side, ast.Tuple | ast.List | ast.Set) for one in side.elts]
            assert not any(isinstance(side, ast.Constant) and side.value == "classify" for side in sides), where
            assert not any(isinstance(side, ast.Attribute) and ast.unparse(side).endswith("task.kind") for side in sides), where
    for page in (ROOT / "report" / "templates").iterdir():
        assert "task.kind" not in page.read_text(encoding="utf-8"), page.name


def test_questions_are_made_of_rows_in_one_place() -> None:
    # `tailor.content.question` keeps images as parts; a template filled in elsewhere would lose them.
    for where, node in nodes("fill", "task"):
        if isinstance(node, ast.ImportFrom) and node.module == "tailor.task" and any(name.name == "fill" for name in node.names):
            assert where.split(",")[0] in ("tailor.content", "tailor.render"), where


# --- size and form


@pytest.mark.parametrize("module", MODULES)
def test_a_file_is_short_described_and_silent(module: str) -> None:
    path = MODULES[module]
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert ast.get_docstring(tree(path)), f"{module} has no docstring"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 60, f"{module}.{node.name} has {length} lines"
        if part(module) != "cli" and isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{module} prints in line {node.lineno}"

"""The documentation says what the program does: its commands run, its tables are complete, its links lead somewhere."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel
from test_structure import ORDER
from typer.core import TyperGroup
from typer.main import get_command

import tailor
from tailor.cli import app
from tailor.library import ProjectStudy
from tailor.results import Study
from tailor.task import Task

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
PYTHON = REFERENCE.partition("\n## From Python")[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^```(\w*)[ ]?([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROW = re.compile(r"^\| (`[^|]*?) \| (.*?) \|$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SECONDS = re.compile(r"\d[\d.]* m?s\b")


# --- the tutorial


@pytest.mark.slow
def test_the_commands_of_the_tutorial_run_and_print_what_it_shows(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".tailor"))
    kinds = set()
    for match in BLOCK.finditer(TUTORIAL):
        kind, name, text = match.groups()
        kinds.add(kind)
        if kind == "console":
            for command, shown in commands(text):
                check_output(command, shown, execute(["sh", "-ec", command], tmp_path))
        elif kind == "python":
            execute([sys.executable, "-c", text], tmp_path)
        elif kind == "yaml" and name:
            edit(tmp_path / name, yaml.safe_load(text))
    assert {"console", "python", "yaml"} <= kinds


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """Each command of a console block, and the lines shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def execute(command: list[str], folder: Path) -> str:
    """What a command prints; it must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # One thread: on a machine that is busy, many threads for a few numbers wait for each other.
    environment = {**os.environ, "PATH": path, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[-1]} ended in {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def check_output(command: str, shown: list[str], printed: str) -> None:
    """Every stretch of text shown between `...` was printed, in that order; line breaks and seconds may differ."""
    place, text = 0, plain(printed)
    for stretch in re.split(r"\.\.\.", "\n".join(shown)):
        wanted = plain(stretch)
        found = text.find(wanted, place)
        assert found >= 0, f"{command!r} did not print {wanted!r} after {text[:place]!r}, but {text[place:]!r}"
        place = found + len(wanted)


def plain(text: str) -> str:
    return " ".join(SECONDS.sub("N s", text).split())


def edit(path: Path, changes: Mapping[str, Any]) -> None:
    """Change settings as a reader of the tutorial would: groups keep what is not named."""
    settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(merged(settings, changes), sort_keys=False), encoding="utf-8")


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        name: merged(settings[name], value)
        for name, value in changes.items()
        if isinstance(value, Mapping) and isinstance(settings.get(name), Mapping)
    }
    return {**settings, **changes, **inner}


# --- the reference


def sections() -> dict[str, str]:
    """Heading -> text of each command in the reference."""
    parts = re.split(r"^### (tailor .+)$", REFERENCE.partition("\n## Settings")[0], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def program() -> dict[str, set[str]]:
    """Heading that each command should have -> its options."""
    found: dict[str, set[str]] = {}

    def visit(command: Any, name: str) -> None:
        arguments = "".join(f" {p.name.upper()}" for p in command.params if p.param_type_name == "argument")
        options = {option for p in command.params if p.param_type_name == "option" for option in (*p.opts, *p.secondary_opts)}
        if name != "tailor":
            found[name + arguments] = options - {"--help"}
        for inner in command.commands.values() if isinstance(command, TyperGroup) else ():
            visit(inner, f"{name} {inner.name}")

    visit(get_command(app), "tailor")
    return found


def test_the_reference_names_every_command_and_option_and_no_other() -> None:
    described = {
        heading: {option for cell, _ in ROW.findall(text) for option in re.findall(r"`(-[^`]+)`", cell)}
        for heading, text in sections().items()
    }
    assert described == program()


def settings_of(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Dotted name of every setting -> its default as the reference writes it."""
    found: dict[str, str] = {}
    for name, field in model.model_fields.items():
        group = next((t for t in (field.annotation, *get_args(field.annotation)) if is_group(t)), None)
        if group is not None:
            found |= settings_of(group, f"{prefix}{name}.")
        elif field.is_required():
            found[prefix + name] = "required"
        else:
            value = field.default
            found[prefix + name] = (
                "-"
                if value in (None, "", ()) and value is not False
                else str(value).replace("False", "false").replace("True", "true")
            )
    return found


def is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def test_the_reference_gives_every_setting_with_its_default_and_no_other() -> None:
    text = REFERENCE.partition("\n## Settings")[2].partition("\n## ")[0]
    described = {cell.strip("`"): rest.split(" | ")[0] for cell, rest in ROW.findall(text)}
    assert described == settings_of(Task)


def test_the_reference_names_every_public_name() -> None:
    assert set(tailor.__all__) <= set(re.findall(r"`(\w+)`", PYTHON) + re.findall(r"^### (\w+)\(", PYTHON, re.MULTILINE))


def library() -> dict[str, tuple[str, str]]:
    """Name -> arguments as the reference heads them, and its section, of every function and class that has one."""
    parts = re.split(r"^### (\w+)\((.*?)\)$", PYTHON.partition("\n### Project folders")[0], flags=re.MULTILINE)
    return {name: (given, text) for name, given, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True)}


def test_the_reference_gives_every_argument_from_python_with_its_default_and_no_other() -> None:
    assert {name for name in tailor.__all__ if tailor._HOMES[name] == "tailor.library"} == set(library()) - {"Dataset"}
    for name, (given, text) in library().items():
        arguments = inspect.signature(getattr(tailor, name)).parameters.values()
        assert [a.name for a in arguments if a.kind is a.POSITIONAL_OR_KEYWORD] == [part for part in given.split(", ") if part]
        described = {cell.strip("`"): rest.split(" | ")[0].strip("`") for cell, rest in ROW.findall(text)}
        if name != "list_approaches":
            assert described == {a.name: str(a.default) for a in arguments if a.kind is a.KEYWORD_ONLY}, name


def test_the_reference_gives_every_approach_and_kind_and_what_a_study_can_do() -> None:
    assert {cell.strip("`"): says for cell, says in ROW.findall(library()["list_approaches"][1])} == tailor.list_approaches()
    assert tuple(re.findall(r"`(\w+)`", library()["list_kinds"][1])) == tailor.list_kinds()
    methods = {name for cls in (ProjectStudy, Study) for name, _ in inspect.getmembers(cls, inspect.isfunction) if name[0] != "_"}
    assert set(re.findall(r"`study\.(\w+)\(", library()["study"][1])) == methods - {"dev_run", "test_run"}


def test_the_design_gives_the_import_order() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    (block,) = [body for kind, _, body in BLOCK.findall(text) if kind == "text"]
    assert block.split() == [part for part in ORDER if part != "__main__"]


# --- every page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), f"{page.name} links to {target}, which is not there"
        if anchor:
            headings = HEADING.findall(path.read_text(encoding="utf-8"))
            assert anchor in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, target


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_settings_shown_are_accepted(page: Path) -> None:
    base = {"name": "x", "kind": "classify", "instruction": "x", "input": "{{text}}", "output": "label", "data": "x.csv"}
    for kind, _, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if kind == "yaml":
            Task.model_validate(merged(base, yaml.safe_load(text)))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_is_finished_and_names_only_commands_there_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"\b(TODO|FIXME|TBD|XXX)\b", text)
    known = {heading.split()[1] for heading in program()}
    assert set(re.findall(r"(?:`|^|\$ )tailor ([a-z]+)\b", text, re.MULTILINE)) <= known


def test_the_readme_gives_commands_that_the_makefile_has() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)}
    assert {"demo", "test", "setup"} <= named <= targets


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    newest = re.search(r"^## (\S+) - \d{4}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None and newest[1] == version

"""A kind of task that Tailor knows nothing of: the sample package, installed, from `init` to the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from data_helpers import sentence

PACKAGE = Path(__file__).resolve().parents[1] / "examples" / "plugin"
REASONS = ("the form was signed in time", "the form came a week late")
COMMANDS = """
import json, sys
from typer.testing import CliRunner
from tailor.cli import app
from tailor.data.split import load_splits
from tailor.plugins import KINDS
from tailor.project import load_project
from tailor.testing import check_kind

def said(words):
    if words != ["check_kind"]:
        return CliRunner().invoke(app, words).output
    project = load_project(".")
    return str(check_kind(KINDS.load("verdict"), project.task, load_splits(project).train))

print(json.dumps([said(words) for words in json.loads(sys.argv[1])]))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages in which the sample is installed as pip would: its module, and its entry points as metadata."""
    site = tmp_path_factory.mktemp("site")
    for module in PACKAGE.glob("*.py"):
        (site / module.name).write_bytes(module.read_bytes())
    info = site / "tailor_verdict-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tailor-verdict\nVersion: 0.1.0\n", encoding="utf-8")
    named = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
    lines = [line for group, things in named.items() for line in (f"[{group}]", *(f"{name} = {at}" for name, at in things.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases whose text says what was decided and why, which is what the fake model repeats; a few say it wrongly or not at all."""
    folder = tmp_path_factory.mktemp("cases")
    rows = []
    for number in range(48):
        verdict, reason = ("yes", "no")[number % 2], f"{REASONS[number % 2]}, number {number}"
        said = f"{verdict}, {sentence(number)}"
        rows.append({"case": {3: "perhaps ", 8: "no, "}.get(number % 10, "") + said, "upheld": verdict, "quote": reason})
    lines = "\n".join(map(json.dumps, rows)) + "\n"
    (folder / "cases.jsonl").write_text(lines, encoding="utf-8")
    return folder


def tailor(site: Path, folder: Path, *commands: list[str]) -> list[str]:
    """What the commands say, one after the other, in a fresh process that finds the package."""
    path = os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH", ""))))
    command = [sys.executable, "-c", COMMANDS, json.dumps(commands)]
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    said: list[str] = json.loads(done.stdout)
    return said


@pytest.mark.slow
def test_a_kind_from_a_package_goes_from_init_to_the_report(installed: Path, project: Path) -> None:
    (said,) = tailor(installed, project, ["init", "cases.jsonl", "--kind", "verdict"])
    assert "kind verdict, `case` is asked, `upheld` holds the right answer" in said
    path = project / "tailor.yaml"
    written = path.read_text(encoding="utf-8")
    assert "verdict: yes or no, with a reason." in written and "# Deciding one case by hand." in written
    settings = yaml.safe_load(written)
    assert (settings["kind"], settings["data"]["quote"]) == ("verdict", "quote")
    assert settings["instruction"] == "Judge the case. Answer yes or no, then give the reason in a few words."
    path.write_text(
        yaml.safe_dump(settings | {"model": "fake", "embedder": "fake", "target": 0.97, "ask_again": False}), encoding="utf-8"
    )
    commands = (["check_kind"], ["check"], ["run"], ["show", "--json"], ["try", ".", "yes, it came in time and whole"])
    _, told, _, as_json, tried = tailor(installed, project, *commands)
    assert "48 rows" in told and "2 labels" in told
    shown = json.loads(as_json)
    assert shown["task"]["kind"] == "verdict" and shown["task"]["metric"] == "upheld"
    names = {finalist["name"] for finalist in shown["finalists"]}
    assert "zero-shot" in names and "reference-classifier" not in names, "no classifier gives reasons"
    tested = {finalist["name"]: finalist["outcomes"] for finalist in shown["finalists"]}["zero-shot"]
    assert tested["right"] and tested["wrong"] and tested["unparsed"]
    assert any(step["system"] == "few-shot-nearest-5" and step["outcomes"] for step in shown["ladder"])
    # Forecasts and controls give a reason, too: a bare "yes" would be worth nothing.
    levers = {lever["name"]: lever["forecast"]["mean"] for lever in shown["diagnosis"]["levers"]}
    assert levers["behaviour"] > 0.5 and levers["examples"] > 0.4
    controls = {control["name"]: control for control in shown["controls"]}
    assert "number" in controls["constant"]["does"] and controls["constant"]["score"]["mean"] > 0.2
    page = (project / "report.html").read_text(encoding="utf-8")
    assert "Right, with a reason" in page and "the share of verdicts that are right and give a reason" in page
    assert "yes, it came in time" in tried


def test_its_settings_are_held_to_what_it_can_use(installed: Path, tmp_path: Path) -> None:
    settings = {"name": "a", "kind": "verdict", "instruction": "a", "input": "{{case}}", "output": "upheld", "data": "cases.jsonl"}
    for folder, given in (("labels", {"labels": ["maybe", "no"]}), ("kind", {"kind": "verdicts"})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "tailor.yaml").write_text(json.dumps(settings | given), encoding="utf-8")
    labels, kind = tailor(installed, tmp_path, ["check", "labels"], ["check", "kind"])
    assert "a verdict is 'yes' or 'no'" in labels and "did you mean `verdict`" in kind

"""The cases of docs/advice.md: their settings, and what is printed for them. Run as a program, it writes what is printed again."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import yaml
from data_helpers import make_task
from rich.console import Console

from tailor.advise.advice import Advice, advise
from tailor.advise.facts import Facts
from tailor.advise.gather import gather
from tailor.cli.advise import render

PAGE = Path(__file__).resolve().parents[1] / "docs" / "advice.md"
CASE = re.compile(r"^### \d+\. (.+?)\n(.*?)^```yaml\n(.*?)^```\n\n^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WIDTH = 110


def cases() -> dict[str, tuple[str, str]]:
    """Heading of each case -> its lines of tailor.yaml, and what the page says is printed."""
    return {heading: (settings, shown) for heading, _, settings, shown in CASE.findall(PAGE.read_text(encoding="utf-8"))}


def facts_of(settings: str) -> Facts:
    return gather(make_task(**yaml.safe_load(settings)))


def printed(advice: Advice) -> str:
    """What `tailor advise` prints of an advice, on a terminal as wide as the page."""
    out = StringIO()
    Console(file=out, width=WIDTH, highlight=False).print(render(advice))
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _anew(match: re.Match[str]) -> str:
    return match[0].replace(f"```text\n{match[4]}```", f"```text\n{printed(advise(facts_of(match[3])))}```")


if __name__ == "__main__":
    PAGE.write_text(CASE.sub(_anew, PAGE.read_text(encoding="utf-8")), encoding="utf-8")

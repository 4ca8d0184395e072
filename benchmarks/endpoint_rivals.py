"""Evaluators that others wrote, asking an endpoint the same questions as `endpoint_speed`; each left out where it is not installed.

TAILOR_DSPY is a Python that has dspy; its `Evaluate` runs a module that asks with the same messages, so that its adapters add
nothing. TAILOR_PROMPTFOO is the command `promptfoo` (npm). Both are timed by the endpoint's clock, from the first question to the
last answer, so that their start does not count; Tailor's own time holds saving, too. Neither answers from a cache.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.loopback import Loopback

Ask = Callable[[str, int, int], None]
SECONDS = 120

DSPY = """
import json, sys
import dspy

url, places, calls, instruction = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


class Asked(dspy.Module):
    def __init__(self):
        super().__init__()
        self.lm = dspy.LM("openai/m", api_base=url, api_key="none", cache=False, max_tokens=5, temperature=0, num_retries=0)

    def forward(self, word):
        asked = [{"role": "system", "content": instruction}, {"role": "user", "content": "word " + word}]
        return dspy.Prediction(answer=self.lm(messages=asked)[0])


rows = [dspy.Example(word=f"w{n}", answer=f"w{n}").with_inputs("word") for n in range(calls)]
evaluate = dspy.Evaluate(devset=rows, metric=lambda row, said, trace=None: row.answer == said.answer, num_threads=places,
                         display_progress=False, display_table=False)
found = evaluate(Asked())
score = float(getattr(found, "score", found))
assert score == 100, score
"""


def rivals(instruction: str) -> dict[str, Ask]:
    """Those that are installed, by name: each asks an address so many questions with so many under way."""
    found: dict[str, Ask] = {}
    for name, variable, made in (("dspy", "TAILOR_DSPY", _dspy), ("promptfoo", "TAILOR_PROMPTFOO", _promptfoo)):
        command = os.environ.get(variable, "")
        if command and Path(command).exists():
            found[name] = made(command, instruction)
        else:
            print(f"  {name} is left out: {variable} names no program", file=sys.stderr)
    return found


def span(endpoint: Loopback, ask: Ask, way: str, places: int, calls: int) -> float:
    """From the first question to the last answer, by the endpoint's clock.

    Raises:
        AssertionError: it asked something else.
    """
    before = len(endpoint.timed())
    ask(endpoint.url(way), places, calls)
    notes = endpoint.timed()[before:]
    questions = [word for what, word, _ in notes if what == "in"]
    assert sorted(questions) == sorted(f"w{number}" for number in range(calls)), "every question once"
    times = {kind: [at for what, _, at in notes if what == kind] for kind in ("in", "out")}
    return max(times["out"]) - min(times["in"])


def _dspy(python: str, instruction: str) -> Ask:
    def ask(url: str, places: int, calls: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "asked.py"
            script.write_text(DSPY, encoding="utf-8")
            _run([python, str(script), url, str(places), str(calls), instruction], folder)

    return ask


def _promptfoo(command: str, instruction: str) -> Ask:
    def ask(url: str, places: int, calls: int) -> None:
        provider = {"apiBaseUrl": url, "apiKey": "none", "max_tokens": 5, "temperature": 0}
        chat = [{"role": "system", "content": instruction}, {"role": "user", "content": "word {{word}}"}]
        rows = [{"vars": {"word": f"w{number}"}, "assert": [{"type": "equals", "value": f"w{number}"}]} for number in range(calls)]
        whole = {"prompts": [json.dumps(chat)], "providers": [{"id": "openai:chat:m", "config": provider}], "tests": rows}
        with tempfile.TemporaryDirectory() as folder:
            settings, result = Path(folder) / "promptfooconfig.json", Path(folder) / "result.json"
            settings.write_text(json.dumps(whole), encoding="utf-8")
            options = ["--no-cache", "--no-progress-bar", "--no-table", "-j", str(places), "-o", str(result)]
            _run([command, "eval", "-c", str(settings), *options], folder)
            told = json.loads(result.read_text(encoding="utf-8"))["results"]["stats"]
            assert told["successes"] == calls, told

    return ask


def _run(command: list[str], folder: str) -> None:
    quiet = {"PROMPTFOO_CONFIG_DIR": folder, "PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "HOME": folder}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, env=os.environ | quiet, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} ended with {done.returncode}: {(done.stderr or done.stdout)[-800:]}")

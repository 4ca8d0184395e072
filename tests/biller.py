"""An endpoint that knows the answers to small questions and counts what it bills, and a project that asks it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_helpers import sentence, write_csv, write_yaml
from endpoint import Answer, completion

from tailor.experiment import run
from tailor.project import load_project
from tailor.results import Study

PRICES = {"input_per_million": 1.0, "output_per_million": 10.0}
QUIZ: dict[str, Any] = {
    "name": "quiz",
    "kind": "answer",
    "instruction": "Say the last word of the question.",
    "input": "{{question}}",
    "output": "answer",
    "data": "data.csv",
    "embedder": "fake",
    "target": 0.99,
    "split": {"train": 16, "dev": 20, "test": 20},
    "prices": PRICES,
}


class Biller:
    """What the endpoint answers, and what that costs.

    Args:
        right: share of the questions that it answers rightly.
        wordy: answer tokens next to those of the answer, at most.
        letters: letters of a token.
        usage: what its count of tokens says otherwise.

    Attributes:
        billed: so far.
        more: what else is in its answers.
        thought: tokens that it thinks first; an answer that leaves no room for them is cut off.
    """

    def __init__(self, *, right: float = 0.7, wordy: int = 0, letters: float = 4.0, **usage: object) -> None:
        self.right, self.wordy, self.letters, self.usage = right, wordy, letters, usage
        self.thought = 0
        self.billed = 0.0
        self.more: dict[str, Any] = {}
        self.price: Callable[[int, int], float] = lambda read, written: (read + 10.0 * written) / 1e6

    def __call__(self, payload: Mapping[str, Any]) -> Answer:
        messages = [str(message["content"]) for message in payload["messages"]]
        word = messages[-1].replace("?", " ").split()[-1]
        chance = random.Random(messages[-1])
        said = word if chance.random() < self.right else "none"
        if messages[0].startswith("You judge"):
            said = "yes" if chance.random() < 0.7 else "no"
        if 'begins with "Answer:"' in messages[0]:
            said = f"It is the last word.\nAnswer: {said}"
        limit = payload.get("max_tokens") or payload["max_completion_tokens"]
        read = sum(round(len(text) / self.letters) + 4 for text in messages)
        wanted = self.thought + len(said.split()) + chance.randint(0, self.wordy)
        written, is_cut = min(limit, wanted), self.thought > 0 and limit < wanted
        self.billed += self.price(read, written)
        counts = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written, **self.usage}
        if is_cut:
            return Answer(completion(None, "length", usage=counts, reasoning_content="Hm.") | self.more)
        return Answer(completion(said, usage=counts) | self.more)


def quiz(folder: Path, url: str, **changes: object) -> Path:
    """A project of 70 questions for the model at an address."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(f"{sentence(number)} then {word}?", word) for number in range(70) for word in [f"word{number}"]]
    write_csv(folder / "data.csv", rows, "question,answer")
    model = {"name": "m-1", "base_url": url, "context_tokens": 8192}
    write_yaml(folder, QUIZ | {"model": model} | changes)
    return folder


class Listener:
    """An observer that keeps the sentences."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None

    def message(self, text: str) -> None:
        self.sentences.append(text)


def climbed(folder: Path, budget: float | None = None) -> tuple[Study, str]:
    """A run of the project, and all that was said."""
    listener = Listener()
    study = run(load_project(folder), listener, budget=budget)
    return study, "\n".join(listener.sentences)

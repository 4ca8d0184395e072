"""A public fake model and embedder, deterministic, instant and better than chance: for tests, and for trying without a download."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tailor.errors import ModelError
from tailor.models.base import Array, Capabilities, Message, Reply, Request
from tailor.models.fake_json import written_json
from tailor.models.matching import first_match
from tailor.task import ModelSettings

WORD = re.compile(r"\w+")
MATERIAL = re.compile(r"<passages>\n(.*?)\n</passages>", re.DOTALL)
PASSAGE = re.compile(r"\[(\d+)\]")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
ASKED = re.compile(r"^Question: (.+)$", re.MULTILINE)
LISTED = re.compile(r"^\s*[-*] (.+)$", re.MULTILINE)
SHARED_WORD = 3.0
"""What a word that a choice shares with the input adds to its score; hashes add up to 1."""


class FakeModel:
    """A model that follows a rule, and counts what it is asked.

    Without `answers` it picks, between <passages> and </passages>, the sentence that shares most words with the question (behind
    "Question: ", else the last line of the prompt), and cites its passage; without passages, the item of a list ("- item") that
    does; without either it repeats the question.
    Held to a pattern, it takes what matches out of that, else out of the prompt; held to a JSON schema, it fills in what stands
    behind the names of its properties (`tailor.models.fake_json`).
    Choices get a score from a hash, and a bonus for each word shared with the last message. Tokens are words.

    Args:
        answers: what to say: a function of the request, or answers by a text that the last message contains (the longest that fits
            decides; the rule above where none does).
        name: changes every hash, so that models of different names differ.
        context_tokens: words it can read, prompt and answer together.
        fail: gives the error of a request, empty for none; what it raises, `reply` raises.

    Attributes:
        calls: how often `reply` was called.
        requests: every request it got, in order.
    """

    precision = "none: a rule, no weights"
    block = 16
    capabilities = Capabilities(scores=True, patterns=True)

    def __init__(
        self,
        answers: Mapping[str, str] | Callable[[Request], str] | None = None,
        *,
        name: str = "fake",
        context_tokens: int = 8192,
        fail: Callable[[Request], str] = lambda request: "",
    ) -> None:
        self.name = name
        self.digest = hashlib.sha256(name.encode()).hexdigest()
        self.context_tokens = context_tokens
        self.calls = 0
        self.requests: list[Request] = []
        self._answers = answers
        self._fail = fail

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words in the messages, separated by white space."""
        return sum(len(message.text.split()) for message in messages)

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request, in order.

        Raises:
            ModelError: tuned weights are asked for.
        """
        if tuned is not None:
            raise ModelError(f"{self.name} has no weights to tune")
        self.calls += 1
        self.requests += requests
        return [self._reply(request) for request in requests]

    def _reply(self, request: Request) -> Reply:
        tokens_in = self.count_tokens(request.messages)
        longest = max((len(choice.split()) for choice in request.choices), default=request.max_tokens)
        if error := self._fail(request):
            return Reply("", tokens_in=tokens_in, finish="error", error=error)
        if tokens_in + longest > self.context_tokens:
            sizes = f"{tokens_in:,} of {self.context_tokens:,} tokens"
            return Reply("", tokens_in=tokens_in, finish="refused", error=f"the prompt does not fit: {sizes}")
        if request.choices:
            scores = self._scores(request)
            best = request.choices[int(np.argmax(scores))]
            return Reply(best, scores, tokens_in=tokens_in, tokens_out=len(best.split()))
        said = _formed(self._say(request), request)
        if said is None:
            return Reply("", tokens_in=tokens_in, finish="refused", error=f"{self.name} finds nothing that matches the pattern")
        words = said.split(" ")
        text, is_cut = " ".join(words[: request.max_tokens]), len(words) > request.max_tokens
        return Reply(text, tokens_in=tokens_in, tokens_out=len(text.split()), finish="length" if is_cut else "stop")

    def _say(self, request: Request) -> str:
        last = request.messages[-1].text
        if isinstance(self._answers, Mapping):
            fitting = [key for key in self._answers if key in last]
            if fitting:
                return self._answers[max(fitting, key=len)]
        elif self._answers is not None:
            return self._answers(request)
        if request.json_schema:
            return written_json(request.json_schema, last, lambda candidate: self._score(candidate, last, request))
        text = "\n".join(message.text for message in request.messages)
        question = ASKED.findall(last)[-1:] or [line for line in last.splitlines() if line.strip()][-1:] or [""]
        candidates = _sentences(text) or LISTED.findall(text)
        if not candidates:
            return " ".join(question[0].split())
        scores = [self._score(candidate, question[0], request) for candidate in candidates]
        return " ".join(candidates[int(np.argmax(scores))].split())

    def _scores(self, request: Request) -> tuple[float, ...]:
        raw = [self._score(choice, request.messages[-1].text, request) for choice in request.choices]
        total = math.log(sum(map(math.exp, raw)))
        return tuple(score - total for score in raw)

    def _score(self, candidate: str, question: str, request: Request) -> float:
        seed = request.seed if request.temperature > 0 else 0
        hashed = int.from_bytes(
            hashlib.sha256(f"{self.name}\n{seed}\n{candidate}\n{question}".encode("utf-8", "replace")).digest()[:6]
        )
        return SHARED_WORD * len(_words(candidate) & _words(question)) + hashed / 2**48


def open_fake(settings: ModelSettings) -> FakeModel:
    """The fake of this name."""
    return FakeModel(name=settings.name)


class FakeEmbedder:
    """Bags of hashed words as unit vectors: texts that share words are near each other."""

    name = "fake"
    digest = hashlib.sha256(b"fake embedder 1").hexdigest()
    is_remote = False
    dimensions = 256

    def embed(self, texts: Sequence[str]) -> Array:
        """Array of shape (len(texts), dimensions), float32, rows of length 1."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in _words(text) or {""}:
                row[int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4]) % self.dimensions] += 1
        unit: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def _formed(text: str, request: Request) -> str | None:
    """The text, or what of it or else of the prompt matches the request's pattern, up to a stop string; None when nothing does."""
    if request.pattern:
        prompt = "\n".join(message.text for message in request.messages)
        found = first_match(request.pattern, text, prompt)
        if found is None:
            return None
        text = found
    return text[: min((at for stop in request.stop if (at := text.find(stop)) >= 0), default=len(text))]


def _words(text: str) -> set[str]:
    return {word for word in WORD.findall(text.replace("_", " ").lower()) if len(word) > 2}


def _sentences(text: str) -> list[str]:
    """Sentences of the text between passage marks; those of passages that begin with "[1]" get that number behind them."""
    found = []
    for data in MATERIAL.findall(text):
        number = ""
        for sentence in filter(None, map(str.strip, SENTENCE_END.split(data))):
            mark = PASSAGE.match(sentence)
            number = f" [{mark.group(1)}]" if mark else number
            found.append(sentence[mark.end() if mark else 0 :].strip() + number)
    return found

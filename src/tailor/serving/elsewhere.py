"""Holding another runtime to what was measured: vLLM, llama.cpp, Ollama, or anything that answers chat completions.

First the tokens of rendered prompts, where the runtime tells them: vLLM's `/tokenize` takes messages, llama.cpp's `/apply-template`
renders them and its `/tokenize` takes the text; of others the number of prompt tokens is compared. Then answers, then the score.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from tailor.conversation import Turn, turns_in
from tailor.data.example import Example
from tailor.errors import ConfigError, EndpointError, quoted
from tailor.media import data_uri
from tailor.models.base import Message, Request
from tailor.models.endpoint.faults import Fault
from tailor.models.endpoint.line import Line
from tailor.models.remote import RemoteModel
from tailor.models.secrets import is_here
from tailor.replies import as_answer
from tailor.score.parse import parse_answer
from tailor.score.types import Answer
from tailor.serving.certified import Measured
from tailor.serving.parity import Difference, Parity, parity
from tailor.serving.served import Served
from tailor.system import System
from tailor.task import ModelSettings

KEY = "TAILOR_CHECK_KEY"
"""Variable that holds the key of the runtime that is checked."""
ANSWER_SECONDS = 600.0
"""Seconds that an answer is waited for: a runtime that is slow, as on a busy processor, answers no worse."""
TOKENS = 16
"""Rows whose prompts are compared token by token."""


@runtime_checkable
class Encoding(Protocol):
    """A model whose tokens are known here."""

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat, ready for the answer."""
        ...


@dataclass(frozen=True)
class Checked:
    """What holding a runtime to the measured rows found.

    Attributes:
        told: how its prompts were compared, in a sentence.
        found: what the gate found.
    """

    told: str
    found: Parity

    def sentences(self) -> Iterator[str]:
        """What was found, for people."""
        yield self.told
        yield from self.found.sentences()


class Runtime:
    """A runtime at an address.

    Args:
        url: its address, with or without `/v1`.
        model: what it calls the model; the first one that it lists unless given.
        allow_http: whether measured rows may go to another machine by plain http.

    Raises:
        ConfigError: the address cannot be used.
        EndpointError: it does not answer, or lists no model.
    """

    def __init__(self, url: str, model: str = "", *, allow_http: bool = False) -> None:
        root = url.rstrip("/").removesuffix("/v1")
        if urlsplit(root).scheme == "http" and not is_here(root) and not allow_http:
            raise ConfigError(
                f"{quoted(url, 200)} is plain http to another machine: others on the network can read the rows",
                "Use https; or, if the network is yours, give --allow-http once.",
            )
        self.line = Line(ModelSettings(name=model or "x", base_url=root, api_key_env=KEY))
        listed = self._got("v1/models").get("data") or []
        models = [one for one in listed if isinstance(one, dict) and isinstance(one.get("id"), str)]
        if not model and not models:
            raise EndpointError(f"{self.line.address} lists no model", "Name it with --check-model.")
        self.model = model or models[0]["id"]
        self.is_ours = any(one["id"] == self.model and one.get("owned_by") == "tailor" for one in models)
        asked = ModelSettings(name=self.model, base_url=f"{root}/v1", api_key_env=KEY, batch=False, timeout_seconds=ANSWER_SECONDS)
        self._remote = RemoteModel(asked)

    def tokens(self, messages: Sequence[Message]) -> list[int] | None:
        """The tokens of a rendered prompt; None where the runtime does not tell them."""
        chat = [{"role": message.role, "content": message.text} for message in messages]
        asked = {"model": self.model, "messages": chat, "add_generation_prompt": True}
        if _ids(found := self._posted("tokenize", asked)):
            return _ids(found)
        prompt = self._posted("apply-template", {"messages": chat}).get("prompt")
        if not isinstance(prompt, str):
            return None
        return _ids(self._posted("tokenize", {"content": prompt, "add_special": True, "parse_special": True})) or None

    def answers(self, system: System, asked: Sequence[tuple[Example, Request]]) -> list[Answer]:
        """What it answers; labels as the task has them."""
        replies = self._remote.reply([replace(request, choices=(), pattern="") for _, request in asked])
        found = []
        for (example, _), reply in zip(asked, replies, strict=True):
            parsed = parse_answer(system, reply.text) if system.chooses else None
            found.append(as_answer(example.id, reply.text if parsed is None else parsed, reply, ()))
        return found

    def own_answers(self, system: System, examples: Sequence[Example], folder: Path) -> list[Answer]:
        """What a Tailor at the address answers to the rows themselves; their images are in a folder."""
        found = []
        for example in examples:
            shown = {name: data_uri(replace(part, path=str(folder / part.path))) for name, part in example.media.items()}
            row = {name: shown.get(name) or _sent(example.fields[name]) for name in system.prompt.variables}
            told = self._posted("answer", row, needed=True)
            raw = str(told.get("raw", told.get("text", "")))
            found.append(Answer(example.id, raw, tokens_in=int(told.get("usage", {}).get("prompt_tokens", 0))))
        return found

    def _got(self, path: str) -> dict[str, Any]:
        try:
            return _object(self.line.send("GET", path).body)
        except Fault as fault:
            raise EndpointError(f"{self.line.address} cannot be asked: {fault}", "Start the runtime first.") from None

    def _posted(self, path: str, body: Mapping[str, Any], *, needed: bool = False) -> dict[str, Any]:
        """What a route gives; nothing where there is none, unless it is needed."""
        try:
            answered = self.line.post(body, path)
        except Fault as fault:
            raise EndpointError(f"{self.line.address} cannot be asked: {fault}") from None
        if needed and not answered.is_good:
            raise EndpointError(f"{self.line.address} refuses a measured row: {self.line.refusal(answered)[1].reason}")
        return _object(answered.body) if answered.is_good else {}


def check(served: Served, runtime: Runtime, *, rows: int, agreement: float) -> Checked:
    """Hold a runtime to the measured rows.

    Args:
        served: the certified system, which renders the prompts here.
        runtime: what answers.
        rows: measured rows.
        agreement: share of the answers that must be equal.

    Raises:
        EndpointError: the runtime does not answer.
        TailorError: the prompts cannot be rendered.
    """
    found = served.certified
    examples = [row.example for row in found.rows[:rows]]
    if runtime.is_ours:
        answers = runtime.own_answers(served.system, examples, served.project.folder)
        told = "It is a Tailor: it was asked the rows themselves."
        kept = [replace(answer, passages=row.answer.passages) for answer, row in zip(answers, found.rows, strict=False)]
        return Checked(told, parity(found, kept, agreement=agreement))
    asked = [(example, request) for example, (request, _, _) in zip(examples, served.asked(examples), strict=True)]
    told, others = _prompts(served, runtime, asked)
    if others:
        why = f"the prompts of {len(others)} of {min(TOKENS, len(asked))} rows have other tokens"
        return Checked(told, Parity(len(asked), 0, 0, tuple(others), None, found.score.low, found.score.high, why))
    answers = runtime.answers(served.system, asked)
    counted = isinstance(served.model, Encoding) and not told.startswith("The tokens")
    kept = [_as_measured(found.system, answer, row) for answer, row in zip(answers, found.rows, strict=False)]
    return Checked(told, parity(found, kept, agreement=agreement, tokens=counted and all(answer.counted for answer in answers)))


def _as_measured(system: System, answer: Answer, row: Measured) -> Answer:
    """The answer of another runtime in the form of the one that was measured: a label may be kept as it was written."""
    same = system.chooses and parse_answer(system, answer.raw) == parse_answer(system, row.answer.raw) is not None
    return replace(answer, passages=row.answer.passages, raw=row.answer.raw if same else answer.raw)


def _prompts(served: Served, runtime: Runtime, asked: Sequence[tuple[Example, Request]]) -> tuple[str, list[Difference]]:
    """How prompts were compared, and the rows whose tokens differ."""
    model = served.model
    if not isinstance(model, Encoding):
        return "The model's tokens are not known here: answers alone are compared.", []
    differences = []
    for example, request in asked[:TOKENS]:
        theirs, ours = runtime.tokens(request.messages), model.encode(request.messages)
        if theirs is None:
            return "The runtime does not tell tokens: their number is compared.", []
        if theirs != ours:
            place = next(
                (i for i, (one, two) in enumerate(zip(theirs, ours, strict=False)) if one != two), min(len(theirs), len(ours))
            )
            differences.append(
                Difference(example.id, "prompt tokens", f"{len(ours)} tokens", f"{len(theirs)}, others from number {place + 1} on")
            )
    return f"The tokens of {min(TOKENS, len(asked))} rendered prompts were compared one by one.", differences


def _sent(cell: str) -> str | list[dict[str, Any]]:
    """A column as `/answer` takes it: a conversation as its messages, any other text as it is."""
    return [_message(turn) for turn in turns_in(cell)] or cell


def _message(turn: Turn) -> dict[str, Any]:
    told: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.calls:
        called = [(call.id, {"name": call.name, "arguments": call.arguments}) for call in turn.calls]
        told["tool_calls"] = [{"id": id, "type": "function", "function": function} for id, function in called]
    return told | ({"tool_call_id": turn.result_of} if turn.result_of else {})


def _ids(found: Mapping[str, Any]) -> list[int]:
    tokens = found.get("tokens")
    return tokens if isinstance(tokens, list) and all(type(one) is int for one in tokens) else []


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

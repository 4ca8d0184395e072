"""Conformance suites: what every model, approach, retriever and kind of task promises, for Tailor's own and for yours.

Each check raises AssertionError with a sentence that says which promise was broken.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from tailor.approaches.approach import Approach, TrainingData, starting_system
from tailor.content import MediaPart, content
from tailor.data.example import Example
from tailor.engine import Engine
from tailor.errors import DoesNotFit, ModelError
from tailor.kinds.base import Draft, Kind, score
from tailor.models.base import Capabilities, Message, Model, Reply, Request, message
from tailor.models.fake import FakeModel
from tailor.plugins import KINDS
from tailor.retrieval.index import Index
from tailor.retrieval.searches import Retriever
from tailor.score.types import Answer
from tailor.system import START, System
from tailor.task import Task

UNICODE = "Grüße, 東京, Ελλάδα, مرحبا, e\u0301, \U0001f642, <|im_end|>, {{x}}, \u2028 and \0."


def check_model(model: Model) -> None:
    """Hold a model to the `Model` protocol; it is asked about ten short questions and one that is too long.

    Raises:
        AssertionError: a promise is broken.
    """
    assert model.name and model.precision, "a model has a name, and says how its weights are held"
    assert len(model.digest) == 64 and int(model.digest, 16) >= 0, f"the digest {model.digest!r} is a SHA-256 in hexadecimal"
    assert model.context_tokens > 0 and model.block > 0, "context window and block are positive"
    assert model.reply([]) == [], "no request gives no reply"
    _check_generation(model)
    _check_choices(model)
    _check_pattern(model)
    _check_media(model)
    _check_long_prompt(model)


def check_approach(approach: Approach, system: System, data: TrainingData, engine: Engine) -> None:
    """Hold an approach to the `Approach` protocol; it is fitted twice, and what it made answers the first dev row.

    Raises:
        AssertionError: a promise is broken.
    """
    before = system.model_dump_json()
    made = approach.fit(system, data, engine)
    assert system.model_dump_json() == before, "the System given stays as it is"
    if made != system:  # the plain starting point is not named in what is built on it
        steps = () if system.steps == (START,) else system.steps
        assert made.steps[: len(steps)] == steps, f"the steps taken before {steps} are kept, not {made.steps}"
        assert " > ".join(made.steps[len(steps) :]) == approach.name, f"{approach.name!r} adds its name, not {made.steps}"
    again = approach.fit(system, data, engine)
    assert again == made and again.fingerprint == made.fingerprint, "fitted twice to the same data, it gives the same System"
    with tempfile.TemporaryDirectory() as folder:
        made.save(Path(folder) / "system.json")
        loaded = System.load(Path(folder) / "system.json")
    assert loaded == made and loaded.fingerprint == made.fingerprint, "the System is the same after saving and loading"
    (answer,) = engine.answer(loaded, data.dev[:1])
    assert not answer.error, f"the System answers, without the error {answer.error!r}"


def check_kind(kind: Kind, task: Task, rows: Sequence[Example]) -> None:
    """Hold a kind of task to what `Kind` promises; no model is asked.

    Args:
        kind: the kind, as an entry point of "tailor.kinds" names it.
        task: a task of this kind, under a metric that needs no judge.
        rows: some rows of its data, of at least two right answers.

    Raises:
        AssertionError: a promise is broken.
    """
    assert kind.name in KINDS and KINDS.load(kind.name) is kind, f"{kind.name!r} is found by its name; there are {KINDS.names}"
    assert kind.says and kind.noun and kind.stratified_by, "it says what is asked for, what a right answer is, and what strata are"
    names = [metric.name for metric in kind.metrics]
    assert names and len(set(names)) == len(names), f"it has metrics of different names, not {names}"
    assert kind.closed or not kind.reference, "a classifier can only give answers that are known beforehand"
    assert kind.closed or not kind.several, "only labels are told apart in an answer"
    answers = {answer for row in rows for answer in row.answers}
    read = {answer: kind.accepted(task, answer) for answer in answers}
    changed = [answer for answer, again in read.items() if again != (answer,)]
    assert not changed, f"a right answer is read from a cell as it was, and not {changed[:1]} as {[read[a] for a in changed[:1]]}"
    several = [answer for answer in answers if not kind.several and kind.labels_in(answer) != (answer,)]
    assert not several, f"{several[:1]} is one label, unless the kind takes several"
    assert all(row.answers for row in rows) or kind.abstains, "where no row may be without an answer, none is"
    strata = [kind.stratum(row) for row in rows]
    assert strata == [kind.stratum(row) for row in rows] and len(set(strata)) > 1, f"rows fall into strata, not into {set(strata)}"
    assert Task.model_validate(task.model_dump(mode="json")) == task, "a task that was saved with every setting can be read again"
    _check_settings(kind, task)
    system = starting_system(task, rows, FakeModel())
    assert starting_system(task, rows, GeneratingModel()).decoding.method == "generate", "what cannot be scored is written"
    for row in rows:
        _check_scores(kind, task, system, row)


def check_retriever(retriever: Retriever, index: Index, queries: Sequence[str]) -> None:
    """Hold a way to search to the `Retriever` protocol.

    Args:
        retriever: the way, as an entry point of "tailor.retrievers" names it.
        index: an index that holds some documents.
        queries: questions that they answer.

    Raises:
        AssertionError: a promise is broken.
    """
    assert retriever.says, "it says how passages are found"
    digest = retriever.digest(index)
    assert len(digest) == 64 and int(digest, 16) >= 0, f"the digest {digest!r} is a SHA-256 in hexadecimal"
    for k in (1, 3):
        found = retriever.search(index, [*queries, ""], k)
        assert len(found) == len(queries) + 1, f"{len(queries) + 1} queries have {len(found)} lists of passages"
        assert all(0 < len(passages) <= k for passages in found[:-1]), f"each query finds up to {k} passages, and one at least"
        assert found[-1] == [], "nothing is found where nothing is asked"
        assert found == retriever.search(index, [*queries, ""], k), "the same question finds the same passages"
    assert retriever.search(index, [], 1) == [], "no query finds nothing"


def _check_settings(kind: Kind, task: Task) -> None:
    """What `tailor init` writes for a kind can be read again."""
    draft = Draft("the text", False, kind.noun, "", False, "", task.labels, len(task.labels), task.max_words)
    assert kind.instruction(draft).strip(), "it says what the model is told to do"
    lines = "\n".join(kind.settings(draft))
    settings = yaml.safe_load(lines) or {}
    assert isinstance(settings, dict) and set(settings) <= set(Task.model_fields), f"its lines are settings, not {lines!r}"


def _check_scores(kind: Kind, task: Task, system: System, row: Example) -> None:
    wanted = kind.target_text(system, row, ())
    answered = {
        "right": Answer(row.id, wanted),
        "failed": Answer(row.id, "", finish="error", error="no answer came"),
        "refused": Answer(row.id, "", finish="refused"),
    }
    for outcome, answer in answered.items():
        found = score(task, system, row, answer)
        assert found.outcome == outcome, f"{answer.raw or outcome!r} is {outcome} for {row.id!r}, not {found.outcome}"
        assert 0 <= found.value <= 1 and all(0 <= value <= 1 for value in found.details.values()), "what is measured is in [0, 1]"
        assert found == score(task, system, row, answer), "the same answer has the same score"
    right = score(task, system, row, answered["right"])
    assert right.value == 1, f"what should be written for {row.id!r} is worth 1, not {right.value}"
    assert kind.comparable(right) is not None, "a right answer says something"
    parts = kind.parts(task, row, right)
    assert bool(parts) == kind.parted and all(part.is_right for part in parts), (
        f"all parts of a right answer are right, not {parts}"
    )
    assert score(task, system, row, Answer(row.id, "")).value == 0, "nothing is worth nothing"


class GeneratingModel(FakeModel):
    """A model that cannot score, as one behind an endpoint."""

    capabilities = Capabilities()


def _ask(text: str, choices: tuple[str, ...] = (), max_tokens: int = 4) -> Request:
    return Request((message("system", "Answer briefly."), message("user", text)), choices, max_tokens)


def _check_generation(model: Model) -> None:
    requests = [_ask(text) for text in ("What is the capital of France?", UNICODE, "", "Name a colour.")]
    replies = model.reply(requests)
    _check_replies(requests, replies)
    assert all(reply.scores == () for reply in replies), "a generated reply has no scores"
    words = ("one", "one two three four five six seven eight")
    short, long = (model.count_tokens([message("user", text)]) for text in words)
    assert 0 < short < long, f"more words are more tokens, not {short} and {long}"
    again = model.reply(requests)
    assert [reply.text for reply in again] == [reply.text for reply in replies], "temperature 0 gives the same text twice"


def _check_choices(model: Model) -> None:
    choices = ("red", "a longer choice", "grün")
    requests = [_ask(text, choices) for text in ("Which colour has grass?", UNICODE)]
    if not model.capabilities.scores:
        try:
            model.reply(requests)
        except ModelError:
            return
        raise AssertionError("a model that cannot score choices raises ModelError when asked to")
    replies = model.reply([*requests, _ask("Which colour has blood?", ("blue", "red"))])
    _check_replies(requests, replies[:2])
    for reply, offered in zip(replies, (choices, choices, ("blue", "red")), strict=True):
        assert len(reply.scores) == len(offered), f"{len(offered)} choices have {len(reply.scores)} scores"
        assert all(score <= 1e-6 for score in reply.scores), f"scores are log-probabilities, not {reply.scores}"
        best = offered[max(range(len(offered)), key=reply.scores.__getitem__)]
        assert reply.text == best, f"the text {reply.text!r} is the likeliest choice {best!r}"


def _check_pattern(model: Model) -> None:
    request = replace(_ask("A number such as 123.", max_tokens=8), pattern="[0-9]{3}")
    if not model.capabilities.patterns:
        try:
            model.reply([request])
        except ModelError:
            return
        raise AssertionError("a model that cannot be held to a pattern raises ModelError when asked to")
    (reply,) = model.reply([request])
    assert re.fullmatch("[0-9]{3}", reply.text), f"{reply.text!r} matches the pattern asked for"


def _check_media(model: Model) -> None:
    if "image" in model.capabilities.media:
        return
    image = MediaPart("0" * 64, "image/png", "/nowhere.png")
    try:
        model.reply([Request((Message("user", content("What is this? ", image)),), max_tokens=4)])
    except ModelError:
        return
    raise AssertionError("a model that reads no images raises ModelError when shown one, instead of leaving it out")


def _check_long_prompt(model: Model) -> None:
    request = _ask("word " * (model.context_tokens + 100))
    try:
        (reply,) = model.reply([request])
    except DoesNotFit:
        return
    assert reply.error and reply.finish == "refused", (
        "a prompt longer than the context window is refused, with the reason as its error"
    )


def _check_replies(requests: Sequence[Request], replies: Sequence[Reply]) -> None:
    assert len(replies) == len(requests), f"{len(requests)} requests have {len(replies)} replies"
    for request, reply in zip(requests, replies, strict=True):
        asked = request.messages[-1].text
        assert not reply.error, f"{asked!r} has a reply, not the error {reply.error!r}"
        assert reply.tokens_in > 0 and reply.tokens_out >= 0, f"tokens of {asked!r} are counted"
        assert reply.tokens_out <= request.max_tokens or request.choices, f"{reply.tokens_out} tokens keep to {request.max_tokens}"
        assert reply.seconds >= 0, "time does not run backwards"
        assert reply.finish in ("stop", "length", "refused"), f"{reply.finish!r} says why the answer ended"

"""A way to answer, as pure data: weights x knowledge x prompt x decoding.

A `System` can be saved, compared, fingerprinted and served. It holds everything that can change an answer; files it needs
(an adapter, a classifier head, an index) are named by folder and digest.
"""

from __future__ import annotations

import hashlib
import json
import operator
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tailor.content import Content, MediaPart, Row, TextPart, around, as_json, question, text_of, with_passages, without_passages
from tailor.conversation import Turn, written
from tailor.errors import StoreError, quoted
from tailor.labels import display_labels, likeliest_set, verdicts
from tailor.part import Part
from tailor.plugins import RETRIEVERS
from tailor.retrieval.passage import Passage
from tailor.task import columns_in

START = "zero-shot"
"""Name of the System that every approach starts from."""
CALLED = frozenset(("steps", "label"))
"""The fields of a System that only say what it is called."""


def _is_none(value: object) -> bool:
    return value is None


class Teacher(Part):
    """Who labelled rows that a student was tuned on: by this, what the labels cost is found again.

    Attributes:
        fingerprint: of the System that labelled, under which its answers are kept.
        model: the weights that it answers with.
        digest: of these weights.
        method: how they were tuned, as in `Weights`.
    """

    fingerprint: str
    model: str
    digest: str = ""
    method: Literal["none", "lora", "full", "head", "tfidf"] = "none"


class Weights(Part):
    """Which weights answer.

    Attributes:
        model: name in the catalogue, folder, Hub name or remote model name.
        digest: SHA-256 of the base weights (remote: of address and name).
        precision: how the weights are held, such as "4-bit (Q4_1) weights, computed in bfloat16".
        tuned: folder under the project's store with tuned weights (an adapter, a full copy, a classifier head), or empty.
        tuned_digest: SHA-256 of those files.
        method: how they were tuned: `head` is a classifier on the embedder, `tfidf` one on words and characters.
        teacher: who labelled rows that they were tuned on; None where people labelled all of them.
    """

    model: str
    digest: str = ""
    precision: str = ""
    tuned: str = ""
    tuned_digest: str = ""
    method: Literal["none", "lora", "full", "head", "tfidf"] = "none"
    # Left out of the record where there is none: what was saved before there were teachers keeps its fingerprint.
    teacher: Teacher | None = Field(default=None, exclude_if=operator.not_)


class Knowledge(Part):
    """What the model may read besides the question.

    Attributes:
        kind: nothing, the whole documents in the prompt, or passages found in an index.
        search: how passages are found.
        passages: how many are put into the prompt.
        digest: fingerprint of the documents' text and chunking.
        embedder: name of the embedder, when vectors are used.
        best_last: show the best passage last, not first.
        rewrites: search by a question that the model writes out of the conversation, not by what the user said last.
        chunks: how the documents are cut, such as "sentences-60"; empty for the default.
        fenced: whether passages are fenced and said to be material; only to measure what that is worth are they not.
        filter: which documents a row may read (`tailor.access`); empty for all.
        queries: what else is searched for (`tailor.widened`): "hyde" or "several"; empty for the question alone.
        rerank: what puts passages into another order: "model", or the name of a cross-encoder; empty for nothing.
        rerank_digest: SHA-256 of the cross-encoder's weights.
    """

    kind: Literal["none", "whole", "index"] = "none"
    search: Annotated[str, AfterValidator(RETRIEVERS.known)] = "bm25"
    passages: int = 0
    digest: str = ""
    embedder: str = ""
    # Left out of the record where it is not used: what was saved before there was one keeps its fingerprint.
    best_last: bool = Field(False, exclude_if=operator.not_)
    rewrites: bool = Field(False, exclude_if=operator.not_)
    chunks: str = Field("", exclude_if=operator.not_)
    fenced: bool = Field(True, exclude_if=bool)
    filter: str = Field("", exclude_if=operator.not_)
    queries: Literal["", "hyde", "several"] = Field("", exclude_if=operator.not_)
    rerank: str = Field("", exclude_if=operator.not_)
    rerank_digest: str = Field("", exclude_if=operator.not_)


class Shot(Part):
    """A worked example: a row as it is, from which the prompt's template makes the question, and what should be answered.

    Attributes:
        answer: what should be answered, in the form that the model is asked for.
        fields: the columns of the row.
        media: those of them that hold media.
        passages: what was retrieved for it; None for one that was chosen before the system retrieved.
        input: the question as text, in place of a row: so worked examples were kept once, and so they can be given by hand.
    """

    answer: str
    fields: Mapping[str, str] = Field({}, exclude_if=operator.not_)
    media: Mapping[str, MediaPart] = Field({}, exclude_if=operator.not_)
    passages: tuple[Passage, ...] | None = Field(None, exclude_if=_is_none)
    input: str | None = Field(None, exclude_if=_is_none)

    def question(self, template: str) -> Content:
        """What it asks."""
        return question(template, self) if self.input is None else (TextPart(without_passages(self.input)),)

    def turn(self, template: str, reminds: bool) -> Content:
        """The user's turn that shows it: its question, behind its passages where it has any (`System.turn`)."""
        if self.input is not None:
            return (TextPart(self.input),)
        asked = self.question(template)
        return asked if self.passages is None else with_passages(asked, self.passages, reminds)

    def rendered(self, template: str, reminds: bool) -> dict[str, object]:
        """What the model is told of it, as JSON: this counts in fingerprints, and not what it is told from."""
        before, after = self.around(template)
        told = {"answer": self.answer, "input": as_json(self.turn(template, reminds))}
        return told | ({"around": [written(before), written(after)]} if before or after else {})

    def around(self, template: str) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
        """The turns of its conversation before and behind its question."""
        return around(template, self) if self.input is None else ((), ())


class Prompt(Part):
    """What the model is given.

    Attributes:
        instruction: what to do. Templates may name columns, as in the task.
        context: background.
        persona: "You are a ...", or empty.
        constraints: limits on form, length and tone.
        input: template of the question itself.
        shots: worked examples; with `nearest` = 0 all are shown.
        nearest: show this many of `shots`, those nearest to the input by `embedder`, the nearest last.
        nearest_first: show the nearest first instead.
        form: what the model is told of the form of an answer; empty where the instruction says it all.
        embedder: the embedder that finds them.
        reasoning: ask for steps first and a line "Answer: ..." last.
        show_labels: list the labels in the prompt.
        grounded: ask to cite the passage used, and to say `not_found` rather than guess.
        not_found: what to say when the documents do not answer; empty where there is always an answer.
        brief: a few words are wanted, so a question behind passages ends with a reminder.
    """

    instruction: str
    input: str
    context: str = ""
    persona: str = ""
    constraints: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()
    nearest: int = 0
    embedder: str = ""
    reasoning: bool = False
    show_labels: bool = True
    grounded: bool = False
    not_found: str = ""
    nearest_first: bool = Field(False, exclude_if=operator.not_)  # left out of the record where it is not used, as above
    brief: bool = Field(True, exclude_if=bool)
    form: str = Field("", exclude_if=operator.not_)  # likewise

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that its templates read, in order of first use."""
        return columns_in(self.instruction, self.context, self.persona, *self.constraints, self.input)

    def rendered(self, reminds: bool) -> str:
        """Its JSON as fingerprints take it, worked examples as the model is told them; made once, as there may be thousands."""
        if reminds not in self.renderings:
            shots = [shot.rendered(self.input, reminds) for shot in self.shots]
            self.renderings[reminds] = json.dumps(
                self.model_dump(mode="json", exclude={"shots"}) | {"shots": shots}, sort_keys=True
            )
        return self.renderings[reminds]

    @cached_property
    def renderings(self) -> dict[bool, str]:
        """What `told` made so far."""
        return {}


class Decoding(Part):
    """How an answer is read off the model.

    Attributes:
        method: `score` the labels and take the likeliest; `generate` text and parse it; `head` is a plain classifier.
        labels: the closed set, empty for free answers.
        several: whether an answer may hold several labels, or none: each is scored with yes and with no (`choices`).
        prior: log-probability of each choice without the input, subtracted before choosing; empty to leave it in.
        max_tokens: longest answer.
        temperature: 0 is greedy.
        seed: for sampling.
        pattern: regular expression that the generated answer must match; empty for none.
        json_schema: text of a JSON schema that the generated answer must fit; empty for none.
        stop: strings that end a generated answer, and are left out of it.
    """

    method: Literal["score", "generate", "head"] = "generate"
    labels: tuple[str, ...] = ()
    prior: tuple[float, ...] = ()
    max_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0
    # Left out of the record where they are not used: what was saved before there were any keeps its fingerprint.
    pattern: str = Field("", exclude_if=operator.not_)
    json_schema: str = Field("", exclude_if=operator.not_)
    stop: tuple[str, ...] = Field((), exclude_if=operator.not_)
    several: bool = Field(False, exclude_if=operator.not_)

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that are scored: the labels as a model reads them; where there may be several, each with yes and with no."""
        return verdicts(self.labels) if self.several else display_labels(self.labels)

    def likeliest(self, scores: Sequence[float]) -> str:
        """The answer that the log-probabilities of the choices say."""
        return likeliest_set(self.labels, scores) if self.several else self.labels[max(range(len(scores)), key=scores.__getitem__)]


class System(Part):
    """A way to answer. Its identity is its fingerprint; its name is a label, for people.

    Attributes:
        steps: the approaches that made it, in order.
        weights: which weights answer.
        prompt: what the model is given.
        knowledge: what it may read.
        decoding: how an answer is read off it.
        label: what a study that holds several models calls its model; empty in a study of one.
    """

    steps: tuple[str, ...]
    weights: Weights
    prompt: Prompt
    knowledge: Knowledge = Knowledge()
    decoding: Decoding = Decoding()
    label: str = Field("", exclude_if=operator.not_)  # left out of the record where it is not used, as above

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that it reads, in order of first use: for its prompt, and to know what a row may read."""
        return columns_in(" ".join(f"{{{{{name}}}}}" for name in self.prompt.variables), self.knowledge.filter)

    def __repr__(self) -> str:
        return f"<System {quoted(self.name, 80)} on {quoted(self.weights.model, 40)}>"

    __str__ = __repr__

    @property
    def name(self) -> str:
        """The steps in their order, such as "rag-hybrid > lora", and its label behind them, as in "few-shot-5 on gpt-5-mini"."""
        return " > ".join(self.steps) + (f" on {self.label}" if self.label else "")

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that can change an answer; what it is called does not."""
        parts = {name: getattr(self, name).canonical for name in ("decoding", "knowledge", "weights")}
        parts = dict(sorted({**parts, "prompt": self.prompt.rendered(self.reminds)}.items()))
        return _sha256("{" + ", ".join(f'"{name}": {text}' for name, text in parts.items()) + "}")

    @cached_property
    def asked(self) -> System:
        """The System that is asked, and whose answers are saved: a prior is subtracted from these, and changes nothing of them."""
        return self.with_(decoding={"prior": ()}) if self.decoding.prior else self

    @property
    def pattern(self) -> str:
        """Regular expression of all that may be written: the answer's own, and what the prompt asks for besides it (a citation
        behind it, steps and "Answer: " in front of it); empty where the text is free.
        """
        pattern = self.decoding.pattern
        if pattern and self.knowledge.kind == "index" and not self.chooses:
            numbers = "|".join(str(number + 1) for number in range(self.knowledge.passages))
            pattern = rf"(?:{pattern})(?: \[(?:{numbers})\])?"
        if pattern and self.prompt.reasoning:
            pattern = rf"(?:(?s:.*)\n)?Answer: (?:{pattern})"
        return pattern

    def question(self, row: Row) -> Content:
        """What a row asks, and nothing of the prompt around it.

        Raises:
            KeyError: the template names a column that the row has not.
        """
        return question(self.prompt.input, row)

    def texts(self, rows: Sequence[Row]) -> list[str]:
        """What each row asks, for readers of text alone: an embedder, an index, a plain classifier."""
        return [text_of(self.question(row)) for row in rows]

    def turn(self, row: Row, passages: Sequence[Passage] = ()) -> Content:
        """The user's turn: the question, behind its numbered passages where the system retrieves."""
        asked = self.question(row)
        return with_passages(asked, passages, self.reminds, self.knowledge.fenced) if self.knowledge.kind == "index" else asked

    def around(self, row: Row) -> tuple[tuple[Turn, ...], tuple[Turn, ...]]:
        """The turns of the row's conversation before and behind its question."""
        return around(self.prompt.input, row)

    def shown(self, shot: Shot) -> Content:
        """The user's turn that shows a worked example."""
        return shot.turn(self.prompt.input, self.reminds)

    @property
    def reminds(self) -> bool:
        """Whether a question behind passages ends with a reminder to answer briefly; a label is brief anyway."""
        return self.prompt.brief and not self.chooses

    def then(self, step: str, **changes: object) -> System:
        """The System after one more approach; the plain starting point is not named in what is built on it."""
        steps = (step,) if self.is_start else (*self.steps, step)
        return self.with_(**changes, steps=steps)

    @property
    def chooses(self) -> bool:
        """Whether an answer is one of a closed set of labels, and nothing else."""
        return bool(self.decoding.labels)

    @property
    def is_start(self) -> bool:
        """Whether this is the plain System that every approach starts from."""
        return self.steps == (START,)

    @property
    def is_generative(self) -> bool:
        """Whether a generative model answers; the reference classifier needs none."""
        return self.decoding.method != "head"

    @property
    def is_tuned(self) -> bool:
        """Whether generative weights were tuned."""
        return self.weights.method in ("lora", "full")

    @property
    def has_knowledge(self) -> bool:
        """Whether documents are read."""
        return self.knowledge.kind != "none"

    def save(self, path: Path) -> None:
        """Write the System as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> System:
        """Read a saved System.

        Raises:
            StoreError: the file is absent or not a System.
        """
        try:
            return cls.model_validate_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StoreError(f"{path} does not hold a System: {error}") from error


def fingerprint_of(record: Mapping[str, Any]) -> str:
    """The fingerprint of the System that has this record as JSON."""
    prompt = record["prompt"]
    reminds = prompt.get("brief", True) and not record["decoding"].get("labels")
    shots = [Shot.model_validate(shot).rendered(prompt.get("input", ""), reminds) for shot in prompt["shots"]]
    parts = {name: value for name, value in record.items() if name not in CALLED}
    return _sha256(json.dumps(parts | {"prompt": prompt | {"shots": shots}}, sort_keys=True))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""A system that is served: with its engine, what its study certified of it, and what its answers cost."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

from tailor.data.example import Example
from tailor.decide.prices import price_list
from tailor.decide.types import Rates
from tailor.engine import NOBODY, Engine
from tailor.files import private_files
from tailor.kinds.base import kind_of
from tailor.ledger import Ledger
from tailor.models.base import Listener, Model, Request, Telling
from tailor.models.catalogue import open_model
from tailor.open_engine import open_engine
from tailor.project import Project
from tailor.replies import to_answer, without_prior
from tailor.retrieval.passage import Passage
from tailor.rewritten import with_cost
from tailor.score.types import Answer
from tailor.serving.certified import Certified
from tailor.serving.images import forget_left
from tailor.serving.load import Timing
from tailor.system import System
from tailor.task import ModelSettings
from tailor.trust import ROLES, require_allowed

PATIENCE_MINUTES = 0.5
"""How long an endpoint that does not answer is asked again; a run may wait longer, and someone waits for each answer here."""
REMEMBERED = 256
"""Answers that the ledger of a served system remembers: those of the requests that it answers now."""


class PassingLedger(Ledger):
    """A ledger that keeps no answers: what is served goes by the way of what is measured, and nothing of it piles up."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, shared=True)
        self._passing: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

    def answers(self, system: str, examples: Iterable[str] | Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Those of the requests that are answered now."""
        return {key: self._passing[system, key] for key in examples if (system, key) in self._passing}

    def save_answers(self, system: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Remember them until the requests are answered."""
        for key, record in records.items():
            self._passing[system, key] = dict(record)
        while len(self._passing) > REMEMBERED:
            self._passing.popitem(last=False)

    def forget(self) -> None:
        """Forget all answers."""
        self._passing.clear()


@dataclass(frozen=True)
class Served:
    """What answers.

    Attributes:
        certified: what its study found.
        project: where its files are.
        engine: answers; used by one thread at a time.
        ledger: the engine's.
        system: as certified, with its documents as they are now.
        rates: prices of its tokens.
        model: the generative model, open.
        timing: how long its batches take.
    """

    certified: Certified
    project: Project
    engine: Engine
    ledger: PassingLedger
    system: System
    rates: Rates
    model: Model
    timing: Timing = field(default_factory=Timing, compare=False)

    @property
    def id(self) -> str:
        """The configuration: changes with everything that can change an answer, and with when a person is to answer."""
        told = [self.system.fingerprint, self.certified.study, self.certified.threshold]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]

    @property
    def documents_changed(self) -> bool:
        """Whether its documents are others than those that it was measured with."""
        return self.system.knowledge.digest != self.certified.system.knowledge.digest

    @property
    def is_billed(self) -> bool:
        """Whether an endpoint answers."""
        return self.system.is_generative and self.model.capabilities.billed

    @property
    def at_once(self) -> int:
        """Requests that are answered together."""
        return max(1, self.model.block)

    @property
    def tells(self) -> bool:
        """Whether what is written is the answer, so that its beginning can be sent before its end is known.

        It is not where a label, JSON or the last line is read out of it, a person may have to answer, or the model thinks first.
        """
        kind, decoding, found = kind_of(self.certified.task), self.system.decoding, self.certified
        read = kind.closed or kind.parted or self.system.prompt.reasoning or decoding.json_schema or decoding.labels
        thinks = any(row.answer.thought for row in found.rows)
        return decoding.method == "generate" and isinstance(self.model, Telling) and not (read or found.threshold or thinks)

    def answers(self, examples: Sequence[Example], listeners: Mapping[str, Listener] = NOBODY) -> list[Answer]:
        """One answer per example, in order, as a run measures them; nothing is kept.

        Args:
            examples: what is asked.
            listeners: told of what is written for the examples with these ids.

        Raises:
            TailorError: no request can succeed.
        """
        self.ledger.forget()
        return self.engine.answer(self.system, examples, listeners=listeners)

    def timed(self, examples: Sequence[Example]) -> list[Answer]:
        """The same; how long it took is noted.

        Raises:
            TailorError: no request can succeed.
        """
        started = time.monotonic()
        answers = self.answers(examples)
        self.timing.note(len(examples), time.monotonic() - started)
        return answers

    def asked(self, examples: Sequence[Example]) -> list[tuple[Request, tuple[Passage, ...], list[Answer]]]:
        """The request for each example, the passages in it, and what was asked to find these.

        Raises:
            TailorError: they cannot be made.
        """
        self.ledger.forget()
        rendered = self.engine.render(self.system.asked, examples)
        besides = self.engine.searching.besides(self.system, examples)
        return [(*one, asked) for one, asked in zip(rendered, besides, strict=True)]

    def called(self, example: Example, request: Request, passages: tuple[Passage, ...], besides: Sequence[Answer]) -> Answer:
        """The answer of a model behind an endpoint to one request, asked for by the thread that calls.

        Raises:
            TailorError: no request can succeed.
        """
        answer = to_answer(self.system.asked, example.id, self.model.reply([request])[0], passages)
        answer = without_prior(self.system, answer) if self.system.decoding.prior else answer
        return reduce(with_cost, besides, answer)

    def price(self, answer: Answer) -> float | None:
        """What an answer cost, in the task's currency; None where that is not known."""
        if answer.payment is not None:
            return answer.payment.amount
        return self.rates.price(answer.tokens_in, answer.tokens_out, cached=answer.cached, billed=answer.billed)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()


def opened(project: Project, found: Certified, ledger: Path, model: Model | None = None) -> Served:
    """A certified system with its engine.

    Args:
        project: where its files are, with the one model that it asks.
        found: the system.
        ledger: folder of the ledger, for what calls cost.
        model: a generative model that is open; used if its weights are those of the system.

    Raises:
        ConfigError: the user has not allowed what would be sent.
        TailorError: a model, the index or a tuned adapter cannot be opened.
    """
    require_allowed(project, ROLES)
    with private_files():
        forget_left(project.store)
        held = PassingLedger(ledger)
        try:
            answering = model_for(project, found.system, model)
            engine = open_engine(project, held, answering)
            engine.keeps = False
            system = engine.refreshed(found.system)
            if system.is_generative:
                engine.model_of(system)
            rates = price_list(project.task, engine.models).of(system)
            return Served(found, project, engine, held, system, rates, answering)
        except BaseException:
            held.close()
            raise


def model_for(project: Project, system: System, model: Model | None) -> Model:
    """The model that answers: the one given where its weights are those of the system, else the one that the task names."""
    if model is not None and (model.digest == system.weights.digest or not system.is_generative):
        return model
    return open_model(hurried(project.task.model), base=project.folder)


def hurried(settings: ModelSettings) -> ModelSettings:
    """The settings of a model for whom someone waits: never in batches, and not asked again for minutes."""
    patience = min(settings.patience_minutes, PATIENCE_MINUTES)
    return settings.model_copy(update={"batch": False, "patience_minutes": patience})

"""What the time limit leaves, and how long things take at the speed measured so far.

Under a limit nothing is begun that is not expected to end in time for the final test of the finalists, itself among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tailor.approaches.approach import TrainingData
from tailor.approaches.distil import rows_learned
from tailor.data.example import Example
from tailor.decide.clock import Clock
from tailor.decide.finalists import finalists, roles
from tailor.decide.prices import NOMINAL_PARAMETERS, READING, WRITING, tokens_of
from tailor.decide.rungs import Proposal, Rung, tie
from tailor.engine import Engine
from tailor.errors import OutOfTime
from tailor.evaluate.run import Run
from tailor.system import System

TRAINING_TOKENS_PER_SECOND = 450
"""LoRA on the built-in model on two cores (docs/log.md); used only to foresee whether a training fits the time limit."""
TOP_LAYERS_SPEED = 3
"""How much quicker it is on the top layers over three epochs, what lies below computed once (docs/log.md)."""
TELLING_SHARE = 0.1
"""Share of a work's steps after which its own pace says how long it will take."""
SAMPLE = 4
"""Rows whose prompts are counted to foresee how long a system takes."""


@dataclass
class Budget:
    """The time left to a climb.

    Args:
        clock: the time limit.
        data: train and dev.
        engine: counts tokens and knows which rows are answered already.
        runs: what was measured so far; the climb adds to it.
        test_rows: rows of the sealed test, whose time is kept in reserve.
        keeps_reserve: whether it is.
        weigh: what an answer costs where models are compared.
    """

    clock: Clock
    data: TrainingData
    engine: Engine
    runs: Sequence[Run]
    test_rows: int
    keeps_reserve: bool = True
    weigh: Callable[[Run], float] = tokens_of

    @property
    def is_limited(self) -> bool:
        """Whether there is a time limit."""
        return self.clock.limit is not None

    @property
    def left(self) -> float:
        """Seconds left for the climb, besides the final test of the present finalists; infinite without a limit."""
        return self.clock.left - sum(self._reserve().values()) if self.is_limited else float("inf")

    def check(self) -> None:
        """Make sure that time is left besides the final test.

        Raises:
            OutOfTime: there is none.
        """
        self.clock.check()
        if self.left <= 0:
            raise OutOfTime("the time left is needed for the final test", "what was measured is kept; run again to continue")

    def check_fits(self, system: System, rows: Sequence[Example], run: Run | None = None) -> None:
        """Make sure that asking a system these rows, and testing it if it becomes a finalist, is expected to fit the time left.

        Rows that are answered already take no time, and so does what asks no generative model.

        Args:
            system: what is asked.
            rows: dev rows.
            run: what it has answered so far, which tells its speed.

        Raises:
            OutOfTime: it does not fit.
        """
        if not self.is_limited or not system.is_generative:
            return
        missing = self.engine.missing(system, rows)
        if not missing:
            return
        self.clock.check()
        each = run.seconds if run is not None else self.row_seconds(system)
        if each is None:  # the first system of all: its speed is about to be measured
            return
        reserve = self._reserve()
        role = roles(system)[0]
        reserve[role] = max(reserve.get(role, 0.0), each * self.test_rows if self.keeps_reserve else 0.0)
        need, left = missing * each, self.clock.left - sum(reserve.values())
        if need > left:
            raise OutOfTime(no_room(need, left))

    def overrun(self) -> str:
        """What to know before a final test that the time left does not hold; empty where it does."""
        need = sum(self._reserve().values())
        if not self.is_limited or need <= max(0.0, self.clock.left):
            return ""
        left = in_minutes(max(0.0, self.clock.left))
        return f"The final test needs about {in_minutes(need)}, and the time limit leaves {left}: it is not cut short."

    def check_training(self, candidate: Proposal) -> None:
        """Make sure that a training is expected to fit the time left.

        Raises:
            OutOfTime: it does not.
        """
        if self.is_limited and (need := self.training_seconds(candidate)) > self.left:
            raise OutOfTime(no_room(need, self.left, "training"))

    def paced(self, on_progress: Callable[[int, int], None]) -> Callable[[int, int], None]:
        """A callback that passes progress on and, under a limit, ends work whose own pace shows that it does not fit."""
        started = self.clock.now()

        def progress(done: int, total: int) -> None:
            on_progress(done, total)
            if self.is_limited and done < total and done >= TELLING_SHARE * total:
                need = (self.clock.now() - started) * (total - done) / done
                if need > self.left:
                    raise OutOfTime(no_room(need, self.left))

        return progress

    def rung_seconds(self, rung: Rung, candidates: Sequence[Proposal]) -> float:
        """What a rung is roughly expected to take: its training, and all of dev for each candidate at the mean speed so far."""
        speeds = [run.seconds for run in self.runs if run.system.is_generative]
        answering = sum(speeds) / max(1, len(speeds)) * len(self.data.dev) * len(candidates)
        return answering + sum(self.training_seconds(candidate) for candidate in candidates if rung.trains)

    def training_tokens(self, candidate: Proposal) -> int:
        """Tokens of one epoch, estimated from a few rendered rows."""
        sample, rows = self.data.train[:8], rows_learned(candidate.approach, self.data)
        chats = self.engine.messages(candidate.base, sample)
        model = self.engine.model_of(candidate.base)
        mean = sum(model.count_tokens(chat) for chat, _ in chats) / len(sample)
        return round(mean * min(rows, self.data.task.tuning.max_rows or rows))

    def training_seconds(self, candidate: Proposal) -> float:
        """What training a candidate is expected to take; it is slower in proportion to the model's parameters."""
        tuning = self.data.task.tuning
        scale = (self.engine.model_of(candidate.base).capabilities.parameters or NOMINAL_PARAMETERS) / NOMINAL_PARAMETERS
        speed = TRAINING_TOKENS_PER_SECOND * (TOP_LAYERS_SPEED if tuning.layers else 1)
        return float(self.training_tokens(candidate) * tuning.epochs * scale / speed)

    def row_seconds(self, system: System, rows: Sequence[Example] = ()) -> float | None:
        """Seconds that an answer of a system not asked so far is expected to take; None where nothing was measured.

        Its prompt is counted on a few rows, of dev unless given; an answer is taken to be as long as others were that might be as
        long, and else as long as it may be. Reading and writing are related as in the nominal speeds, and what was measured says
        how fast this machine is: on answers of the same model by the same method, or on others where none was given by it.
        """
        every = [run for run in self.runs if run.system.is_generative]
        answered = [run for run in every if run.system.weights.digest == system.weights.digest] or every
        asked = [run for run in answered if run.system.decoding.method == system.decoding.method] or answered
        nominal = sum(len(run.examples) * _nominal(run.tokens_in, run.tokens_out) for run in asked)
        if not nominal:
            return None
        requests = [request for request, _ in self.engine.render(system, (rows or self.data.dev)[:SAMPLE])]
        model = self.engine.model_of(system)
        tokens_in = sum(model.count_tokens(request.messages) for request in requests) / len(requests)
        alike = [run.tokens_out for run in asked if run.system.decoding.max_tokens == system.decoding.max_tokens]
        tokens_out = sum(alike) / len(alike) if alike else system.decoding.max_tokens
        return _nominal(tokens_in, tokens_out) * sum(run.seconds * len(run.examples) for run in asked) / nominal

    def _reserve(self) -> dict[str, float]:
        """Role -> seconds that the final test of its finalist will need, from its time on dev."""
        if not self.keeps_reserve:
            return {}
        chosen = finalists(self.runs, tie(self.data.task), self.weigh)
        return {role: run.seconds * self.test_rows for role, run in chosen.items()}


def no_room(need: float, left: float, what: str = "") -> str:
    """Why something is not begun under a time limit."""
    work = f" of {what}" if what else ""
    return (
        f"it would need about {in_minutes(need)}{work}; the time limit leaves {in_minutes(max(0.0, left))} besides the final test"
    )


def in_minutes(seconds: float) -> str:
    """A duration such as "40 seconds" or "3 minutes"."""
    if seconds >= 90:
        return f"{seconds / 60:.0f} minutes"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"


def _nominal(tokens_in: float, tokens_out: float) -> float:
    return tokens_in / READING + tokens_out / WRITING

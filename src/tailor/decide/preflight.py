"""Two requests before all others: whether an endpoint takes the key, the model's name and the parameters, and what it tells.

They ask the baseline's first two dev rows, so that a run pays for nothing that it does not use. Two, since a row that alone is
refused is distinguished from an endpoint that refuses everything by its neighbour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tailor.approaches.approach import starting_system
from tailor.data.example import Example, Splits
from tailor.decide.formats import format_money
from tailor.decide.prices import judge_rates, rates_for
from tailor.decide.types import Rates
from tailor.engine import Engine
from tailor.errors import CallsFailed
from tailor.evaluate.answered import answered
from tailor.evaluate.judge import judge_systems, sample_case
from tailor.evaluate.run import failures
from tailor.models.base import Metered, Model
from tailor.models.endpoint.dialect import Dialect, dialect_of
from tailor.models.secrets import variable_sent
from tailor.score.parse import parse_answer
from tailor.score.scorer import is_failed
from tailor.score.types import Answer
from tailor.system import System
from tailor.task import ModelSettings, Task

ROWS = 2


@dataclass(frozen=True)
class Preflight:
    """What an endpoint showed.

    Attributes:
        role: what it is asked as, "model" or "judge".
        model: its name.
        digest: what tells it from others of the name.
        answers: what came back.
        asked: whether something was asked now; else the answers are of an earlier run.
        checks: name -> what was found, in words.
        lengths: tokens of each prompt, estimated before it was sent.
    """

    role: str
    model: str
    digest: str
    answers: tuple[Answer, ...]
    lengths: tuple[int, ...]
    asked: bool
    checks: dict[str, str]

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return (
            f"{self.role.capitalize()} {self.model} answers: {'; '.join(f'{name} {found}' for name, found in self.checks.items())}."
        )


def preflight(task: Task, splits: Splits, engine: Engine, *, again: bool = False) -> tuple[Preflight, ...]:
    """What each endpoint of a task shows when it is asked; empty where none is.

    Args:
        task: the task.
        splits: the data.
        engine: asks.
        again: ask also where the answers are known.

    Raises:
        EndpointError: it cannot be asked, in its own words.
        CallsFailed: it gave no answer.
        OverBudget: the budget does not even allow this.
    """
    found = []
    for place, (model, settings) in enumerate(zip(engine.models, task.asked, strict=True)):
        if isinstance(model, Metered):
            system = starting_system(task, splits.train, model)
            rates = rates_for(settings, task.prices_of(place), model)
            found.append(_preflight("model", engine, system, splits.dev[:ROWS], settings, rates, again))
    judge = engine.judge
    if judge is not None and task.judge is not None and isinstance(judge, Metered):
        system, case = next(iter(judge_systems(task.judge, judge).values())), sample_case(task, splits.dev[0])
        found.append(_preflight("judge", engine, system, (case,), task.judge.model, judge_rates(task, judge), again))
    return tuple(found)


def _preflight(
    role: str, engine: Engine, system: System, rows: Sequence[Example], settings: ModelSettings, rates: Rates, again: bool
) -> Preflight:
    missing = engine.missing(system, rows)
    answers = tuple(engine.ask(system, rows) if again and missing < len(rows) else engine.answer(system, rows))
    if all(answer.finish == "error" for answer in answers):
        raise CallsFailed(failures(answers), "Nothing else was asked. Run again to try once more.")
    model = engine.model_of(system)
    lengths = tuple(model.count_tokens(chat) for chat, _ in engine.messages(system, rows))
    asked, checks = again or missing > 0, _checks(settings, model, system, answers, rates)
    return Preflight(role, model.name, model.digest, answers, lengths, asked, checks)


def _checks(settings: ModelSettings, model: Model, system: System, answers: Sequence[Answer], rates: Rates) -> dict[str, str]:
    came = [answer for answer in answers if not is_failed(answer)]
    key, who = variable_sent(settings), answered(settings.name, answers)
    checks = {"key": f"{key} is accepted" if key else "none is sent"}
    if who is not None and who.models:
        checks["model"] = f"answers as {', '.join(who.models)}"
    dialect = dialect_of(model)
    if dialect is not None:
        checks |= _spoken(dialect, bool(system.decoding.json_schema))
    if system.chooses:
        checks["probabilities of labels"] = _probabilities(system, came, dialect)
    checks["thought"] = _thought(came, dialect)
    if not all(answer.counted for answer in came):
        checks["tokens"] = "are estimated, since the endpoint does not count them"
    checks["price"] = _price(rates)
    refused, empty = len(answers) - len(came), sum(not answer.raw for answer in came)
    odd = [f"{empty} of {len(answers)} were empty"] if empty else []
    if refused:
        odd.append(f"{refused} of {len(answers)} were refused: {next(a.error for a in answers if is_failed(a)) or 'no reason'}")
    return checks | ({"answers": "; ".join(odd)} if odd else {})


def _spoken(dialect: Dialect, schema: bool) -> dict[str, str]:
    without = [
        name for name, taken in (("temperature", dialect.temperature), ("seed", dialect.seed), ("stop", dialect.stop)) if not taken
    ]
    left_out = f", without {' and '.join(without)}" if without else ""
    spoken = {
        "parameters": f"{dialect.limit}{left_out}",
        "system role": "is accepted" if dialect.system else "is not accepted: its text goes into the first turn",
    }
    if schema:
        ways = {
            "json_schema": "is enforced by the endpoint",
            "json_object": "is described in the prompt, with JSON mode",
            "prompt": "is described in the prompt",
        }
        spoken["JSON schema"] = f"{ways[dialect.schema]}, and checked here"
    return spoken


def _probabilities(system: System, answers: Sequence[Answer], dialect: Dialect | None) -> str:
    """Whether it tells how likely labels are; what was never asked for, or goes with no label, says nothing of that."""
    if any(answer.scores for answer in answers):
        return "are given"
    if dialect is not None and not dialect.logprobs:
        return "are not asked for, since it does not take the parameter"
    if not any(parse_answer(system, answer.raw) for answer in answers):
        return "are not known yet: no label was written"
    return "were asked for and are not told"


def _thought(answers: Sequence[Answer], dialect: Dialect | None) -> str:
    room = dialect.room if dialect is not None else 0
    if not room and not any(answer.thought for answer in answers):
        return "none was seen"
    written = max((answer.tokens_out for answer in answers), default=0)
    return f"there is one: up to {written:,} tokens were written" + (
        f", with room for {room:,} more than the answer takes" if room else ""
    )


def _price(rates: Rates) -> str:
    if not rates.is_known:
        return f"is {rates.how}" if rates.how.startswith("unknown") else f"is unknown: {rates.how}"
    read, written = (format_money(price, rates.currency) for price in (rates.input_per_million, rates.output_per_million))
    return f"{read} for a million tokens read, {written} written ({rates.how})"

"""What a System said, and how good it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tailor.payment import Payment
from tailor.retrieval.passage import Passage

Outcome = Literal["right", "wrong", "unparsed", "cut", "refused", "failed", "unjudged"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

Verdict = Literal["correct", "empty", "misread", "missed", "invented"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Answer:
    """What a System said about one example, before scoring.

    Attributes:
        example: id of the example.
        raw: the model's text, as it came.
        scores: log-probability of each label, when labels were scored (prior already removed).
        passages: what was put into the prompt, in the order of their numbers [1], [2], ...
        tokens_in: prompt tokens.
        tokens_out: answer tokens.
        seconds: time for this answer.
        finish: why it ended.
        error: why there is no answer; empty when there is one.
        thought: what the model thought before it answered, where it says so; no part of the answer.
        cached: prompt tokens that the endpoint had read before, which are among `tokens_in`.
        billed: what the endpoint says that the answer cost, in USD; None where it does not say.
        counted: whether the tokens were counted, not estimated.
        answered_by: the model that answered, as the endpoint calls it, with its fingerprint.
        reasoning: answer tokens that a hidden thought took, which are among `tokens_out`.
        payment: what its calls cost when they were made; None where nothing was paid, or that is not known.
    """

    example: str
    raw: str
    scores: tuple[float, ...] = ()
    passages: tuple[Passage, ...] = ()
    tokens_in: int = 0
    tokens_out: int = 0
    seconds: float = 0.0
    finish: str = "stop"
    error: str = ""
    thought: str = ""
    cached: int = 0
    billed: float | None = None
    counted: bool = True
    answered_by: str = ""
    reasoning: int = 0
    payment: Payment | None = None


@dataclass(frozen=True)
class Score:
    """How good one answer is.

    Attributes:
        outcome: right, wrong, unparsed (the answer has not the form asked for), cut (it reached its greatest length before
            it was one), refused (the model or its endpoint would not answer this), failed (no answer came: the endpoint's fault),
            or unjudged (the judge gave no verdict that can be read; only where a judge scores).
        value: the metric in [0, 1]; 0 for unparsed, refused, failed and unjudged, which are counted apart and never left out.
        answer: the answer as parsed.
        details: further measures in [0, 1] by name, absent where they do not apply: `f1`, `exact`, `correct`, `form` (constraints
            kept), `cited` (a cited passage contains the answer), `abstained` (said "not found"), `retrieved` (a passage does).
        loss: what those of its errors cost that have a price of their own, in the currency of the prices.
        errors: how many errors it counts as at the price of an error; None for one unless it is right.
    """

    outcome: Outcome
    value: float
    answer: str
    details: dict[str, float] = field(default_factory=dict)
    loss: float = 0.0
    errors: float | None = None

    def cost(self, price: float) -> float:
        """What its errors cost together, an error costing `price` where it has no price of its own."""
        return self.loss + price * self.error_count

    @property
    def error_count(self) -> float:
        """How many errors it counts as at the price of an error."""
        return float(self.outcome != "right") if self.errors is None else self.errors


@dataclass(frozen=True)
class Part:
    """A part of an answer that is right or wrong by itself, such as a field.

    Attributes:
        name: of the field, such as "total" or "items.sku"; parts of several records share it.
        verdict: correct; empty, and rightly so; misread (another value than the right one); missed (none, where there is one); or
            invented (one, where there is none).
        wanted: the right value as text, empty for none.
        said: the value given.
        strict: whether both are the same to the letter.
        near: whether a span of the right type overlaps the right one; as `verdict` says for all that are no spans.
        price: what it costs, if it is wrong and its field has a price of its own.
    """

    name: str
    verdict: Verdict
    wanted: str
    said: str
    strict: bool
    near: bool
    price: float | None = None

    @property
    def is_right(self) -> bool:
        """Whether it counts as right."""
        return self.verdict in ("correct", "empty")


def answer_from(record: Mapping[str, Any], example: str) -> Answer:
    """The answer to an example, from what was saved of it."""
    passages = tuple(Passage(**passage) for passage in record["passages"])
    payment = Payment(**record["payment"]) if record.get("payment") else None
    read = {"example": example, "scores": tuple(record["scores"]), "passages": passages, "payment": payment}
    return Answer(**{**record, **read})

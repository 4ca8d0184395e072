"""What to search for, asked of a model: a question that can be understood without the conversation that it ends.

What a user says last is often no question to search by ("and on Sundays?"). The model writes one out of all turns, by a System of
its own, whose answers are kept like any others and count in what an answer costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tailor.content import Row, around, text_of, whole
from tailor.data.example import Example
from tailor.payment import Payment
from tailor.score.types import Answer
from tailor.system import Decoding, Prompt, System, Weights

INSTRUCTION = "You write questions for a search engine."
INPUT = (
    "{{conversation}}\n\n"
    "Write the user's last message as one question that can be understood without the rest of the conversation. "
    "Write the question and nothing else."
)
MAX_TOKENS = 48


def rewriter(system: System) -> System:
    """The System that writes what a system searches for, with the weights that its own were tuned from."""
    own = system.weights
    return System(
        steps=("rewritten-question",),
        weights=Weights(model=own.model, digest=own.digest, precision=own.precision),
        prompt=Prompt(instruction=INSTRUCTION, input=INPUT),
        decoding=Decoding(max_tokens=MAX_TOKENS),
    )


def has_turns(system: System, row: Row) -> bool:
    """Whether there is a conversation before what a row asks."""
    return any(turn.role != "system" for turn in around(system.prompt.input, row)[0])


def rows_to_rewrite(system: System, rows: Sequence[Example]) -> list[Example]:
    """The rows that end a conversation, as the rewriter is asked them."""
    return [
        Example(row.id, {"conversation": text_of(whole(system.prompt.input, row))}, ()) for row in rows if has_turns(system, row)
    ]


def with_cost(answer: Answer, rewriting: Answer) -> Answer:
    """The answer with what writing its question took."""
    return replace(
        answer,
        tokens_in=answer.tokens_in + rewriting.tokens_in,
        tokens_out=answer.tokens_out + rewriting.tokens_out,
        seconds=answer.seconds + rewriting.seconds,
        cached=answer.cached + rewriting.cached,
        counted=answer.counted and rewriting.counted,
        billed=None if answer.billed is None or rewriting.billed is None else answer.billed + rewriting.billed,
        payment=_together(answer.payment, rewriting.payment),
    )


def _together(first: Payment | None, second: Payment | None) -> Payment | None:
    if first is None or second is None:
        return first or second
    return replace(first, amount=first.amount + second.amount, calls=first.calls + second.calls)

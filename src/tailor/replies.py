"""From what a model said to the answer of a System."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tailor.models.base import Listener, Model, Reply, Request, Telling
from tailor.models.thought import split_thought
from tailor.retrieval.passage import Passage
from tailor.score.types import Answer
from tailor.system import System


def replies_from(
    model: Model, requests: Sequence[Request], tuned: Path | None, listeners: Mapping[int, Listener]
) -> Sequence[Reply]:
    """One reply per request; `listeners` are told of what is written for those at these places, where the model can."""
    return model.told(requests, tuned, listeners) if listeners and isinstance(model, Telling) else model.reply(requests, tuned)


def as_answer(example: str, raw: str, reply: Reply, passages: tuple[Passage, ...]) -> Answer:
    """A reply as the answer to an example, with the text that counts."""
    told = (reply.tokens_in, reply.tokens_out, reply.seconds, reply.finish, reply.error, reply.thought)
    bill = (reply.cached, reply.billed, reply.counted, reply.answered_by, reply.reasoning, reply.payment)
    return Answer(example, raw, reply.scores, passages, *told, *bill)


def to_answer(system: System, example: str, reply: Reply, passages: tuple[Passage, ...]) -> Answer:
    """A reply as a System's answer: the text that was written, or the likeliest label.

    A thought in the text is no part of the answer, whichever model wrote it.
    """
    if reply.scores and system.decoding.method != "generate":
        return as_answer(example, system.decoding.likeliest(reply.scores), reply, passages)
    thought, text = split_thought(reply.text)
    if not thought:
        return as_answer(example, reply.text, reply, passages)
    return as_answer(example, text, replace(reply, thought="\n\n".join(filter(None, (reply.thought, thought)))), passages)


def without_prior(system: System, answer: Answer) -> Answer:
    """The answer with the prior of its system subtracted; one that has no scores stays as it is."""
    if not answer.scores:
        return answer
    scores = tuple(score - prior for score, prior in zip(answer.scores, system.decoding.prior, strict=True))
    return replace(answer, raw=system.decoding.likeliest(scores), scores=scores)

"""How sure a system is of an answer, by what it says of the labels."""

from __future__ import annotations

import math

from tailor.score.types import Answer


def confidence(answer: Answer, *, several: bool) -> float | None:
    """The probability of the likeliest label among all, in (0, 1]; None where the system does not say how likely labels are.

    Where an answer may hold `several` labels, it is the probability that each is rightly given or left out, were they independent.

    It need not be calibrated: whoever acts on it chooses a threshold by rows whose right answer is known.
    """
    if answer.error or not answer.scores:
        return None
    if several:
        odds = [abs(yes - no) for yes, no in zip(answer.scores[::2], answer.scores[1::2], strict=True)]
        return math.exp(-sum(math.log1p(math.exp(-size)) for size in odds))
    top = max(answer.scores)
    return 1 / sum(math.exp(score - top) for score in answer.scores)

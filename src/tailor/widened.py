"""Searching by more than the question: by a passage that might answer it, or by other wordings of it.

The model writes them, by a System of its own, whose answers are kept like any others and count in what an answer costs. A passage
that might answer lies nearer to the one that does than the question (HyDE: Gao et al. 2023, arXiv:2212.10496). The question itself
is always searched for too, and what is found is joined by reciprocal ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

from tailor.data.example import Example
from tailor.system import Decoding, Prompt, System, Weights

HYDE, SEVERAL = "hyde", "several"
MOST = 3
"""Other wordings that are searched for, at most."""
MAX_TOKENS = 96
"""Longest text that is written to search by."""
_INSTRUCTION = "You help a search engine."
_INPUT = {
    HYDE: "{{question}}\n\nWrite two sentences of a document that would answer this. Write the sentences and nothing else.",
    SEVERAL: "{{question}}\n\nWrite this question in three other ways, one on each line, and nothing else.",
}


def writer(system: System) -> System:
    """The System that writes what else is searched for, with the weights that the system's own were tuned from."""
    own = system.weights
    return System(
        steps=("written-query",),
        weights=Weights(model=own.model, digest=own.digest, precision=own.precision),
        prompt=Prompt(instruction=_INSTRUCTION, input=_INPUT[system.knowledge.queries]),
        decoding=Decoding(max_tokens=MAX_TOKENS),
    )


def rows_to_widen(questions: Sequence[str]) -> list[Example]:
    """The questions as the writer is asked them."""
    return [Example(str(place), {"question": question}, ()) for place, question in enumerate(questions)]


def queries_of(way: str, question: str, written: str) -> list[str]:
    """What is searched for: the question first, then what was written for it."""
    lines = [line.strip(" \t-*0123456789.)") for line in written.splitlines()] if way == SEVERAL else [" ".join(written.split())]
    return list(dict.fromkeys([question, *[line for line in lines if line][:MOST]]))

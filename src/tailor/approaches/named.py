"""Approaches by name: those that the ladder tries, alone or one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from tailor.approaches.approach import Approach, Chain
from tailor.approaches.prompting import (
    ChainOfThought,
    Constraints,
    FewShot,
    FreeForm,
    Grounded,
    Persona,
    QuoteSources,
    RemovePrior,
    WriteLabels,
    ZeroShot,
)
from tailor.approaches.retrieval import Rerank, Retrieve, WholeDocuments, Widen
from tailor.approaches.tuning import FineTune, Reference, TfidfReference
from tailor.errors import ConfigError, did_you_mean, quoted
from tailor.plugins import APPROACHES as ADDED
from tailor.plugins import RETRIEVERS
from tailor.retrieval.chunking import chunking

NUMBER = re.compile(r"-(-?\d{1,9})$")


@dataclass(frozen=True)
class Named:
    """An approach that can be asked for by name.

    Attributes:
        says: what it does, in a sentence.
        make: the approach; given the number behind the name where there is one, else 0.
        numbers: the numbers that may come after the name; empty where none may.
        default: whether the name may stand without a number.
    """

    says: str
    make: Callable[[int], Approach]
    numbers: range = range(0)
    default: bool = True


APPROACHES: dict[str, Named] = {
    "zero-shot": Named("the instruction alone", lambda n: ZeroShot()),
    "generated": Named("write the label instead of scoring every label", lambda n: WriteLabels()),
    "persona": Named("say who the model is to be: the task's `persona`", lambda n: Persona()),
    "constraints": Named("state the task's `constraints`", lambda n: Constraints()),
    "grounded": Named("cite the passage used, and say so rather than guess where none answers", lambda n: Grounded()),
    "chain-of-thought": Named("write steps before the answer", lambda n: ChainOfThought()),
    "free-form": Named("tell the form of the answer without holding the model to it", lambda n: FreeForm()),
    "sources-first": Named("copy the words of the text first, then say what they hold", lambda n: QuoteSources()),
    "few-shot": Named("show N worked examples, the same for every input", lambda n: FewShot(n, "diverse"), range(2, 6), False),
    "few-shot-nearest": Named(
        "show each input the N training rows most like it", lambda n: FewShot(n, "nearest"), range(2, 6), False
    ),
    "prior-removed": Named("subtract what the model thinks of each label before it reads the input", lambda n: RemovePrior()),
    "reference-classifier": Named("a classifier on the embedder, no generative model", lambda n: Reference()),
    "tfidf-classifier": Named("a classifier on words and characters, no model at all", lambda n: TfidfReference()),
    "whole-documents": Named("put all documents into the prompt", lambda n: WholeDocuments()),
    "rag-bm25": Named("find passages by keyword; N of them, one unless given", lambda n: Retrieve("bm25", n or 1), range(2, 11)),
    "rag-vector": Named("find passages by meaning; N likewise", lambda n: Retrieve("vector", n or 1), range(2, 11)),
    "rag-hybrid": Named("find passages by both; N likewise", lambda n: Retrieve("hybrid", n or 1), range(2, 11)),
    "rag-pgvector": Named(
        "find passages by meaning in PostgreSQL with pgvector; N likewise", lambda n: Retrieve("pgvector", n or 1), range(2, 11)
    ),
    "rag-hybrid-rewritten": Named(
        "the same, searching by a question that the model writes out of the conversation", lambda n: Retrieve(rewrites=True)
    ),
    "reranked": Named("behind rag-...: put ten passages in order by how probable it is that they answer", lambda n: Rerank()),
    "hyde": Named("behind rag-...: search also by a passage that the model writes", lambda n: Widen("hyde")),
    "several-queries": Named("behind rag-...: search also by other wordings that the model writes", lambda n: Widen("several")),
    "lora": Named("fine-tune low-rank adapters of the weights", lambda n: FineTune("lora")),
    "lora-replay": Named(
        "the same with the model's own answers to general instructions among the rows", lambda n: FineTune("lora", replays=True)
    ),
    "full": Named("fine-tune all weights", lambda n: FineTune("full")),
}


def approach_named(name: str) -> Approach:
    """The approach of this name; with " > " between several, one after the other in this order.

    Raises:
        ConfigError: there is none, or its number is not accepted.
    """
    parts = [_single(part.strip()) for part in name.split(">")]
    return parts[0] if len(parts) == 1 else Chain(tuple(parts))


def names() -> dict[str, str]:
    """Name -> what it does, those that packages add among them. N stands for a number."""
    searching = {f"rag-{name}": f"rag-{name}[-N]" for name in RETRIEVERS.names}
    added = dict.fromkeys([form for name, form in searching.items() if name not in APPROACHES], "find passages as a package does")
    own = {_form(name, named): named.says for name, named in APPROACHES.items()}
    return own | added | dict.fromkeys(ADDED.names, "what a package adds")


def _form(name: str, named: Named) -> str:
    return f"{name}-N" if named.numbers and not named.default else f"{name}[-N]" if named.numbers else name


def _searching(stem: str) -> Named | None:
    """Retrieval by a way to search that a package adds, such as "rag-reranked"."""
    search = stem.removeprefix("rag-")
    if search == stem or search not in RETRIEVERS:
        return None
    return Named("find passages as a package does", lambda n: Retrieve(search, n or 1), range(2, 11))


def _single(name: str) -> Approach:
    if name in ADDED:
        added: Approach = ADDED.load(name)
        return added
    whole, by, cut = name.partition("-by-")
    if by and isinstance(retrieving := _single(whole), Retrieve):
        return replace(retrieving, chunks=chunking(cut).name)
    found = NUMBER.search(name)
    stem, number = (name[: found.start()], int(found[1])) if found else (name, 0)
    named = APPROACHES.get(stem) or _searching(stem)
    if named is None or (number and not named.numbers):
        raise ConfigError(
            f"there is no approach {quoted(name)}{did_you_mean(stem, (*APPROACHES, *ADDED.names))}",
            f"There are {', '.join(names())}.",
        )
    if number not in named.numbers and (found or not named.default):
        accepted = f"{named.numbers.start} to {named.numbers.stop - 1}"
        raise ConfigError(
            f"{quoted(name)} needs a number from {accepted} behind its name", f"Write, for example, {stem}-{named.numbers[-1]}."
        )
    return named.make(number)

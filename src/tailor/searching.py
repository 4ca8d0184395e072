"""Finding passages for what examples ask: what is searched for, where, and in what order the finds are shown.

What a model is asked for this (a question out of a conversation, other wordings, whether a passage answers) is asked by the engine
and kept like any answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.data.example import Example
from tailor.errors import CallsFailed, StoreError, quoted
from tailor.models.catalogue import open_cross_encoder
from tailor.reranked import BY_MODEL, in_order, judge_of_passages, margins, rows_to_judge
from tailor.reranked import DEPTH as RERANKED
from tailor.retrieval.fusion import rrf
from tailor.retrieval.indexes import Indexes
from tailor.retrieval.passage import Passage
from tailor.rewritten import rewriter, rows_to_rewrite
from tailor.score.types import Answer
from tailor.system import System
from tailor.widened import queries_of, rows_to_widen, writer

if TYPE_CHECKING:
    from tailor.models.crossencoder import CrossEncoder


class Searching:
    """How passages are found for examples.

    Args:
        indexes: gives the indexes over the documents.
        ask: gives a System's answers to examples, saved ones first.
        folder: the project's folder, which names of cross-encoders are relative to.
    """

    def __init__(
        self, indexes: Callable[[], Indexes], ask: Callable[[System, Sequence[Example]], list[Answer]], folder: Path
    ) -> None:
        self.indexes = indexes
        self._ask = ask
        self._folder = folder
        self._cross_encoders: dict[str, CrossEncoder] = {}

    def retrieve(self, system: System, examples: Sequence[Example]) -> list[tuple[Passage, ...]]:
        """The passages each example would be answered with, best first or last; none for a system without an index.

        Raises:
            CallsFailed: a call for a question to search by failed.
        """
        knowledge = system.knowledge
        if knowledge.kind != "index":
            return [()] * len(examples)
        candidates = self._candidates(system, examples)
        found = [passages[: knowledge.passages] for passages in self._reranked(system, examples, candidates)]
        return [tuple(reversed(passages)) if knowledge.best_last else tuple(passages) for passages in found]

    def _candidates(self, system: System, examples: Sequence[Example]) -> list[list[Passage]]:
        """What is found for each example, before it is put into another order."""
        knowledge, rows = system.knowledge, [example.fields for example in examples]
        if knowledge.rerank:
            knowledge = knowledge.with_(passages=max(knowledge.passages, RERANKED))
        questions = self.searched(system, examples)
        if not knowledge.queries:
            return self.indexes().find(knowledge, questions, rows)
        written = self._asked_besides(writer(system), rows_to_widen(questions))
        queries = [queries_of(knowledge.queries, text, answer.raw) for text, answer in zip(questions, written, strict=True)]
        found = iter(
            self.indexes().find(
                knowledge,
                [query for several in queries for query in several],
                [row for row, several in zip(rows, queries, strict=True) for _ in several],
            )
        )
        return [rrf([next(found) for _ in several])[: knowledge.passages] for several in queries]

    def _reranked(
        self, system: System, examples: Sequence[Example], found: Sequence[Sequence[Passage]]
    ) -> Sequence[Sequence[Passage]]:
        """The passages of each example, those first that its reranker puts first."""
        knowledge, questions = system.knowledge, system.texts(examples)
        if not knowledge.rerank:
            return found
        if knowledge.rerank == BY_MODEL:
            told = iter(margins(self._asked_besides(judge_of_passages(system), rows_to_judge(questions, found))))
            return [in_order(passages, [next(told) for _ in passages]) for passages in found]
        encoder = self.cross_encoder(knowledge.rerank)
        if encoder.digest != knowledge.rerank_digest:
            made = f"{quoted(knowledge.rerank)} is not the cross-encoder that {system.name!r} was made with"
            raise StoreError(made, "run `tailor run` again; it is made again")
        pairs = zip(questions, found, strict=True)
        return [
            in_order(passages, encoder.scores(question, [f"{p.title}\n{p.text}" for p in passages])) for question, passages in pairs
        ]

    def cross_encoder(self, name: str) -> CrossEncoder:
        """The cross-encoder of this name, opened when first needed."""
        if name not in self._cross_encoders:
            self._cross_encoders[name] = open_cross_encoder(name, self._folder)
        return self._cross_encoders[name]

    def _asked_besides(self, system: System, rows: Sequence[Example]) -> list[Answer]:
        """What a model says about search, kept like any answer.

        Raises:
            CallsFailed: a call failed.
        """
        answers = self._ask(system, rows) if rows else []
        if failed := [answer.error for answer in answers if answer.finish == "error"]:
            raise CallsFailed(f"{len(failed)} of {len(answers)} calls for a search failed, such as: {failed[0]}")
        return answers

    def besides(self, system: System, examples: Sequence[Example]) -> list[list[Answer]]:
        """What was asked to search for each example, which its answer costs as well."""
        knowledge = system.knowledge
        besides: list[list[Answer]] = [[] for _ in examples]
        written = self.rewritten(system, examples)
        for place, example in enumerate(examples):
            besides[place] += [written[example.id]] if example.id in written else []
        if knowledge.queries:
            asked = self._asked_besides(writer(system), rows_to_widen(self.searched(system, examples)))
            for place, answer in enumerate(asked):
                besides[place].append(answer)
        if knowledge.rerank == BY_MODEL:
            found = self._candidates(system, examples)
            judged = iter(self._asked_besides(judge_of_passages(system), rows_to_judge(system.texts(examples), found)))
            for place, passages in enumerate(found):
                besides[place] += [next(judged) for _ in passages]
        return besides

    def searched(self, system: System, examples: Sequence[Example]) -> list[str]:
        """What is searched for, for each example: what it asks, or a question that the model writes out of its conversation.

        Raises:
            CallsFailed: a call for such a question failed.
        """
        found, texts = self.rewritten(system, examples), system.texts(examples)
        return [(found[row.id].raw if row.id in found else "") or text for row, text in zip(examples, texts, strict=True)]

    def rewritten(self, system: System, examples: Sequence[Example]) -> dict[str, Answer]:
        """The questions that the model wrote to search by, by the examples that they are for.

        Raises:
            CallsFailed: a call for one failed.
        """
        rows = rows_to_rewrite(system, examples) if system.knowledge.rewrites else []
        answers = self._ask(rewriter(system), rows) if rows else []
        if failed := [answer.error for answer in answers if answer.finish == "error"]:
            raise CallsFailed(f"{len(failed)} of {len(answers)} calls for a question to search by failed, such as: {failed[0]}")
        return {row.id: answer for row, answer in zip(rows, answers, strict=True)}

"""The engine: render and answer a System. The only door to models and indexes.

`render` makes the one request that training rows, scoring and serving share. `answer` asks for what is not yet in the ledger, in
blocks that are saved before anything is done with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, reduce
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tailor.access import access
from tailor.batches import AllBatches
from tailor.content import Content, text_of
from tailor.data.example import Example
from tailor.documents.reading import documents_digest
from tailor.errors import ConfigError, StoreError, quoted
from tailor.ledger import Ledger
from tailor.media import located
from tailor.models.base import Array, Embedder, Listener, Message, Model, Reply, Request, Streaming
from tailor.models.endpoint.desk import Batching
from tailor.models.vectors import CachedEmbedder
from tailor.render import render_messages
from tailor.replies import replies_from, to_answer, without_prior
from tailor.retrieval.indexes import Indexes
from tailor.retrieval.passage import Passage
from tailor.rewritten import with_cost
from tailor.score.types import Answer, answer_from
from tailor.searching import Searching
from tailor.store.spending import Spending
from tailor.system import Prompt, Shot, System

if TYPE_CHECKING:
    from tailor.documents.reading import Document, Unread
    from tailor.models.tfidf import Tfidf

OnProgress = Callable[[int, int], None]
NOBODY: Mapping[str, Listener] = {}
MADE_ANEW = "run `tailor run` again; it is made again"


@dataclass
class Engine:
    """Models, index and ledger of one project, opened when first needed.

    Args:
        model: the generative model; the first of them where there are several.
        open_embedder: opens the embedder by name.
        ledger: where answers are saved.
        store: the project's store; tuned weights and indexes lie under it.
        documents: what can be retrieved; empty when the task has none.
        check: called between blocks; may raise `OutOfTime`.
        others: further generative models.
        judge: the model that judges free text; None where the task has no judge.
        spending: what the calls of all of them cost; None where no endpoint is asked.
        say: told what the user should know while it waits.
        keeps: whether vectors of what is asked are kept; those of a served system would pile up.
        unread: files of the documents that could not be read.
    """

    model: Model
    open_embedder: Callable[[str], Embedder]
    ledger: Ledger
    store: Path
    documents: Sequence[Document] = ()
    check: Callable[[], None] = lambda: None
    judge: Model | None = None
    spending: Spending | None = None
    others: Sequence[Model] = ()
    say: Callable[[str], None] = lambda sentence: None
    keeps: bool = True
    unread: Sequence[Unread] = ()
    _embedders: dict[str, CachedEmbedder] = field(default_factory=dict)
    _checked: dict[Path, str] = field(default_factory=dict)
    _words: dict[str, Tfidf] = field(default_factory=dict)
    _remembered: tuple[Prompt, list[Content], Array] | None = None

    @cached_property
    def batches(self) -> AllBatches:
        """Answers that come in batches, for models whose endpoints offer this."""
        return AllBatches(self.ledger, self.model_of, self.render, self._saved, lambda sentence: self.say(sentence))

    @property
    def folder(self) -> Path:
        """The project's folder, in which the images of rows lie."""
        return self.store.parent

    @property
    def models(self) -> tuple[Model, ...]:
        """The models whose systems are measured."""
        return (self.model, *self.others)

    def model_of(self, system: System) -> Model:
        """The model that a System was made with, by its digest: no other one answers for it.

        Raises:
            ConfigError: it is none of those that are open.
        """
        models = (*self.models, *([self.judge] if self.judge else []))
        found = next((model for model in models if model.digest == system.weights.digest), None)
        if found is None:
            made_with, names = system.weights.model, list(dict.fromkeys(model.name for model in models))
            now = "that model has others now" if made_with in names else f"the project asks {' and '.join(map(quoted, names))}"
            raise ConfigError(
                f"system {quoted(system.name)} was made with weights of {quoted(made_with)}, and {now}",
                "Set the same model in tailor.yaml, or run `tailor run` again.",
            )
        return found

    def embed(self, name: str, texts: Sequence[str]) -> Array:
        """Unit vectors of texts, shape (len(texts), dimensions); a text is never embedded twice in a project."""
        return self._embedder(name).embed(texts)

    def embedder_digest(self, name: str) -> str:
        """Digest of an embedder's weights."""
        return self._embedder(name).digest

    def _embedder(self, name: str) -> CachedEmbedder:
        if name not in self._embedders:
            self._embedders[name] = CachedEmbedder(self.open_embedder(name), self.store / "vectors.db", keeps=self.keeps)
        return self._embedders[name]

    @cached_property
    def indexes(self) -> Indexes:
        """The indexes over the documents."""
        return Indexes(self.store / "indexes", self.documents, self._embedder, self.ledger.alone)

    def with_documents(self, documents: Sequence[Document], folder: Path) -> Engine:
        """An engine with other documents, whose indexes lie in this folder; models, answers and vectors of questions are shared."""
        other = replace(self, documents=documents)
        other.indexes = Indexes(folder, documents, self._embedder, self.ledger.alone)
        return other

    def refreshed(self, system: System) -> System:
        """The System with the documents as they are now: what they say may change after it was chosen, without another run."""
        knowledge = system.knowledge
        if knowledge.kind == "none":
            return system
        if knowledge.kind == "whole":
            return system.with_(knowledge={"digest": documents_digest(self.documents, restricted=bool(knowledge.filter))})
        return system.with_(knowledge={"digest": self.indexes.digest(knowledge)})

    @cached_property
    def searching(self) -> Searching:
        """How passages are found for examples."""
        return Searching(lambda: self.indexes, self.answer, self.folder)

    def retrieve(self, system: System, examples: Sequence[Example]) -> list[tuple[Passage, ...]]:
        """The passages each example would be answered with, best first or last; none for a system without an index.

        Raises:
            CallsFailed: a call to find them failed.
        """
        return self.searching.retrieve(system, examples)

    def messages(self, system: System, examples: Sequence[Example]) -> list[tuple[tuple[Message, ...], tuple[Passage, ...]]]:
        """The chat and the passages in it for each example: for training, scoring and serving alike."""
        asked = [system.question(example) for example in examples]
        passages = self.retrieve(system, examples)
        shots = self._shots(system, asked, examples)
        chats = [
            render_messages(system, example, shown, found, self._whole(system, example))
            for example, shown, found in zip(examples, shots, passages, strict=True)
        ]
        if any(example.media for example in examples) or any(shot.media for shown in shots for shot in shown):
            chats = [tuple(replace(turn, content=located(turn.content, self.folder)) for turn in chat) for chat in chats]
        return list(zip(chats, passages, strict=True))

    def render(self, system: System, examples: Sequence[Example]) -> list[tuple[Request, tuple[Passage, ...]]]:
        """The complete request, and the passages in it, for each example."""
        decoding = system.decoding
        shown = decoding.choices
        unread = system.prompt.reasoning or decoding.several  # a label's probability is read off where it alone is written
        choices, labels = (shown, ()) if decoding.method == "score" else ((), () if unread else shown)
        asked = (
            choices,
            decoding.max_tokens,
            decoding.temperature,
            decoding.seed,
            system.pattern,
            decoding.json_schema,
            decoding.stop,
            labels,
        )
        return [(Request(chat, *asked), found) for chat, found in self.messages(system, examples)]

    def _whole(self, system: System, example: Example) -> Sequence[Document]:
        """The documents that are in the prompt as a whole: those that the row may read."""
        if system.knowledge.kind != "whole" or (allowed := access(system.knowledge.filter)) is None:
            return self.documents if system.knowledge.kind == "whole" else ()
        keys = allowed.keys(example.fields)
        return [document for document in self.documents if allowed.key(document.metadata) in keys]

    def _shots(self, system: System, questions: Sequence[Content], examples: Sequence[Example]) -> list[tuple[Shot, ...]]:
        """The worked examples each prompt shows. A training row never shows itself: equal questions are passed over.

        Where rows may not read all documents, one is shown to those alone that may read all that it may.
        """
        prompt, allowed = system.prompt, access(system.knowledge.filter)

        def may_see(example: Example, shot: Shot) -> bool:
            return allowed is None or allowed.keys(shot.fields) <= allowed.keys(example.fields)

        if not prompt.nearest:
            if allowed is None:
                return [prompt.shots] * len(questions)
            return [tuple(shot for shot in prompt.shots if may_see(example, shot)) for example in examples]
        asked, vectors = self._pool(prompt)
        likeness = self.embed(prompt.embedder, [text_of(question) for question in questions]) @ vectors.T
        chosen = []
        for question, row, example in zip(questions, likeness, examples, strict=True):
            others = (
                prompt.shots[i]
                for i in np.argsort(-row, kind="stable")
                if asked[i] != question and may_see(example, prompt.shots[i])
            )
            nearest = tuple(islice(others, prompt.nearest))
            chosen.append(nearest if prompt.nearest_first else nearest[::-1])
        return chosen

    def _pool(self, prompt: Prompt) -> tuple[list[Content], Array]:
        """What the worked examples of a prompt ask, and their vectors; those of the prompt asked last are remembered."""
        if self._remembered is None or self._remembered[0] != prompt:
            asked = [shot.question(prompt.input) for shot in prompt.shots]
            self._remembered = prompt, asked, self.embed(prompt.embedder, [text_of(question) for question in asked])
        return self._remembered[1:]

    def answer(
        self,
        system: System,
        examples: Sequence[Example],
        on_progress: OnProgress | None = None,
        listeners: Mapping[str, Listener] = NOBODY,
    ) -> list[Answer]:
        """One answer per example, in order; those in the ledger are not asked for again.

        An answer whose `finish` is "error" is a call that failed; it is not saved, and asked for again next time. `listeners`
        are told of what is written for the examples with these ids, where the model can.

        Raises:
            ModelError: no request can succeed.
            OutOfTime: the time limit was reached; whole blocks answered so far are saved.
        """
        if system.decoding.prior:
            return [without_prior(system, answer) for answer in self.answer(system.asked, examples, on_progress)]
        keys = [example.answer_key for example in examples]
        saved = self._saved(system, examples)
        missing = {key: example for key, example in zip(keys, examples, strict=True) if key not in saved}
        model = self.model_of(system) if missing and system.is_generative else self.model
        if missing and system.is_generative and isinstance(model, Streaming):
            if isinstance(model, Batching):
                self.batches.fetch(model, system, missing, saved, on_progress)
            if missing:
                self._stream(model, system, missing, saved, on_progress)
        elif missing:
            self._in_blocks(model, system, examples, saved, on_progress, listeners)
        elif examples and on_progress is not None:
            on_progress(len(examples), len(examples))
        answers = [answer_from(saved[key], example.id) for key, example in zip(keys, examples, strict=True)]
        besides = self.searching.besides(system, examples)
        return [reduce(with_cost, asked, answer) for answer, asked in zip(answers, besides, strict=True)]

    def _stream(
        self,
        model: Streaming,
        system: System,
        missing: Mapping[str, Example],
        saved: dict[str, dict[str, Any]],
        on_progress: OnProgress | None,
    ) -> None:
        """Ask for what is missing, several at once; each answer is saved, and put into `saved`, as it comes."""
        self.check()
        keys, examples = list(missing), list(missing.values())
        rendered = self.render(system, examples)
        total = len(saved) + len(missing)

        def deliver(replies: dict[int, Reply]) -> None:
            records = {
                keys[place]: asdict(to_answer(system, examples[place].id, reply, rendered[place][1]))
                for place, reply in replies.items()
            }
            self._keep(system, records)
            saved.update(records)
            if on_progress is not None:
                on_progress(len(saved), total)
            if len(saved) < total:
                self.check()

        if on_progress is not None:
            on_progress(len(saved), total)
        model.stream([request for request, _ in rendered], deliver)

    def _in_blocks(
        self,
        model: Model,
        system: System,
        examples: Sequence[Example],
        saved: dict[str, dict[str, Any]],
        on_progress: OnProgress | None,
        listeners: Mapping[str, Listener],
    ) -> None:
        """Ask in blocks that are cut from the examples in their order, so that a resumed run asks in the same batches."""
        keys = [example.answer_key for example in examples]
        done = 0
        for start in range(0, len(examples), model.block):
            block = list(range(start, min(start + model.block, len(examples))))
            missing = [i for i in block if keys[i] not in saved]
            if missing:
                self.check()
                asked = missing if model.capabilities.batch_invariant else block
                answers = self.ask(system, [examples[i] for i in asked], listeners)
                records = {keys[i]: asdict(answer) for i, answer in zip(asked, answers, strict=True) if keys[i] not in saved}
                self._keep(system, records)
                saved |= records
            done += len(block)
            if on_progress is not None:
                on_progress(done, len(examples))

    def missing(self, system: System, examples: Sequence[Example]) -> int:
        """How many of these examples the system has not answered yet."""
        saved = self._saved(system.asked, examples)
        return sum(example.answer_key not in saved for example in examples)

    def answered(self, fingerprint: str, examples: Sequence[Example]) -> list[Answer]:
        """The saved answers of a System, by its fingerprint, to those of the examples that it has answered, in their order."""
        saved = self.ledger.answers(fingerprint, {example.answer_key: example.old_answer_key for example in examples})
        return [answer_from(saved[example.answer_key], example.id) for example in examples if example.answer_key in saved]

    def _saved(self, system: System, examples: Sequence[Example]) -> dict[str, dict[str, Any]]:
        return self.ledger.answers(system.fingerprint, {example.answer_key: example.old_answer_key for example in examples})

    def _keep(self, system: System, records: dict[str, dict[str, Any]]) -> None:
        """Save answers; a failed call is not kept, so that the next run asks again."""
        self.ledger.save_answers(
            system.fingerprint, {key: record for key, record in records.items() if record["finish"] != "error"}
        )

    def ask(self, system: System, examples: Sequence[Example], listeners: Mapping[str, Listener] = NOBODY) -> list[Answer]:
        """One answer per example, in order, asked for now whatever the ledger holds, and not saved.

        Raises:
            ModelError: no request can succeed.
        """
        if not system.is_generative:
            return self._classify(system, examples)
        model = self.model_of(system)
        rendered = self.render(system, examples)
        told = {place: listeners[example.id] for place, example in enumerate(examples) if example.id in listeners}
        replies = replies_from(model, [request for request, _ in rendered], self._tuned(system), told)
        return [
            to_answer(system, example.id, reply, passages)
            for example, reply, (_, passages) in zip(examples, replies, rendered, strict=True)
        ]

    def _classify(self, system: System, examples: Sequence[Example]) -> list[Answer]:
        texts = system.texts(examples)
        scores = self._head_scores(system, texts)
        # The same stated estimate as elsewhere: a token is about four characters.
        return [
            Answer(example.id, system.decoding.likeliest(row), tuple(map(float, row)), tokens_in=-(-len(text) // 4))
            for example, text, row in zip(examples, texts, scores, strict=True)
        ]

    def _head_scores(self, system: System, texts: Sequence[str]) -> NDArray[np.float64]:
        """Log-probability of each label, or of each with yes and with no, shape (len(texts), choices)."""
        folder, digest = self.store / system.weights.tuned, system.weights.tuned_digest
        if system.weights.method == "tfidf":
            from tailor.models.tfidf import Tfidf

            if digest not in self._words:
                self._words[digest] = Tfidf.load(folder, digest)
            return self._words[digest].log_probabilities(texts)
        from tailor.models.head import Head

        head = Head.load(folder)
        if head.digest != digest:
            raise StoreError(f"{folder} does not hold the classifier of {system.name!r}", MADE_ANEW)
        return head.log_probabilities(self.embed(system.weights.model, texts))

    def _tuned(self, system: System) -> Path | None:
        """The folder of the system's tuned weights, checked once; None when it answers with the base weights."""
        if not system.weights.tuned:
            return None
        folder = self.store / system.weights.tuned
        if self._checked.get(folder) != system.weights.tuned_digest:
            from tailor.models.tune import read_tuned

            found = read_tuned(folder)
            if found is None or found.digest != system.weights.tuned_digest:
                raise StoreError(f"{folder} does not hold the tuned weights of {system.name!r}", MADE_ANEW)
            self._checked[folder] = found.digest
        return folder

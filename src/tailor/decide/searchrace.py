"""Which ways to cut, to order and to widen a search race by answers: those that find more, measured by search alone on dev rows.

Ways to cut documents are compared within the same words: what a prompt with one passage of the default holds, and what one with
three holds. So a way is not ahead because its passages are longer. What asks the model itself, as a reranker does, is tried only
where a right passage was found and not shown, or not found, and on so few rows that it takes a small share of the work done so far.
All of this chooses; nothing of it is a claim.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest
from pathlib import Path

from tailor.approaches.approach import Approach, TrainingData
from tailor.approaches.retrieval import Rerank, Retrieve, Widen
from tailor.data.example import Example
from tailor.decide.formats import format_percent
from tailor.decide.prices import READING, WRITING
from tailor.decide.rungs import NamedSearch, tie
from tailor.decide.step import Observer
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.errors import CallsFailed, ConfigError, DocumentsError, EndpointError, StoreError
from tailor.evaluate.found import DEPTH
from tailor.evaluate.run import Run
from tailor.evaluate.searched import Ranked, SearchTrial, ranked_by
from tailor.kinds.base import kind_of
from tailor.models.remote_embedder import embedder_settings
from tailor.models.wire import estimate_tokens
from tailor.render import render_messages
from tailor.reranked import BY_MODEL, judge_of_passages, rows_to_judge
from tailor.retrieval.chunk import chunk, count_words
from tailor.retrieval.chunking import chunking
from tailor.system import System
from tailor.task import Task
from tailor.widened import rows_to_widen, writer

CUTS = ("headings-60", "headings-240", "sentences-60-overlap-20", "headings-60-parent-240", "page")
"""Ways to cut that are tried besides the default."""
GO_ON = 2
"""Of them, those that race by answers at most."""
FEWEST, MOST = 16, 100
"""Rows by which searches are compared: with fewer, nothing is tried; more would tell little more."""
ASKED = 32
"""Rows for which the model is asked at most, to see whether an order or wording of its own finds more."""
SHARE = 1 / 4
"""Share of the tokens' time of everything answered so far that asking it may take."""
SAMPLE_WORDS = 25_000
"""Words of documents that are cut in other ways: all, or those nearest to what is asked."""
MOST_WORDS = 1_000_000
"""Words of documents up to which another way to cut, and so another index of all of them, is tried without being asked for."""
ROUNDING = 1.05
"""Passages may have so many times the words of those that they are compared with."""


@dataclass
class SearchRace(NamedSearch):
    """The ways to search that one climb tries: those that the settings name, and those that find more.

    Args:
        data: its dev rows that have an answer in the documents are searched for.
        engine: searches.
        observer: told what happens.
        runs: Runs on dev so far, whose tokens say what a small share is.
        limited: whether there is a time limit; then the model is asked nothing just to search.

    Attributes:
        trials: everything that was measured.
    """

    data: TrainingData
    engine: Engine
    observer: Observer
    runs: Sequence[Run]
    limited: bool = False
    trials: list[SearchTrial] = field(default_factory=list)
    _awake: bool = False
    _cuts: tuple[Approach, ...] | None = None
    _orders: dict[str, tuple[Approach, ...]] = field(default_factory=dict)

    @contextmanager
    def racing(self) -> Iterator[None]:
        """While this is held, what was not measured so far is; else only what was is told: a rung may not be climbed at all."""
        self._awake = True
        try:
            yield
        finally:
            self._awake = False

    def cuts(self, start: System) -> tuple[Approach, ...]:
        """Ways to cut that find clearly more than the default within the same words, the best ones."""
        if self._cuts is None and self._awake:
            self._cuts = ()
            rows = self._rows
            if len(rows) >= FEWEST and self.task.reads_text and not embeds_elsewhere(self.task):
                self.observer.began("search", "other ways to cut the documents")
                self._cuts = self._tried("ways to cut the documents", lambda: self._race_cuts(start, rows))
        return self._cuts or ()

    def orders(self, run: Run) -> tuple[Approach, ...]:
        """What the settings name, and what the model's own order or wordings are measured to find more by."""
        named, key = super().orders(run), run.system.fingerprint
        if key not in self._orders and self._awake:
            self._orders[key] = ()
            if len(self._rows) >= FEWEST and not self.limited:
                self._orders[key] = self._tried("orders of passages", lambda: self._race_orders(run.system))
        return tuple(dict.fromkeys((*named, *self._orders.get(key, ()))))

    def _tried(self, what: str, race: Callable[[], tuple[Approach, ...]]) -> tuple[Approach, ...]:
        """What comes of a race; nothing where something is in its way, unless the same is in the way of everything."""
        try:
            return race()
        except (CallsFailed, ConfigError, DocumentsError, StoreError, EndpointError) as error:
            if isinstance(error, EndpointError) and error.fatal:
                raise
            self.observer.message(f"Other {what} were not tried: {error}.")
            return ()

    @property
    def _rows(self) -> tuple[Example, ...]:
        """Dev rows that say what is right, the first ones."""
        if kind_of(self.task).closed:
            return ()
        return tuple(row for row in self.data.dev if row.answers)[:MOST]

    def _race_cuts(self, start: System, rows: Sequence[Example]) -> tuple[Approach, ...]:
        default = Retrieve("hybrid", passages=1)
        system = default.fit(start, self.data, self.engine)
        words = sum(count_words(document.text) for document in self.engine.documents)
        found = ranked_by(system, rows, self.engine)
        if 1 - _mean(found.recall(1)) < tie(self.task):
            self.observer.message(f"{default.name} finds all that another way to cut the documents could find: none is tried.")
            return ()
        among = 0
        if words <= SAMPLE_WORDS:
            trials = self._trials(start, found, self.engine)
        else:
            documents = nearest(self.engine.documents, found, SAMPLE_WORDS)
            among = sum(count_words(document.text) for document in documents)
            with tempfile.TemporaryDirectory(prefix=".race-", dir=self.engine.store) as folder:
                sampled = self.engine.with_documents(documents, Path(folder))
                system = default.fit(start, self.data, sampled)
                trials = self._trials(start, ranked_by(system, rows, sampled), sampled)
        best = sorted(trials, key=lambda pair: pair[1].other - (pair[1].recall.mean if pair[1].recall else 0.0))
        going = [approach for approach, trial in best if trial.races][:GO_ON]
        for approach, trial in trials:
            self.trials.append(replace(self._settled(trial, approach in going, words), among=among))
        return tuple(going) if words <= MOST_WORDS else ()

    def _settled(self, trial: SearchTrial, going: bool, words: int) -> SearchTrial:
        """The trial with what became of it, which is said too."""
        why = trial.why
        if trial.races and not going:
            why = f"{why}, and {GO_ON} others find more yet"
        elif trial.races and words > MOST_WORDS:
            why = f"{why}; an index of {words:,} words would be needed besides, so it races only where `approaches` names it"
        settled = replace(trial, races=going and words <= MOST_WORDS, why=why)
        if going:
            self.observer.message(f"{settled.name}: {settled.why}.")
        return settled

    def _trials(self, start: System, default: Ranked, engine: Engine) -> list[tuple[Approach, SearchTrial]]:
        """Each other way to cut, with as many passages as show as many words as one or three of the default do."""
        plain = sum(len(chunk(document)) for document in engine.documents)
        made = []
        for name in CUTS:
            cut = chunking(name)
            if name == "page" and not any(document.pages for document in engine.documents):
                continue
            if sum(len(chunk(document, cut)) for document in engine.documents) == plain:
                continue  # documents of one passage each are cut the same whatever is asked for
            found = ranked_by(Retrieve("hybrid", chunks=name).fit(start, self.data, engine), default.rows, engine)
            made.append(self._within_words(name, found, default))
        return made

    def _within_words(self, name: str, found: Ranked, default: Ranked) -> tuple[Approach, SearchTrial]:
        """The number of passages by which a way to cut gains most against the default in as many words."""
        tried = []
        for shown in (1, 3):
            words = default.words(shown)
            fit = found.within(words * ROUNDING)
            tried.append((_mean(found.recall(fit)) - _mean(default.recall(shown)), shown, max(fit, 1), fit > 0))
        gain, against, shown, fits = max(tried, key=lambda one: (one[0], -one[1]))
        approach, other = Retrieve("hybrid", passages=shown, chunks=name), Retrieve("hybrid", passages=against)
        recall, before = found.interval(shown), _mean(default.recall(against))
        more = gain >= tie(self.task)
        said = f"finds {format_percent(recall.mean)} where {other.name} finds {format_percent(before)}"
        why = f"{said} in about as many words" if fits else f"its passages are longer than what {other.name} shows"
        counted = (shown, found.words(shown), len(found.rows))
        return approach, SearchTrial(approach.name, other.name, *counted, recall, before, found.gain, 0, more and fits, why)

    def _race_orders(self, system: System) -> tuple[Approach, ...]:
        """What asks the model for a search, where that can gain and takes a small share of the work so far."""
        model, rows = self.engine.model_of(system), self._rows
        found = ranked_by(system, rows, self.engine)
        shown = system.knowledge.passages
        now = _mean(found.recall(shown))
        tried: list[tuple[Approach, float]] = []
        if system.knowledge.rerank == "" and BY_MODEL not in self.task.retrieval.rerank and model.capabilities.scores:
            tried.append((Rerank(), _mean(found.recall(DEPTH))))
        if system.knowledge.queries == "":
            tried += [(Widen(way), 1.0) for way in ("hyde", "several") if way not in self.task.retrieval.queries]
        going = []
        for approach, most in tried:
            trial = self._order(approach, system, found, now, most)
            self.trials.append(trial)
            if trial.races:
                going.append(approach)
                self.observer.message(f"{trial.name}: {trial.why}.")
        return tuple(going)

    def _order(self, approach: Approach, system: System, found: Ranked, now: float, most: float) -> SearchTrial:
        """One of them on a few rows, or why it is not tried."""
        shown = system.knowledge.passages
        name = system.then(approach.name).name

        def left_out(why: str) -> SearchTrial:
            return SearchTrial(name, system.name, shown, found.words(shown), 0, None, now, why=why)

        if most - now < self.task.smallest_effect:
            where = "are among the first ten" if isinstance(approach, Rerank) else "there are"
            return left_out(f"{format_percent(now)} are shown already, and {format_percent(most)} {where}")
        if self.engine.model_of(system).capabilities.billed:
            return left_out("its further calls would be paid for, so it races only where `retrieval` in tailor.yaml names it")
        each, calls = self._work(approach, system, found.first(FEWEST))
        count = min(ASKED, len(found.rows), int(SHARE * sum(map(work_of, self.runs)) / each) if each else ASKED)
        if count < FEWEST:
            return left_out(f"{calls:.0f} calls for each row would take more than {format_percent(SHARE)} of the work so far")
        self.observer.began("search", name)
        few = found.first(count)
        other = ranked_by(approach.fit(system, self.data, self.engine), few.rows, self.engine)
        before, recall = _mean(few.recall(shown)), other.interval(shown)
        more = recall.mean - before >= tie(self.task)
        why = f"finds {format_percent(recall.mean)} where {system.name} finds {format_percent(before)} on {count} rows"
        return SearchTrial(
            name, system.name, shown, other.words(shown), count, recall, before, other.gain, round(calls * count), more, why
        )

    def _work(self, approach: Approach, system: System, few: Ranked) -> tuple[float, float]:
        """The tokens' time of what the model is asked for one row, estimated, and the number of calls."""
        texts = system.texts(few.rows)
        if isinstance(approach, Rerank):
            asked, rows = judge_of_passages(system), rows_to_judge(texts, few.passages)
        else:
            asked, rows = writer(approach.fit(system, self.data, self.engine)), rows_to_widen(texts)
        read = sum(estimate_tokens(render_messages(asked, row)) for row in rows)
        written = len(rows) * asked.decoding.max_tokens if asked.decoding.method == "generate" else 0
        return (read / READING + written / WRITING) / len(few.rows), len(rows) / len(few.rows)


class ForeseenSearch(NamedSearch):
    """The most that may race, before anything is measured: to foresee what a study takes."""

    def cuts(self, start: System) -> tuple[Approach, ...]:
        """As many other ways to cut as may go on, showing as many words as three passages of the default."""
        if kind_of(self.task).closed or not self.task.reads_text or embeds_elsewhere(self.task):
            return ()
        return tuple(Retrieve("hybrid", passages=3, chunks=name) for name in CUTS[:GO_ON])


def embeds_elsewhere(task: Task) -> bool:
    """Whether the embedder is behind an endpoint: each way to cut has other passages, all of which it would see and charge for."""
    return embedder_settings(task.embedder) is not None


def nearest(documents: Sequence[Document], found: Ranked, words: int) -> list[Document]:
    """Documents with about so many words: those that rows name, then those found first for each, those found second, and so on."""
    by_path = {document.path: document for document in documents}
    named = chain.from_iterable(row.sources for row in found.rows)
    by_rank: Iterable[str] = (passage.document for rank in zip_longest(*found.passages) for passage in rank if passage is not None)
    chosen: dict[str, Document] = {}
    total = 0
    for path in chain(named, by_rank):
        if path in by_path and path not in chosen:
            total += count_words(by_path[path].text)
            if chosen and total > words:
                break
            chosen[path] = by_path[path]
    return sorted(chosen.values(), key=lambda document: document.path)


def work_of(run: Run) -> float:
    """The time of a Run's tokens at the nominal speeds."""
    return len(run.examples) * (run.tokens_in / READING + run.tokens_out / WRITING)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0

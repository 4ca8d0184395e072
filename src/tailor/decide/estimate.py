"""What a study will ask endpoints for, before it asks: calls, tokens and money, from the least to the most.

The least is a climb that ends at its baseline; the most is one of every rung that takes a finalist of each kind to the test.
How many calls a race takes does not depend on who wins it (`tailor.decide.race`), so the limits are counted and not guessed; only
the length of prompts and answers is estimated, and known better once the endpoint has counted a few (the preflight).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import mean

from tailor import rewritten, widened
from tailor.approaches.approach import Chain, starting_system, talks
from tailor.approaches.distil import MOST_TAUGHT, Distil
from tailor.approaches.prompting import (
    PRIOR_ROWS,
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
from tailor.content import text_of
from tailor.data.example import Splits
from tailor.data.power import most_claims
from tailor.decide.amounts import SHORTER, Asker, Estimate, Range
from tailor.decide.ask_again import SHARE
from tailor.decide.candidates import race_rows
from tailor.decide.ladder import STOP_CONFIDENCE
from tailor.decide.preflight import Preflight
from tailor.decide.prices import batch_share, judge_rates, price_list
from tailor.decide.race import Record, rounds
from tailor.decide.rungs import Proposal, Rung, ladder
from tailor.decide.searchrace import ForeseenSearch
from tailor.diagnose.knowledge import ASKED
from tailor.documents.reading import Document
from tailor.evaluate.consistency import sampled
from tailor.evaluate.judge import judge_systems, sample_case
from tailor.evaluate.pairwise import compare_system, sample_pair
from tailor.evaluate.rewording import askings
from tailor.evaluate.run import Run
from tailor.jsonform import with_reasoning
from tailor.kinds.base import kind_of
from tailor.models.base import Metered, Model
from tailor.models.wire import estimate_tokens
from tailor.render import render_messages
from tailor.reranked import BY_MODEL
from tailor.reranked import DEPTH as RERANKED
from tailor.retrieval.chunk import chunk
from tailor.retrieval.passage import Passage
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import clopper_pearson_lower, lower_bound
from tailor.stats.spending import of_target
from tailor.system import Knowledge, Shot, System
from tailor.task import Task

LONGEST = 5
"""Examples in the longest of the prompts that are tried anyway."""
SAMPLE = 24
"""Rows whose prompts are looked at."""


def expected_spending(
    task: Task,
    splits: Splits,
    models: Sequence[Model],
    judge: Model | None,
    documents: Sequence[Document] = (),
    *,
    flights: Sequence[Preflight] = (),
    everything: bool = False,
    limited: bool = False,
) -> Estimate | None:
    """What a study is expected to ask endpoints for; None where none is asked.

    Args:
        task: the task.
        splits: its data.
        models: those that answer; they are asked nothing here.
        judge: the model that judges; None where there is none.
        documents: what may be read.
        flights: what the endpoints showed when they were asked.
        everything: whether every rung is climbed.
        limited: whether a time limit may end the climb anywhere.
    """
    known = {(flight.role, flight.digest): list(zip(flight.answers, flight.lengths, strict=True)) for flight in flights}
    judging = None
    if judge is not None and isinstance(judge, Metered):
        judging = Asker(judge_rates(task, judge), known.get(("judge", judge.digest), ()))
    if judging is None and not any(isinstance(model, Metered) for model in models):
        return None
    if judging is not None and task.judge is not None and task.judge.model.batch is not False:
        judging = replace(judging, rates=judging.rates.times(batch_share(task.judge.model)))
    prices, total = price_list(task, models), Estimate(currency=task.prices.currency)
    # Of a model on this machine a stand-in may be given, so that the settings say whether one can be tuned.
    taught = 0 if all(settings.is_remote for settings in task.asked) else min(splits.unlabelled, MOST_TAUGHT)
    teaching = [total]
    for model, settings in zip(models, task.asked, strict=True):
        rates = prices.models[model.digest].times(batch_share(settings) if settings.batch is not False else 1.0)
        asker = Asker(rates, known.get(("model", model.digest), ())) if isinstance(model, Metered) else None
        plan = StudyPlan(task, splits, model, documents, everything, limited, alone=len(models) == 1)
        total += plan.estimate(asker, judging)
        if asker is not None and taught:
            teaching.append(plan.teaching(asker, taught))
    return total + max(teaching, key=lambda part: part.money.high if part.money else math.inf)


Climbed = dict[Rung, tuple[list[System], bool]]
"""The candidates of each rung, and whether it is climbed whatever is measured below it."""


@dataclass
class StudyPlan:
    """The calls of a study.

    Args:
        task: the task.
        splits: its data.
        model: the model that answers; it is asked nothing here.
        documents: what may be read.
        everything: whether every rung is climbed.
        limited: whether a time limit may end the climb anywhere.
        alone: whether it is the only model. With others, of which one may be cheaper and good enough, or in a race with it, only
            its baseline is certain. In a race with them, each of its
            candidates may have to answer all of dev.
    """

    task: Task
    splits: Splits
    model: Model
    documents: Sequence[Document] = ()
    everything: bool = False
    limited: bool = False
    alone: bool = True
    _passages: tuple[Passage, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        found = sorted((passage for page in self.documents for passage in chunk(page)), key=lambda passage: len(passage.text))
        self._passages = tuple(found[len(found) // 2 :][:1])

    def estimate(self, asker: Asker | None, judge: Asker | None = None) -> Estimate:
        """What the study takes, from least to most.

        Args:
            asker: the model; None where it is on this machine and costs nothing.
            judge: the judge; None where there is none, or it is on this machine.
        """
        total = Estimate(currency=self.task.prices.currency)
        for system, calls, certain in self.calls():
            if asker is not None:
                steps = system.prompt.reasoning
                total += asker.estimate(calls, self.prompt(system), system.decoding.max_tokens, steps=steps)
                for asked, times in self._for_a_search(system):
                    total += asker.estimate(calls.times((times, times)), self.prompt(asked), asked.decoding.max_tokens)
            if judge is not None:
                total += self._judged(judge, replace(calls, low=SHORTER * calls.low if certain else 0.0), system)
        return total + self._compared(judge) if judge is not None else total

    def _for_a_search(self, system: System) -> list[tuple[System, int]]:
        """Systems with prompts as long as what is asked to find the passages of one answer, and how often each is asked."""
        knowledge = system.knowledge
        plain = system.with_(knowledge=Knowledge())
        asked = []
        if knowledge.rewrites:  # it reads the conversation
            asked.append((plain.with_(decoding={"max_tokens": rewritten.MAX_TOKENS}), 1))
        if knowledge.queries:
            asked.append((plain.with_(decoding={"max_tokens": widened.MAX_TOKENS}), 1))
        if knowledge.rerank == BY_MODEL:
            asked.append((system.with_(knowledge={"passages": 1}, decoding={"max_tokens": 1}), RERANKED))
        return asked

    def teaching(self, asker: Asker, rows: int) -> Estimate:
        """What labelling rows takes at most, should the longest system of this model be the teacher."""
        costliest = max((system for system, _, _ in self.calls()), key=self._weight)
        steps, most = costliest.prompt.reasoning, costliest.decoding.max_tokens
        return asker.estimate(Range(0, rows), self.prompt(costliest), most, steps=steps)

    def calls(self) -> list[tuple[System, Range, bool]]:
        """Each system as far as it can be known, how often it is asked, and whether others cannot have said the same before."""
        start, rows = starting_system(self.task, self.splits.train, self.model), len(self.splits.dev)
        talk = talks(self.task, self.splits.dev)
        can, search = replace(self.model.capabilities, tunes=False), ForeseenSearch(self.task)
        rungs = ladder(self.task, bool(self.documents), can, talks=talk, search=search)
        asked: list[tuple[System, Range, bool]] = [(start, Range(rows, rows), True)]
        climbed: Climbed = {rungs[0]: ([start], True)}
        for rung in rungs[1:]:
            if rung.optional and not self.everything:
                continue
            systems = self._systems(rung, start, climbed)
            climbed[rung] = (systems, self._is_certain(rung))
            for system, calls in self._race(systems, certain=self._is_certain(rung)):
                # Other ways to cut the documents race only if they find more.
                asked.append((system, Range(0, calls.high) if system.knowledge.chunks else calls, False))
        if start.chooses:
            costliest = max((system for systems, _ in climbed.values() for system in systems), key=self._weight)
            asked.append((costliest, Range(0, PRIOR_ROWS + 1), False))
        asked += self._diagnosis(climbed)
        chosen = self._finalists(start, climbed)
        asked += [(system, calls.times((len(self.splits.test),) * 2), system is start) for system, calls in chosen]
        return asked + self._again(chosen, most=SHARE * sum(calls.high for _, calls, _ in asked))

    def _again(self, chosen: Sequence[tuple[System, Range]], most: float) -> list[tuple[System, Range, bool]]:
        """How often the finalists are asked again: all that can be asked or nothing where the task says so, else up to `most`."""
        if self.task.ask_again is False:
            return []
        rows = sampled((self.model,), self.splits.dev)
        asked = [(system, calls, sum(len(one.examples) for one in askings(system, rows, self.model))) for system, calls in chosen]
        whole = sum(calls.high * again for _, calls, again in asked)
        by_share = self.task.ask_again is None and self.model.capabilities.billed
        part = min(1.0, most / whole) if by_share and whole else 1.0
        certain = self.task.ask_again is True and not self.limited
        return [(system, calls.times((again if certain else 0, again * part)), False) for system, calls, again in asked]

    def prompt(self, system: System) -> float:
        """Estimated length of a system's prompts, in tokens."""
        whole = self.documents if system.knowledge.kind == "whole" else ()
        found = self._passages * system.knowledge.passages if system.knowledge.kind == "index" else ()
        rows = (*self.splits.dev, *self.splits.test)[:: max(1, (len(self.splits.dev) + len(self.splits.test)) // SAMPLE)]
        chats = [render_messages(system, row, system.prompt.shots, found, whole) for row in rows]
        return mean(map(estimate_tokens, chats)) if chats else 0.0

    def _weight(self, system: System) -> float:
        return self.prompt(system) + 4 * system.decoding.max_tokens  # an answer's token usually costs about four times as much

    def _is_certain(self, rung: Rung) -> bool:
        """Whether a rung is climbed whatever is measured below it."""
        if self.everything or self.limited or not self.alone:
            return self.everything and self.alone
        if self.task.judge is not None:  # nothing is forecast, and no verdict ends the climb
            return True
        dev, test = self.splits.dev, self.splits.test
        shows = lower_bound([1.0] * len(dev), 1 - STOP_CONFIDENCE, groups=[row.unit for row in dev]) >= self.task.target
        rows = round(len(test) / usual_size([row.unit for row in test]))
        certifies = clopper_pearson_lower(rows, rows, of_target(1, most_claims(self.task))) >= self.task.target
        return rung.is_open and rung.builds_on is None and not (shows and certifies)

    def _systems(self, rung: Rung, start: System, climbed: Climbed) -> list[System]:
        """The candidates of a rung, as far as they can be known before anything is asked or searched."""
        below = climbed.get(rung.builds_on, ([], False))[0] if rung.builds_on else []
        for base in (*sorted(below, key=self._weight, reverse=True), start):  # the most expensive that it may build on
            made = [self._sketch(proposal) for proposal in rung.candidates(start, [Run(base, "dev", (), (), ())])]
            if made:
                return [system for system in made if system is not None]
        return []

    def _sketch(self, proposal: Proposal) -> System | None:
        """A system with prompts as long as those that the approach would make; None where there is none."""
        approach, base = proposal.approach, proposal.base
        decoding = base.decoding
        if isinstance(approach, Grounded) and decoding.json_schema:
            return None
        if isinstance(approach, FewShot):
            return base.then(approach.name, prompt={"shots": self._shots(base, approach.count)})
        if isinstance(approach, ChainOfThought | FreeForm | QuoteSources):
            return _formed(approach, base)
        if isinstance(approach, Retrieve):
            index = Knowledge(kind="index", search=approach.search, passages=approach.passages, embedder=self.task.embedder)
            index = index.with_(rewrites=approach.rewrites, chunks=approach.chunks)
            return base.then(approach.name, knowledge=index)
        if isinstance(approach, Rerank):
            return base.then(approach.name, knowledge={"rerank": approach.by}) if base.knowledge.kind == "index" else None
        if isinstance(approach, Widen):
            return base.then(approach.name, knowledge={"queries": approach.way}) if base.knowledge.kind == "index" else None
        if isinstance(approach, WholeDocuments):
            whole = base.then(approach.name, knowledge=Knowledge(kind="whole"))
            return whole if self.prompt(whole) + decoding.max_tokens <= self.model.context_tokens else None
        if isinstance(approach, Chain):
            made: System | None = base
            for part in approach.parts:
                made = made and self._sketch(Proposal(part, made))
            return made
        changes: dict[type, dict[str, object]] = {
            Grounded: {"grounded": True},
            Persona: {"persona": self.task.persona},
            Constraints: {"constraints": self.task.constraints},
            WriteLabels: {},
            ZeroShot: {},
        }
        if isinstance(approach, RemovePrior | FineTune | Distil | Reference | TfidfReference):
            return None  # it asks nothing new here, or weights of this machine
        if (change := changes.get(type(approach))) is not None:
            return base.then(approach.name, prompt=change)
        # What a package adds is taken to show as much as the longest prompt of our own.
        return base.then(approach.name, prompt={"shots": self._shots(base, LONGEST)})

    def _shots(self, base: System, count: int) -> tuple[Shot, ...]:
        """Worked examples of the usual length."""
        found = self._passages * base.knowledge.passages if base.knowledge.kind == "index" else ()
        shots = [
            Shot(
                answer=kind_of(self.task).target_text(base, row, found),
                fields=row.fields,
                media=row.media,
                passages=tuple(found) if base.knowledge.kind == "index" else None,
            )
            for row in self.splits.train
        ]
        shots.sort(key=lambda shot: len(text_of(base.shown(shot))))
        middle = max(0, (len(shots) - count + 1) // 2)
        return tuple(shots[middle : middle + count])

    def _race(self, systems: Sequence[System], *, certain: bool) -> list[tuple[System, Range]]:
        """How often each system is asked: at most if the most expensive go on, at least if the cheapest do, or the rung is left
        out.
        """
        blocks = [len(block) for block in race_rows(self.splits.dev, ()).blocks]
        if not self.alone:
            return [(system, Range(0, sum(blocks))) for system in systems]
        asked = [0] * len(systems)
        for stage in rounds(len(systems), len(blocks), lambda arm: Record(-arm, 1.0)):
            for arm in stage.candidates:
                asked[arm] += sum(blocks[stage.blocks.start : stage.blocks.stop])
        by_cost = sorted(systems, key=self._weight)
        rows = sorted(asked, reverse=True)
        return [
            (system, Range(fewest if certain else 0, most))
            for system, fewest, most in zip(by_cost, rows, reversed(rows), strict=True)
        ]

    def _diagnosis(self, climbed: Climbed) -> list[tuple[System, Range, bool]]:
        """Rows that the diagnosis asks with a passage, which the race may leave out."""
        found = [system for systems, _ in climbed.values() for system in systems if system.knowledge.search == "hybrid"]
        if self.task.judge is not None or not found:
            return []
        rows = min(len(self.splits.dev), ASKED + self.model.block)
        return [(found[0], Range(0, rows), False)]

    def _finalists(self, start: System, climbed: Climbed) -> list[tuple[System, Range]]:
        """Who may meet the test: the baseline, and the best of a kind, which for prompts may be the baseline again."""
        chosen = [(start, Range(float(self.alone), 1))]
        made = [(system, certain) for systems, certain in climbed.values() for system in systems if not system.is_start]
        for reads in (False, True):
            systems = [system for system, _ in made if system.has_knowledge == reads]
            if systems:
                certain = reads and any(sure for system, sure in made if system.has_knowledge)
                chosen.append((min(systems, key=self._weight), Range(float(certain), 0)))
                chosen.append((max(systems, key=self._weight), Range(0, 1)))
        return chosen

    def _compared(self, judge: Asker) -> Estimate:
        """What comparing two finalists side by side takes at most: their answers to each test row, in both orders."""
        if self.task.judge is None or not self.task.judge.compare or not self.splits.dev:
            return Estimate(currency=self.task.prices.currency)
        asked = compare_system(self.task.judge, self.model)
        rows = [sample_pair(self.task, row) for row in self.splits.dev[:SAMPLE]]
        plain = mean(estimate_tokens(render_messages(asked, row)) for row in rows)
        return judge.estimate(Range(0.0, 2.0 * len(self.splits.test)), plain, asked.decoding.max_tokens)

    def _judged(self, judge: Asker, calls: Range, system: System) -> Estimate:
        """What judging the answers takes: each other answer once by each criterion, or by all together."""
        total = Estimate(currency=self.task.prices.currency)
        if self.task.judge is None or not self.splits.dev:
            return total
        rows = [sample_case(self.task, row) for row in self.splits.dev[:SAMPLE]]
        for asked in judge_systems(self.task.judge, self.model).values():
            plain, most = mean(estimate_tokens(render_messages(asked, row)) for row in rows), asked.decoding.max_tokens
            total += judge.estimate(Range(calls.low, 0.0), plain, most)
            total += judge.estimate(Range(0.0, calls.high), plain + system.decoding.max_tokens, most)
        return total


def _formed(approach: ChainOfThought | FreeForm | QuoteSources, base: System) -> System | None:
    """The system that writes more than its answer, or in no form; None where the form has no place for it."""
    decoding = base.decoding
    if isinstance(approach, FreeForm):
        return base.then(approach.name, decoding={"json_schema": ""})
    if isinstance(approach, QuoteSources):
        return approach.quoting(base)
    schema = decoding.json_schema and with_reasoning(decoding.json_schema)
    if schema is None:
        return None
    longer = {"max_tokens": decoding.max_tokens + approach.max_tokens, "json_schema": schema}
    return base.then(approach.name, prompt={"reasoning": True}, decoding=longer)

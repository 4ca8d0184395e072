"""Synthetic worlds in which the truth is known, put through the whole procedure: dev, finalists, sealed test, decision.

A world has 5 to 10 systems: a baseline, prompt variants, two ways of retrieval, a tuned and a combined one, each more expensive
than the one before. Each has a true share of right answers. An item is as hard for one system as for another to a degree drawn per
world: of the variance of a normal latent score, 40 to 80 % is common to all systems (a correlation of answers of about .3 to .6),
and where items come in groups half of that is common to the group. Dev has 100 items. `tailor.decide.finalists.finalists` chooses
from dev, `tailor.decide.decision.decide` decides on the test items.

In a world of several models there are six systems on three of them, whose tokens cost 1, 10 and 100: each plain, the small
one tuned, the others shown the nearest examples. Dev is then weighed in money, and the best of each model meets the test, too.

Kinds of worlds:

- spread: the best system is right for 60 to 97 %, the others are 0 to 20 points worse; the target lies from 5 points below the best
  to 3 above.
- edge: the target lies between 70 and 95 %; every system is either just below it (by up to half a point), where a claim would be
  false, or worse than that by just more than the smallest effect of 2 points, where it would be a wrong cheap pick.
- equal: every system is right for the same share, half a point below the target.
- gain: tuning is right for exactly 10 points more than the baseline, at 55 to 85 % for the baseline; the others lie between them.

What is counted:

- a false claim: a decision says anything false to be shown: that a system meets the target, that none does, that one system is
  better than another, or that the chosen one loses less than the smallest effect to every more expensive one (the most expensive:
  is better than all others).
- a missed limit: any certified limit or any limit of any difference does not hold, claimed or not.
- a wrong cheap pick: a claim is made, and the chosen system is truly below the target and truly worse than a more expensive
finalist by
  more than the smallest effect.
- a find: in a world of gain, tuning is shown to be better than the baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.groups import draw_groups
from tailor.data.example import Example, SplitName
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.finalists import finalists
from tailor.decide.prices import PriceList
from tailor.decide.types import Decision, Rates
from tailor.evaluate.run import Run
from tailor.score.types import Answer, Score
from tailor.stats.clusters import Floats
from tailor.system import Knowledge, Prompt, System, Weights
from tailor.task import Task

DEV_ROWS = 100
EFFECT = 0.02
RATES = Rates(1.0, 2.0, 0.0, "")

_STEPS = ("zero-shot", "shots", "nearest", "persona", "constraints", "thought", "bm25", "hybrid", "lora", "hybrid > lora")
_RIGHT, _WRONG = Score("right", 1.0, "y"), Score("wrong", 0.0, "n")
_TASK = Task.model_validate(
    {
        "name": "w",
        "kind": "classify",
        "instruction": "i",
        "input": "{{x}}",
        "output": "y",
        "data": "a.csv",
        "smallest_effect": EFFECT,
    }
)


@dataclass(frozen=True)
class World:
    """The truth: a target, the systems, cheapest first, and for each of them by name its share of right answers."""

    target: float
    systems: tuple[System, ...]
    rates: dict[str, float]

    @property
    def prices(self) -> PriceList:
        """What the tokens of its models cost."""
        return PRICES_OF_SEVERAL if self.systems[0].label else PRICES


@dataclass(frozen=True)
class Outcome:
    """What a decision did in one world; see the head of this module."""

    false_claim: bool
    missed_limit: bool
    wrong_cheap_pick: bool
    claim: bool
    find: bool


def make_system(steps: str) -> System:
    """A System that `finalists` takes for what its name says."""
    parts = steps.split(" > ")
    return System(
        steps=tuple(parts),
        weights=Weights(model="m", method="lora" if "lora" in parts else "none", tuned="t" if "lora" in parts else ""),
        prompt=Prompt(instruction=steps, input="{{x}}"),
        knowledge=Knowledge(kind="index") if {"bm25", "hybrid"} & set(parts) else Knowledge(),
    )


SYSTEMS = {steps: make_system(steps) for steps in _STEPS}
MODELS = {"small": 1.0, "middle": 10.0, "large": 100.0}
"""Of a world of several models, with what a token of each costs as a multiple of `RATES`."""
ON_MODELS = {"small": ("zero-shot", "lora"), "middle": ("zero-shot", "nearest"), "large": ("zero-shot", "nearest")}
PRICES = PriceList({"": RATES}, RATES)
PRICES_OF_SEVERAL = PriceList({model: RATES.times(times) for model, times in MODELS.items()}, RATES)


def systems_on_models() -> tuple[System, ...]:
    """Six systems on three models, cheapest first."""
    return tuple(
        SYSTEMS[steps].with_(weights={"model": model, "digest": model}, label=model)
        for model, tried in ON_MODELS.items()
        for steps in tried
    )


def make_world(kind: str, random: np.random.Generator, *, several: bool = False) -> World:
    """A world of the kind, of six systems on several models; or of 5 to 10 on one, baseline and tuning always among them."""
    if several:
        systems = systems_on_models()
    else:
        others = [steps for steps in _STEPS if steps not in ("zero-shot", "lora")]
        chosen = {"zero-shot", "lora", *random.choice(others, size=random.integers(3, 9), replace=False)}
        systems = tuple(SYSTEMS[steps] for steps in _STEPS if steps in chosen)
    target, rates = _truth(kind, [system.name for system in systems], random)
    return World(target, systems, {system.name: rate for system, rate in zip(systems, rates, strict=True)})


def _truth(kind: str, names: Sequence[str], random: np.random.Generator) -> tuple[float, Floats]:
    """The target, and the share of right answers of each system."""
    rates: Floats
    if kind == "spread":
        best = random.uniform(0.6, 0.97)
        rates = best - random.uniform(0, 0.2, size=len(names))
        rates[random.integers(len(names))] = best
        return min(best + random.uniform(-0.05, 0.03), 0.99), rates
    if kind == "gain":
        low = random.uniform(0.55, 0.85)
        rates = low + random.uniform(0, 0.1, size=len(names))
        rates[0], rates[names.index(SYSTEMS["lora"].name)] = low, low + 0.1
        return 0.99, rates
    target = random.uniform(0.7, 0.95)
    short = np.full(len(names), 0.005)
    if kind == "edge":
        short = random.uniform(0.001, 0.005, size=len(names)) + np.where(random.random(len(names)) < 0.5, EFFECT + 0.005, 0.0)
    return target, target - short


def answers(world: World, groups: Sequence[str], shared: float, random: np.random.Generator) -> Floats:
    """Right (1) or wrong (0), shape (items, systems)."""
    from scipy.special import ndtri

    index = np.unique([group or str(row) for row, group in enumerate(groups)], return_inverse=True)[1]
    grouped = any(groups)
    common = random.normal(size=len(groups))
    if grouped:
        common = np.sqrt(0.5) * common + np.sqrt(0.5) * random.normal(size=index.max() + 1)[index]
    own = random.normal(size=(len(groups), len(world.rates)))
    score = np.sqrt(shared) * common[:, None] + np.sqrt(1 - shared) * own
    right: Floats = (score < ndtri(np.array(list(world.rates.values())))).astype(float)
    return right


def make_run(system: System, split: SplitName, values: Floats, examples: tuple[Example, ...]) -> Run:
    """A Run whose answers take the tokens that the place of its steps says: each way takes more than the one before."""
    answer = Answer("", "y", tokens_in=100 * (1 + _STEPS.index(" > ".join(system.steps))))
    scores = tuple(_RIGHT if value else _WRONG for value in values)
    return Run(system, split, examples, (answer,) * len(values), scores)


def try_world(kind: str, n: int, grouped: bool, random: np.random.Generator, *, several: bool = False) -> Outcome:
    """One world, from dev to decision."""
    world, shared = make_world(kind, random, several=several), random.uniform(0.4, 0.8)
    runs: dict[SplitName, list[Run]] = {}
    splits: tuple[tuple[SplitName, int], ...] = (("dev", DEV_ROWS), ("test", n))
    for split, rows in splits:
        groups = draw_groups(rows, 4.0, random) if grouped else [""] * rows
        examples = tuple(Example(str(row), {}, ("y",), unit=group) for row, group in enumerate(groups))
        right = answers(world, groups, shared, random)
        runs[split] = [make_run(system, split, right[:, place], examples) for place, system in enumerate(world.systems)]
    task = _TASK.model_copy(update={"target": world.target})
    tests = {run.system.name: run for run in runs["test"]}
    chosen = finalists(runs["dev"], weigh=world.prices.weigh)
    candidates = []
    for role, dev in chosen.items():
        test = tests[dev.system.name]
        candidates.append(Candidate(role, test, dev, cost_of(task, test, world.prices.of(dev.system), 0, 0)))
    return judge(world, decide(task, candidates, 1))


def judge(world: World, decision: Decision) -> Outcome:
    """What the decision says, against the truth."""
    true, order = world.rates, [finalist.name for finalist in decision.finalists]
    gains = [(d.estimate, true[d.first] - true[d.second]) for d in decision.differences]
    place = order.index(decision.chosen)
    loss = max((true[name] - true[decision.chosen] for name in order[place + 1 :]), default=0.0)
    below = decision.verdict == "cheapest within the smallest effect"
    false = [
        *(finalist.meets_target and true[finalist.name] < world.target for finalist in decision.finalists),
        *(estimate.low is not None and estimate.low > 0 and gain <= 0 for estimate, gain in gains),
        *(estimate.high is not None and estimate.high < 0 and gain >= 0 for estimate, gain in gains),
        below and loss >= EFFECT,
        below and place == len(order) - 1 and any(true[name] >= true[decision.chosen] for name in order[:-1]),
        decision.headline.startswith("No system meets") and max(true[name] for name in order) >= world.target,
    ]
    missed = [
        *(finalist.certified > true[finalist.name] for finalist in decision.finalists),
        *(e.low is not None and e.high is not None and not e.low <= gain <= e.high for e, gain in gains),
    ]
    pair = {SYSTEMS["zero-shot"].name, SYSTEMS["lora"].name}
    tuned = next((d for d in decision.differences if {d.first, d.second} == pair), None)
    return Outcome(
        false_claim=any(false),
        missed_limit=any(missed),
        wrong_cheap_pick=decision.verdict != "not shown" and true[decision.chosen] < world.target and loss > EFFECT,
        claim=decision.verdict != "not shown",
        find=tuned is not None and tuned.first == SYSTEMS["lora"].name and (tuned.estimate.low or 0.0) > 0,
    )

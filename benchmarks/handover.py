"""Handing over to a person: how often the certified limits hold, in studies drawn from recorded answers.

The answers are those of real systems on the 480 test rows of twelve banking intents (`python -m benchmarks.handover` records them
anew). Each study draws rows for dev and test from them, so that the truth is known: dev chooses each system's threshold, the test
set certifies, and all limits of all systems must hold together.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import engine_for, measured
from benchmarks.intents import TASK, material
from tailor.approaches.approach import Approach, starting_system
from tailor.approaches.prompting import FewShot, ZeroShot
from tailor.approaches.tuning import Reference, TfidfReference
from tailor.data.example import Example
from tailor.decide.cost import cost_of
from tailor.decide.handover import claims_of, hand_over, thresholds_of
from tailor.decide.types import Rates
from tailor.evaluate.run import Run
from tailor.score.confidence import confidence
from tailor.score.types import Answer, Score
from tailor.stats.spending import of_target
from tailor.system import Prompt, System, Weights

RECORDED = Path(__file__).parent / "recorded" / "handover.json"
STUDIES, DEV, TEST = 1_000, 90, 160
PRICED = TASK.model_copy(update={"prices": TASK.prices.model_copy(update={"error": 10.0, "handover": 2.0})})
OTHERS = len(TASK.labels) - 1
LEAST = 1.001 / len(TASK.labels)
"""The least that the likeliest of so many labels can have."""
RATES = Rates(1.0, 1.0, 1.0, "made up")
SYSTEMS: dict[str, Approach] = {
    "zero-shot": ZeroShot(),
    "nearest": FewShot(5, "nearest"),
    "embedder": Reference(),
    "tfidf": TfidfReference(),
}


@dataclass(frozen=True)
class Recorded:
    """What a system answered: how sure it was of each row, and whether it was right."""

    name: str
    sure: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def system(self) -> System:
        """A System by this name."""
        return System(steps=(self.name,), weights=Weights(model=self.name), prompt=Prompt(instruction="", input="{{text}}"))

    def drawn(self, rows: NDArray[np.int64]) -> Run:
        """A Run on these rows."""
        answers = [_answer(number, float(self.sure[row])) for number, row in enumerate(rows)]
        scores = [Score("right" if self.right[row] else "wrong", float(self.right[row]), "") for row in rows]
        examples = tuple(Example(answer.example, {"text": ""}, ("",)) for answer in answers)
        return Run(self.system, "test", examples, tuple(answers), tuple(scores))


def _answer(number: int, sure: float) -> Answer:
    """An answer of this confidence: nothing but the likeliest label's share counts, so that the others share the rest."""
    return Answer(str(number), "", (math.log(sure), *[math.log(max((1 - sure) / OTHERS, 1e-300))] * OTHERS), tokens_in=1)


def record() -> None:
    """Ask the systems and write what they answered."""
    known, test = material()
    found = {}
    with engine_for(TASK) as engine:
        start = starting_system(TASK, known.train, engine.model)
        for name, approach in SYSTEMS.items():
            run = measured(TASK, approach.fit(start, known, engine), "test", test, engine)
            sure = [round(confidence(answer, several=False) or 0.0, 6) for answer in run.answers]
            right = "".join(str(int(score.outcome == "right")) for score in run.scores)
            found[name] = {"sure": sure, "right": right}
    RECORDED.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")


def recorded() -> dict[str, Recorded]:
    """The recorded systems by name."""
    found = json.loads(RECORDED.read_text(encoding="utf-8"))
    return {
        name: Recorded(name, np.clip(np.array(kept["sure"]), LEAST, 1.0), np.array(list(kept["right"])) == "1")
        for name, kept in found.items()
    }


def badly_calibrated(known: dict[str, Recorded]) -> list[Recorded]:
    """The same answers, sure of the wrong rows: the least of the best ones, by another model's word, and by chance."""
    nearest, tfidf = known["nearest"], known["tfidf"]
    chance = np.random.default_rng(1).uniform(0.9, 1.0, len(tfidf.sure))
    return [
        known["zero-shot"],
        replace(nearest, name="inverted", sure=1 + LEAST - nearest.sure),
        replace(nearest, name="by another", sure=known["zero-shot"].sure),
        replace(tfidf, name="by chance", sure=chance),
    ]


def simulated(systems: list[Recorded], seed: int) -> dict[str, float]:
    """Over the studies: how often all limits hold together, and on average what was answered, was wrong, and was shown."""
    rng, held, shown = np.random.default_rng(seed), [], []
    for _ in range(STUDIES):
        dev, test = rng.integers(0, len(systems[0].sure), DEV), rng.integers(0, len(systems[0].sure), TEST)
        thresholds = thresholds_of(PRICED, [system.drawn(dev) for system in systems])
        alpha, all_hold = of_target(1, claims_of(thresholds)), True
        for system in systems:
            threshold = thresholds[system.system.fingerprint].value
            if threshold is None:
                continue
            run = system.drawn(test)
            found = hand_over(PRICED, run, cost_of(PRICED, run, RATES, 0, 0), threshold, alpha)
            let = system.sure >= threshold
            wrong = 1 - float(system.right[let].mean()) if let.any() else 0.0
            all_hold &= found.error_at_most >= wrong and found.answered_at_least <= let.mean()
            shown.append((found.answered, found.answered_at_least, wrong, found.error_at_most))
        held.append(all_hold)
    means = np.array(shown).mean(axis=0)
    return {
        "holds": float(np.mean(held)),
        "answered": means[0],
        "answered_at_least": means[1],
        "error": means[2],
        "error_at_most": means[3],
    }


def run() -> dict[str, float]:
    """Figures of 1,000 studies of the systems as they are, and of 1,000 where they are sure of the wrong rows."""
    known = recorded()
    fair, bad = simulated(list(known.values()), 0), simulated(badly_calibrated(known), 1)
    return fair | {f"{name}_badly_calibrated": value for name, value in bad.items()}


if __name__ == "__main__":
    record()

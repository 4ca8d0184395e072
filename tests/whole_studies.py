"""Made-up studies in which nothing is missing: advice, diagnosis, learning curve and consistency; and those of a judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from studies import answer_study, classify_study

from tailor.advise.advice import advise
from tailor.advise.gather import gather
from tailor.data.example import Example
from tailor.decide.types import Interval, JudgeCheck
from tailor.diagnose.curve import LearningCurve, Measured, continued
from tailor.diagnose.types import LEVEL, Diagnosis, Labels, Lever, LeverName, Suspect
from tailor.evaluate.consistency import Basis, Consistency, Steadiness, Variation
from tailor.evaluate.rewording import Kind
from tailor.results import Study
from tailor.stats.intervals import mean_interval
from tailor.stats.kappa import agreement
from tailor.task import JudgeSettings, KnownFacts, ModelSettings

ASKED = 40
WAYS: dict[Kind, tuple[str, ...]] = {
    "again": ("asked one at a time, not in a batch",),
    "order": ("labels listed in the opposite order",),
    "format": ("in other capitals", "in bold Markdown"),
}


def whole_study() -> Study:
    """Tickets with every part of a study; the right answer is wanted every time."""
    study = classify_study()
    facts = KnownFacts(every_time=True, stakes="medium", obtainable_labels=2000, requirements_change="rarely", runs_on="here")
    task = study.task.model_copy(update={"facts": facts})
    rows = (*study.splits.train, *study.splits.dev, *study.splits.test, *study.splits.reserve)
    return replace(
        study,
        task=task,
        advice=advise(gather(task, rows)),
        diagnosis=made_diagnosis(study),
        curve=made_curve(task.target),
        consistency=made_consistency(study),
    )


def made_diagnosis(study: Study) -> Diagnosis:
    """Tuning promises most, form nothing that examples would not give; three labels look wrong."""
    dev = study.splits.dev
    levers = (
        _lever("behaviour", 0.9, len(dev), 45, 12, "Linear probes that learned from 222 training rows reach 90 %."),
        _lever("examples", 0.8, len(dev), 38, 3, "The nearest training row's answer scores 79 %, the vote of five 81 %."),
        _lever("form", 0.3, len(dev), 4, 0, "4 answers cannot be read."),
    )
    return Diagnosis(
        baseline=0.24,
        rows=len(dev),
        failures=round(0.76 * len(dev)),
        levers=levers,
        suspects=tuple(_suspect(example) for example in study.splits.train[:3]),
        labels=Labels(Interval(0.014, 0.003, 0.04, 288, LEVEL, "confident learning"), 0.1, 0.01, 0.98, 60),
        retrieval_recall=None,
        notes=("2 labels of the dev rows have no training row: no example or tuning can teach them.",),
        seconds=11.4,
    )


def _lever(name: LeverName, mean: float, rows: int, alone: int, only: int, how: str) -> Lever:
    forecast = Interval(mean, max(0.0, mean - 0.1), min(1.0, mean + 0.08), rows, LEVEL, "forecast")
    return Lever(name, forecast, (mean,) * rows, alone, only, how)


def _suspect(example: Example) -> Suspect:
    likely = "no_connection" if example.label != "no_connection" else "router_fault"
    return Suspect(example.id, "train", example.row, example.file, example.fields["text"], example.label, likely, 0.04, 0.81)


def made_curve(target: float) -> LearningCurve:
    """A curve that still climbs at the existing labels."""
    accuracies = np.array([[0.52, 0.63, 0.71, 0.77, 0.81], [0.5, 0.62, 0.71, 0.78, 0.82]])
    return continued("probe", 222, Measured((28, 47, 79, 132, 222), accuracies, 288), target)


def made_consistency(study: Study) -> tuple[Consistency, ...]:
    """The finalists in their order, each a little less steady than the one before."""
    return tuple(_steady(run.system.name, run.system.fingerprint, place) for place, run in enumerate(study.tests))


def _steady(system: str, fingerprint: str, wavering: int) -> Consistency:
    def share(changed: int) -> Interval:
        return mean_interval([1.0] * changed + [0.0] * (ASKED - changed))

    def kind(name: Kind, ways: Sequence[str]) -> Steadiness:
        if name == "again" and system == "reference-classifier":
            return Steadiness(name, "by construction", None, None, None, ())
        basis: Basis = "measured"
        variations = tuple(Variation(how, share(wavering), wavering // 2, 0, 0) for how in ways)
        return Steadiness(name, basis, share(wavering), share(wavering // 2), share(ASKED - 6 - wavering), variations)

    kinds = tuple(kind(name, ways) for name, ways in WAYS.items())
    ways = 1 + sum(len(steadiness.variations) for steadiness in kinds)
    right, all_right = share(ASKED - 4), share(ASKED - 6 - wavering)
    return Consistency(system, fingerprint, right, all_right, ways, (ways - 1) * ASKED, kinds)


def judged_study(rated: int = 60, passed: bool = True, all_rows: bool = False) -> Study:
    """The handbook, scored by a judge: `rated` of 60 answers rated by people, most of them as the judge says."""
    study = answer_study()
    assert study.decision is not None
    judge = JudgeSettings(rubric="The answer says the same as the reference.", model=ModelSettings(name="a-judge"))
    verdicts = ["yes" if i % 3 else "no" for i in range(rated)]
    people = [("no" if i % 10 == 1 else verdict,) for i, verdict in enumerate(verdicts)]
    check = JudgeCheck(
        judge="a-judge",
        judgements=410,
        failed=3,
        wanted=60,
        rated=rated,
        unused=0,
        rows=30,
        all_rows=all_rows,
        agreement=agreement(people, verdicts) if rated else None,
        people=agreement(people[:20], verdicts[:20]) if rated else None,
        gate=0.6,
        passed=passed,
    )
    verdict = study.decision.verdict if passed else "not shown"
    return replace(
        study,
        task=study.task.model_copy(update={"metric": "judged", "judge": judge}),
        decision=replace(study.decision, judge=check, verdict=verdict),
    )


def unrated_study() -> Study:
    """The same before anybody rated: the judge may not decide."""
    return judged_study(rated=0, passed=False)

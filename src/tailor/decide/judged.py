"""A decision on a judge's verdicts: only after the judge was compared with people, and corrected by what they said.

The gate is on the point estimate of kappa, not on its lower limit. What is called shown does not rest on the judge being good:
the corrected limits hold for any judge, a bad one only makes them wide. The gate keeps out a judge that measures something else
than the rubric. To ask it of the lower limit would turn away good judges at the few ratings that people give: with 60 of them the
limits of a kappa of 0.75 reach from about 0.5 to 0.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from tailor.data.doubt import NO_DOUBT, Doubt
from tailor.decide.cost import NEVER_SAID, error_rate, with_error_rate
from tailor.decide.decision import POWER, Candidate, Estimates, decide, widened
from tailor.decide.formats import format_percent
from tailor.decide.judgewords import judge_reasons, next_step, ratings_sentence, why_not
from tailor.decide.types import Decision, Interval, JudgeCheck, Pace
from tailor.evaluate.judge import UNJUDGED, judged_case, verdict_of
from tailor.evaluate.ratings import Ratings, Sample, Used, rating_sample
from tailor.evaluate.run import Run
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import lower_bound
from tailor.stats.kappa import Agreement, agreement
from tailor.stats.paired import PairedDifference
from tailor.stats.power import rows_to_separate
from tailor.stats.ppi import Rectified, rectify
from tailor.stats.spending import of_differences, of_target
from tailor.task import Task


def decide_judged(
    task: Task,
    candidates: Sequence[Candidate],
    opening: int,
    ratings: Ratings,
    pace: Pace = NEVER_SAID,
    doubt: Doubt = NO_DOUBT,
) -> Decision:
    """What follows from the test set where a judge scores, by the same rule as `decide`.

    Until people have rated the sample and agree with the judge, the verdict is "not shown". Then every score, limit and difference
    is the judge's, corrected by prediction-powered inference. The first ratings with which it may decide are no further opening.
    Limits hold whatever is true of the rows in doubt.

    Raises:
        ValueError: the task has no judge, or as `decide`.
    """
    candidates = sorted(candidates, key=lambda candidate: (candidate.run.system.name, candidate.run.system.fingerprint))
    check = check_judge(task, [candidate.run for candidate in candidates], ratings)
    doubt = replace(doubt, changed=doubt.changed | doubt.again, again=frozenset())  # people may have rated just those
    # What the judge says of dev is not corrected, so it contradicts nothing.
    candidates = [replace(candidate, dev=None) for candidate in candidates]
    if not check.passed:
        return _held_back(task, check, decide(task, candidates, opening, pace, _unproven))
    sample = rating_sample(task, [candidate.run for candidate in candidates])
    runs = [candidate.run for candidate in candidates]
    rectified = _rectified(task, sample, runs, ratings, doubt, None)
    low, high = (_rectified(task, sample, runs, ratings, doubt, worth) if doubt.rows else rectified for worth in (0.0, 1.0))
    rates = tuple(float(rate) for rate in 1 - np.clip(rectified.means, 0.0, 1.0))
    candidates = [replace(c, cost=with_error_rate(task, c.cost, rate)) for c, rate in zip(candidates, rates, strict=True)]
    decision = decide(task, candidates, opening, pace, partial(_corrected, rectified, low, high, rates, doubt))
    alone = {(candidate.run.system.name, candidate.run.system.fingerprint): candidate.run.mean for candidate in candidates}
    reasons = [*decision.reasons, *judge_reasons(check, decision, alone[decision.winner.key])]
    if decision.verdict == "not shown":
        places = {candidate.run.key: place for place, candidate in enumerate(candidates) if candidate.eligible}
        ranked = [places[finalist.key] for finalist in decision.finalists if finalist.key in places]
        reasons += ratings_sentence(*_ratings_to_settle(task, check, rectified, opening, ranked), check)
    return replace(decision, reasons=tuple(reasons), judge=check)


def check_judge(task: Task, runs: Sequence[Run], ratings: Ratings) -> JudgeCheck:
    """How the judge compares with people on the sample of these Runs on the test set.

    Raises:
        ValueError: the task has no judge.
    """
    if task.judge is None:
        raise ValueError("the task has no judge")
    sample, verdicts = rating_sample(task, runs), _verdicts(task, runs)
    rated = [case for case in sample.cases if case in ratings.by_case]
    found = (
        agreement([tuple(ratings.by_case[case].values()) for case in rated], [verdicts[case] for case in rated]) if rated else None
    )
    all_rows = len(sample.rows) == len(runs[0].examples)
    complete = bool(sample.cases) and len(rated) == len(sample.cases)
    kappa = None if found is None or found.kappa is None else found.kappa.mean
    return JudgeCheck(
        judge=task.judge.model.name,
        judgements=len(verdicts),
        failed=sum(not verdict for verdict in verdicts.values()),
        wanted=len(sample.cases),
        rated=len(rated),
        unused=len(ratings.by_case) - len(rated),
        rows=len(sample.rows),
        all_rows=all_rows,
        agreement=found,
        people=_people(ratings, rated),
        gate=task.judge.gate,
        passed=complete and (all_rows or (kappa is not None and kappa >= task.judge.gate)),
    )


def ratings_used(task: Task, runs: Sequence[Run], ratings: Ratings) -> Used:
    """The ratings that a decision on these Runs would rest on; none where the judge may not decide.

    Whoever rates on until the target is shown looks at the test set several times: in simulations, eight looks at 60 to 400 ratings
    erred in 2.5 % instead of 1.25 %.
    """
    if task.judge is None or not check_judge(task, runs, ratings).passed:
        return {}
    return {case: sorted(ratings.by_case[case].items()) for case in rating_sample(task, runs).cases}


def _verdicts(task: Task, runs: Sequence[Run]) -> dict[str, str]:
    """Case id -> the judge's verdict, over all answers that were judged."""
    found = {}
    for run in runs:
        for example, score in zip(run.examples, run.scores, strict=True):
            case = judged_case(task, example, score)
            if case is not None and UNJUDGED in score.details:
                found[case.id] = verdict_of(score)
    return found


def _people(ratings: Ratings, rated: Sequence[str]) -> Agreement | None:
    """Agreement of the two raters on what both rated."""
    twice = [ratings.by_case[case] for case in rated if len(ratings.by_case[case]) == 2]
    if not twice:
        return None
    first, second = sorted({rater for given in twice for rater in given})
    return agreement([(given[first],) for given in twice], [given[second] for given in twice])


def _rectified(task: Task, sample: Sample, runs: Sequence[Run], ratings: Ratings, doubt: Doubt, worth: float | None) -> Rectified:
    """The judge's verdicts on all rows, corrected by the ratings. An answer that could not be judged is known to be worth 0.

    Rows in doubt are valued as stated, against the judge: people may have rated all of them, those that are gone, too. Of None
    they are as they are.
    """
    examples, units = runs[0].examples, runs[0].units
    gone = 0 if worth is None else doubt.gone
    rated = list(sample.rows)
    others = [row for row in range(len(examples)) if row not in set(rated)]
    verdicts = np.array([run.values for run in runs]).T
    labels = np.zeros((len(rated), len(runs)))
    for place, row in enumerate(rated):
        for column, run in enumerate(runs):
            case = judged_case(task, examples[row], run.scores[row])
            labels[place, column] = 0.0 if case is None else ratings.share(case.id)
    judged, imputed = verdicts[rated], verdicts[others]
    if worth is not None:
        in_doubt = [row in doubt.places for row in rated]
        labels[in_doubt], judged[in_doubt] = worth, 1 - worth
        imputed[[row in doubt.places for row in others]] = worth
        labels = np.concatenate([labels, np.full((gone, len(runs)), worth)])
        judged = np.concatenate([judged, np.full((gone, len(runs)), 1 - worth)])
    return rectify(
        labels,
        judged,
        imputed,
        rated_groups=[*(units[row] for row in rated), *[""] * gone],
        other_groups=[units[row] for row in others],
    )


def _corrected(
    plain: Rectified,
    low: Rectified,
    high: Rectified,
    rates: tuple[float, ...],
    doubt: Doubt,
    candidates: Sequence[Candidate],
    opening: int,
) -> Estimates:
    """Estimates from scores as they are, with rows in doubt worth nothing, and with them worth all."""
    share, systems = of_target(opening, len(candidates)), range(len(candidates))
    few = min(filter(None, (len(plain.rectifiers), len(plain.imputed))))
    lost = min(1.0, doubt.rows / (few + doubt.gone))
    return Estimates(
        scores=tuple(_score(plain, low, high, system) for system in systems),
        certified=tuple(low.lower_bound(system, share) for system in systems),
        error_rates=rates,
        pairs=tuple(widened(pair, lost) for pair in low.differences(1 - of_differences(opening))),
        all_right_shows=max(0.0, lower_bound([1.0] * plain.rows, share, groups=candidates[0].run.units) - lost),
        rows_settle=False,
    )


def _score(plain: Rectified, low: Rectified, high: Rectified, system: int) -> Interval:
    score = plain.interval(system)
    return score if low is plain else replace(score, low=low.interval(system).low, high=high.interval(system).high)


def _unproven(candidates: Sequence[Candidate], opening: int) -> Estimates:
    """The judge's verdicts as they are: means without limits, which show nothing."""
    runs = [candidate.run for candidate in candidates]
    n = len(runs[0].examples)
    return Estimates(
        scores=tuple(Interval(run.mean, None, None, n, method="the judge alone") for run in runs),
        certified=(0.0,) * len(runs),
        error_rates=tuple(error_rate(run) for run in runs),
        pairs=tuple(
            PairedDifference(i, j, runs[i].mean - runs[j].mean, None, None, 1.0, n, None)
            for i, j in combinations(range(len(runs)), 2)
        ),
        all_right_shows=lower_bound([1.0] * n, of_target(opening, len(runs)), groups=runs[0].units),
        rows_settle=False,
    )


def _held_back(task: Task, check: JudgeCheck, decision: Decision) -> Decision:
    """The decision with the reason that nothing can be shown yet in the place of all that rests on unproven verdicts."""
    best = decision.winner
    scored = f"{format_percent(best.score.mean)} on {decision.n_test:,} unseen examples"
    guess = f"By the judge alone the best guess is {best.name}: {scored}."
    file = task.judge.ratings if task.judge else ""
    reason = why_not(check)
    return replace(
        decision,
        headline=" ".join([f"Not shown: {reason}.", next_step(check, file), guess]),
        reasons=(
            f"{reason[0].upper()}{reason[1:]}.",
            "A judge's verdicts show nothing until people have rated a sample and agree with it; then the ratings correct them.",
            *judge_reasons(check, decision, None),
            "Scores are the share of answers that meet the rubric by the judge's verdicts alone, not corrected.",
            f"This was opening {decision.opening} of the test set; ratings with which the judge may decide are no further one.",
        ),
        changes=(),
        judge=check,
    )


def _ratings_to_settle(
    task: Task, check: JudgeCheck, rectified: Rectified, opening: int, ranked: Sequence[int]
) -> tuple[int | None, str]:
    """Ratings that would probably settle it, if what was found is the truth, and what they would show; None where too few rows are
    there, or nothing would.

    The least of what shows the target to be met, and of what shows a finalist (`ranked`: cheapest first) to lose less than the
    smallest effect to every more expensive one.
    """
    means, alike, systems = rectified.means, usual_size(rectified.rated_groups), len(rectified.means)
    share = of_target(opening + 1, systems)
    to_target = (
        rows_to_separate(float(mean) - task.target, float(variance), share, POWER)
        for mean, variance in zip(means, rectified.variances, strict=True)
    )
    found = [(rows, "that the target is met") for rows in to_target]
    # A pair's share of the error under Bonferroni: two sides, all pairs.
    share = of_differences(opening + 1) / max(1, systems * (systems - 1))
    for place, cheap in enumerate(ranked[:-1]):
        gaps = [(float(means[other] - means[cheap]), rectified.variance_between(other, cheap)) for other in ranked[place + 1 :]]
        rows = [rows_to_separate(task.smallest_effect - gain, variance, share, POWER) for gain, variance in gaps]
        most = None if None in rows else max(row for row in rows if row is not None)
        found.append((most, "that a cheaper finalist is as good as every more expensive one"))
    known = [(alike * rows, shows) for rows, shows in found if rows is not None and alike * rows <= rectified.rows]
    if not known:
        return None, ""
    least, shows = min(known)
    return max(round(least * check.wanted / check.rows), check.wanted + 1), shows

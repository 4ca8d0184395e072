"""A Study as plain data for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tailor.decide.again import outcome
from tailor.decide.forgotten import sentence
from tailor.decide.probed import freshness_sentence, injection_sentence
from tailor.decide.types import Decision
from tailor.diagnose.curve import sentence as curve_sentence
from tailor.evaluate.run import Run
from tailor.report.diagnosis import Diagnosed, diagnosed
from tailor.report.endpoint import who_answered
from tailor.report.expected import expected
from tailor.results import Step, Study
from tailor.score.types import Outcome
from tailor.task import Task

FORMAT = 2


def to_json(study: Study) -> dict[str, Any]:
    """The study as plain data for machines, with stable keys; shares are in [0, 1], money is in `task.currency`.

    Keys:
        format: 2; grows when a key changes its meaning or goes.
        task: name, kind, metric, target, smallest_effect, currency.
        decision: None, or verdict, chosen, fingerprint (of the chosen system), headline, reasons, changes, opening, alpha, n_test,
            rows_to_settle, reference, dev_contradicted, pace (documents, rules: changes a month or None), judge (None, or judge,
            judgements, failed, wanted, rated, unused, rows, all_rows, agreement and people (observed and kappa, each as dev, or
            None), gate, passed), answers_changed, doubt (rows that limits take for wrong: changed, gone, picked, read; or leave
            out: again), handover. stopped: why the climb ended.
        ladder: per step rung, system, fingerprint (empty where it was never built), status, note, dev (mean, low, high, n, level,
            method, or None), per_1000 (or None), seconds, setup_seconds, outcomes (None, or how many dev answers were right, wrong,
            unparsed, cut, refused, failed, unjudged).
        finalists: per finalist, cheapest first, name, fingerprint, role, score (as dev), certified, meets_target, eligible, cost
            (per_1000, per_1000_right, one_off, errors_per_1000, total, how, training, upkeep, changing: per kind of change kind,
            work, price, seconds), outcomes (of its test answers, as on the ladder).
        differences: per pair first, second, estimate (as dev), p_value, first_fingerprint, second_fingerprint.
        break_even: per pair cheap, expensive, answers_per_month (None = never), cheap_fingerprint, expensive_fingerprint.
        started, finished: ISO times. provenance: name -> value. controls: name, does, score (as dev, on the test set), dev (mean).
        advice: None, or expected, means, confidence, why_confidence, outcome (against what was measured), reasons (criterion, name,
            answer, origin, counts, because, source, weight), unknown, observed, mind.
        diagnosis: None, or baseline, rows, failures, headline, levers (best first: name, forecast (as dev, level 0.8), alone, only,
            how), suspects (example, split, row, file, given, likely, given_probability, likely_probability), labels (None, or noise
            (as dev), missed, by_labels, ceiling), retrieval_recall, notes, seconds, model (empty where there is one).
        curve: None, or method, labels, rows, points (size, accuracy), series (size, median, low, high), needed (None, or target,
            cap, median, low, high), why_not, sentence.
        consistency: per finalist that was asked again system, fingerprint, right, all_right (as dev), ways, calls, kinds (kind,
            basis, changed, turned, all_right, variations: how, changed, became_wrong, became_right, failed).
        forgetting: per tuned finalist system, fingerprint, before, after (shares of general instructions followed), change (after
            minus before, as dev), p_value, skills (name, n, before, after), shown, sentence. freshness, injections: per probed
            finalist the fields of `Freshness` and `Injection`, and sentence.
        answered: None, or asked, models and fingerprints (name -> answers), sentence (what puts comparisons in doubt, or empty).
            other_diagnoses, other_answered: the same of further models.
        expected: None, or what was expected before: calls, tokens_in, tokens_out, money (or None), each low and high; currency.
        before: None, or of the decision decided again: verdict, chosen, fingerprint, opening, n_test, score, certified, sentence.
        spent: None, or what all runs of the project paid endpoints: paid, estimated (on estimated tokens), maybe (at most, for
            calls without an answer), calls, tokens_in, tokens_out, unpriced, repriced, maybe_paid (per call model, at, worst, ...).
    """
    task, decision, why = study.task, study.decision, [_diagnosis_json(found) for found in diagnosed(study)]
    plain = asdict(decision) if decision else {}
    lists = {key: list(plain.pop(key, ())) for key in ("finalists", "differences", "break_even")}
    lists["finalists"] = [row | {"outcomes": _outcomes(study.test_run(row["fingerprint"]))} for row in lists["finalists"]]
    return {
        "format": FORMAT,
        "task": {"name": task.name, "kind": task.kind, **_terms_json(task)},
        "decision": _decision_json(decision, plain) if decision else None,
        "stopped": study.stopped,
        "ladder": [_step_json(step) for step in study.steps],
        **lists,
        **{name: getattr(study, name) for name in ("started", "finished")},
        "provenance": dict(study.provenance),
        "advice": _advice_json(study),
        "diagnosis": why[0] if why else None,
        "other_diagnoses": why[1:],
        "curve": asdict(study.curve) | {"sentence": curve_sentence(study.curve)} if study.curve else None,
        **{name: [asdict(found) for found in getattr(study, name)] for name in ("consistency", "controls")},
        **(_probes_json(study) | _answered_json(study) | _before_json(study)),
        **{name: asdict(found) if (found := getattr(study, name)) else None for name in ("expected", "spent")},
    }


def _probes_json(study: Study) -> dict[str, object]:
    return {
        "freshness": [asdict(found) | {"sentence": freshness_sentence(found)} for found in study.freshness],
        "injections": [asdict(found) | {"sentence": injection_sentence(found)} for found in study.injections],
        "forgetting": [asdict(found) | {"shown": found.is_shown, "sentence": sentence(found)} for found in study.forgetting],
    }


def _before_json(study: Study) -> dict[str, Any]:
    before = study.before
    if before is None:
        return {"before": None}
    said = {name: getattr(before, name) for name in ("verdict", "chosen", "fingerprint", "opening", "n_test")}
    score = {"score": asdict(before.winner.score), "certified": before.winner.certified}
    return {"before": said | score | {"sentence": outcome(before, study.decision)}}


def _answered_json(study: Study) -> dict[str, Any]:
    who = [asdict(found) for found in who_answered(study)]
    return {"answered": who[0] if who else None, "other_answered": who[1:]}


def _decision_json(decision: Decision, plain: dict[str, Any]) -> dict[str, Any]:
    """The decision without its tables, which are elsewhere, and without what the task or the reasons say."""
    kept = {key: value for key, value in plain.items() if key not in ("target", "smallest_effect", "handing_over")}
    kept |= {key: list(plain[key]) for key in ("reasons", "changes", "handover")}
    return kept | {"doubt": decision.doubt.counts}


def _terms_json(task: Task) -> dict[str, Any]:
    terms = {"metric": task.scored_by, "target": task.target, "smallest_effect": task.smallest_effect}
    return terms | {"currency": task.prices.currency}


def _advice_json(study: Study) -> dict[str, Any] | None:
    found = expected(study)
    if found is None:
        return None
    plain = asdict(found.advice)
    kept = ("expected", "means", "confidence", "why_confidence", "reasons", "unknown", "observed", "mind")
    return {key: plain[key] for key in kept[:4]} | {"outcome": found.outcome} | {key: plain[key] for key in kept[4:]}


def _diagnosis_json(found: Diagnosed) -> dict[str, Any]:
    """A diagnosis without what is long: the values of all rows, and texts that are in the data."""
    plain = asdict(found.found) | {"headline": found.lead}
    for lever in plain["levers"]:
        del lever["values"]
    for suspect in plain["suspects"]:
        del suspect["text"]
    return plain


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "rung": step.rung,
        "system": step.system,
        "fingerprint": step.run.system.fingerprint if step.run else "",
        "status": step.status,
        "note": step.note,
        "dev": asdict(step.dev) if step.dev else None,
        "per_1000": step.cost.per_1000 if step.cost else None,
        "seconds": step.seconds,
        "setup_seconds": step.setup_seconds,
        "outcomes": _outcomes(step.run),
    }


def _outcomes(run: Run | None) -> dict[Outcome, int] | None:
    return run.outcomes if run else None

"""A Study in which every text that can come from outside is hostile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle

from whole_studies import judged_study, whole_study

from tailor.advise.advice import Advice
from tailor.data.example import Example
from tailor.diagnose.types import Diagnosis
from tailor.evaluate.consistency import Consistency, Steadiness
from tailor.evaluate.run import Run
from tailor.results import Study
from tailor.retrieval.passage import Passage
from tailor.system import Shot

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "<a href=javascript:alert(1)>click</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "{{ 7 * 7 }} {% include '/etc/passwd' %}",
    "]]><!-- --!> <![CDATA[",
    "url(#quality) expression(alert(1)) datum.value",
    "<meta http-equiv=refresh content='0;url=https://example.com'>",
    "</desc></svg><script>alert(1)</script>",
    "a\x00b\x1b[31mc\u202eevil\ud800 `code` 5 %",
)


def hostile_study(payloads: Sequence[str] = PAYLOADS, kind: str = "answer") -> Study:
    """The study with its examples, answers, passages, labels, notes, words, prompt and provenance replaced by payloads.

    An answer task has a judge with a hostile name and rubric; a classify task has advice, a diagnosis and finalists asked again.
    """
    study = judged_study() if kind == "answer" else whole_study()
    supply = cycle(payloads)
    tests = tuple(_hostile_run(run, payloads) for run in study.tests)
    steps = tuple(
        replace(step, note=next(supply), run=_hostile_run(step.run, payloads) if step.run else None) for step in study.steps
    )
    assert study.decision is not None
    judge = study.decision.judge
    decision = replace(
        study.decision,
        judge=judge and replace(judge, judge=next(supply)),
        headline=next(supply),
        reasons=tuple(payloads),
        changes=tuple(payloads),
        reference=next(supply),
    )
    task = study.task.model_copy(
        update={
            "instruction": next(supply),
            "not_found": next(supply),
            "prices": study.task.prices.model_copy(update={"currency": payloads[0]}),
            "judge": study.task.judge and study.task.judge.model_copy(update={"rubric": next(supply)}),
            "data": study.task.data.model_copy(update={"report_by": ("evil",)}),
        }
    )
    return replace(
        study,
        task=task,
        steps=steps,
        tests=tests,
        stopped=next(supply),
        decision=decision,
        provenance=dict(zip(payloads, payloads, strict=True)),
        started=next(supply),
        advice=_hostile_advice(study, supply),
        diagnosis=_hostile_diagnosis(study, payloads, supply),
        consistency=tuple(_hostile_consistency(found, supply) for found in study.consistency),
    )


def _hostile_advice(study: Study, supply: Iterator[str]) -> Advice | None:
    advice = study.advice
    if advice is None:
        return None
    reasons = tuple(replace(r, name=next(supply), answer=next(supply), because=next(supply)) for r in advice.reasons)
    return replace(advice, means=next(supply), reasons=reasons, observed=(next(supply),), unknown=(next(supply),))


def _hostile_diagnosis(study: Study, payloads: Sequence[str], supply: Iterator[str]) -> Diagnosis | None:
    found = study.diagnosis
    if found is None:
        return None
    suspects = tuple(
        replace(found.suspects[0], text=text, given=text, likely=text, file=text, row=0, example=text) for text in payloads
    )
    return replace(
        found,
        suspects=suspects,
        levers=tuple(replace(lever, how=next(supply)) for lever in found.levers),
        notes=tuple(payloads),
    )


def _hostile_consistency(found: Consistency, supply: Iterator[str]) -> Consistency:
    def worded(kind: Steadiness) -> Steadiness:
        return replace(kind, variations=tuple(replace(variation, how=next(supply)) for variation in kind.variations))

    kinds = tuple(map(worded, found.kinds))
    return replace(found, system=next(supply), kinds=kinds)


def _hostile_run(run: Run, payloads: Sequence[str]) -> Run:
    supply = cycle(payloads)
    examples = tuple(_hostile_example(example, next(supply), next(supply)) for example in run.examples)
    passages = tuple(Passage(text, text, 0, len(text), text) for text in payloads)
    answers = tuple(
        replace(a, raw=f"{next(supply)} [1] [2]", passages=passages, error=next(supply) if i % 5 == 0 else "")
        for i, a in enumerate(run.answers)
    )
    scores = tuple(replace(s, outcome="wrong", value=0.0, answer=next(supply)) for s in run.scores)
    shots = tuple(Shot(input=text, answer=text) for text in payloads[:15])
    prompt = run.system.prompt.model_copy(
        update={
            "instruction": next(supply),
            "persona": next(supply),
            "context": next(supply),
            "constraints": tuple(payloads[:15]),
            "shots": shots,
        }
    )
    labels = tuple(payloads[:40]) if run.system.decoding.labels else ()
    system = run.system.model_copy(update={"prompt": prompt, "decoding": run.system.decoding.model_copy(update={"labels": labels})})
    return Run(system, run.split, examples, answers, scores)


def _hostile_example(example: Example, text: str, value: str) -> Example:
    fields = {name: text for name in example.fields} | {"evil": value}
    return replace(example, fields=fields, answers=(text, value), source=text, quote=value)

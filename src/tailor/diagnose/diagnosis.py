"""The diagnosis: why the baseline fails on dev, and what each lever would win, before any is paid for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from statistics import median

from tailor.approaches.approach import TrainingData
from tailor.content import question, text_of
from tailor.data.example import Example, SplitName
from tailor.diagnose.classes import classes
from tailor.diagnose.context import Context, LeverForecast, failures, levers
from tailor.diagnose.form import form
from tailor.diagnose.knowledge import knowledge
from tailor.diagnose.labels import can_look, enough, find_errors
from tailor.diagnose.lever_forecasts import behaviour, examples
from tailor.diagnose.sets import find_wrong_sets
from tailor.diagnose.types import LEVEL, TELLING, Diagnosis, Labels, Suspect
from tailor.engine import Engine
from tailor.errors import ConfigError, DocumentsError, DoesNotFit
from tailor.evaluate.run import Run
from tailor.kinds.base import kind_of
from tailor.labels import as_set
from tailor.stats.clusters import usual_size
from tailor.stats.intervals import counted_limits

FEWEST = 2
"""Training rows of a label from which probes learn anything at all."""
MOST_ROWS = 12_000
"""Training rows whose labels are judged, at most: embedding more would cost more than a minute on two cores."""

NO_CLEANLAB = "Label errors were not looked for: install tailor[labels]."
FEW_LABELS = (
    "Label errors were not looked for: that takes ten rows per label, and at least three of each; near-duplicates count once."
)
UNTOLD = "Label errors could not be identified: a classifier that learned from the other rows misses {missed:.0f} % of the labels."
AGREED = (
    "Label errors could not be identified: about {noise:.0f} % of the labels look wrong to a classifier, but the model, which "
    "learned from none of them, answers {right} of {rows} dev rows as they are labelled, {agreed} of {suspected} suspected ones "
    "among them."
)
JUDGED = (
    "Label errors were looked for in {judged} of {labels} labels: those that ten rows have, ten do not, and a classifier learns. "
    "What share of the labels is wrong is not estimated."
)
NOT_HERE = "The model's weights are not on this machine: what tuning would reach is forecast without looking into them."
ONE_LABEL = "All training rows have the same label, so that nothing can be forecast from them."


LabelReview = tuple[tuple[Suspect, ...], Labels | None, tuple[str, ...]]
"""Suspected rows, what follows from them, and notes."""


def diagnose(data: TrainingData, engine: Engine, baseline: Run, look: LabelReview | None = None) -> Diagnosis:
    """Why the baseline fails, and what each lever would win.

    What is asked of the model is asked through the engine, as the ladder asks it: it is saved, and used again there.

    Args:
        data: train and dev.
        engine: answers, embeds and searches.
        baseline: the zero-shot system's complete Run on dev.
        look: what was found about the labels (`look_at_labels`), where someone has looked already: it is the same for all models.

    Raises:
        TailorError: no request can succeed, or the documents cannot be searched.
        OutOfTime: the time limit was reached.
    """
    started = time.perf_counter()
    context = Context(data, engine, baseline)
    closed = classes(context)
    found: LabelReview = ((), None, ())
    if kind_of(data.task).closed:
        found = cross_check_labels(review_labels(data, engine) if look is None else look, baseline)
    forecasts: list[LeverForecast] = []
    recall = None
    if closed is not None or not kind_of(data.task).closed:
        forecasts += [behaviour(context, closed), examples(context, closed)]
    if (held := form(context, closed)) is not None:
        forecasts.append(held)
    suspects, labels, notes = found
    if engine.documents:
        try:
            read, recall = knowledge(context)
            forecasts.append(read)
        except (ConfigError, DocumentsError, DoesNotFit) as error:
            notes = (*notes, f"What passages would gain could not be forecast: {error}.")
    return Diagnosis(
        baseline.mean,
        len(baseline.scores),
        failures(baseline),
        levers(forecasts, baseline, labels.ceiling if labels else 1.0),
        suspects,
        labels,
        recall,
        (*_too_little(context, closed), *notes),
        time.perf_counter() - started,
        baseline.system.label,
    )


def cross_check_labels(found: LabelReview, baseline: Run) -> LabelReview:
    """What was found about the labels, unless the model contradicts it, which saw none and so shares wrong ones by chance only.

    It does where it gives most of the suspected dev rows their label, or more of all dev rows than so many wrong labels leave:
    what looks wrong is then hard for the classifier.
    """
    suspects, labels, _ = found
    if labels is None:
        return found
    right = {example.id for example, score in zip(baseline.examples, baseline.scores, strict=True) if score.outcome == "right"}
    suspected = [suspect.example for suspect in suspects if suspect.split == "dev"]
    agreed, rows = sum(example in right for example in suspected), len(baseline.scores)
    _, most = counted_limits(rows - len(right), rows, LEVEL, usual_size(baseline.units))
    if 2 * agreed <= len(suspected) and labels.noise.mean <= most:
        return found
    said = AGREED.format(noise=100 * labels.noise.mean, right=len(right), rows=rows, agreed=agreed, suspected=len(suspected))
    return (), None, (said,)


def review_labels(data: TrainingData, engine: Engine) -> LabelReview:
    """Rows of train and dev whose labels look wrong, the surest first, what follows, and notes where labels could not be judged."""
    parts: list[tuple[SplitName, tuple[Example, ...]]] = [("train", data.train[:MOST_ROWS]), ("dev", data.dev)]
    rows = [(split, example) for split, part in parts for example in part]
    labels = [example.label for _, example in rows]
    if not can_look():
        return (), None, (NO_CLEANLAB,)
    if kind_of(data.task).several:
        return _review_sets(data, engine, rows)
    units = [example.unit for _, example in rows]
    if not enough(labels, units):
        return (), None, (FEW_LABELS,)
    texts = [text_of(question(data.task.input, example)) for _, example in rows]
    found = find_errors(engine.embed(data.task.embedder, texts), labels, units)
    if not found.can_tell:
        return (), None, (UNTOLD.format(missed=100 * found.missed),)
    suspects = tuple(
        Suspect(
            example.id,
            split,
            example.row,
            example.file,
            texts[place],
            example.label,
            found.likely[place],
            float(found.given_probability[place]),
            float(found.likely_probability[place]),
        )
        for place in found.suspects
        for split, example in [rows[place]]
        if found.likely[place] not in example.answers
    )
    left = len(data.train) - MOST_ROWS
    notes = (f"Label errors were looked for in the first {MOST_ROWS:,} training rows only.",) if left > 0 else ()
    sure = {rows[place][1].id for place in found.suspects[: found.sure]}
    dev = sum(suspect.split == "dev" and suspect.example in sure for suspect in suspects)
    # Whether any label is wrong is judged on all rows: dev has too few of them.
    each = median(Counter(labels).values())
    alike = usual_size([example.unit for example in data.dev])
    share = counted_limits(dev, len(data.dev), LEVEL, alike)[0] if found.noise.low and each >= TELLING else 0.0
    return suspects, Labels(found.noise, found.missed, found.by_labels, 1 - share, each), notes


def _review_sets(data: TrainingData, engine: Engine, rows: Sequence[tuple[SplitName, Example]]) -> LabelReview:
    """The same where rows have several labels; how many labels are wrong in all is not estimated."""
    kind = kind_of(data.task)
    sets = [frozenset(kind.labels_in(example.label)) for _, example in rows]
    texts = [text_of(question(data.task.input, example)) for _, example in rows]
    found = find_wrong_sets(engine.embed(data.task.embedder, texts), sets, [example.unit for _, example in rows])
    suspects = tuple(
        Suspect(
            example.id,
            split,
            example.row,
            example.file,
            texts[row.place],
            kind.shown(example.label),
            kind.shown(as_set(row.likely)),
            row.given_probability,
            row.likely_probability,
        )
        for row in found.rows
        for split, example in [rows[row.place]]
    )
    return suspects, None, (JUDGED.format(judged=len(found.judged), labels=len(frozenset[str]().union(*sets))),)


def _too_little(context: Context, closed: Sequence[str] | None) -> list[str]:
    """What the training rows are too few to tell."""
    notes = [] if context.model.capabilities.states else [NOT_HERE]
    if closed is None:
        return [ONE_LABEL, *notes] if kind_of(context.data.task).closed else notes
    kind = kind_of(context.data.task)
    counts = Counter(label for answer in closed for label in kind.labels_in(answer))
    rare = sum(count < FEWEST for count in counts.values())
    unseen = len({label for example in context.dev if example.answers for label in kind.labels_in(example.label)} - counts.keys())
    if rare:
        notes.append(f"Of {len(counts)} labels {rare} have a single training row: probes say little about them.")
    if unseen:
        which = "1 label of the dev rows has" if unseen == 1 else f"{unseen} labels of the dev rows have"
        notes.append(f"{which} no training row: no example or tuning can teach it.")
    return notes

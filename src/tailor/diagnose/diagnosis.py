"""The diagnosis: why the baseline fails on dev, and what each lever would win, before any is paid for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from tailor.approaches.approach import Material
from tailor.data.example import Example, SplitName
from tailor.diagnose.classes import classes
from tailor.diagnose.form import form
from tailor.diagnose.knowledge import knowledge
from tailor.diagnose.labels import FOLDS, can_look, enough, find_errors
from tailor.diagnose.outlooks import behaviour, examples
from tailor.diagnose.subject import Outlook, Subject, levers
from tailor.diagnose.types import LEVEL, Diagnosis, Labels, Suspect
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.models.local import LocalModel
from tailor.stats.intervals import clopper_pearson
from tailor.task import fill

FEWEST = 2
"""Training rows of a label from which probes learn anything at all."""
MOST_ROWS = 12_000
"""Rows whose labels are judged, at most: embedding more would cost more than a minute on two cores."""

NO_CLEANLAB = "Label errors were not looked for: install tailor[labels]."
FEW_LABELS = "Label errors were not looked for: that takes ten rows per label, and at least three of each."
FEW_GROUPS = f"Label errors were not looked for: that takes {FOLDS} groups, since each is judged by what the others teach."
UNTOLD = "Label errors could not be told: a classifier that learned from the other rows misses {missed:.0f} % of the labels."
NOT_HERE = "The model's weights are not on this machine: what tuning would reach is forecast without looking into them."
ONE_LABEL = "All training rows have the same label, so that nothing can be forecast from them."


def diagnose(material: Material, engine: Engine, baseline: Run) -> Diagnosis:
    """Why the baseline fails, and what each lever would win.

    What is asked of the model is asked through the engine, as the ladder asks it: it is saved, and used again there.

    Args:
        material: train and dev.
        engine: answers, embeds and searches.
        baseline: the zero-shot system's complete Run on dev.

    Raises:
        TailorError: no request can succeed, or the documents cannot be searched.
        OutOfTime: the time limit was reached.
    """
    started = time.perf_counter()
    subject = Subject(material, engine, baseline)
    closed = classes(subject)
    found = look_at_labels(material, engine) if material.task.kind == "classify" else ((), None, ())
    outlooks: list[Outlook] = []
    reach = None
    if closed is not None or material.task.kind == "answer":
        outlooks += [behaviour(subject, closed), examples(subject, closed)]
    if (held := form(subject, closed)) is not None:
        outlooks.append(held)
    if engine.documents:
        read, reach = knowledge(subject)
        outlooks.append(read)
    suspects, labels, notes = found
    return Diagnosis(
        baseline.mean,
        len(baseline.scores),
        sum(score.outcome != "right" for score in baseline.scores),
        levers(outlooks, baseline, labels.ceiling if labels else 1.0),
        suspects,
        labels,
        reach,
        (*_too_little(subject, closed), *notes),
        time.perf_counter() - started,
    )


def look_at_labels(material: Material, engine: Engine) -> tuple[tuple[Suspect, ...], Labels | None, tuple[str, ...]]:
    """Rows of train and dev whose labels look wrong, the surest first, what follows, and notes where labels could not be judged."""
    parts: list[tuple[SplitName, tuple[Example, ...]]] = [("train", material.train), ("dev", material.dev)]
    rows = [(split, example) for split, part in parts for example in part][:MOST_ROWS]
    labels = [example.label for _, example in rows]
    if not can_look():
        return (), None, (NO_CLEANLAB,)
    if not enough(labels):
        return (), None, (FEW_LABELS,)
    groups = [example.group for _, example in rows]
    if any(groups) and len(set(groups)) < FOLDS:
        return (), None, (FEW_GROUPS,)
    texts = [fill(material.task.input, example.fields) for _, example in rows]
    found = find_errors(engine.embed(material.task.embedder, texts), labels, groups)
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
    )
    dev = sum(suspect.split == "dev" for suspect in suspects)
    # Whether any label is wrong is judged on all rows: dev has too few of them.
    share = clopper_pearson(dev, len(material.dev), LEVEL)[0] if found.noise.low else 0.0
    return suspects, Labels(found.noise, found.missed, found.by_labels, 1 - share), ()


def _too_little(subject: Subject, closed: Sequence[str] | None) -> list[str]:
    """What the training rows are too few to tell."""
    notes = [] if isinstance(subject.engine.model, LocalModel) else [NOT_HERE]
    if closed is None:
        return [ONE_LABEL, *notes] if subject.material.task.kind == "classify" else notes
    counts = Counter(closed)
    rare = sum(count < FEWEST for count in counts.values())
    unseen = len({example.label for example in subject.dev} - counts.keys())
    if rare:
        notes.append(f"{rare} of {len(counts)} labels have a single training row: probes say little about them.")
    if unseen:
        notes.append(f"{unseen} labels of the dev rows have no training row: no example or tuning can teach them.")
    return notes

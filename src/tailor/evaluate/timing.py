"""How long it takes on this machine to bring a system up to date after a new label, a changed rule or a changed document."""

from __future__ import annotations

import time

from tailor.approaches.approach import TrainingData
from tailor.approaches.tuning import fit_vectors, fit_words
from tailor.engine import Engine
from tailor.evaluate.run import Run
from tailor.models.tune import read_tuned
from tailor.system import System


def seconds_to_train(run: Run, data: TrainingData, engine: Engine) -> float | None:
    """Tuned weights: the time that their training took, as noted down with them (None where it was not). A classifier: the time to
    fit it again, the vectors of the training rows being computed already. 0 for a system that learned nothing.
    """
    system = run.system
    if not system.is_generative:
        return _seconds_to_fit(system, data, engine)
    if not system.is_tuned:
        return 0.0
    tuned = read_tuned(engine.store / system.weights.tuned)
    return tuned.seconds if tuned is not None else None


def _seconds_to_fit(system: System, data: TrainingData, engine: Engine) -> float:
    texts = system.texts(data.train)
    if system.weights.method == "tfidf":
        started = time.perf_counter()
        fit_words(data.task, texts, data.train)
    else:
        vectors = engine.embed(system.weights.model, texts)
        started = time.perf_counter()
        fit_vectors(data.task, vectors, data.train)
    return time.perf_counter() - started


def seconds_to_index(run: Run, engine: Engine) -> float:
    """The time to take one changed document into the index, tried on a copy; 0 for a system without an index."""
    knowledge = run.system.knowledge
    if knowledge.kind != "index":
        return 0.0
    return engine.indexes.index(knowledge).seconds_to_update(engine.documents)


def seconds_to_measure(run: Run, rows: int) -> float:
    """The time to answer so many examples, at what an answer of this Run took on average."""
    return rows * run.seconds

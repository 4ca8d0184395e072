"""Approaches that change the weights, and the reference that needs no generative weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tailor.approaches.approach import TrainingData
from tailor.approaches.replay import replayed
from tailor.data.example import Example
from tailor.engine import Engine, OnProgress
from tailor.kinds.base import kind_of
from tailor.models.base import Array
from tailor.models.head import Head, fit_head, fit_head_of_sets
from tailor.models.packages import CLASSIFIER, require
from tailor.models.tfidf import Tfidf, fit_tfidf, fit_tfidf_of_sets
from tailor.models.together import Training
from tailor.models.training import TrainingRow, joined
from tailor.models.tune import LEARNING_RATES, Recipe, encoded, recipe_key
from tailor.system import Decoding, System, Weights
from tailor.task import Task


@dataclass(frozen=True)
class FineTune:
    """Supervised fine-tuning on the task's training rows, rendered by the renderer that also serves.

    Args:
        method: `lora` (Hu et al. 2021, arXiv:2106.09685; on all linear layers unless `tuning.layers` says otherwise) or `full`.
        replays: learn a share of the model's own general answers as well (`tailor.approaches.replay`).
    """

    method: Literal["lora", "full"] = "lora"
    replays: bool = False
    looks_at_dev: ClassVar[bool] = True
    """The dev rows choose the epoch."""

    @property
    def name(self) -> str:
        """The method's name, and whether it replays."""
        return f"{self.method}-replay" if self.replays else self.method

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """The System with tuned weights and the shortest prompt that works: no label list, persona, context, constraints or form.

        Raises:
            ConfigError: the model's weights are not here to be tuned.
            DoesNotFit: a training row is longer than the context window.
        """
        training = self.training(system, data, engine)
        tuned = training.run(on_progress)
        weights = {"tuned": f"tuned/{training.folder.name}", "tuned_digest": tuned.digest, "method": self.method}
        return minimal_prompt(data.task, system).then(self.name, weights=weights)

    def training(self, system: System, data: TrainingData, engine: Engine) -> Training:
        """What `fit` trains.

        Raises:
            ConfigError: the model's weights are not here to be tuned.
        """
        bare = minimal_prompt(data.task, system)
        settings = data.task.tuning
        recipe = Recipe(
            method=self.method,
            epochs=settings.epochs,
            rank=settings.rank,
            learning_rate=settings.learning_rate or LEARNING_RATES[self.method],
            batch_rows=settings.batch_rows,
            seed=settings.seed,
            layers=settings.layers,
        )
        rows = joined(training_rows(data.task, bare, data.train[: settings.max_rows], engine))
        dev = training_rows(data.task, bare, data.dev, engine)
        if self.replays:
            rows += replayed(bare, engine, rows=len(rows), share=settings.replay)
        model = engine.model_of(bare)
        folder = engine.store / "tuned" / recipe_key(model.digest, rows, dev, recipe)[:16]
        return Training(model=model, rows=rows, dev=dev, recipe=recipe, folder=folder)


def minimal_prompt(task: Task, system: System) -> System:
    """The System with the prompt that is tuned and served: what the rows teach is not said."""
    short: dict[str, object] = {
        "show_labels": False,
        "persona": "",
        "context": "",
        "constraints": (),
        "form": "",
        "reasoning": False,
        "grounded": False,
    }
    if cue := kind_of(task).cue:
        # The rows teach what is asked; a whole instruction would be read again in every row and every answer.
        short["instruction"] = cue
    # A set is learned as it is written: scored label by label, each would be asked in a form that no row taught.
    written: dict[str, object] = {"method": "generate"} if system.decoding.several else {}
    return system.with_(prompt=short, decoding={"prior": (), **written})


def training_rows(task: Task, system: System, examples: tuple[Example, ...], engine: Engine) -> list[TrainingRow]:
    """Token ids of each example's prompt, as it would be served, and of the answer wanted, the end token included.

    Raises:
        ConfigError: the model's weights are not here to be tuned.
    """
    found = zip(examples, engine.messages(system, examples), strict=True)
    pairs = [(chat, kind_of(task).target_text(system, example, passages)) for example, (chat, passages) in found]
    return encoded(engine.model_of(system), pairs)


@dataclass(frozen=True)
class Reference:
    """Logistic regression on the frozen embedder: what can be had without a generative model."""

    name: str = "reference-classifier"
    asks_no_model: ClassVar[bool] = True

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """A System whose weights are the embedder and a classifier head.

        Raises:
            NotInstalled: the packages that it takes are not installed.
        """
        require(self.name, CLASSIFIER)
        embedder = data.task.embedder
        vectors = engine.embed(embedder, system.texts(data.train))
        head = fit_vectors(data.task, vectors, data.train)
        digest, precision = engine.embedder_digest(embedder), "full-precision embedder, logistic regression"
        return _classifier(
            self.name, system, head, engine, Weights(model=embedder, digest=digest, precision=precision, method="head")
        )


@dataclass(frozen=True)
class TfidfReference:
    """Logistic regression on words and characters: what can be had without any model."""

    name: str = "tfidf-classifier"
    asks_no_model: ClassVar[bool] = True

    def fit(self, system: System, data: TrainingData, engine: Engine, on_progress: OnProgress | None = None) -> System:
        """A System whose weights are those of the words and characters of the training rows.

        Raises:
            NotInstalled: the packages that it takes are not installed.
        """
        require(self.name, CLASSIFIER)
        texts = system.texts(data.train)
        classifier = fit_words(data.task, texts, data.train)
        return _classifier(
            self.name, system, classifier, engine, Weights(model="tf-idf", precision="logistic regression", method="tfidf")
        )


def fit_vectors(task: Task, vectors: Array, examples: Sequence[Example]) -> Head:
    """A classifier on vectors, for the labels of these examples: one label each, or several where the task's kind says so."""
    kind = kind_of(task)
    if kind.several:
        return fit_head_of_sets(vectors, [kind.labels_in(example.label) for example in examples])
    return fit_head(vectors, [example.label for example in examples])


def fit_words(task: Task, texts: Sequence[str], examples: Sequence[Example]) -> Tfidf:
    """The same on the words and characters of texts."""
    kind = kind_of(task)
    if kind.several:
        return fit_tfidf_of_sets(texts, [kind.labels_in(example.label) for example in examples])
    return fit_tfidf(texts, [example.label for example in examples])


def _classifier(name: str, system: System, classifier: Head | Tfidf, engine: Engine, weights: Weights) -> System:
    """The System that answers by this classifier, which is saved."""
    folder = f"heads/{classifier.digest[:16]}"
    classifier.save(engine.store / folder)
    bare = system.with_(prompt={"shots": (), "show_labels": False}, label="")
    tuned = weights.model_copy(update={"tuned": folder, "tuned_digest": classifier.digest})
    decoding = Decoding(method="head", labels=classifier.labels, several=classifier.several, max_tokens=0)
    return bare.then(name, weights=tuned, decoding=decoding)

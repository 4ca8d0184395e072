"""What a project already says: the facts in its settings, its examples and its documents. Nothing is asked of a model."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.advise.facts import TOKENS_PER_PAGE, Answers, Fact, Facts
from tailor.data.example import Example
from tailor.data.learnability import Learnability, task_learnability
from tailor.data.lengths import asked_tokens, estimate_tokens
from tailor.errors import quoted
from tailor.kinds.base import kind_of
from tailor.language.detect import language_of
from tailor.language.tokens import contains
from tailor.models.cache import BUILT_INS
from tailor.models.endpoint.listed import DEFAULT_WINDOW, context_window
from tailor.task import ModelSettings, Task

if TYPE_CHECKING:
    from tailor.documents.reading import Document

LOOKED_AT = 200  # questions whose answers are looked for in the documents
MOST_CHARACTERS = 5_000_000  # documents longer than this are not searched for answers, so that advice takes no time
LABELS_SHOWN = 15
UNBALANCED = 10  # the most common label has this many times the rows of the rarest, as in `tailor check`


def gather(
    task: Task,
    examples: Sequence[Example] = (),
    documents: Sequence[Document] = (),
    window: int | None = None,
    count_tokens: Callable[[str], int] | None = None,
    learned_from: Sequence[Example] | None = None,
) -> Facts:
    """The facts of a task.

    Args:
        task: its settings.
        examples: all labelled rows, whatever split they are in.
        documents: what can be read.
        window: tokens that the model reads at once, where it is known better than from the settings.
        count_tokens: tokens of a text; estimated at four characters each unless given.
        learned_from: the rows that a classifier on words is tried on; all examples unless given. The others are only counted.
    """
    count = count_tokens or estimate_tokens
    learned = task_learnability(task, examples if learned_from is None else learned_from)
    known = {**_settings(task), **_widest(task, window), **_rows(task, examples)}
    if learned is not None:
        known["learnability"] = Fact(round(learned.skill, 2), "the data")
    if documents:
        tokens = sum(count(document.text) for document in documents)
        known["documents_tokens"] = Fact(tokens, "the documents")
        known["documents_pages"] = Fact(-(-tokens // TOKENS_PER_PAGE), "the documents")
    elif not task.documents:
        known["documents_pages"] = Fact(0, "tailor.yaml")
    how = "" if count_tokens else " (estimated at four characters per token)"
    facts = Facts(known).with_answers(Answers.model_validate(task.facts.model_dump()), "tailor.yaml")
    observed = [
        *_observe_rows(task, examples, count, how),
        *_observe_learning(learned),
        *_observe_documents(task, examples, documents, facts, how),
    ]
    return Facts(facts.known, tuple(observed))


def _settings(task: Task) -> dict[str, Fact]:
    def given(value: float, inside: object, name: str) -> Fact:
        return Fact(value, "tailor.yaml" if name in getattr(inside, "model_fields_set", ()) else "assumed")

    kind = kind_of(task)
    known = {
        "target": given(task.target, task, "target"),
        "answers_per_month": given(task.volume.answers_per_month, task.volume, "answers_per_month"),
        "label_price": given(task.prices.label, task.prices, "label"),
        "fixed_answers": Fact(kind.closed, "tailor.yaml"),
        "weights_available": given(any(not model.is_remote for model in task.asked), task, "model"),
    }
    if task.prices.error:  # 0 leaves errors out of the cost, and does not say that they cost nothing
        known["error_price"] = given(task.prices.error, task.prices, "error")
    if kind.reads == bool(task.documents):
        known["answers_in_documents"] = Fact(kind.reads, "tailor.yaml")
    return known


def _widest(task: Task, window: int | None) -> dict[str, Fact]:
    """The most that one of the models can read at once."""
    if window is not None:
        return {"context_tokens": Fact(window, "the model")}
    known = [found["context_tokens"] for found in map(_window, task.asked) if found]
    return {"context_tokens": max(known, key=lambda fact: int(fact.value))} if known else {}


def _window(model: ModelSettings) -> dict[str, Fact]:
    """What the model can read at once; nothing where it is not known before the model is opened."""
    if model.context_tokens is not None:
        return {"context_tokens": Fact(model.context_tokens, "tailor.yaml")}
    if model.is_remote and (known := context_window(model.name, model.address)) is not None:
        return {"context_tokens": Fact(known, "the model")}
    if model.is_remote or "name" not in model.model_fields_set:
        return {"context_tokens": Fact(DEFAULT_WINDOW, "assumed")}
    if model.name in BUILT_INS or model.name.partition(":")[0] == "fake":
        return {"context_tokens": Fact(DEFAULT_WINDOW, "the model")}
    try:
        config = json.loads((Path(model.name).expanduser() / "config.json").read_text(encoding="utf-8"))
        return {"context_tokens": Fact(int(config["max_position_embeddings"]), "the model")}
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return {}


def _rows(task: Task, examples: Sequence[Example]) -> dict[str, Fact]:
    if not examples:
        return {}
    known = {"labels": Fact(len(examples), "the data")}
    if kind_of(task).closed:
        known["rarest_label"] = Fact(min(_per_label(task, examples).values()), "the data")
    return known


def _per_label(task: Task, examples: Sequence[Example]) -> Mapping[str, int]:
    """Label -> rows, the most common first; labels of the task that no row has come last, with 0."""
    kind = kind_of(task)
    counts = Counter(label for example in examples for label in kind.labels_in(example.label))
    return dict(counts.most_common()) | {label: 0 for label in task.labels if label not in counts}


# --- in words


def _observe_rows(task: Task, examples: Sequence[Example], count: Callable[[str], int], how: str) -> Iterator[str]:
    if not examples:
        return
    lengths = [asked_tokens(task, example, count) for example in examples]
    yield (
        f"{_n(len(examples), 'labelled example')}. What is asked "
        f"takes a median of {statistics.median_high(lengths):,} tokens and {max(lengths):,} at most{how}."
    )
    if kind_of(task).closed:
        yield from _observe_labels(_per_label(task, examples))
    elif none := sum(not example.answers for example in examples):
        share = f"{100 * none / len(examples):.0f} %"
        yield f"{none:,} of {len(examples):,} questions ({share}) have no answer: saying so is the right answer to these."


def _observe_labels(counts: Mapping[str, int]) -> Iterator[str]:
    shown = ", ".join(f"{quoted(label)} {rows:,}" for label, rows in list(counts.items())[:LABELS_SHOWN])
    more = f" and {len(counts) - LABELS_SHOWN:,} more labels" if len(counts) > LABELS_SHOWN else ""
    yield f"Examples per label, {_n(len(counts), 'label')}: {shown}{more}."
    (most_label, most), (rarest, least) = next(iter(counts.items())), list(counts.items())[-1]
    if most >= UNBALANCED * max(least, 1):
        yield f"The labels are unbalanced: {quoted(most_label)} has {most:,} examples and {quoted(rarest)} has {least:,}."
    elif most >= 2 * least:
        yield f"The labels are somewhat unbalanced: between {least:,} and {most:,} examples each."
    else:
        yield f"The labels are balanced: {'' if most == least else f'between {least:,} and '}{most:,} examples each."


def _observe_learning(learned: Learnability | None) -> Iterator[str]:
    if learned is None:
        return
    so = f": {100 * learned.skill:.0f} % of what guessing gets wrong" if learned.is_clear else ""
    doubt = so or ": the labels do not seem to follow from the texts"
    yield (
        f"A simple classifier gets {100 * learned.right:.0f} % of {learned.rows:,} rows right that it did not learn from, and "
        f"{100 * learned.by_chance:.0f} % when the labels are shuffled{doubt}."
    )


def _observe_documents(
    task: Task, examples: Sequence[Example], documents: Sequence[Document], facts: Facts, how: str
) -> Iterator[str]:
    if not documents:
        return
    tokens, share = facts.get("documents_tokens"), facts.get("documents_share")
    size = f"{_n(len(documents), 'document')}, {tokens.value if tokens else 0:,} tokens together{how}"
    window = facts.get("context_tokens")
    against = f": {100 * float(share.value):.0f} % of the {window.value:,} that the model reads at once" if share and window else ""
    yield f"{size}{against}."
    answered = [example for example in examples if example.answers]
    if kind_of(task).reads and answered and sum(len(document.text) for document in documents) <= MOST_CHARACTERS:
        some = answered[:: -(-len(answered) // LOOKED_AT)]
        texts = [document.text for document in documents]
        found = sum(any(_stands(answer, texts) for answer in example.answers) for example in some)
        yield f"Of {len(some):,} questions with an answer looked at, the answer of {found:,} is in the documents word for word."


def _stands(answer: str, texts: Sequence[str]) -> bool:
    language = language_of(texts[0])
    return any(contains(text, answer, language) for text in texts)


def _n(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

"""Other ways to ask a system the same thing: once more, in another order, in another form. What is asked stays what it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tailor.conversation import reworded
from tailor.data.example import Example
from tailor.models.base import Model
from tailor.system import Decoding, System
from tailor.task import columns_in

Kind = Literal["again", "order", "format"]

SAMPLED_AGAIN = 3
"""How often a system that samples is asked again."""

ENDS = (".", "!", "?", "…", ":", ";")


@dataclass(frozen=True)
class Asking:
    """One way to ask the same again.

    Attributes:
        kind: what differs: nothing, the order of what is in the prompt, or the form of the input.
        how: in words, such as "asked one at a time".
        system: who is asked.
        examples: what is asked.
        places: of the examples among those asked the first time; those that this way would leave as they are are not asked.
        one_at_a_time: whether each is asked for itself, not in a batch.
    """

    kind: Kind
    how: str
    system: System
    examples: tuple[Example, ...]
    places: tuple[int, ...]
    one_at_a_time: bool = False


@dataclass(frozen=True)
class Form:
    """A way to write the input that leaves its meaning alone.

    Attributes:
        how: in words, as the end of "the input ...".
        change: of the text of one column.
        last_only: whether it concerns the end of the input alone, so only the last column of it.
    """

    how: str
    change: Callable[[str], str]
    last_only: bool = False


def other_capitals(text: str) -> str:
    """The text in small letters; one that is in small letters already begins with a capital."""
    return lower if (lower := text.lower()) != text else text[:1].upper() + text[1:]


def please(text: str) -> str:
    """The text with a "please" behind it."""
    text = text.rstrip()
    return f"{text} Please." if text.endswith(ENDS) else f"{text}, please"


FORMS = (
    Form("with white space around it", lambda text: f"  {text}  \n"),
    Form("in other capitals", other_capitals),
    Form("with a “please” behind it", please, last_only=True),
    Form("between quotation marks", lambda text: f'"{text}"'),
    Form("in bold Markdown", lambda text: f"**{text}**"),
)


def askings(system: System, examples: Sequence[Example], model: Model) -> list[Asking]:
    """Every further way in which this system is asked the same examples."""
    return [*_again(system, examples, model), *_orders(system, examples), *_forms(system, examples)]


def _again(system: System, examples: Sequence[Example], model: Model) -> list[Asking]:
    """The same once more. The seed makes another System of it, for else the saved answer would be given.

    A classifier computes the same from the same. A system that samples is asked with other seeds. One that does not may still
    answer otherwise: in other company where batches matter (bfloat16 sums depend on the batch), or because an endpoint does.
    """
    if not system.is_generative:
        return []
    samples = system.decoding.temperature > 0 and system.decoding.method == "generate"
    single = not (model.capabilities.batch_invariant or samples)
    how = "asked with another seed" if samples else "asked one at a time, not in a batch" if single else "asked a second time"
    return [
        _asking("again", how, system.with_(decoding={"seed": system.decoding.seed + number}), examples, single)
        for number in range(1, 1 + (SAMPLED_AGAIN if samples else 1))
    ]


def _orders(system: System, examples: Sequence[Example]) -> list[Asking]:
    """What is in the prompt in the opposite order: worked examples, the list of labels, passages."""
    prompt, decoding, knowledge = system.prompt, system.decoding, system.knowledge
    if not system.is_generative:
        return []
    found = []
    if min(prompt.nearest or len(prompt.shots), len(prompt.shots)) > 1:
        turned = {"nearest_first": not prompt.nearest_first} if prompt.nearest else {"shots": prompt.shots[::-1]}
        found.append(_asking("order", "worked examples in the opposite order", system.with_(prompt=turned), examples))
    if prompt.show_labels and len(decoding.labels) > 1:
        labels = {"labels": decoding.labels[::-1], "prior": turned_prior(decoding)}
        found.append(_asking("order", "labels listed in the opposite order", system.with_(decoding=labels), examples))
    if knowledge.kind == "index" and knowledge.passages > 1:
        last = {"best_last": not knowledge.best_last}
        found.append(_asking("order", "passages in the opposite order", system.with_(knowledge=last), examples))
    return found


def turned_prior(decoding: Decoding) -> tuple[float, ...]:
    """Its prior for the labels in the opposite order: where each label has two choices, these stay in theirs."""
    each = 2 if decoding.several else 1
    return tuple(p for start in range(len(decoding.prior) - each, -1, -each) for p in decoding.prior[start : start + each])


def _forms(system: System, examples: Sequence[Example]) -> list[Asking]:
    """The texts of the input written otherwise; images are not."""
    columns = columns_in(system.prompt.input)
    found = []
    for form in FORMS:
        changed = {}
        for place, example in enumerate(examples):
            fields = dict(example.fields)
            texts = [column for column in columns if column not in example.media]
            for column in texts[-1:] if form.last_only else texts:
                fields[column] = reworded(fields[column], form.change)
            if fields != example.fields:
                changed[place] = replace(example, fields=fields)
        if changed:
            found.append(Asking("format", form.how, system, tuple(changed.values()), tuple(changed)))
    return found


def _asking(kind: Kind, how: str, system: System, examples: Sequence[Example], one_at_a_time: bool = False) -> Asking:
    return Asking(kind, how, system, tuple(examples), tuple(range(len(examples))), one_at_a_time)

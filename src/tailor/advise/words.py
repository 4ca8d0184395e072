"""Facts and counts in words."""

from __future__ import annotations

from collections.abc import Mapping

from tailor.advise.criteria import Step, Strength
from tailor.advise.facts import Fact

STEP_NAMES: Mapping[Step, str] = {"documents": "documents", "search": "search", "tuning": "fine-tuning"}
STEP_MEANS: Mapping[Step, str] = {
    "documents": "the model is given your documents to read",
    "search": "it is given only the passages that fit the question",
    "tuning": "it is trained on your labelled examples",
}


def format_fact(fact: Fact, unit: str = "") -> str:
    """A fact as shown, such as "yes", "5,000", "95 %" or "at least 200"."""
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    if isinstance(fact.value, str):
        return fact.value
    if not fact.value and not fact.at_least:
        return "none"
    bound = "at least " if fact.at_least else ""
    if unit == "%" and fact.value >= 2:
        return f"{bound}{_figure(fact.value)} times"
    if unit == "%":
        return f"{bound}{_figure(100 * fact.value)} %"
    return f"{bound}{_figure(fact.value)}{unit and ' ' + unit}"


def format_counts(counts: Mapping[Step, Strength]) -> str:
    """What a reason speaks for and against, such as "strongly for documents, slightly against fine-tuning"."""
    return ", ".join(f"{strength} {STEP_NAMES[step]}" for step, strength in counts.items())


def _figure(number: float) -> str:
    """A number with separators of thousands, and with decimals only where it is small."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"

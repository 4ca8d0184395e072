"""Labels as texts: how a model reads them, and how it writes a set of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

AROUND = " ?!.,:;\"'()[]{}*"
"""Characters taken off both ends of a label before it is shown."""
VERDICTS = ("yes", "no")
"""What is said of each label where an answer may hold several."""
BETWEEN = "; "
"""What a model writes between several labels: a comma stands inside many a label."""


def display_label(label: str) -> str:
    """The label as a model reads it: underscores become spaces, punctuation around it goes, such as a final "?"."""
    return " ".join(label.replace("_", " ").split()).strip(AROUND) or label


def display_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels as a model reads them; as they are, all of them, if two would read the same."""
    shown = tuple(display_label(label) for label in labels)
    return shown if len(set(shown)) == len(set(labels)) else tuple(labels)


def verdicts(labels: Sequence[str]) -> tuple[str, ...]:
    """Each label with yes and with no, as they are scored where an answer may hold several."""
    return tuple(f"{label}: {verdict}" for label in display_labels(labels) for verdict in VERDICTS)


def likeliest_set(labels: Sequence[str], scores: Sequence[float]) -> str:
    """The set of labels whose yes is likelier than their no, by the log-probabilities of `verdicts`.

    What the two texts of a label have in common cancels in their difference, which is the log-odds of that label.
    """
    return as_set(label for label, yes, no in zip(labels, scores[::2], scores[1::2], strict=True) if yes > no)


def as_set(labels: Iterable[str]) -> str:
    """The one text of a set of labels, which is an answer where there may be several: a JSON list, sorted."""
    return json.dumps(sorted(set(labels)), ensure_ascii=False, separators=(",", ":"))


def in_set(text: str) -> tuple[str, ...]:
    """The labels of such a text; none of another."""
    try:
        found = json.loads(text)
    except ValueError:
        return ()
    return tuple(label for label in found if isinstance(label, str)) if isinstance(found, list) else ()


def written_set(chosen: Iterable[str], labels: Sequence[str]) -> str:
    """What a model should write for a set of labels: their names with semicolons between them, or that there is none.

    Args:
        chosen: the set.
        labels: all that there are.
    """
    shown = dict(zip(labels, display_labels(labels), strict=True))
    return BETWEEN.join(shown.get(label, label) for label in sorted(set(chosen))) or no_label(labels)


def no_label(labels: Sequence[str]) -> str:
    """How a model says that no label applies: "none", unless a label is called so."""
    return "[]" if "none" in (label.casefold() for label in display_labels(labels)) else "none"

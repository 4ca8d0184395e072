"""Who answered: which models an endpoint names in its answers, and whether that is the model asked for, and one model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tailor.score.types import Answer

SHOWN = 3
"""Models and fingerprints that a sentence names."""


@dataclass(frozen=True)
class Answered:
    """What an endpoint says of who answered.

    Attributes:
        asked: the model that was asked for.
        models: name of each model that answered -> its answers, the most common first.
        fingerprints: the same for the endpoint's fingerprints, where it gives them.
        sentence: what of this puts a comparison in doubt; empty where nothing does.
    """

    asked: str
    models: dict[str, int]
    fingerprints: dict[str, int]
    sentence: str = ""


def answered(asked: str, answers: Iterable[Answer]) -> Answered | None:
    """Who gave these answers; None where the endpoint names nobody."""
    models, fingerprints = Counter[str](), Counter[str]()
    for answer in answers:
        name, _, fingerprint = answer.answered_by.partition("@")
        models.update([name] if name else [])
        fingerprints.update([fingerprint] if fingerprint else [])
    if not models and not fingerprints:
        return None
    return Answered(asked, dict(models.most_common()), dict(fingerprints.most_common()), _sentence(asked, models, fingerprints))


def _sentence(asked: str, models: Counter[str], fingerprints: Counter[str]) -> str:
    others = Counter({name: count for name, count in models.items() if not _is_same(asked, name)})
    said = []
    if len(models) > 1:
        said.append(f"The endpoint answered as {len(models):,} models: {_list(models)}; what was compared may differ in them.")
    elif others:
        said.append(f"{asked} was asked for, and the endpoint says that {_list(others)} answered.")
    if len(fingerprints) > 1:
        said.append(
            f"The endpoint changed during this study, or between its runs: its answers bear {len(fingerprints):,} fingerprints, "
            f"{_list(fingerprints)}."
        )
    return " ".join(said)


def _is_same(asked: str, name: str) -> bool:
    """Whether a name is the one that was asked for, or a version of it: `openai/m` is answered by `m-2026-01-01`."""
    one, other = (text.lower().rstrip("/").split("/")[-1] for text in (asked, name))
    return one in other or other in one


def _list(counts: Counter[str]) -> str:
    shown = [f"{name} ({count:,} answers)" for name, count in counts.most_common(SHOWN)]
    more = [f"and {len(counts) - SHOWN:,} more"] if len(counts) > SHOWN else []
    return ", ".join([*shown, *more])

"""From people's judgements to the label that counts. It is derived and never stored, so that a later judgement can change it.

A label is taken apart into questions with one answer each: a text is one question, a set one question "yes or no" for each member
that anybody named, an object one question for each field. What was adjudicated counts as it is, and so does what is known to be
right. Everything else is decided by a method of `tailor.stats.crowd`; `auto` takes the one that the judgements
speak for.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tailor.labelling.judgement import LABEL, Judgement, by_subject
from tailor.stats.crowd import Consensus, Floats, Ints, Votes, dawid_skene, gold_weighted, mace, majority, one_coin

Method = Literal["majority", "one-coin", "dawid-skene", "mace", "gold-weighted"]
Subject = tuple[str, str]
Question = tuple[Subject, str]
"""What was judged, and the member of a set or the field of an object that is asked for; empty for a label that is a text."""
WITHOUT_GOLD: Mapping[Method, Callable[[Votes, Ints | None], Consensus]] = {
    "majority": majority,
    "one-coin": one_coin,
    "mace": mace,
    "dawid-skene": dawid_skene,
}
"""In the order of how much may differ between people: nothing, one chance each, a habit each, a table each."""
FOLDS = 5
GOLD_LEAST = 20
"""Labelled rows whose label is known, from which on methods are compared by them and not by held-out labels."""
HELD_LEAST = 20
"""Held-out labels from which on another method than the majority can be chosen by them: two rows are no evidence for anything."""
MOST_CLASSES = 100
"""More different answers than this are no closed set: whoever gave another one was not mistaking it for that one."""
YES, NO = "yes", "no"


@dataclass(frozen=True)
class Derived:
    """The label that counts, and how sure it is.

    Attributes:
        label: as in a judgement; None where nobody gave one.
        by: the method, "adjudicated" or "gold".
        probability: of its least sure part, as the method sees it; 1 for what was adjudicated or is known.
        votes: how many people gave each label, as JSON where it is no text.
        tied: the labels that are equally likely, where there are several; the first of them by spelling is taken.
    """

    label: Any
    by: str
    probability: float
    votes: Mapping[str, int] = field(default_factory=dict)
    tied: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Aggregation:
    """All labels that count.

    Attributes:
        labels: what was judged -> its label.
        method: how differences between people were decided.
        why: why by this method, in one sentence.
        scores: what each method reached: share of known labels, or the mean log-probability of held-out labels.
        skill: each person -> the chance of being right that the method gives them; empty for the majority.
        differs: how many labels the majority would give otherwise.
        untied: how many it decides where as many people say one thing as another.
    """

    labels: Mapping[Subject, Derived]
    method: Method
    why: str
    scores: Mapping[Method, float] = field(default_factory=dict)
    skill: Mapping[str, float] = field(default_factory=dict)
    differs: int = 0
    untied: int = 0

    @property
    def sentences(self) -> list[str]:
        """How differences were decided, what else the majority would say, and whom to talk to; none where nobody differs."""
        several = [one for one in self.labels.values() if len(one.votes) > 1]
        if not several:
            return []
        told = [f"Where people differ, {self.method} decides. {self.why}"]
        if self.differs:
            rows = "1 label" if self.differs == 1 else f"{self.differs} labels"
            told.append(f"The majority would give {rows} otherwise.")
        if self.untied:
            rows = "1 row" if self.untied == 1 else f"{self.untied} rows"
            told.append(f"It decides {rows} on which as many people say one thing as another.")
        if tied := sum(bool(one.tied) for one in self.labels.values()):
            rows = "1 row has" if tied == 1 else f"{tied} rows have"
            told.append(f"{rows} labels that are equally likely: settle them, or ask one person more.")
        return told


@dataclass(frozen=True)
class _Table:
    """The judgements as numbers, and what the numbers stand for; `gold` is -1 where nothing is known, and `few` says whether there
    are so few classes, of a closed set, that it can be learned who mistakes which for which.
    """

    questions: Sequence[Question]
    people: Sequence[str]
    classes: Sequence[str]
    votes: Votes
    gold: Ints
    few: bool


def aggregate(judgements: Iterable[Judgement], method: Method | Literal["auto"] = "auto", *, closed: bool = True) -> Aggregation:
    """The labels that follow from judgements.

    Args:
        judgements: those that count (`Judgements.standing`).
        method: how differences are decided; "auto" chooses by measure.
        closed: whether labels come out of a set that is known beforehand. Of free texts and fields, the majority counts, since
            whoever wrote another one did not mistake it for that one.

    Raises:
        ValueError: the method needs rows whose label is known, and there are none.
    """
    given = [judgement for judgement in judgements if LABEL in judgement.values]
    settled = {one.subject: one for one in given if one.role == "gold"}
    settled |= {one.subject: one for one in given if one.role == "adjudicated"}
    votes = [one for one in given if one.role == "label"]
    table = _table(votes, settled, closed=closed and not any(isinstance(one.label, dict) for one in votes))
    scores: Mapping[Method, float] = {}
    if method == "auto":
        method, why, scores = _chosen(table)
    else:
        why = "You chose it."
    found = _consensus(table, method)
    decided = _decided(table, found)
    plain = decided if method == "majority" else _decided(table, _consensus(table, "majority"))
    skill = {} if not table.few or method == "majority" else dict(zip(table.people, map(float, found.skill), strict=True))
    labels: dict[Subject, Derived] = {}
    differs = untied = 0
    for subject, said in by_subject(given).items():
        shown = Counter(_shown(one.label) for one in said if one.role == "label")
        if subject in settled:
            labels[subject] = Derived(settled[subject].label, settled[subject].role, 1.0, dict(sorted(shown.items())))
            continue
        form = said[0].label
        label, probability, tied = _assembled(form, decided.get(subject, {}))
        most, _, evenly = _assembled(form, plain.get(subject, {}))
        untied += bool(evenly and not tied)
        differs += not evenly and _text(label) != _text(most)
        labels[subject] = Derived(label, method, probability, dict(sorted(shown.items())), tied)
    return Aggregation(labels, method, why, scores, skill, differs, untied)


def _table(votes: Sequence[Judgement], settled: Mapping[Subject, Judgement], *, closed: bool) -> _Table:
    members: dict[Subject, set[str]] = {}
    for one in votes:
        if isinstance(one.label, list):
            members.setdefault(one.subject, set()).update(map(_text, one.label))
    answered = [(one.subject, part, one.annotator, answer) for one in votes for part, answer in _taken_apart(one, members)]
    answered.sort()
    questions = sorted({(subject, part) for subject, part, _, _ in answered})
    people = sorted({person for _, _, person, _ in answered})
    asked = set(questions)
    known = {(one.subject, part): answer for one in settled.values() for part, answer in _taken_apart(one, members)}
    known = {question: answer for question, answer in known.items() if question in asked}
    classes = sorted({answer for *_, answer in answered} | set(known.values()))
    at, who, what = ({name: n for n, name in enumerate(names)} for names in (questions, people, classes))
    columns = [
        [at[subject, part] for subject, part, _, _ in answered],
        [who[person] for _, _, person, _ in answered],
        [what[answer] for *_, answer in answered],
    ]
    items, persons, named = (np.array(column, dtype=np.int64) for column in columns)
    gold = np.array([what[known[q]] if q in known else -1 for q in questions], dtype=np.int64)
    shape = len(questions), len(people), len(classes)
    return _Table(questions, people, classes, Votes(items, persons, named, shape), gold, closed and len(classes) <= MOST_CLASSES)


def _taken_apart(judgement: Judgement, members: Mapping[Subject, set[str]]) -> list[tuple[str, str]]:
    """The questions that a label answers, and its answers."""
    label = judgement.label
    if isinstance(label, list):
        named = set(map(_text, label))
        return [(member, YES if member in named else NO) for member in sorted(members.get(judgement.subject, set()) | named)]
    if isinstance(label, dict):
        return [(name, _text(value)) for name, value in sorted(label.items())]
    return [("", _text(label))]


def _assembled(form: Any, parts: Mapping[str, tuple[float, tuple[str, ...]]]) -> tuple[Any, float, tuple[Any, ...]]:
    """A label out of the answers to its questions, the probability of the least sure one, and the labels that are tied."""
    if isinstance(form, list | dict):
        parts = {part: answer for part, answer in parts.items() if part}
    least = min((probability for probability, _ in parts.values()), default=1.0)
    if isinstance(form, list):
        # A tie of yes and no leaves a member out: nobody has a majority for it.
        kept = [part for part, (_, best) in sorted(parts.items()) if best == (YES,)]
        open_ = [part for part, (_, best) in sorted(parts.items()) if len(best) > 1]
        return [json.loads(part) for part in kept], least, tuple(json.loads(part) for part in open_)
    if isinstance(form, dict):
        tied = tuple(part for part, (_, best) in sorted(parts.items()) if len(best) > 1)
        return {part: json.loads(best[0]) for part, (_, best) in sorted(parts.items())}, least, tied
    probability, best = parts[""]
    return json.loads(best[0]), probability, tuple(map(json.loads, best)) if len(best) > 1 else ()


def _decided(table: _Table, found: Consensus) -> dict[Subject, dict[str, tuple[float, tuple[str, ...]]]]:
    """Of each subject, each question -> the probability of its answer, and the answers that are equally likely."""
    decided: dict[Subject, dict[str, tuple[float, tuple[str, ...]]]] = {}
    for (subject, part), row, best in zip(table.questions, found.classes, found.best(), strict=True):
        decided.setdefault(subject, {})[part] = float(row.max()), tuple(table.classes[k] for k in best)
    return decided


def _consensus(table: _Table, method: Method) -> Consensus:
    if not len(table.votes) or not table.few:
        return _counted(table)
    if method == "gold-weighted":
        return gold_weighted(table.votes, table.gold)
    return WITHOUT_GOLD[method](table.votes, table.gold if (table.gold >= 0).any() else None)


def _counted(table: _Table) -> Consensus:
    """Shares of the votes alone, where tables of chances would be as wide as there are different texts."""
    counts = table.votes.counts
    _, people, k = table.votes.shape
    return Consensus(
        counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), np.zeros((people, 0, 0)), np.full(k, 1 / max(1, k)), ()
    )


def _chosen(table: _Table) -> tuple[Method, str, Mapping[Method, float]]:
    """The method that the judgements speak for, why, and what each reached."""
    votes, gold = table.votes, table.gold
    if not table.few:
        return "majority", "Answers come out of no small closed set, so nobody mistakes one for another.", {}
    several = np.bincount(votes.items, minlength=votes.shape[0]) > 1
    if not several.any():
        return "majority", "No row has labels of two people, so there is nothing to weigh.", {}
    told = {name: _heldout(votes, find) for name, find in WITHOUT_GOLD.items()}
    heldout: dict[Method, float] = {name: float(values.mean()) if len(values) else -np.inf for name, values in told.items()}
    known = np.flatnonzero((gold >= 0) & (np.bincount(votes.items, minlength=votes.shape[0]) > 0))
    if len(known) < GOLD_LEAST:
        top = max(heldout, key=lambda name: heldout[name])
        best = _simplest(told, top)
        if best == "majority":
            why = f"No method is shown to predict held-out labels better ({_probable(heldout, best)}; {len(told[best])} labels)."
        elif best == top:
            why = f"It predicts best the labels that were held out ({_probable(heldout, best)})."
        else:
            why = f"None that takes more to be different is shown to predict held-out labels better ({_probable(heldout, best)})."
        return best, why, heldout
    right = {name: _right(find(votes, None), gold, known) for name, find in WITHOUT_GOLD.items()}
    right["gold-weighted"] = _right_crossed(votes, gold, known)
    scores: dict[Method, float] = {name: float(values.mean()) for name, values in right.items()}
    top = max(scores, key=lambda name: scores[name])
    # Within one standard error of the best, known rows do not tell methods apart; then held-out labels do.
    near = [name for name in scores if (right[top] - right[name]).mean() <= (right[top] - right[name]).std() / len(known) ** 0.5]
    best = max(near, key=lambda name: (heldout.get(name, -np.inf), scores[name]))
    return (
        best,
        f"It agrees best with the {len(known)} rows whose label is known ({_compared(scores, best)}).",
        scores,
    )


def _simplest(told: Mapping[Method, Floats], top: Method) -> Method:
    """The first method whose held-out labels are within a standard error of the best one's, in the order of `WITHOUT_GOLD`.

    A table for each person predicts labels as well with its classes swapped or split, so that a hair more of likelihood may cost a
    third of the rows (docs/log.md); fewer chances leave less to swap.
    """
    for name in WITHOUT_GOLD:
        gain = told[top] - told[name]
        if len(gain) < HELD_LEAST or gain.mean() <= gain.std(ddof=1) / len(gain) ** 0.5:
            return name
    return top


def _heldout(votes: Votes, find: Callable[[Votes, Ints | None], Consensus]) -> Floats:
    """Log-probability of each label that the method did not see, of rows that have others.

    Labels are dealt to folds in the order of their rows, so that each row loses one at a time and no draw decides.
    """
    place = np.arange(len(votes)) - np.searchsorted(votes.items, votes.items)
    fold = (place + votes.items) % FOLDS
    found = []
    for number in range(FOLDS):
        seen = votes.only(fold != number)
        tested = (fold == number) & (np.bincount(seen.items, minlength=votes.shape[0])[votes.items] > 0)
        if tested.any():
            found.append(find(seen, None).predicted(votes.only(tested)))
    return np.concatenate([np.zeros(0), *found])


def _right(found: Consensus, gold: Ints, known: Ints) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Of each known row, whether its label was found; ties share."""
    best = found.best()
    return np.array([(gold[n] in best[n]) / len(best[n]) for n in known], dtype=np.float64)


def _right_crossed(votes: Votes, gold: Ints, known: Ints) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The same where people are weighted by the other known rows."""
    right = np.zeros(len(known))
    for number in range(FOLDS):
        held = np.arange(len(known)) % FOLDS == number
        others = gold.copy()
        others[known[held]] = -1
        right[held] = _right(gold_weighted(votes, others), gold, known[held])
    return right


def _probable(heldout: Mapping[Method, float], best: Method) -> str:
    """What two methods reached on held-out labels, as the probability that they typically gave to one (the geometric mean)."""
    return f"typical probability: {_compared({name: math.exp(value) for name, value in heldout.items()}, best)}"


def _compared(scores: Mapping[Method, float], best: Method) -> str:
    told = [(best, scores[best])] + ([("majority", scores["majority"])] if best != "majority" else [])
    if best == "majority":
        told += sorted(((name, value) for name, value in scores.items() if name != best), key=lambda pair: -pair[1])[:1]
    return ", ".join(f"{name} {100 * value:.0f} %" for name, value in told)


def _text(value: Any) -> str:
    """Any value as one text, from which `json.loads` makes it again."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True)


def _shown(value: Any) -> str:
    """A text as it is; anything else as JSON."""
    return value if isinstance(value, str) else _text(value)

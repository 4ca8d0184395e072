"""The true class of items that several people labelled, and how far each person is to be trusted, from their labels alone.

All methods are special cases of one model: an item has a true class, and a person names a class by chances that depend on it.

- *majority*: everybody is right equally often. Its likeliest class is the one that most people named.
- *one-coin*: each person has a chance of their own of being right, the same for every class (Ghosh, Kale and McAfee 2011).
- *dawid-skene*: each person has a table of chances, one row per true class (Dawid and Skene 1979, Applied Statistics 28:20-28).
- *mace*: each person either knows the class or names one by their habit (after Hovy et al. 2013, NAACL; by its mode).
- *gold-weighted*: one-coin with the chances of being right that people had on items whose class is known.

Chances are found by EM, started from the shares of the votes, so that no draw and no order matters. Everything is summed as
logarithms: thousands of labels of one item are no trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tailor.stats.clusters import Floats as Floats

Ints = NDArray[np.int64]
ROUNDS = 500
"""Most rounds of EM. The model of 1979 needs 26 to settle."""
SETTLED = 1e-10
"""Change of the log-likelihood, as a share of it, below which nothing more is found."""
PULL = 0.01
"""Labels that everybody is taken to have given besides theirs, spread evenly: no chance is 0 because it was not seen yet."""
RIGHT, WRONG = 2.0, 1.0
"""Labels, right and wrong, that everybody is taken to have given before, where chances of being right are estimated."""
TIED = 1e-6
"""Two classes whose probabilities differ by less are tied."""


@dataclass(frozen=True)
class Votes:
    """Who gave which class to which item, by numbers from 0; one entry per label given.

    Attributes:
        items: of each label.
        people: of each label.
        classes: of each label.
        shape: how many items, people and classes there are.
    """

    items: Ints
    people: Ints
    classes: Ints
    shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.items)

    def only(self, kept: NDArray[np.bool_]) -> Votes:
        """Some of the labels; numbers stay as they are."""
        return Votes(self.items[kept], self.people[kept], self.classes[kept], self.shape)

    @property
    def counts(self) -> Floats:
        """How often each item was given each class, shape (items, classes)."""
        cells = np.bincount(self.items * self.shape[2] + self.classes, minlength=self.shape[0] * self.shape[2])
        return cells.reshape(self.shape[0], self.shape[2]).astype(np.float64)


@dataclass(frozen=True)
class Consensus:
    """What a method makes of the votes.

    Attributes:
        classes: probability of each class for each item, shape (items, classes); equal for an item that nobody labelled.
        chances: of each person, the chance of each class given the true one, shape (people, true, named).
        prior: how frequent each class is.
        log_likelihoods: of the votes, after each round of EM; one value where there was no EM. Where nothing was taken to be known
            beforehand (`dawid_skene` with a pull of 0), it never falls.
    """

    classes: Floats
    chances: Floats
    prior: Floats
    log_likelihoods: tuple[float, ...]

    @property
    def skill(self) -> Floats:
        """Each person's chance of being right on an item of a class drawn by its frequency."""
        return np.asarray(np.einsum("pkk,k->p", self.chances, self.prior), dtype=np.float64)

    def best(self) -> list[tuple[int, ...]]:
        """The likeliest class of each item; several where they are tied."""
        top = self.classes.max(axis=1, keepdims=True, initial=0.0)
        return [tuple(int(k) for k in np.flatnonzero(row)) for row in self.classes >= top - TIED]

    def predicted(self, votes: Votes) -> Floats:
        """Log-probability of each of these votes, which need not be those that this was found from."""
        chances = self.chances[votes.people, :, votes.classes]
        return np.asarray(np.log(np.maximum((self.classes[votes.items] * chances).sum(axis=1), 1e-300)), dtype=np.float64)


Chances = Callable[[Votes, Floats, Floats], Floats]
"""From votes, probabilities of classes and the chances so far to each person's table of chances, shape (people, true, named)."""


def majority(votes: Votes, gold: Ints | None = None) -> Consensus:
    """The class that most people named, as everybody being right equally often; classes are taken to be equally frequent.

    Args:
        votes: the labels.
        gold: of each item its class where it is known, else -1; left out, none is.
    """
    return _em(votes, _alike, gold, uniform=True)


def one_coin(votes: Votes, gold: Ints | None = None) -> Consensus:
    """Each person is right with a chance of their own; wrong labels are equally likely."""
    return _em(votes, _coins, gold)


def dawid_skene(votes: Votes, gold: Ints | None = None, pull: float = PULL) -> Consensus:
    """Each person has a table of chances. With a `pull` of 0 it is the method of 1979, by maximum likelihood."""

    def tables(votes: Votes, classes: Floats, before: Floats) -> Floats:
        return _shares(_tallies(votes, classes) + pull / votes.shape[2])

    return _em(votes, tables, gold)


def mace(votes: Votes, gold: Ints | None = None) -> Consensus:
    """Each person knows the class with a chance of their own, and else names one by their habit."""
    return _em(votes, _habits, gold)


def gold_weighted(votes: Votes, gold: Ints) -> Consensus:
    """One-coin with chances that are estimated on the items whose class is known, and on nothing else.

    Raises:
        ValueError: no labelled item has a known class.
    """
    known = gold[votes.items] >= 0
    if not known.any():
        raise ValueError("no labelled item has a known class to measure people by")
    n, people, k = votes.shape
    right = np.bincount(votes.people[known], votes.classes[known] == gold[votes.items[known]], people)
    given = np.bincount(votes.people[known], minlength=people)
    chances = _coin_tables((right + RIGHT) / (given + RIGHT + WRONG), k)
    prior = np.full(k, 1 / k)
    classes, likelihood = _expected(votes, chances, prior)
    return Consensus(_clamped(classes, gold), chances, prior, (likelihood,))


def _em(votes: Votes, chances_of: Chances, gold: Ints | None, *, uniform: bool = False) -> Consensus:
    """EM from the shares of the votes; what is known of items is kept to."""
    n, people, k = votes.shape
    counts = votes.counts
    totals = counts.sum(axis=1, keepdims=True)
    classes = _clamped(np.where(totals > 0, counts / np.maximum(totals, 1), 1 / k), gold)
    labelled = (totals[:, 0] > 0) | (False if gold is None else gold >= 0)
    chances, prior, told = np.full((people, k, k), 1 / k), np.full(k, 1 / k), list[float]()
    for _ in range(ROUNDS):
        chances = chances_of(votes, classes, chances)
        if not uniform and labelled.any():
            prior = classes[labelled].mean(axis=0)
        found, likelihood = _expected(votes, chances, prior)
        classes = _clamped(found, gold)
        told.append(likelihood)
        if len(told) > 1 and abs(told[-1] - told[-2]) <= SETTLED * max(1.0, abs(told[-1])):
            break
    return Consensus(classes, chances, prior, tuple(told))


def _expected(votes: Votes, chances: Floats, prior: Floats) -> tuple[Floats, float]:
    """Probability of each class for each item, and the log-likelihood of the votes."""
    with np.errstate(divide="ignore"):
        logs, log_prior = np.log(chances), np.log(prior)
    scores = log_prior + _sums(votes.items, logs[votes.people, :, votes.classes], votes.shape[0])
    top = scores.max(axis=1, keepdims=True)
    top[~np.isfinite(top)] = 0.0
    odds = np.exp(scores - top)
    total = odds.sum(axis=1, keepdims=True)
    # Where the chances rule every class out, nothing is known of the item but how frequent classes are.
    classes = np.where(total > 0, odds / np.maximum(total, 1e-300), prior)
    likelihood = float((np.log(np.maximum(total, 1e-300)) + top).sum())
    return classes, likelihood


def _clamped(classes: Floats, gold: Ints | None) -> Floats:
    if gold is None:
        return classes
    known = gold >= 0
    found = classes.copy()
    found[known] = 0.0
    found[known, gold[known]] = 1.0
    return found


def _tallies(votes: Votes, classes: Floats) -> Floats:
    """How often each person is expected to have named each class where each is true, shape (people, true, named)."""
    _, people, k = votes.shape
    cells = _sums(votes.people * k + votes.classes, classes[votes.items], people * k)
    return cells.reshape(people, k, k).transpose(0, 2, 1)


def _sums(places: Ints, values: Floats, size: int) -> Floats:
    """The rows of `values` summed by their places, shape (size, columns)."""
    columns = [np.bincount(places, column, size) for column in values.T]
    return np.stack(columns, axis=1)


def _shares(tallies: Floats) -> Floats:
    """Each row as shares of its sum; even where there is nothing."""
    total = tallies.sum(axis=-1, keepdims=True)
    return np.asarray(np.where(total > 0, tallies / np.maximum(total, 1e-300), 1 / tallies.shape[-1]), dtype=np.float64)


def _coin_tables(right: Floats, k: int) -> Floats:
    """Tables of chances of people who are right so often."""
    off = (1 - right) / max(1, k - 1)
    tables = np.broadcast_to(off[:, None, None], (len(right), k, k)).copy()
    tables[:, np.arange(k), np.arange(k)] = right[:, None]
    return tables


def _rights(votes: Votes, classes: Floats) -> tuple[Floats, Floats]:
    """How many labels of each person are expected to be right, and how many they gave."""
    right = np.bincount(votes.people, classes[votes.items, votes.classes], votes.shape[1])
    return right.astype(np.float64), np.bincount(votes.people, minlength=votes.shape[1]).astype(np.float64)


def _alike(votes: Votes, classes: Floats, before: Floats) -> Floats:
    right, given = _rights(votes, classes)
    share = (right.sum() + RIGHT) / (given.sum() + RIGHT + WRONG)
    # Below chance, the majority would be turned into the minority.
    least = 1 / votes.shape[2] + 1e-3
    return _coin_tables(np.full(votes.shape[1], max(share, least)), votes.shape[2])


def _coins(votes: Votes, classes: Floats, before: Floats) -> Floats:
    right, given = _rights(votes, classes)
    return _coin_tables((right + RIGHT) / (given + RIGHT + WRONG), votes.shape[2])


def _habits(votes: Votes, classes: Floats, before: Floats) -> Floats:
    """Tables of people who know the class with chance t and else name class c with chance h(c).

    The mixture is split by the tables so far: `before` holds t + (1 - t) h(c) on the diagonal and (1 - t) h(c) off it.
    """
    _, people, k = votes.shape
    right = classes[votes.items, votes.classes]
    knows, habit = _split(before)
    share = knows[votes.people]
    by_habit = (1 - share) * habit[votes.people, votes.classes]
    informed = right * share / np.maximum(share + by_habit, 1e-300)
    known = np.bincount(votes.people, informed, people)
    given = np.bincount(votes.people, minlength=people)
    knows = (known + RIGHT / 2) / (given + (RIGHT + WRONG) / 2)
    named = np.bincount(votes.people * k + votes.classes, 1 - informed, people * k).reshape(people, k).astype(np.float64)
    habit = _shares(named + 1 / k)
    tables = np.broadcast_to(((1 - knows)[:, None] * habit)[:, None, :], (people, k, k)).copy()
    tables[:, np.arange(k), np.arange(k)] += knows[:, None]
    return tables


def _split(tables: Floats) -> tuple[Floats, Floats]:
    """Each person's chance of knowing, and their habit, out of a table of such chances; half and even for the first, even table."""
    people, k, _ = tables.shape
    off = np.stack([tables[:, (c + 1) % k, c] for c in range(k)], axis=1)
    knows = np.clip(1 - off.sum(axis=1), 0.0, 1.0)
    first = np.allclose(tables, 1 / k)
    return (np.full(people, 0.5), np.full((people, k), 1 / k)) if first else (knows, _shares(off))

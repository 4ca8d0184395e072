"""Which rows to label next: uncertain ones, ones unlike those known, labels that look wrong, and always some at random.

Rows that are chosen say nothing of what will be asked, so they may never be tested on. Tailor deals the rows of one file to splits
in the order of a hash of what they ask (`tailor.data.deal`): test takes the first of those that have a label, reserve the last. So
at both ends of that order rows are taken in it, which is at random, and only those in the middle are chosen. As long as enough of
the rows labelled are of the ends (`RANDOM_SHARE`), test and reserve hold rows taken at random and no others.

Choosing pays off often and not always (Lowell, Lipton and Wallace 2019, arXiv:1807.04801), so that it can be switched off, and is
compared with rows taken at random while people label (`compared`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tailor.data.deal import place_key
from tailor.data.example import Example
from tailor.data.split import LEAST, SHARES
from tailor.data.units import find_units
from tailor.labelling.judgement import Why
from tailor.models.base import Array
from tailor.models.head import best_strength, fit_head, fit_head_of_sets, one_thread
from tailor.stats.intervals import Floats
from tailor.stats.paired import PairedDifference, paired_max_t
from tailor.task import Task

SPARE = 1.15
"""The ends hold so many times the rows that test and reserve need, since labels are skipped and rows come in units."""
TEST_END, RESERVE_END = SPARE * max(SHARES["test"], LEAST["test"][1]), SPARE * SHARES["reserve"]
RANDOM_SHARE = TEST_END + RESERVE_END
"""Share of the rows to label next that are taken at random, from the two ends, where Tailor splits the rows."""
RANDOM_AMONG_TRAINING = 0.1
"""The same where the rows to test on are given, and all others are only learned from."""
SHORTLIST = 10
"""So many times the rows wanted, the least certain ones are looked at, and of these one of each group is taken."""
OFTEN = 0.995
"""Level of the limits of a comparison that is looked at at every step. Of 41 looks, while rows grow twentyfold, one shows a
difference where there is none in 30 % of cases at 95 %, and in 5 % at 99.5 % (docs/log.md)."""
MOST_TAGS = 40
"""Labels of sets that are asked for, each by a classifier of its own."""
Known = str | frozenset[str]
"""A label, or a set of them."""
LEAST_ROWS = 20
"""Rows of each sort below which chosen and random rows are not compared."""


@dataclass(frozen=True)
class Pick:
    """A row to label next, by its place, and why."""

    place: int
    why: Why


@dataclass(frozen=True)
class Compared:
    """What rows that were chosen teach, next to as many taken at random.

    Attributes:
        rows: rows of each sort that were learned from.
        chosen: share of other random rows that a classifier got right that learned from chosen rows.
        random: the same of one that learned from rows taken at random.
        difference: chosen minus random, with its interval.
    """

    rows: int
    chosen: float
    random: float
    difference: PairedDifference

    @property
    def sentence(self) -> str:
        """Whether choosing pays off here."""
        low, high = self.difference.low or 0.0, self.difference.high or 0.0
        shown = (
            f"{self.rows} chosen rows teach a classifier {100 * self.chosen:.0f} %, as many random ones {100 * self.random:.0f} % "
            f"(difference {100 * self.difference.mean:+.0f} points, 99.5 % limits [{100 * low:.0f}, {100 * high:.0f}])"
        )
        if low > 0:
            return f"{shown}: choosing pays off."
        return f"{shown}: choosing harms here; switch it off." if high < 0 else f"{shown}: which is better is not shown yet."


def next_rows(
    vectors: Array,
    labels: Sequence[Known | None],
    count: int,
    *,
    places: Sequence[float] | None = None,
    choose: bool = True,
    suspects: Sequence[int] = (),
    seed: int = 0,
) -> list[Pick]:
    """The rows to label next, in the order in which they should be shown; rows of the two sorts take turns.

    Args:
        vectors: of all rows, shape (rows, dimensions), of length 1.
        labels: of all rows, None where there is none yet; of a kind with several labels, their sets.
        count: rows wanted; fewer where there are not as many.
        places: of each row, where in the order of dealing it stands, in [0, 1] (`dealing_places`); left out where the rows to test
            on are given apart from these.
        choose: whether rows may be chosen; without, all are taken at random.
        suspects: rows without a label here whose label elsewhere looks wrong, the surest first; up to half of the rows chosen.
        seed: of what is taken at random where `places` are left out.
    """
    open_rows = np.flatnonzero([label is None for label in labels])
    if places is None:
        order = np.random.default_rng(seed).permutation(len(labels))
        middle, share = open_rows, RANDOM_AMONG_TRAINING
        lines = [order[np.isin(order, open_rows)]]
        weights = [1.0]
    else:
        at = np.asarray(places)
        middle, share = open_rows[(at[open_rows] >= TEST_END) & (at[open_rows] < 1 - RESERVE_END)], RANDOM_SHARE
        ordered = open_rows[np.argsort(at[open_rows], kind="stable")]
        lines = [ordered[at[ordered] < TEST_END], ordered[at[ordered] >= 1 - RESERVE_END][::-1]]
        weights = [TEST_END / RANDOM_SHARE, RESERVE_END / RANDOM_SHARE]
        if not choose:
            lines.append(np.random.default_rng(seed).permutation(middle))
            weights, share = [TEST_END, RESERVE_END, 1 - RANDOM_SHARE], 1.0
    wanted = min(count, len(open_rows))
    random = _dealt(lines, weights, wanted if not choose else round(share * wanted))
    taken = set(random)
    chosen: list[Pick] = []
    if choose:
        candidates = [int(row) for row in middle if int(row) not in taken]
        allowed, left = set(candidates), wanted - len(random)
        wrong = [row for row in suspects if row in allowed][: (left + 1) // 2]
        chosen = [Pick(row, "suspected") for row in wrong]
        chosen += _chosen(vectors, labels, [row for row in candidates if row not in set(wrong)], left - len(wrong))
        if short := wanted - len(random) - len(chosen):
            more = _dealt(lines, weights, len(random) + short)
            random = random + [row for row in more if row not in taken]
    return _in_turns([Pick(row, "random") for row in random], chosen)[:wanted]


def dealing_places(examples: Sequence[Example], task: Task) -> list[float]:
    """Where each row is in the order in which rows are dealt to splits, in [0, 1): test takes those at the beginning.

    Rows that stay together have one place. It is at an end where that of any of them is, since it is not known which of them will
    have a label first.

    Args:
        examples: all rows, with or without a label.
        task: says how they are split.
    """
    found = find_units(examples, task).examples
    own = [int(place_key(example, task.split.seed)[:13], 16) / 16**13 for example in found]
    together: dict[str, list[float]] = defaultdict(list)
    for example, place in zip(found, own, strict=True):
        together[example.unit or example.id].append(place)
    ends = {name: min(at) if min(at) < TEST_END else max(at) for name, at in together.items()}
    return [ends[example.unit or example.id] for example in found]


def compared(vectors: Array, labels: Sequence[Known | None], why: Sequence[Why | None], seed: int = 0) -> Compared | None:
    """What chosen rows teach next to as many random ones; None while there are too few of either.

    One half of the random rows is tested on, as only these are a fair sample; of the other half and of the chosen ones, as many are
    learned from.

    Args:
        vectors: of all rows.
        labels: of all rows, None where there is none.
        why: by what each was taken; None where it was not.
        seed: of the halves.
    """
    known = [n for n, label in enumerate(labels) if label is not None]
    random = np.random.default_rng(seed).permutation([n for n in known if why[n] == "random"])
    chosen = np.random.default_rng(seed).permutation([n for n in known if why[n] in ("uncertain", "diverse")])
    tested, taught = random[: len(random) // 2], random[len(random) // 2 :]
    size = min(len(taught), len(chosen))
    if size < LEAST_ROWS:
        return None
    right = [_right(vectors, labels, [int(n) for n in rows[:size]], [int(n) for n in tested]) for rows in (chosen, taught)]
    (difference,) = paired_max_t(np.array(right).T, OFTEN, seed)
    return Compared(size, float(np.mean(right[0])), float(np.mean(right[1])), difference)


def _chosen(vectors: Array, labels: Sequence[Known | None], candidates: list[int], count: int) -> list[Pick]:
    """The least certain rows, one of each of as many groups of like ones; where no label is known yet, one of each group of rows.

    Groups are those of k-means weighted by uncertainty, and the row in the middle of each is taken: rows at the edges are often
    like no others, and teach little (Zhdanov 2019, arXiv:1901.05954).
    """
    if not candidates or count <= 0:
        return []
    known = [n for n, label in enumerate(labels) if label is not None]
    margins = _uncertainty(vectors, labels, known, candidates)
    why: Why = "diverse" if margins is None else "uncertain"
    if margins is None:
        margins = np.ones(len(candidates))
    else:
        listed = np.argsort(-margins, kind="stable")[: SHORTLIST * count]
        candidates, margins = [candidates[n] for n in listed], margins[listed]
    if len(candidates) <= count:
        return [Pick(row, why) for row in candidates]
    found = vectors[candidates]
    with one_thread():
        from sklearn.cluster import KMeans

        distinct = len(np.unique(found, axis=0))
        groups = KMeans(min(count, distinct), n_init=1, random_state=0).fit(found, sample_weight=margins + 1e-6)
    far = ((found - groups.cluster_centers_[groups.labels_]) ** 2).sum(axis=1)
    middle = [min(np.flatnonzero(groups.labels_ == n), key=lambda place: (far[place], place)) for n in np.unique(groups.labels_)]
    return [Pick(candidates[place], why) for place in sorted(middle, key=lambda place: (-margins[place], place))]


def _uncertainty(vectors: Array, labels: Sequence[Known | None], known: list[int], candidates: list[int]) -> Floats | None:
    """One minus the margin between the two likeliest labels of each candidate; None while only one label is known.

    Of sets, each label is asked for by itself: one minus the margin between yes and no, on average over the labels. Sets as a whole
    are mostly seen once, so that a classifier of sets would be unsure of everything.
    """
    if sets := _sets(labels, known):
        unsure = [1 - np.abs(2 * probable - 1) for probable in _tags(vectors, sets, known, candidates).values()]
        return np.mean(unsure, axis=0, dtype=np.float64) if unsure else None
    names = [str(labels[n]) for n in known]
    if len(set(names)) < 2:
        return None
    logs = fit_head(vectors[known], names, best_strength(vectors[known], names)).log_probabilities(vectors[candidates])
    top = np.sort(np.exp(logs), axis=1)
    return np.asarray(1 - (top[:, -1] - top[:, -2]), dtype=np.float64)


def _sets(labels: Sequence[Known | None], rows: Sequence[int]) -> list[frozenset[str]]:
    """The sets of labels of rows; none where a label is a single one."""
    return [label for n in rows if isinstance(label := labels[n], frozenset)]


def _tags(vectors: Array, sets: Sequence[frozenset[str]], known: Sequence[int], asked: Sequence[int]) -> dict[str, Floats]:
    """How probable each label is in each row asked, by its name: of the most frequent that some rows have and others lack."""
    counts = Counter(name for one in sets for name in one)
    telling = [name for name, count in counts.most_common() if count < len(sets)][:MOST_TAGS]
    if not telling:
        return {}
    head = fit_head_of_sets(vectors[list(known)], [sorted(one & set(telling)) for one in sets])
    probable = np.exp(head.log_probabilities(vectors[list(asked)])[:, 0::2])  # of yes; that of no is next to it
    return {name: probable[:, place] for place, name in enumerate(head.labels)}


def _dealt(lines: Sequence[Sequence[int] | np.ndarray], weights: Sequence[float], count: int) -> list[int]:
    """The first rows of each line, by its weight, `count` in all; where one is used up, the others give more."""
    found: list[int] = []
    at = [0] * len(lines)
    while len(found) < count:
        behind = [(at[n] / weight, n) for n, weight in enumerate(weights) if at[n] < len(lines[n])]
        if not behind:
            break
        _, line = min(behind)
        found.append(int(lines[line][at[line]]))
        at[line] += 1
    return found


def _in_turns(random: list[Pick], chosen: list[Pick]) -> list[Pick]:
    """The two sorts spread evenly, each in its order."""
    placed = [((n + 0.5) / len(sort), pick) for sort in (random, chosen) for n, pick in enumerate(sort)]
    return [pick for _, pick in sorted(placed, key=lambda pair: pair[0])]


def _right(vectors: Array, labels: Sequence[Known | None], taught: list[int], tested: list[int]) -> list[float]:
    """Of each row tested on, whether its label is found; of a set, how far the one found overlaps with it (F1)."""
    if sets := _sets(labels, taught):
        found = {name: probable > 0.5 for name, probable in _tags(vectors, sets, taught, tested).items()}
        given = [{name for name, has in found.items() if has[place]} for place in range(len(tested))]
        pairs = zip(given, _sets(labels, tested), strict=True)
        return [2 * len(one & other) / (len(one) + len(other)) if one or other else 1.0 for one, other in pairs]
    names = [str(labels[n]) for n in taught]
    if len(set(names)) < 2:
        return [float(labels[n] == names[0]) for n in tested]
    head = fit_head(vectors[taught], names)
    best = head.log_probabilities(vectors[tested]).argmax(axis=1)
    return [float(head.labels[k] == labels[n]) for k, n in zip(best, tested, strict=True)]

"""Every statistic next to an independent figure: one list, checked by a test and shown in docs/statistics.md.

To add a case, add one entry to `CASES`. `python tests/statistics_cases.py` writes the table into the page again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations, product
from pathlib import Path

import numpy as np
import statistics_judge_cases as judges
from numpy.typing import NDArray

from tailor.stats.betting import dealt_over, evidence_of_fall
from tailor.stats.clusters import Floats, design_effect
from tailor.stats.intervals import clopper_pearson, clopper_pearson_lower, lower_bound, mean_interval, wilson
from tailor.stats.paired import holm, mcnemar_exact, paired_max_t, sign_flip
from tailor.stats.power import chance_to_certify, rows_to_certify, rows_to_separate
from tailor.stats.shift import counts_p, energy_distance, energy_p, level_p, share_p

PAGE = Path(__file__).resolve().parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- cases: written by python tests/statistics_cases.py -->\n", "<!-- end of cases -->\n"

Figures = Sequence[float | None]


@dataclass(frozen=True)
class Case:
    """A statistic on one input.

    Attributes:
        statistic: its name.
        given: the input, in words.
        ours: what Tailor computes.
        independent: the same from elsewhere: computed by another implementation, or as published.
        source: where that comes from.
        within: the largest difference allowed between any two figures.
    """

    statistic: str
    given: str
    ours: Callable[[], Figures]
    independent: Callable[[], Figures]
    source: str
    within: float = 1e-9


def figures(*values: float | None) -> Callable[[], Figures]:
    """Published figures."""
    return lambda: values


# --- data that several cases share: fixed, and small enough to be made again each time

GRADED = [float(x) for x in np.random.default_rng(0).beta(2, 3, size=3000).round(2)]


def grouped(m: int = 600) -> tuple[Floats, list[str]]:
    """Right and wrong answers of two systems, shape (rows, 2), in m groups of 1 to 7 rows that are alike, with their groups."""
    random = np.random.default_rng(1)
    sizes = random.integers(1, 8, size=m)
    index = np.repeat(np.arange(m), sizes)
    hard = random.normal(size=m)[index]
    score = 0.7 * hard[:, None] + 0.7 * random.normal(size=(len(index), 2))
    return (score < [0.8, 0.6]).astype(float), [f"group {i}" for i in index]


FLIPS = (3, -1, 2, 0, 1, -2, 4, 1, 0, 2, -1, 3)


# --- independent implementations


def exact_limits(successes: int, n: int, alpha: float) -> Figures:
    from statsmodels.stats.proportion import proportion_confint

    return list(map(float, proportion_confint(successes, n, alpha, "beta")))


def wilson_limits(successes: int, n: int) -> Figures:
    from statsmodels.stats.proportion import proportion_confint

    return list(map(float, proportion_confint(successes, n, 0.05, "wilson")))


def z_limits(values: Sequence[float]) -> Figures:
    from statsmodels.stats.weightstats import DescrStatsW

    return list(map(float, DescrStatsW(values).zconfint_mean()))


def clustered(values: Floats, groups: Sequence[str]) -> tuple[float, float, float]:
    """Limits of the mean with standard errors clustered by group, and by how much groups enlarge its variance."""
    import statsmodels.api as sm

    ones, codes = np.ones(len(values)), np.unique(groups, return_inverse=True)[1]
    plain = sm.OLS(values, ones).fit()
    robust = sm.OLS(values, ones).fit(cov_type="cluster", cov_kwds={"groups": codes})
    low, high = robust.conf_int()[0]
    return float(low), float(high), float((robust.bse[0] / plain.bse[0]) ** 2)


def mcnemar_p(table: list[list[int]]) -> Figures:
    from statsmodels.stats.contingency_tables import mcnemar

    return [float(mcnemar(table, exact=True).pvalue)]


def flipped() -> Figures:
    """Share of all ways to set the signs that reach as far as what was seen."""
    sums = [abs(sum(sign * d for sign, d in zip(signs, FLIPS, strict=True))) for signs in product((1, -1), repeat=len(FLIPS))]
    return [sum(s >= abs(sum(FLIPS)) for s in sums) / len(sums)]


def adjusted(p_values: Sequence[float]) -> Figures:
    from statsmodels.stats.multitest import multipletests

    return list(map(float, multipletests(p_values, method="holm")[1]))


def tukey(n: int, systems: int) -> Figures:
    """Half-width of Tukey's limits for all differences of independent shares of one half."""
    from scipy.stats import studentized_range

    return [float(studentized_range.ppf(0.95, systems, np.inf)) * np.sqrt(0.25 / n)]


def search(rate: float, target: float, alpha: float = 0.05, power: float = 0.8) -> Figures:
    """Fewest rows, with one more too, by trying every number of rows with limits from the beta distribution."""
    from scipy.stats import beta, binom

    reached = False
    for n in range(1, 1000):
        right = np.arange(n + 1)
        shown = right[beta.ppf(alpha, right, n - right + 1) >= target]
        before, reached = reached, bool(shown.size) and float(binom.pmf(shown, n, rate).sum()) >= power
        if before and reached:
            return [float(n - 1)]
    return [None]


def normal_rows(gap: float, variance: float) -> Figures:
    from statsmodels.stats.power import NormalIndPower

    return [float(NormalIndPower().solve_power(gap / np.sqrt(variance), alpha=0.05, power=0.8, ratio=0))]


# --- ours, where it takes more than a call


def limits(values: Sequence[float], groups: Sequence[str] | None = None) -> Figures:
    interval = mean_interval(values, groups=groups)
    return [interval.low, interval.high]


def pair(matrix: Floats, level: float = 0.95, groups: Sequence[str] | None = None) -> Figures:
    """Limits of a single difference."""
    (difference,) = paired_max_t(matrix, level, groups=groups)
    return [difference.low, difference.high]


def certifying(rate: float, step: int = 1) -> Figures:
    """Rows that certify 95 % at this true rate, rounded up to a multiple of `step`."""
    rows = rows_to_certify(rate, 0.95)
    return [None if rows is None else -(-rows // step) * step]


def separating(gap: float, share: float) -> Figures:
    """Rows that show a gap between systems that differ on this share of the rows."""
    return [rows_to_separate(gap, share - gap**2)]


def column(values: Sequence[float]) -> NDArray[np.float32]:
    return np.array(values, dtype=np.float32)[:, None]


def energy_of_scipy() -> Figures:
    from scipy.stats import energy_distance as of_numbers

    return [float(of_numbers(GRADED[:50], GRADED[50:90])) ** 2]


NEAR, FAR = (0.1, 0.2, 0.25, 0.4), (0.6, 0.3, 0.7, 0.9)


def energy_of_all_ways() -> Figures:
    """Over all 70 ways to deal eight numbers to two samples."""
    both, seen, as_large = (*NEAR, *FAR), energy_distance(column(NEAR), column(FAR)), 0
    ways = list(combinations(range(8), 4))
    for way in ways:
        first, second = [both[i] for i in way], [both[i] for i in range(8) if i not in way]
        as_large += energy_distance(column(first), column(second)) >= seen - 1e-6
    return [as_large / len(ways)]


def counts_of_scipy() -> Figures:
    """Two categories: the ways as far from what is expected as those seen, by the hypergeometric distribution."""
    from scipy.stats import hypergeom

    known = hypergeom(60, 22, 25)
    far = abs(14 - 22 * 25 / 60)
    return [float(sum(known.pmf(k) for k in range(26) if abs(k - 22 * 25 / 60) >= far - 1e-9))]


def mean_capital() -> Figures:
    """The mean over all 4,096 ways in which twelve values can be right or wrong, each with its probability at the level."""
    found, dealt = 0.0, dealt_over([n / 12 for n in range(12)])
    for way in product((0.0, 1.0), repeat=12):
        found += 0.85 ** sum(way) * 0.15 ** (12 - sum(way)) * math.exp(evidence_of_fall(way, 0.85, alpha=0.3, dealt=dealt)[-1])
    return [found]


def half_width(n: int, systems: int) -> Figures:
    """Mean half-width of the joint limits of independent shares of exactly one half, uncorrelated."""
    random = np.random.default_rng(2)
    matrix = np.stack([random.permutation(np.arange(n) % 2) for _ in range(systems)], axis=1).astype(float)
    found = paired_max_t(matrix)
    return [float(np.mean([(d.high - d.low) / 2 for d in found if d.low is not None and d.high is not None]))]


CLUSTERS_OF_FOUR = [1.0] * 180 + [0.0] * 20, [str(row // 4) for row in range(200)]
MILLER = "Miller 2024, arXiv:2411.00640"

CASES = [
    Case("Clopper-Pearson, 95 %", "8 of 10", lambda: clopper_pearson(8, 10), lambda: exact_limits(8, 10, 0.05), "statsmodels"),
    Case("Clopper-Pearson, 95 %", "8 of 10", lambda: clopper_pearson(8, 10), figures(0.4439, 0.9748), "published", 5e-5),
    Case("Clopper-Pearson, 95 %", "0 of 30", lambda: clopper_pearson(0, 30), lambda: exact_limits(0, 30, 0.05), "statsmodels"),
    Case(
        "Clopper-Pearson, one-sided 5 %",
        "59 of 59",
        lambda: [clopper_pearson_lower(59, 59, 0.05)],
        figures(0.05 ** (1 / 59)),
        "alpha^(1/n)",
    ),
    Case("Wilson, 95 %", "8 of 10", lambda: wilson(8, 10), lambda: wilson_limits(8, 10), "statsmodels"),
    Case("Wilson, 95 %", "8 of 10", lambda: wilson(8, 10), figures(0.4902, 0.9433), "published", 5e-5),
    Case(
        "Gaffke, 95 %",
        "45 of 50, each a hair from 0 or 1",
        lambda: limits([1 - 1e-9] * 45 + [1e-9] * 5),
        lambda: exact_limits(45, 50, 0.05),
        "Clopper-Pearson, statsmodels",
        0.003,
    ),
    Case("Gaffke, 95 %", "3,000 graded scores", lambda: limits(GRADED), lambda: z_limits(GRADED), "z interval, statsmodels", 0.001),
    Case(
        "Gaffke over groups, 95 %",
        "50 groups of 4, 45 all right and 5 all wrong",
        lambda: limits(*CLUSTERS_OF_FOUR),
        lambda: exact_limits(45, 50, 0.05),
        "Clopper-Pearson of groups, statsmodels",
        0.003,
    ),
    Case(
        "Gaffke over groups, one-sided 5 %",
        "40 groups of 5, all right",
        lambda: [lower_bound([1.0] * 200, 0.05, groups=[str(row // 5) for row in range(200)])],
        figures(0.05 ** (1 / 40)),
        "alpha^(1/groups)",
        0.003,
    ),
    Case(
        "Gaffke over groups, 95 %",
        "600 groups of 1 to 7 rows",
        lambda: limits(list(grouped()[0][:, 0]), grouped()[1]),
        lambda: clustered(grouped()[0][:, 0], grouped()[1])[:2],
        "clustered standard errors, statsmodels",
        0.004,
    ),
    Case(
        "Design effect of groups",
        "600 groups of 1 to 7 rows",
        lambda: [design_effect(grouped()[0][:, 0], grouped()[1])],
        lambda: clustered(grouped()[0][:, 0], grouped()[1])[2:],
        "clustered over plain variance, statsmodels",
    ),
    Case(
        "McNemar, exact",
        "121 against 59 rows",
        lambda: [mcnemar_exact(121, 59)],
        lambda: mcnemar_p([[101, 121], [59, 33]]),
        "statsmodels",
    ),
    Case("McNemar, exact", "121 against 59 rows", lambda: [mcnemar_exact(121, 59)], figures(4.434e-6), "published", 1e-9),
    Case(
        "McNemar, exact", "15 against 5 rows", lambda: [mcnemar_exact(15, 5)], lambda: mcnemar_p([[10, 15], [5, 70]]), "statsmodels"
    ),
    Case("McNemar, exact", "15 against 5 rows", lambda: [mcnemar_exact(15, 5)], figures(0.041389), "published", 5e-7),
    Case("Sign-flip, exact", "differences of 12 groups", lambda: [sign_flip(FLIPS)], flipped, "all 4,096 ways counted"),
    Case(
        "Sign-flip, exact",
        "15 against 5 groups of one row",
        lambda: [sign_flip([1] * 15 + [-1] * 5 + [0] * 80)],
        lambda: mcnemar_p([[10, 15], [5, 70]]),
        "McNemar, statsmodels",
    ),
    Case(
        "Holm",
        ".01, .04, .03, .005",
        lambda: holm([0.01, 0.04, 0.03, 0.005]),
        lambda: adjusted([0.01, 0.04, 0.03, 0.005]),
        "statsmodels",
    ),
    Case("Holm", ".01, .04, .03, .005", lambda: holm([0.01, 0.04, 0.03, 0.005]), figures(0.03, 0.06, 0.06, 0.02), "published"),
    Case(
        "Limits of a difference, 90 %",
        "59 rows, two systems always alike",
        lambda: pair(np.ones((59, 2)), 0.9),
        figures(-(1 - 0.05 ** (1 / 59)), 1 - 0.05 ** (1 / 59)),
        "1 - alpha^(1/n)",
        0.002,
    ),
    Case(
        "Limits of a difference over groups, 95 %",
        "600 groups of 1 to 7 rows",
        lambda: pair(grouped()[0], groups=grouped()[1]),
        lambda: clustered(grouped()[0][:, 0] - grouped()[0][:, 1], grouped()[1])[:2],
        "clustered standard errors, statsmodels",
        0.004,
    ),
    Case(
        "Joint limits of all differences, 95 %",
        "half-width, 4 uncorrelated systems, 2,000 rows",
        lambda: half_width(2000, 4),
        lambda: tukey(2000, 4),
        "Tukey's studentised range, scipy",
        0.0015,
    ),
    *(
        Case(
            "Rows that certify 95 % with 80 % power",
            f"true rate {rate:.0%}".replace("%", " %"),
            partial(certifying, rate),
            partial(search, rate, 0.95),
            "every number of rows tried, scipy",
        )
        for rate in (1.0, 0.99, 0.98, 0.97)
    ),
    *(
        Case(
            "Rows that certify 95 % with 80 % power",
            f"true rate {rate:.0%}, to the next five".replace("%", " %", 1),
            partial(certifying, rate, 5),
            figures(rows),
            "published",
        )
        for rate, rows in ((0.99, 125), (0.98, 235), (0.97, 625))
    ),
    Case(
        "Chance to certify 95 %",
        "59 rows, true rate 99 %",
        lambda: [chance_to_certify(0.99, 0.95, 59)],
        figures(0.99**59),
        "all 59 right",
    ),
    Case(
        "Rows that show a difference, 80 % power",
        "3 points, variance 1/9",
        lambda: [rows_to_separate(0.03, 1 / 9)],
        lambda: normal_rows(0.03, 1 / 9),
        "statsmodels, before rounding up",
        1,
    ),
    Case(
        "Rows that show a difference, 80 % power",
        "3 points, variance 1/9",
        lambda: [rows_to_separate(0.03, 1 / 9)],
        figures(969),
        MILLER,
    ),
    *(
        Case(
            "Rows that show a difference, 80 % power",
            f"{100 * gap:.0f} points, {100 * share:.0f} % of rows differ",
            partial(separating, gap, share),
            figures(rows),
            "published, before rounding up",
            1,
        )
        for gap, share, rows in (
            (0.03, 0.1, 864),
            (0.03, 0.2, 1736),
            (0.03, 0.3, 2608),
            (0.05, 0.1, 306),
            (0.05, 0.2, 620),
            (0.05, 0.3, 934),
        )
    ),
    Case(
        "Energy distance",
        "50 against 40 graded scores",
        lambda: [energy_distance(column(GRADED[:50]), column(GRADED[50:90]))],
        energy_of_scipy,
        "scipy",
        1e-5,
    ),
    Case(
        "Energy distance, permutation test",
        "4 against 4 numbers",
        lambda: [energy_p(column(NEAR), column(FAR), least=0.0001)],
        energy_of_all_ways,
        "all 70 ways counted",
        0.006,
    ),
    Case(
        "Counts over categories, permutation test",
        "14 and 11 against 8 and 27",
        lambda: [counts_p([14, 11], [8, 27], least=0.00001)],
        counts_of_scipy,
        "hypergeometric, scipy",
        0.01,
    ),
    Case(
        "Fisher, exact", "tea tasting, 3 of 4 against 1 of 4", lambda: [share_p((3, 4), (1, 4))], figures(0.4857), "published", 5e-5
    ),
    Case("Kolmogorov-Smirnov, exact", "4 against 4 numbers", lambda: [level_p(NEAR, FAR)], figures(16 / 70), "ways counted", 1e-9),
    Case("Capital of a gambler, mean", "12 rows, true at the level of 85 %", mean_capital, figures(1.0), "a fair game", 1e-9),
    Case("Cohen's kappa", "20, 5 / 10, 15", partial(judges.kappa, judges.TABLES[0]), figures(0.4), "textbook"),
    *(
        Case(
            "Cohen's kappa",
            " / ".join(", ".join(map(str, row)) for row in counts),
            partial(judges.kappa, counts),
            partial(judges.statsmodels_kappa, counts),
            "statsmodels",
        )
        for counts in judges.TABLES
    ),
    Case(
        "Limits of Cohen's kappa",
        "1,200, 300 / 400, 1,100: where the usual limits hold",
        partial(judges.kappa_limits, [[1200, 300], [400, 1100]]),
        partial(judges.statsmodels_kappa_limits, [[1200, 300], [400, 1100]]),
        "statsmodels",
        0.003,
    ),
    Case("Prediction-powered mean", judges.TOY, judges.ppi_mean, figures(0.63469434), "ppi-python 0.2.3", 1e-8),
    Case(
        "Standard error of it",
        f"{judges.TOY}; weight of the verdicts tuned, 1, 0",
        judges.ppi_errors,
        figures(*(half / 1.959963985 for half in (0.05045865, 0.05756207, 0.06672159))),
        "ppi-python 0.2.3",
        1e-8,
    ),
    Case(
        "Learning curve, twice the labels",
        "errors 5 % + 35 % (n / 32)^-0.6 at six sizes",
        judges.curve_ahead,
        figures(1 - 0.05 - 0.35 * 16**-0.6),
        "the curve itself",
        0.015,
    ),
]


def table() -> str:
    """The cases as a table in Markdown, all computed again."""
    head = "| Statistic | Given | Tailor | Independent | From | Agree within |\n| --- | --- | --- | --- | --- | --- |\n"
    rows = [
        f"| {c.statistic} | {c.given} | {_shown(c.ours())} | {_shown(c.independent())} | {c.source} | {c.within:g} |" for c in CASES
    ]
    return head + "\n".join(rows) + "\n"


def page(text: str) -> str:
    """The page with its table computed again."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + table() + "\n" + END + after


def _shown(values: Figures) -> str:
    return ", ".join("none" if value is None else f"{value:.4g}" for value in values)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")

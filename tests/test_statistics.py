"""Every statistic agrees with an independent figure, and the page that says so was written from the same list."""

from __future__ import annotations

import pytest
from statistics_cases import BEGIN, CASES, END, PAGE, Case, page


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.statistic}: {case.given} ({case.source})")
def test_a_statistic_agrees_with_an_independent_figure(case: Case) -> None:
    ours, independent = case.ours(), case.independent()
    assert len(ours) == len(independent)
    for mine, other in zip(ours, independent, strict=True):
        assert mine is not None and other is not None
        assert mine == pytest.approx(other, abs=case.within, rel=0)


def test_the_page_shows_the_figures_that_are_computed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert page(text) == text, "run `python tests/statistics_cases.py`"

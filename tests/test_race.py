"""Who is measured on what next: blocks, heats, halving and ties, for any number of arms, rows and groups."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.decide.race import SMALLEST_BLOCK, Block, Heat, Standing, blocks_of, heats, looked_and_counted, ranked

GROUPS = st.lists(st.sampled_from(["", "", "", "a", "b", "c", "d"]), min_size=1, max_size=150)
ARMS = st.integers(0, 30)


@dataclass
class Raced:
    """A race between arms whose outcomes are given: every heat, and the rows that each arm was asked, in order."""

    outcomes: Sequence[Sequence[float]]
    costs: Sequence[float]
    blocks: Sequence[Block]
    out_after: dict[int, int] = field(default_factory=dict)
    heats: list[Heat] = field(default_factory=list)
    asked: list[list[int]] = field(default_factory=list)
    order: random.Random | None = None

    def run(self) -> Raced:
        self.asked = [[] for _ in self.outcomes]
        for heat in heats(len(self.outcomes), len(self.blocks), self.standing):
            self.heats.append(heat)
            arms = list(heat.arms)
            if self.order is not None:
                self.order.shuffle(arms)
            for arm in arms:
                for block in heat.blocks:
                    self.asked[arm] += self.blocks[block]
        return self

    def standing(self, arm: int) -> Standing | None:
        if self.out_after.get(arm, 99) < len(self.heats):
            return None
        return Standing(self.mean(arm), self.costs[arm])

    def mean(self, arm: int) -> float:
        return sum(self.outcomes[arm][row] for row in self.asked[arm]) / len(self.asked[arm])


@st.composite
def races(draw: st.DrawFn) -> Raced:
    groups, arms = draw(GROUPS), draw(ARMS)
    drawn = random.Random(draw(st.integers(0, 10_000)))
    outcomes = [[float(drawn.random() < 0.3 + 0.5 * arm / 30) for _ in groups] for arm in range(arms)]
    costs = drawn.sample(range(100), arms)
    out = draw(st.dictionaries(st.integers(0, 29), st.integers(0, 3), max_size=3))
    return Raced(outcomes, [float(cost) for cost in costs], blocks_of(groups), out)


# --- blocks


@given(GROUPS)
def test_blocks_hold_every_row_once_and_divide_no_group(groups: list[str]) -> None:
    blocks = blocks_of(groups)
    assert sorted(row for block in blocks for row in block) == list(range(len(groups)))
    for name in set(groups) - {""}:
        assert sum(any(groups[row] == name for row in block) for block in blocks) == 1
    assert all(blocks)


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (1, [1]),
        (20, [20]),
        (21, [16, 5]),
        (48, [24, 12, 12]),
        (60, [30, 15, 15]),
        (128, [16, 16, 32, 32, 32]),
        (400, [25, 25, 50, 100, 100, 100]),
    ],
)
def test_the_second_half_is_two_quarters_and_the_first_is_halved(rows: int, sizes: list[int]) -> None:
    blocks = blocks_of([""] * rows)
    assert [len(block) for block in blocks] == sizes
    assert [row for block in blocks for row in block] == list(range(rows)), "without groups, rows keep their order"


@given(GROUPS)
def test_what_one_chooses_by_does_not_count(groups: list[str]) -> None:
    seen, counted = looked_and_counted(groups)
    assert seen and sorted((*seen, *counted)) == list(range(len(groups)))
    assert not {groups[row] for row in seen} & {groups[row] for row in counted} - {""}
    assert bool(counted) == (len(set(groups) - {""}) + groups.count("") > 1)
    assert looked_and_counted([""] * 60) == (tuple(range(15)), tuple(range(15, 60)))


# --- heats


@given(races())
def test_survivors_have_answered_the_same_rows_and_none_of_them_twice(race: Raced) -> None:
    race.run()
    for number, heat in enumerate(race.heats):
        before = race.heats[number - 1] if number else None
        assert heat.blocks.start == (before.blocks.stop if before else 0)
        assert before is None or set(heat.arms) < set(before.arms) or len(heat.arms) <= 2
    for asked in race.asked:
        assert len(set(asked)) == len(asked)
    last = race.heats[-1].arms
    assert race.heats[-1].blocks.stop == len(race.blocks)
    assert all(len(race.asked[arm]) == sum(map(len, race.blocks)) for arm in last), "those who are left see all"


@given(races())
def test_the_weaker_half_stops_and_nobody_better(race: Raced) -> None:
    race.out_after = {}
    race.run()
    rows = 0
    for heat, after in zip(race.heats, race.heats[1:], strict=False):
        rows += sum(len(race.blocks[block]) for block in heat.blocks)
        assert len(after.arms) == min(len(heat.arms), max(2, -(-len(heat.arms) // 2)))
        score = {arm: (sum(race.outcomes[arm][row] for row in race.asked[arm][:rows]), -race.costs[arm]) for arm in heat.arms}
        stopped = set(heat.arms) - set(after.arms)
        assert not stopped or max(score[arm] for arm in stopped) < min(score[arm] for arm in after.arms)


@given(races())
def test_an_arm_that_had_to_leave_does_not_come_back(race: Raced) -> None:
    race.run()
    for arm, heat in race.out_after.items():
        assert all(arm not in later.arms for later in race.heats[heat + 1 :])


@given(races(), st.randoms(use_true_random=False))
def test_neither_the_order_of_answers_nor_that_of_the_arms_matters(race: Raced, order: random.Random) -> None:
    race.out_after = {}
    race.run()
    arms = list(range(len(race.outcomes)))
    order.shuffle(arms)
    mixed = Raced([race.outcomes[arm] for arm in arms], [race.costs[arm] for arm in arms], race.blocks, order=order).run()
    assert [{arms[arm] for arm in heat.arms} for heat in mixed.heats] == [set(heat.arms) for heat in race.heats]


@pytest.mark.parametrize(
    ("arms", "rows", "share"), [(1, 60, 1.0), (2, 60, 1.0), (4, 60, 7 / 8), (6, 64, 17 / 24), (24, 400, 0.302)]
)
def test_a_race_costs_this_share_of_the_full_grid(arms: int, rows: int, share: float) -> None:
    race = Raced([[arm / arms] * rows for arm in range(arms)], [1.0] * arms, blocks_of([""] * rows)).run()
    assert sum(map(len, race.asked)) / (arms * rows) == pytest.approx(share, abs=0.005)
    assert race.heats[-1].arms == tuple(range(arms))[-2:], "the last two duel, and they are the best"


@given(st.integers(3, 24), st.integers(1, 200))
def test_a_race_saves_calls_where_three_quarters_of_the_rows_are_a_block(arms: int, rows: int) -> None:
    race = Raced([[0.0] * rows for _ in range(arms)], [1.0] * arms, blocks_of([""] * rows)).run()
    assert (sum(map(len, race.asked)) < arms * rows) == (round(3 * rows / 4) >= SMALLEST_BLOCK)


# --- ties


def test_of_those_near_the_best_the_cheapest_comes_first_and_ties_do_not_drift() -> None:
    standings = {0: Standing(0.80, 9), 1: Standing(0.79, 5), 2: Standing(0.785, 3), 3: Standing(0.775, 1)}
    assert ranked(standings) == [0, 1, 2, 3]
    assert ranked(standings, 0.01) == [1, 0, 3, 2]
    assert ranked(standings, 0.02)[0] == 2, "0.775 is near 0.785 and far from the best"
    assert ranked({0: Standing(0.5, 2), 1: Standing(0.5, 1), 2: Standing(0.5, 1)}) == [1, 2, 0]
    assert ranked({0: Standing(0.5, 100), 1: Standing(0.495, 91)}, 0.01) == [0, 1], "too little is saved"
    assert ranked({0: Standing(0.5, 100), 1: Standing(0.495, 90)}, 0.01) == [1, 0]


@given(
    st.dictionaries(st.integers(0, 20), st.builds(Standing, st.floats(0, 1), st.floats(1, 9))), st.sampled_from([0.0, 0.01, 0.1])
)
def test_ranking_keeps_everybody_and_gives_up_no_more_than_a_tie(standings: dict[int, Standing], near: float) -> None:
    order = ranked(standings, near)
    assert sorted(order) == sorted(standings)
    for place, arm in enumerate(order):
        assert standings[arm].mean >= max(standings[later].mean for later in order[place:]) - near - 1e-8

"""Who is measured on what next: blocks, rounds, halving and ties, for any number of arms, rows and groups."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor.decide.race import SMALLEST_BLOCK, Block, Record, Round, blocks_of, looked_and_counted, ranked, rounds

GROUPS = st.lists(st.sampled_from(["", "", "", "a", "b", "c", "d"]), min_size=1, max_size=150)
ARMS = st.integers(0, 30)


@dataclass
class Raced:
    """A race between arms whose outcomes are given: every round, and the rows that each arm was asked, in order."""

    outcomes: Sequence[Sequence[float]]
    costs: Sequence[float]
    blocks: Sequence[Block]
    out_after: dict[int, int] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    asked: list[list[int]] = field(default_factory=list)
    order: random.Random | None = None

    def run(self) -> Raced:
        self.asked = [[] for _ in self.outcomes]
        for stage in rounds(len(self.outcomes), len(self.blocks), self.record):
            self.rounds.append(stage)
            arms = list(stage.candidates)
            if self.order is not None:
                self.order.shuffle(arms)
            for arm in arms:
                for block in stage.blocks:
                    self.asked[arm] += self.blocks[block]
        return self

    def record(self, arm: int) -> Record | None:
        if self.out_after.get(arm, 99) < len(self.rounds):
            return None
        return Record(self.mean(arm), self.costs[arm])

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


# --- rounds


@given(races())
def test_survivors_have_answered_the_same_rows_and_none_of_them_twice(race: Raced) -> None:
    race.run()
    for number, stage in enumerate(race.rounds):
        before = race.rounds[number - 1] if number else None
        assert stage.blocks.start == (before.blocks.stop if before else 0)
        assert before is None or set(stage.candidates) < set(before.candidates) or len(stage.candidates) <= 2
    for asked in race.asked:
        assert len(set(asked)) == len(asked)
    last = race.rounds[-1].candidates
    assert race.rounds[-1].blocks.stop == len(race.blocks)
    assert all(len(race.asked[arm]) == sum(map(len, race.blocks)) for arm in last), "those who are left see all"


@given(races())
def test_the_weaker_half_stops_and_nobody_better(race: Raced) -> None:
    race.out_after = {}
    race.run()
    rows = 0
    for stage, after in zip(race.rounds, race.rounds[1:], strict=False):
        rows += sum(len(race.blocks[block]) for block in stage.blocks)
        assert len(after.candidates) == min(len(stage.candidates), max(2, -(-len(stage.candidates) // 2)))
        score = {
            arm: (sum(race.outcomes[arm][row] for row in race.asked[arm][:rows]), -race.costs[arm]) for arm in stage.candidates
        }
        stopped = set(stage.candidates) - set(after.candidates)
        assert not stopped or max(score[arm] for arm in stopped) < min(score[arm] for arm in after.candidates)


@given(races())
def test_an_arm_that_had_to_leave_does_not_come_back(race: Raced) -> None:
    race.run()
    for arm, stage in race.out_after.items():
        assert all(arm not in later.candidates for later in race.rounds[stage + 1 :])


@given(races(), st.randoms(use_true_random=False))
def test_neither_the_order_of_answers_nor_that_of_the_arms_matters(race: Raced, order: random.Random) -> None:
    race.out_after = {}
    race.run()
    arms = list(range(len(race.outcomes)))
    order.shuffle(arms)
    mixed = Raced([race.outcomes[arm] for arm in arms], [race.costs[arm] for arm in arms], race.blocks, order=order).run()
    assert [{arms[arm] for arm in stage.candidates} for stage in mixed.rounds] == [set(stage.candidates) for stage in race.rounds]


@pytest.mark.parametrize(
    ("arms", "rows", "share"), [(1, 60, 1.0), (2, 60, 1.0), (4, 60, 7 / 8), (6, 64, 17 / 24), (24, 400, 0.302)]
)
def test_a_race_costs_this_share_of_the_full_grid(arms: int, rows: int, share: float) -> None:
    race = Raced([[arm / arms] * rows for arm in range(arms)], [1.0] * arms, blocks_of([""] * rows)).run()
    assert sum(map(len, race.asked)) / (arms * rows) == pytest.approx(share, abs=0.005)
    assert race.rounds[-1].candidates == tuple(range(arms))[-2:], "the last two duel, and they are the best"


@given(st.integers(3, 24), st.integers(1, 200))
def test_a_race_saves_calls_where_three_quarters_of_the_rows_are_a_block(arms: int, rows: int) -> None:
    race = Raced([[0.0] * rows for _ in range(arms)], [1.0] * arms, blocks_of([""] * rows)).run()
    assert (sum(map(len, race.asked)) < arms * rows) == (round(3 * rows / 4) >= SMALLEST_BLOCK)


# --- ties


def test_of_those_near_the_best_the_cheapest_comes_first_and_ties_do_not_drift() -> None:
    records = {0: Record(0.80, 9), 1: Record(0.79, 5), 2: Record(0.785, 3), 3: Record(0.775, 1)}
    assert ranked(records) == [0, 1, 2, 3]
    assert ranked(records, 0.01) == [1, 0, 3, 2]
    assert ranked(records, 0.02)[0] == 2, "0.775 is near 0.785 and far from the best"
    assert ranked({0: Record(0.5, 2), 1: Record(0.5, 1), 2: Record(0.5, 1)}) == [1, 2, 0]
    assert ranked({0: Record(0.5, 100), 1: Record(0.495, 91)}, 0.01) == [0, 1], "too little is saved"
    assert ranked({0: Record(0.5, 100), 1: Record(0.495, 90)}, 0.01) == [1, 0]


@given(st.dictionaries(st.integers(0, 20), st.builds(Record, st.floats(0, 1), st.floats(1, 9))), st.sampled_from([0.0, 0.01, 0.1]))
def test_ranking_keeps_everybody_and_gives_up_no_more_than_a_tie(records: dict[int, Record], near: float) -> None:
    order = ranked(records, near)
    assert sorted(order) == sorted(records)
    for place, arm in enumerate(order):
        assert records[arm].mean >= max(records[later].mean for later in order[place:]) - near - 1e-8

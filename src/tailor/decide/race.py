"""Racing: which candidates are measured on which rows next. Pure: it asks nobody and knows no model.

All survivors answer the same next block of rows, then the weaker half stops (synchronised sequential halving: Karnin, Koren and
Somekh 2013, "Almost optimal exploration in multi-armed bandits", on rows that all candidates share). Comparisons are therefore
always paired, and which answer arrives first changes nothing. The last two duel on all rows: with two candidates nothing beats
equal sampling (Wang, Ariu and Proutiere, ICML 2024). What is nearly tied is told apart by cost and not by more calls. Nothing here
is a claim: halving gives no error probability, and those who are chosen by it still have to meet the sealed test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise

SMALLEST_BLOCK = 16
"""Rows below which the weaker half is not told from the better one."""
CUTS = (3 / 4, 1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32)
"""Shares of the rows after which a rung may be cut, the last one first (docs/log.md)."""
SAVING = 0.1
"""Share of the cost that has to be saved for a near-tie to go to the cheaper candidate: a few tokens are not worth a point."""
ROUNDING = 1e-9

Block = tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """How a candidate does on the rows it has answered.

    Attributes:
        mean: of the metric, in [0, 1].
        cost: of an answer, in any unit that all candidates share: tokens of one model, or money.
    """

    mean: float
    cost: float


@dataclass(frozen=True)
class Round:
    """What is measured next.

    Attributes:
        candidates: numbers of those who go on.
        blocks: numbers of the blocks that each of them answers now.
    """

    candidates: tuple[int, ...]
    blocks: range


LOOK_SHARE = 1 / 4
"""Share of the rows by which a candidate may choose something about itself; it is measured on the others."""


def looked_and_counted(groups: Sequence[str]) -> tuple[Block, Block]:
    """The rows 0, 1, ... that a candidate may choose by, and the later ones, that count for it. Groups stay together.

    The second part is empty where all rows are of one group.
    """
    order, ends = _in_groups(groups)
    cut = min(ends[1:], key=lambda end: abs(end - LOOK_SHARE * len(order)))
    return order[:cut], order[cut:]


def blocks_of(groups: Sequence[str]) -> tuple[Block, ...]:
    """The rows 0, 1, ... cut into blocks, in order of their answering.

    The partition follows from the rows alone, not from who races: it is cut at `CUTS`, the first block holding at least
    `SMALLEST_BLOCK` rows. So a block that was answered once is never
    cut differently. Rows of a group are moved up to its first one and stay in one block, which may then be larger or smaller.

    Args:
        groups: group of each row; rows with an empty one stand alone.
    """
    order, ends = _in_groups(groups)
    wanted = [cut for share in CUTS if (cut := round(share * len(order))) >= SMALLEST_BLOCK]
    cuts = sorted({0, len(order), *(min(ends, key=lambda end: abs(end - cut)) for cut in wanted)})
    return tuple(order[start:end] for start, end in pairwise(cuts))


def _in_groups(groups: Sequence[str]) -> tuple[Block, list[int]]:
    """The rows, each group moved up to its first row, and where a cut divides no group: 0, ..., number of rows."""
    members: dict[str | int, list[int]] = {}
    for row, group in enumerate(groups):
        members.setdefault(group or row, []).append(row)
    return tuple(chain.from_iterable(members.values())), [0, *accumulate(map(len, members.values()))]


def rounds(
    candidates: int,
    blocks: int,
    record: Callable[[int], Record | None],
    *,
    least: int = 2,
    teams: Sequence[Hashable] = (),
) -> Iterator[Round]:
    """Who answers what next, until the last two (with few blocks, the last few) have answered all.

    Halvings are between the last blocks, as many as lead to `least` candidates; equal means are told apart by cost. The better half
    of each team goes on: who is measured within a team does not hang on what the others cost or can do.

    Args:
        candidates: how many start.
        blocks: how many there are.
        record: asked between two rounds for the candidates of the round that ended; None where a candidate had to leave the race.
        least: how many answer all rows at least.
        teams: team of each candidate; all are of one unless given.
    """
    team = teams or [0] * candidates
    halvings = max(0, -(-candidates // least) - 1).bit_length()
    field, done, sizes = tuple(range(candidates)), 0, Counter(team)
    for end in range(max(1, blocks - halvings), blocks + 1):
        yield Round(field, range(done, end))
        done = end
        records = {candidate: found for candidate in field if (found := record(candidate)) is not None}
        going: list[int] = []
        for one, size in sizes.items():
            own = [candidate for candidate in ranked(records) if team[candidate] == one]
            going += own[: max(-(-least * size // candidates), -(-len(own) // 2))]
        field = tuple(sorted(going))


def ranked(records: Mapping[int, Record], near: float = 0.0) -> list[int]:
    """The candidates from best to worst: by mean; but of those within `near` of the best one left, the cheapest if it is clearly
    cheaper.

    Clearly is by the share `SAVING`. Equal means go to the lower cost, then to the lower number.
    """
    left = sorted(records, key=lambda candidate: (-records[candidate].mean, records[candidate].cost, candidate))
    order = []
    while left:
        top = records[left[0]]
        tied = [candidate for candidate in left if records[candidate].mean >= top.mean - near - ROUNDING]
        cheapest = min(tied, key=lambda candidate: records[candidate].cost)
        order.append(cheapest if records[cheapest].cost <= (1 - SAVING) * top.cost else left[0])
        left.remove(order[-1])
    return order

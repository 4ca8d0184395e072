"""Which items belong together, when links between them are found one by one."""

from __future__ import annotations


class UnionFind:
    """A partition of 0 .. n-1 that only ever grows coarser (Tarjan 1975, with path halving)."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def find(self, item: int) -> int:
        """The smallest member of the item's group."""
        while self._parent[item] != item:
            self._parent[item] = self._parent[self._parent[item]]
            item = self._parent[item]
        return item

    def join(self, a: int, b: int) -> None:
        """Makes the groups of `a` and `b` one."""
        a, b = self.find(a), self.find(b)
        self._parent[max(a, b)] = min(a, b)

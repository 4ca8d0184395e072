"""What calls to endpoints cost: noted down before each of them at its worst, and once it is known, as it was.

A file of its own next to the ledger, since the threads that call write it. A call that was under way when a process died, or of
which no count came back, stays "maybe paid" at its worst: what is not known to be unpaid counts against the cap.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from tailor.errors import OverBudget, StoreError
from tailor.store.calls import SPENDING, Call, Prices, count_calls, keep_calls, prepare, read_calls
from tailor.store.database import connect, is_damage, transaction

ROUNDING = 1e-9
"""Money below this is an error of sums of floating-point numbers."""


@dataclass(frozen=True)
class Spent:
    """What was spent on endpoints, in the project's currency.

    Attributes:
        paid: what calls cost that were answered.
        estimated: the part of it that rests on estimated tokens.
        maybe: the most that those in `maybe_paid` can have cost.
        calls: calls that were answered.
        tokens_in: their prompt tokens.
        tokens_out: their answer tokens.
        unpriced: how many of them have no known price.
        repriced: whether prices of a model were changed between its calls; each counts at those of its time.
        maybe_paid: calls of which it is not known: they were under way at a kill, or what came back tells nothing of it.
    """

    paid: float = 0.0
    estimated: float = 0.0
    maybe: float = 0.0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    unpriced: int = 0
    repriced: bool = False
    maybe_paid: tuple[Call, ...] = ()


class Spending:
    """The calls of one project, and the cap on what they cost. Safe to use from several threads, and from several processes: what
    another one notes down is read before a call is made.

    Args:
        folder: the project's store.
        cap: the most that may be spent, all runs of the project together; None for no cap.
        currency: shown behind amounts.

    Attributes:
        rest: from what was paid to a sentence on what the rest needs, for whoever is stopped by the cap.
        messages: what was found damaged or gone when it was opened, and what that costs, one sentence each.

    Raises:
        StoreError: the file is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, *, cap: float | None = None, currency: str = "USD") -> None:
        self.cap, self.currency = cap, currency
        self.rest: Callable[[float], str] = lambda paid: ""
        self._path = folder / SPENDING
        self._state = threading.Condition()
        self._file = threading.Lock()
        self._unwritten: dict[int, Call] = {}
        self._open: dict[int, Call] = {}
        try:
            self._db = connect(self._path)
            if cap is None:  # what a power cut takes of the notes is then no more than a list of what may have been paid
                self._db.execute("PRAGMA synchronous=NORMAL")
            noted = prepare(self._db, self._path)
        except StoreError as error:
            if not is_damage(error):
                raise
            raise StoreError(
                f"{self._path} is damaged: what was spent on endpoints is no longer known",
                f"run `tailor store repair {folder.parent}`: every intact note is kept, and what is gone is reported",
            ) from error
        self.messages = noted.problems_found(currency)
        self._known = dict(noted.calls)
        self._noted = count_calls(self._db)
        self._committed = sum(call.most for call in self._known.values())

    def reprice(self, model: str, price: Callable[[Call], float | None], *, batch: str = "") -> None:
        """Count the calls of a model at the prices of today against the cap, where these are higher than those they were noted at:
        nobody can tell which of the two were right.

        Args:
            model: name of the model.
            price: what a call would cost today.
            batch: mark of the only batch that this is about.
        """
        with self._state:
            for call in self._known.values():
                if call.model == model and call.batch == (batch or call.batch) and call.paid is not None and call.counted:
                    self._committed += max(0.0, (price(call) or 0.0) - call.paid)

    def overrun(self, model: str) -> float:
        """How many times the most that a call of a model could cost one has cost; at least 1."""
        with self._state:
            calls = [call for call in self._known.values() if call.model == model and not call.batch]
            return max([1.0, *(call.paid / call.worst for call in calls if call.paid and call.worst)])

    def reserve(
        self,
        model: str,
        worst: float | None,
        *,
        calls: int = 1,
        batch: str = "",
        share: float = 1.0,
        prices: Prices | None = None,
    ) -> int:
        """Note a call down before it is made, durably; gives its number.

        Where the cap leaves no room for its worst case, it waits for calls under way to turn out cheaper. Nobody waits for a batch.

        Args:
            model: name of the model.
            worst: the most that the call can cost; None where no price is known.
            calls: how many calls it is.
            batch: mark of the batch that they are.
            share: of the ordinary price, that is in `worst` already.
            prices: at which a batch is handed in.

        Raises:
            OverBudget: the cap would be passed.
            StoreError: it cannot be noted down.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        call = Call(model, at, worst, calls=calls, batch=batch, share=share, prices=prices)
        number = secrets.randbits(62)  # another process may be noting calls down at the same time
        while True:
            with self._state:
                while self.cap is not None and self._committed + call.most > self.cap + ROUNDING:
                    if not self._open:
                        raise self._no_room(call.most)
                    self._state.wait()
                (self._known if batch else self._open)[number] = self._unwritten[number] = call
                self._committed += call.most
            try:
                self._write(number)
            except BaseException:
                self.settle(number, replace(call, paid=0.0))  # it is not made
                raise
            if self.cap is None or self._committed <= self.cap + ROUNDING:
                return number
            self.settle(number, replace(call, paid=0.0))  # another process was quicker
            number = secrets.randbits(62)

    def settle(self, number: int, call: Call) -> None:
        """Say what became of a call; it is written with the next one, at the latest when this is closed."""
        with self._state:
            before = self._open.pop(number, None) or self._known[number]  # a batch outlives the run that sent it
            self._committed += call.most - before.most
            self._known[number] = self._unwritten[number] = call
            self._state.notify_all()

    def call(self, number: int) -> Call:
        """A call under way, or one that was noted down before."""
        return self._open.get(number) or self._known[number]

    def batch(self, mark: str) -> int | None:
        """The number under which a batch was noted down; None where it was not."""
        with self._state:
            noted = [*self._open.items(), *self._known.items()]
        return next((number for number, call in noted if call.batch == mark), None)

    def save(self) -> None:
        """Write what became of calls now, and not with the next one.

        Raises:
            StoreError: it cannot be written.
        """
        with self._file:
            if self._unwritten:
                self._save()

    def _write(self, number: int) -> None:
        """Make sure that a call is noted down: whoever comes first writes for all who wait."""
        with self._file:
            if number in self._unwritten:
                self._save()

    def _save(self) -> None:
        with self._state:
            calls, self._unwritten = self._unwritten, {}
        try:
            with transaction(self._db, self._path):
                others = count_calls(self._db) != self._noted
                self._noted = keep_calls(self._db, calls)
                if others:
                    self._take_in(read_calls(self._db).calls)
        except BaseException:
            with self._state:
                self._unwritten = calls | self._unwritten
            raise

    def _take_in(self, calls: Mapping[int, Call]) -> None:
        """Count what another process has noted down meanwhile."""
        with self._state:
            for number in calls.keys() - self._known.keys() - self._open.keys():
                self._known[number] = calls[number]
                self._committed += calls[number].most

    @property
    def spent(self) -> Spent:
        """What was spent so far; calls under way are not in it."""
        with self._state:
            return _sum(list(self._known.values()))

    @property
    def left(self) -> float:
        """What the cap leaves, calls under way counted at their worst; infinite without one."""
        return float("inf") if self.cap is None else self.cap - self._committed

    def close(self) -> None:
        """Write what is not written yet, and close the file."""
        try:
            self.save()
        finally:
            self._db.close(force=True)

    def __enter__(self) -> Spending:
        """The spending itself; it is closed when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        self.close()

    def _no_room(self, worst: float) -> OverBudget:
        spent = _sum(self._known.values())
        maybe = f", {_amount(spent.maybe)} may have been paid for calls without an answer" if spent.maybe else ""
        return OverBudget(
            f"the budget of {_amount(self.cap or 0.0)} {self.currency} leaves no room for the next call: {_amount(spent.paid)} are "
            f"spent{maybe}, and the call can cost up to {_amount(worst)}{self.rest(spent.paid)}",
            "raise `budget` in tailor.yaml, or give --budget, and run again: it continues where it stopped, and nothing is paid "
            "twice",
        )


def _amount(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 else f"{amount:.2g}"


def _sum(calls: Iterable[Call]) -> Spent:
    calls = list(calls)
    answered = [(call, call.paid) for call in calls if call.paid is not None]
    priced = [(call, paid) for call, paid in answered if call.worst is not None or call.billed is not None]
    unknown = [call for call in calls if call.paid is None]
    return Spent(
        paid=sum(paid for _, paid in priced),
        estimated=sum(paid for call, paid in priced if not call.counted),
        maybe=sum(call.most for call in unknown),
        calls=_count(call for call, _ in answered),
        tokens_in=sum(call.tokens_in for call, _ in answered),
        tokens_out=sum(call.tokens_out for call, _ in answered),
        unpriced=_count(call for call, _ in answered) - _count(call for call, _ in priced),
        repriced=len(prices := {(call.model, call.prices) for call in calls if call.prices}) > len({model for model, _ in prices}),
        maybe_paid=tuple(unknown),
    )


def _count(calls: Iterable[Call]) -> int:
    return sum(call.calls for call in calls if call.tokens_in > 0)

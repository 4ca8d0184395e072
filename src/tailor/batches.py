"""Asking in batches: cheaper answers for a run that may wait, each paid for once whenever the run is killed.

Before anything is sent, the ledger notes down which answers a batch will hold. Then the money is reserved, the file sent, the
batch started with a mark of ours, its name noted down, its answers saved, the money settled and the note taken back, in this
order. Each step can be done again, and a batch whose name was not noted down is found by its mark. So a killed run goes on there.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tailor.data.example import Example
from tailor.errors import EndpointError
from tailor.ledger import Ledger
from tailor.models.base import Model, Reply, Request
from tailor.models.endpoint.desk import MOST_BYTES, MOST_ROWS, Batch, Batching, Came, NotTaken
from tailor.models.wire import estimate_tokens
from tailor.replies import as_answer
from tailor.retrieval.passage import Passage
from tailor.system import System

FEWEST = 8
"""Rows below which nothing is saved by waiting: they are asked at once."""
FIRST_PAUSE, LONGEST_PAUSE, SLOWER = 0.2, 60.0, 1.5
"""Seconds between two looks at a batch: the first, the longest, and by what they grow."""
ROUNDS = 2
"""How often rows are put into a batch: once more where the first did not come to an end in its time."""
LONGEST_WAIT = 30 * 3600.0
"""Seconds for which a run waits for one batch: a day is promised."""
LONGEST_KEPT = 3 * 24 * 3600.0
"""Seconds after which a batch is given up whose answers cannot be had: it would end every run."""

Key = tuple[str, str]
Say = Callable[[str], None]


@dataclass(frozen=True)
class BatchRow:
    """A question to be asked.

    Attributes:
        system: fingerprint of the System that asks.
        key: of the example, in the ledger.
        example: its id.
        request: what is asked.
        passages: what is in the prompt.
    """

    system: str
    key: str
    example: str
    request: Request
    passages: tuple[Passage, ...] = ()

    @property
    def place(self) -> Key:
        """Where its answer is saved."""
        return self.system, self.key


@dataclass
class Batches:
    """The batches of one model in one project.

    Args:
        model: the model; its endpoint has a desk for batches.
        ledger: where answers are saved and batches noted down.
        say: told what the user should know.
    """

    model: Batching
    ledger: Ledger
    say: Say
    _left_open: set[Key] = field(default_factory=set)

    def fetch(self, rows: Sequence[BatchRow], on_progress: Callable[[int], None] = lambda done: None) -> None:
        """Get answers into the ledger: from batches that hold them already, and else, where the settings ask for that, from a new
        one. Rows without an answer afterwards are asked in the ordinary way.

        Raises:
            EndpointError: a batch is not taken, or it was called off at the endpoint.
            OverBudget: there is no money for a batch.
            KeyboardInterrupt: someone stops the run; the batch goes on.
        """
        wanted = {row.place for row in rows}
        for mark, note in self._noted().items():
            if wanted & _held(note):
                self._collect(mark, note, on_progress)
        for _ in range(ROUNDS if self.model.in_batches else 0):
            left = self._unanswered(rows)
            if len(left) < FEWEST:
                return
            left = self._introduced(left)
            while left:
                count, lines = self._filled(left)
                self._hand_in(left[:count], lines, on_progress)
                left = left[count:]

    def concern(self, system: str, keys: Iterable[str]) -> bool:
        """Whether answers of a System may come from a batch: from a new one, or from one that holds any of these."""
        wanted = {(system, key) for key in keys}
        return self.model.in_batches or any(wanted & _held(note) for note in self._noted().values())

    def gather(self) -> None:
        """Save the answers of batches that are over by now, whoever asks for them, and say which are not."""
        for mark, note in self._noted().items():
            batch = self.model.desk.look(note["batch"]) if note["batch"] else None
            if batch is not None and not batch.is_over:
                self.say(f"A batch of {len(note['rows']):,} answers is still at the endpoint ({batch.id}, {batch.done:,} done).")
            else:
                self._collect(mark, note, lambda done: None)

    def _unanswered(self, rows: Sequence[BatchRow]) -> list[BatchRow]:
        by_system: dict[str, list[str]] = {}
        for row in rows:
            by_system.setdefault(row.system, []).append(row.key)
        saved = {(system, key) for system, keys in by_system.items() for key in self.ledger.answers(system, keys)}
        return [row for row in rows if row.place not in saved and row.place not in self._left_open]

    def _introduced(self, rows: Sequence[BatchRow]) -> list[BatchRow]:
        """The rows without the first of each kind that the endpoint has not answered yet: these are asked at once, to find out how
        such a question has to be put; nobody wants to wait a day for that.
        """
        left = []
        for row in rows:
            if self.model.is_understood(row.request):
                left.append(row)
                continue
            (reply,) = self.model.reply([row.request])
            if reply.finish != "error":
                self.ledger.save_answers(row.system, {row.key: asdict(as_answer(row.example, reply.text, reply, row.passages))})
        return [row for row in left if self.model.is_understood(row.request)]

    def _filled(self, rows: Sequence[BatchRow]) -> tuple[int, list[bytes]]:
        """How many rows the next batch holds, and their lines without the names."""
        meter = self.model.meter
        most = min(len(rows), MOST_ROWS)
        if meter is not None:
            most = min(most, meter.fitting([self.model.most_tokens(row.request) for row in rows[:most]]))
        lines, size = list[bytes](), 0
        for row in rows[:most]:
            lines.append(json.dumps(self.model.body(row.request)).encode())
            size += len(lines[-1])
            if size > MOST_BYTES:
                break
        return len(lines), lines

    def _hand_in(self, rows: Sequence[BatchRow], bodies: Sequence[bytes], on_progress: Callable[[int], None]) -> None:
        mark = f"tailor-{secrets.token_hex(12)}"
        note = self._note(rows)
        self.ledger.note_batch(mark, note)
        if self.model.meter is not None:
            try:
                self.model.meter.reserve_batch(mark, [self.model.most_tokens(row.request) for row in rows])
            except BaseException:
                self.ledger.note_batch(mark, None)
                raise
        url = self.model.batch_url
        lines = [
            b'{"custom_id": "%d", "method": "POST", "url": "%s", "body": %s}' % (i, url.encode(), body)
            for i, body in enumerate(bodies)
        ]
        try:
            note["file"] = self.model.desk.upload(lines, mark)
            self.ledger.note_batch(mark, note)
            note["batch"] = self.model.desk.start(note["file"], mark, url).id
        except NotTaken:
            self._close(mark, [])
            raise
        self.ledger.note_batch(mark, note)
        self.say(
            f"A batch of {len(rows):,} answers is at the endpoint ({note['batch']}), which promises them within a day. "
            "The run waits for it; Ctrl-C leaves it there, and the next run fetches it."
        )
        self._collect(mark, note, on_progress)

    def _note(self, rows: Sequence[BatchRow]) -> dict[str, Any]:
        """What has to be known of a batch by whoever fetches it."""
        passages = list(dict.fromkeys(row.passages for row in rows))
        asked = list(dict.fromkeys((row.request.labels, row.request.stop) for row in rows))
        numbers = {found: i for i, found in enumerate(passages)}, {found: i for i, found in enumerate(asked)}
        return {
            "model": self.model.digest,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "file": "",
            "batch": "",
            "passages": [[asdict(passage) for passage in found] for found in passages],
            "asked": asked,
            "rows": [
                (
                    *(row.system, row.key, row.example, numbers[0][row.passages]),
                    *(numbers[1][row.request.labels, row.request.stop], estimate_tokens(row.request.messages)),
                )
                for row in rows
            ],
        }

    def _noted(self) -> dict[str, dict[str, Any]]:
        return {mark: note for mark, note in self.ledger.batches().items() if note["model"] == self.model.digest}

    def _collect(self, mark: str, note: dict[str, Any], on_progress: Callable[[int], None]) -> None:
        """Wait for a batch, save its answers and close it; one that was never handed in is only closed."""
        if not note["batch"]:
            found = self.model.desk.find(note["file"], mark) if note["file"] else None
            if found is None:
                self._close(mark, [])
                return
            note["batch"] = found.id
            self.ledger.note_batch(mark, note)
        batch = self._awaited(note["batch"], on_progress)
        try:
            came = self.model.desk.replies(batch, self._questions(note)) if batch is not None else None
        except EndpointError:
            if _age(note) < LONGEST_KEPT:
                raise
            came = None
        if batch is None or came is None:
            what = "does not know" if batch is None else "has no answers of"
            self.say(
                f"The endpoint {what} the batch {note['batch']} any more: what it held is asked again, and its "
                f"{len(note['rows']):,} answers count as what may have been paid."
            )
            self.ledger.note_batch(mark, None)  # its money stays reserved
            return
        replies = self._saved(mark, batch, note, came)
        answered = sum(one.reply is not None or one.cost is not None for one in came)
        if lost := max(0, min(batch.done, len(note["rows"])) - answered):
            self.say(
                f"Of {batch.done:,} answers that the endpoint counts in the batch {batch.id}, {lost:,} did not come and are asked "
                "again; they may have been paid."
            )
        self._close(mark, replies, whole=not lost)
        if batch.status == "failed":
            raise EndpointError(f"the endpoint did not take the batch: {batch.trouble or 'it does not say why'}", fatal=True)
        if batch.status == "cancelled":
            text = f"the batch {batch.id} was called off at the endpoint; {len(replies):,} answers of it are saved"
            raise EndpointError(text, "Run again to ask for the others, or take `model.batch` out.", fatal=True)

    def _awaited(self, name: str, on_progress: Callable[[int], None]) -> Batch | None:
        pause, began = FIRST_PAUSE, time.monotonic()
        try:
            while (batch := self.model.desk.look(name)) is not None and not batch.is_over:
                on_progress(batch.done)
                if time.monotonic() - began > LONGEST_WAIT:
                    hours = f"{LONGEST_WAIT / 3600:.0f} hours"
                    text = f"the batch {name} is not over after {hours}; the endpoint calls it {batch.status!r}"
                    hint = "Run again to wait on, or call it off at the endpoint and run again: what it has answered is fetched."
                    raise EndpointError(text, hint, retryable=True, fatal=True)
                time.sleep(pause)
                pause = min(LONGEST_PAUSE, SLOWER * pause)
        except KeyboardInterrupt:
            self.say(f"The batch {name} goes on at the endpoint; the next run fetches its answers. Nothing is paid twice.")
            raise
        return batch

    def _questions(self, note: Mapping[str, Any]) -> dict[str, Request]:
        """What of each question the reading of its answer needs, by its name."""
        asked = [Request((), labels=tuple(labels), stop=tuple(stop)) for labels, stop in note["asked"]]
        return {str(number): asked[row[4]] for number, row in enumerate(note["rows"])}

    def _saved(self, mark: str, batch: Batch, note: Mapping[str, Any], came: Sequence[Came]) -> list[Reply]:
        """Save what came of a batch; gives all replies that are paid for, those that cannot be used among them."""
        rows, asked, meter = {str(number): row for number, row in enumerate(note["rows"])}, self._questions(note), self.model.meter
        passages = [tuple(Passage(**passage) for passage in found) for found in note["passages"]]
        replies, records = [one.cost for one in came if one.reply is None and one.cost is not None], dict[str, dict[str, Any]]()
        for name, reply in ((one.name, one.reply) for one in came if one.reply is not None):
            system, key, example, found, _, estimated = rows[name]
            if not reply.tokens_in and reply.finish != "refused":  # the endpoint does not count
                reply = replace(reply, tokens_in=estimated)
            reply = replace(reply, payment=meter.price_in_batch(mark, reply) if meter is not None else None)
            replies.append(reply)
            if self.model.is_whole(reply, asked[name]):
                records.setdefault(system, {})[key] = asdict(as_answer(example, reply.text, reply, passages[found]))
            else:
                self._left_open.add((system, key))
        for system, answers in records.items():
            self.ledger.save_answers(system, answers)
        if batch.status == "completed":  # what it left open failed by itself, and would again
            self._left_open |= {(row[0], row[1]) for row in rows.values() if row[1] not in records.get(row[0], {})}
        return replies

    def _close(self, mark: str, replies: Sequence[Reply], *, whole: bool = True) -> None:
        if self.model.meter is not None:
            self.model.meter.settle_batch(mark, replies, whole=whole)
        self.ledger.note_batch(mark, None)


@dataclass
class AllBatches:
    """The batches of all models of an engine.

    Args:
        ledger: where answers are saved and batches noted down.
        model_of: the model that answers for a System.
        render: the request of a System, and the passages in it, for each example.
        saved: the records of a System's answers by their keys.
        say: told what the user should know.
    """

    ledger: Ledger
    model_of: Callable[[System], Model]
    render: Callable[[System, Sequence[Example]], list[tuple[Request, tuple[Passage, ...]]]]
    saved: Callable[[System, Sequence[Example]], dict[str, dict[str, Any]]]
    say: Say
    _of: dict[str, Batches] = field(default_factory=dict)

    def fetch(
        self,
        model: Batching,
        system: System,
        missing: dict[str, Example],
        saved: dict[str, dict[str, Any]],
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        """Move from `missing` to `saved` what batches answer, where there are any."""
        batches = self._batches(model)
        if self.ledger.is_shared or not batches.concern(system.fingerprint, missing):
            return  # during a run, batches are the run's
        total = len(saved) + len(missing)
        batches.fetch(self._rows(system, missing), lambda done: on_progress and on_progress(min(total, len(saved) + done), total))
        saved |= self.saved(system, list(missing.values()))
        for key in saved:
            missing.pop(key, None)

    def ahead(self, asked: Iterable[tuple[System, Sequence[Example]]]) -> None:
        """Let several systems wait together: what they will be asked goes into one batch, where their model answers in batches."""
        rows: dict[str, list[BatchRow]] = {}
        for system, examples in ((one.asked, examples) for one, examples in asked if one.is_generative):
            model = self.model_of(system)
            if isinstance(model, Batching) and model.in_batches:
                saved = self.saved(system, examples)
                missing = {example.answer_key: example for example in examples if example.answer_key not in saved}
                rows.setdefault(self._batches(model).model.digest, []).extend(self._rows(system, missing))
        for digest, found in rows.items():
            self._of[digest].fetch(found)

    def gather(self, models: Iterable[Model | None]) -> None:
        """Save what batches of an earlier run have answered by now."""
        for model in models:
            if isinstance(model, Batching):
                self._batches(model).gather()

    def _batches(self, model: Batching) -> Batches:
        return self._of.setdefault(model.digest, Batches(model, self.ledger, self.say))

    def _rows(self, system: System, missing: Mapping[str, Example]) -> list[BatchRow]:
        rendered = self.render(system, list(missing.values())) if missing else []
        return [
            BatchRow(system.fingerprint, key, example.id, request, passages)
            for (key, example), (request, passages) in zip(missing.items(), rendered, strict=True)
        ]


def _age(note: Mapping[str, Any]) -> float:
    """Seconds since a batch was noted down."""
    return (datetime.now(UTC) - datetime.fromisoformat(note["at"])).total_seconds()


def _held(note: Mapping[str, Any]) -> set[Key]:
    return {(row[0], row[1]) for row in note["rows"]}

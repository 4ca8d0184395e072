"""Which rows come next, decided in the background while people label, and whether choosing pays off here.

Nothing that a page asks for waits for this: rows come in the order that was decided last, which is random until then.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence

from tailor.content import question, text_of
from tailor.diagnose.labels import can_look, enough, find_errors
from tailor.kinds.base import kind_of
from tailor.labelled import as_cell
from tailor.labelling.judgement import Judgement, Why
from tailor.labelling.next import Compared, Known, compared, dealing_places, next_rows
from tailor.models.base import Array
from tailor.models.tfidf import word_vectors
from tailor.workbench.desk import Desk
from tailor.workbench.items import labels_in

LEAST, SHARE = 10, 0.05
"""It is decided again once there are so many labels more, and so large a share more."""
AHEAD = 4
"""So many times the rows until the next decision are chosen, so that they do not run out before it."""
LAST_SECONDS = 2.0
"""How long the end of the server waits for what is being worked out."""
LABELLED = "labelled"
"""Stands for every label where answers are no labels: then rows are chosen that are unlike each other, and no others."""
_log = logging.getLogger(__name__)


class Choosing:
    """Arranges the rows of a desk while people label.

    Args:
        desk: whose rows.

    Attributes:
        paying: what chosen rows teach next to random ones; None while there are too few of either.
    """

    def __init__(self, desk: Desk) -> None:
        self.desk, self.task = desk, desk.task
        self.paying: Compared | None = None
        # Where the rows to choose and test by are given, those are taken at random; what is learned from is chosen.
        self._rows = [row for row, item in desk.items.items() if item.split in ("file", "train")]
        self._others = [row for row, item in desk.items.items() if item.split not in ("file", "train")]
        self._vectors: Array | None = None
        self._places: list[float] | None = None
        self._at: int | None = None
        self._changed, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="choosing", daemon=True)

    def start(self) -> None:
        """Begin. A process that ends does not wait for it."""
        self._thread.start()

    def note(self) -> None:
        """Say that there may be more labels."""
        self._changed.set()

    def close(self) -> None:
        """End; what is being worked out is waited for a moment, and is of no use to anybody after that."""
        self._closed.set()
        self._changed.set()
        if self._thread.is_alive():
            self._thread.join(LAST_SECONDS)

    def decide(self) -> None:
        """Decide now what comes next, unless there are hardly more labels than before."""
        said = self.desk.said()
        step = max(LEAST, round(SHARE * len(said)))
        if not self._rows or (self._at is not None and len(said) - self._at < step):
            return
        self._at = len(said)
        if self._vectors is None:
            items = [self.desk.items[row] for row in self._rows]
            self._vectors = word_vectors([text_of(question(self.task.input, item.example)) for item in items])
            given = items[0].split != "file"
            self._places = None if given else dealing_places([item.example for item in items], self.task)
        labels = [self._label(said.get(row, {})) for row in self._rows]
        # Rows that were skipped teach nothing, and are not asked again.
        used = [n for n, row in enumerate(self._rows) if labels[n] is not None or not said.get(row)]
        vectors, known = self._vectors[used], [labels[n] for n in used]
        suspects = self._suspects(vectors, [self._rows[n] for n in used], known)
        places = None if self._places is None else [self._places[n] for n in used]
        picks = next_rows(vectors, known, AHEAD * step, places=places, suspects=suspects)
        chosen = {self._rows[used[pick.place]]: pick.why for pick in picks}
        self.desk.arrange(self._with_others(chosen), [self._rows[used[place]] for place in suspects])
        if kind_of(self.task).closed:
            self.paying = compared(vectors, known, [_why(said.get(self._rows[n], {})) for n in used])

    def _work(self) -> None:
        while not self._closed.is_set():
            try:
                self.decide()
            except Exception:  # whatever it is, people go on labelling, in the order that was decided last
                if not self._closed.is_set():
                    _log.exception("which rows come next could not be decided; they come at random")
                return
            self._changed.wait()
            self._changed.clear()

    def _label(self, said: Mapping[str, Judgement]) -> Known | None:
        """What most people say of a row; of several labels, the set of them."""
        kind, labels = kind_of(self.task), Counter(as_cell(one.label) for one in said.values() if one.label is not None)
        if not labels:
            return None
        most = min(labels, key=lambda label: (-labels[label], label))
        return LABELLED if not kind.closed else frozenset(labels_in(self.task, most)) if kind.several else most

    def _suspects(self, vectors: Array, rows: Sequence[str], known: Sequence[Known | None]) -> list[int]:
        """Places of the rows whose label looks wrong, in the file or as people gave it, the surest first."""
        kind = kind_of(self.task)
        if not kind.closed or kind.several or not can_look():
            return []
        in_file = [next(iter(labels_in(self.task, self.desk.items[row].given)), "") for row in rows]
        given = [str(label or other) for label, other in zip(known, in_file, strict=True)]
        places = [n for n, label in enumerate(given) if label]
        labels = [given[n] for n in places]
        if not enough(labels):
            return []
        found = find_errors(vectors[places], labels)
        # The next decision knows more, so nobody is asked twice here for a label that may only be unusual.
        return [places[n] for n in found.suspects[: found.sure]] if found.can_tell else []

    def _with_others(self, chosen: Mapping[str, Why]) -> dict[str, Why]:
        """The rows chosen, and among them, by their share, rows of the files that are chosen or tested by."""
        if not self._others:
            return dict(chosen)
        open_rows = {item.row for item in self.desk.open_items()}
        others = [row for row in self.desk.drawn if row in open_rows and row in set(self._others)]
        ahead = round(len(chosen) * len(self._others) / len(self._rows))
        at = [((n + 0.5) / len(line), row) for line in (list(chosen), others[:ahead]) for n, row in enumerate(line)]
        return {row: chosen.get(row, "random") for _, row in sorted(at)}


def _why(said: Mapping[str, Judgement]) -> Why | None:
    """Why a row was given to the first who labelled it; None where that is not known."""
    return next((one.chosen for one in said.values() if one.label is not None and one.chosen != ""), None)

"""Whether a certificate is true on ordinary data: simulated worlds through data files, where the truth is known.

`WORLDS` worlds of each kind. A world is written as a CSV, loaded and split as a project's data are, answered by a simulated system
and decided. The target lies half a point above the system's true rate, so that to call it met is false.

- rare: 600 rows whose labels are as frequent as words (Zipf), 60, 150 or 400 of them; the system is right on every label that train
  has, 97 times in 100. The truth is what that gives on future rows.
- repeats: 200 texts, each two to ten times; edits: the same, all but the first with one word changed. A system is right on all rows
  that come from one text, or on none.
- grouped: texts of one customer are right or wrong together, and `group_by` names the customer.
- clean: 500 rows, 400 of them in the test set; a second system is right on 10 points more. `finds` is how often it is shown.
- changes: 480 rows; after the test set was opened, one label is changed, test labels are fixed, a row is added, and the file is
  edited: another column in front, columns reordered or renamed, an id, a full stop behind every text. Each time the file is loaded
  and opened anew: a row seen in a test set may not be learned from, and the opening must be the second.

Errors are Monte-Carlo standard errors at the rate allowed.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.worlds import RATES, SYSTEMS
from tailor.data.example import Example, Splits
from tailor.data.split import load_splits
from tailor.decide.cost import cost_of
from tailor.decide.decision import Candidate, decide
from tailor.decide.types import Decision
from tailor.evaluate.run import Run
from tailor.ledger import Ledger
from tailor.project import Project
from tailor.score.types import Answer, Score
from tailor.seals import identities, unseen
from tailor.stats.clusters import Floats
from tailor.stats.spending import of_target
from tailor.task import Task

WORLDS, CHANGES = 300, 60
ALLOWED = of_target(1, 1)
RIGHT = 0.97
KINDS = ("rare 60", "rare 150", "rare 400", "repeats", "edits", "grouped", "clean")
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
_SCORES = {True: Score("right", 1.0, "y"), False: Score("wrong", 0.0, "n")}

Row = dict[str, str]


def run() -> dict[str, float]:
    """The figures, over all cores; every kind's own go to standard error."""
    parts = [(kind, range(start, WORLDS, 4)) for kind in KINDS for start in range(4)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        shares = list(pool.map(_part, parts))
        changed = np.array(list(pool.map(changes, range(CHANGES), chunksize=5)))
    by_kind = {kind: np.concatenate([s for (k, _), s in zip(parts, shares, strict=True) if k == kind]) for kind in KINDS}
    for kind, found in by_kind.items():
        print(f"  {kind}: false, limit holds, interval holds, finds {found.mean(axis=0).round(4)}", file=sys.stderr)
    relearned, wrong, moved, added = changed.T
    return {
        "false_target_worst": max(found[:, 0].mean() for found in by_kind.values()),
        "false_target_allowed": ALLOWED + 3 * np.sqrt(ALLOWED * (1 - ALLOWED) / WORLDS),
        "limit_coverage_worst": min(found[:, 1].mean() for found in by_kind.values()),
        "coverage_worst": min(found[:, 2].mean() for found in by_kind.values()),
        "coverage_allowed": 0.95 - 3 * np.sqrt(0.95 * 0.05 / WORLDS),
        "seen_rows_relearned": relearned.sum(),
        "openings_right": 1 - wrong.mean(),
        "moved_by_one_label": moved.mean(),
        "moved_by_one_label_most": moved.max(),
        "moved_by_one_row": added.mean(),
        "finds_10_points_at_400": by_kind["clean"][:, 3].mean(),
        "finds_10_points_error": np.sqrt(0.8 * 0.2 / WORLDS),
        "worlds_per_kind": WORLDS,
        "worlds_of_changes": CHANGES,
    }


def _part(given: tuple[str, Sequence[int]]) -> Floats:
    kind, numbers = given
    return np.array([certify(kind, number) for number in numbers], dtype=float)


def certify(kind: str, number: int) -> tuple[bool, bool, bool, bool]:
    """One world: whether a target was falsely met, the certified limit and the interval hold, and a better system is shown."""
    random = np.random.default_rng([3, KINDS.index(kind), number])
    rate, better = random.uniform(0.6, 0.85), None
    if kind.startswith("rare"):
        weights = 1 / np.arange(1, int(kind.split()[1]) + 1)
        weights /= weights.sum()
        labels = random.choice(len(weights), size=600, p=weights)
        splits = load([{"text": text, "label": f"l{label}"} for text, label in zip(texts(600, random), labels, strict=True)])
        known = {example.label for example in splits.train}
        rate = RIGHT * float(weights[[f"l{label}" in known for label in range(len(weights))]].sum())
        right = [example.label in known and random.random() < RIGHT for example in splits.test]
    elif kind in ("repeats", "edits"):
        rows, origin = copies(kind == "edits", random)
        splits, good = load(rows), random.random(200) < rate
        right = [bool(good[origin[example.row - 1]]) for example in splits.test]
    elif kind == "grouped":
        of = np.repeat(np.arange(120), random.integers(1, 9, size=120))
        splits = load(
            [
                {"text": text, "label": "ab"[i % 2], "by": f"c{g}"}
                for i, (text, g) in enumerate(zip(texts(len(of), random), of, strict=True))
            ],
            data={"file": "data.csv", "group_by": "by"},
        )
        own = random.beta(2 * rate, 2 * (1 - rate), size=120)
        right = [random.random() < own[int(example.group[1:])] for example in splits.test]
    else:
        rows = [{"text": text, "label": "ab"[i % 2]} for i, text in enumerate(texts(500, random))]
        splits = load(rows, split={"train": 60, "dev": 40, "test": 400})
        hard = random.random(400)
        right, better = list(hard < rate), list(np.where(random.random(400) < 0.7, hard, random.random(400)) < rate + 0.1)
    decision = decided(splits, rate + 0.005, right, better)
    plain = next(finalist for finalist in decision.finalists if finalist.name == SYSTEMS["zero-shot"].name)
    score, gains = plain.score, [d for d in decision.differences if d.first != plain.name]
    held = score.low is None or score.high is None or score.low <= rate <= score.high
    finds = any(gain.estimate.low is not None and gain.estimate.low > 0 for gain in gains)
    return plain.meets_target, plain.certified <= rate, held, finds


def decided(splits: Splits, target: float, right: Sequence[bool], better: Sequence[bool] | None) -> Decision:
    """What follows of one system, or of it and a more expensive one."""
    task, candidates = _task().model_copy(update={"target": min(target, 0.999)}), []
    for steps, values in (("zero-shot", right), ("lora", better)):
        if values is not None:
            answers = tuple(Answer(e.id, "y", tokens_in=100 if steps == "zero-shot" else 900) for e in splits.test)
            made = Run(SYSTEMS[steps], "test", splits.test, answers, tuple(_SCORES[bool(value)] for value in values))
            candidates.append(Candidate(steps, made, None, cost_of(task, made, RATES, 0, 0)))
    return decide(task, candidates, 1)


def changes(number: int) -> tuple[int, float, float, float]:
    """Seen rows that are learned from after changes, share of wrong openings, and shares of rows moved by a label and by a row."""
    random = np.random.default_rng([4, number])
    rows = [{"text": text, "label": f"l{random.integers(12)}", "note": f"n{i % 7}"} for i, text in enumerate(texts(481, random))]
    before = rows[:480]
    first = load(before)
    one = [dict(row) for row in before]
    one[number]["label"] = f"l{random.integers(12)}"
    seen = {example.fields["text"] for example in first.test}
    mended = [row | ({"label": "l0"} if row["text"] in seen and random.random() < 0.2 else {}) for row in before]
    stopped = [row | {"text": f"{row['text']}."} for row in before]
    renamed = [{"question": row["text"], "label": row["label"], "note": row["note"]} for row in before]
    with_id = [{"key": f"k{place}"} | row for place, row in enumerate(before)]
    nothing: dict[str, object] = {}
    both: dict[str, object] = {"input": "{{note}} {{text}}"}
    turned: dict[str, object] = {"input": "{{text}} {{note}}"}
    question: dict[str, object] = {"input": "{{question}}"}
    named: dict[str, object] = {"data": {"file": "data.csv", "id": "key"}}
    cases = [(changed, nothing) for changed in (one, mended, rows, stopped)]
    cases += [(before, both), (before, turned), (renamed, question), (with_id, named)]
    relearned = wrong = 0
    for changed, settings in cases:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["TAILOR_STATE"] = folder
            with Ledger(Path(folder) / "store") as ledger:
                wrong += ledger.open_test(identities(_task(), first.test), ["first"]).number != 1
                splits = load(changed, **settings)
                parts = unseen(_task(**settings), (splits.train, splits.dev), splits.test, ledger.shown())
                learned = [_plain(example) for part in parts for example in part]
                relearned += sum(text in seen for text in learned)
                wrong += ledger.open_test(identities(_task(**settings), splits.test), ["second"]).number != 2
    return relearned, wrong / (2 * len(cases)), moved(first, load(one)), moved(first, load(rows))


def _plain(example: Example) -> str:
    return max(example.fields.values(), key=len).rstrip(".")


def moved(first: Splits, second: Splits) -> float:
    """Share of the first rows that are in another split."""
    homes = [
        {e.fields["text"]: part for part in ("train", "dev", "test", "reserve") for e in getattr(s, part)} for s in (first, second)
    ]
    return sum(homes[0][text] != homes[1][text] for text in homes[0]) / len(homes[0])


def copies(edited: bool, random: np.random.Generator) -> tuple[list[Row], list[int]]:
    """Rows of 200 texts, each two to ten times, and the number of each row's text."""
    rows, origin = [], []
    for place, text in enumerate(texts(200, random)):
        for copy in range(random.integers(2, 11)):
            words = text.split()
            if edited and copy:
                words[random.integers(len(words))] = word(random)
            rows.append({"text": " ".join(words), "label": "ab"[place % 2]})
            origin.append(place)
    return rows, origin


def texts(count: int, random: np.random.Generator) -> list[str]:
    """Sentences of eight made-up words that are no near-duplicates."""
    return [" ".join(word(random) for _ in range(8)) for _ in range(count)]


def word(random: np.random.Generator) -> str:
    """A made-up word."""
    return "".join(random.choice(_SYLLABLES, size=3))


def _task(**settings: object) -> Task:
    basic = {
        "name": "w",
        "kind": "classify",
        "instruction": "i",
        "input": "{{text}}",
        "output": "label",
        "data": {"file": "data.csv"},
    }
    return Task.model_validate(basic | settings)


def load(rows: Sequence[Mapping[str, str]], **settings: object) -> Splits:
    """The rows written as a CSV, and loaded as a project's."""
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "data.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return load_splits(Project(Path(folder), _task(**settings)))

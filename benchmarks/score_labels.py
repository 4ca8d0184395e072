"""Scoring closed label sets: seconds of lm-evaluation-harness and of Tailor for the same texts, and the same answers.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807). Model: SmolLM2-135M-Instruct, both sides in bfloat16 where the processor
multiplies it, else in float32.

Timed are `loglikelihood` of the harness's `hf` model and `LocalModel.reply`, in blocks as studies ask: both tokenise and score.
Imports, loading the model, reading the task's rows and metrics are not. Both meet the same token strings, which is checked. The
harness runs with the batch size that was fastest on a sample of the case's inputs. The sides take turns; each repeat has its
few-shot examples in another order, so nothing can be remembered from the one before. A ratio is between medians.
"""

from __future__ import annotations

import csv
import importlib.util
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.common import data_file
from benchmarks.lm_eval_task import DELIMITER, Harness, write_task
from benchmarks.timing import seconds_of, spread
from tailor.errors import TailorError
from tailor.labels import display_label
from tailor.models.base import Request, message
from tailor.models.catalogue import open_model
from tailor.models.local import LocalModel, device
from tailor.task import ModelSettings

REPEATS = 3
INSTRUCTION = "Read the bank customer's message and name what it is about."
BATCH_SIZES = (1, 4, 8, 16, 32)
SAMPLE = 32
"""Sequences that a batch size is tried on, at least; a whole batch when that is more."""
PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"
SIX = {
    "automatic_top_up": "automatic",
    "card_delivery_estimate": "delivery",
    "edit_personal_details": "details",
    "exchange_via_app": "app",
    "fiat_currency_support": "currency",
    "transfer_fee_charged": "fee",
}
"""Intents of three words, all different, and a word that stands for each. A word is one token. The harness shares a pass among
labels that differ in their last token only, so with the names it must run each label."""

Row = tuple[str, str]


@dataclass(frozen=True)
class Case:
    """One prompt form and label set.

    Attributes:
        name: suffix of its figures.
        shots: few-shot examples in every prompt.
        intents: the intents that rows are taken from; empty for all.
        tokens: of each label: 1 for the words that stand for intents, 3 for their names, 0 for any number.
        inputs: timed on each side.
        checked: of these, compared in float32.
    """

    name: str
    shots: int
    intents: tuple[str, ...]
    tokens: int
    inputs: int
    checked: int

    def label(self, intent: str) -> str:
        """What stands for the intent in prompts and answers."""
        return SIX[intent] if self.tokens == 1 else display_label(intent)


# So many inputs that the harness needs less than two minutes for a case.
CASES = (
    Case("8shot_1tok", 8, tuple(SIX), 1, 120, 12),
    Case("32shot_1tok", 32, tuple(SIX), 1, 120, 6),
    Case("8shot_6x3tok", 8, tuple(SIX), 3, 40, 6),
    Case("5shot_77", 5, (), 0, 2, 1),
)


def run() -> dict[str, float]:
    """`ratio_CASE` (seconds of the harness over Tailor's) and its parts, `same_choices` and `max_abs_diff_fp32`."""
    with tempfile.TemporaryDirectory() as folder:
        return score_figures(CASES, Path(folder))


def score_figures(cases: tuple[Case, ...], folder: Path) -> dict[str, float]:
    """The figures of these cases; task files are written to the folder."""
    if importlib.util.find_spec("lm_eval") is None:
        raise TailorError("lm_eval is not installed; run pip install 'tailor[bench]'")
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    works = [Work(case, folder) for case in cases]
    figures: dict[str, float] = {}
    harness = Harness(model.folder, model.dtype, folder)
    harness.run(works[0].task(0), 1)
    for work in works:
        figures |= _timed(work, plain(model), harness)
    model.release()
    exact = LocalModel(model.folder, model.name, model.digest, model.precision, dtype="float32")
    return figures | _compared(works, plain(exact), Harness(model.folder, "float32", folder))


class Work:
    """The prompts of a case in `REPEATS` + 1 orders of their examples, and their task files; the first order is for trials."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case = case
        rows = {part: [row for row in _rows(part) if not case.intents or row[1] in case.intents] for part in ("train", "test")}
        self.labels = tuple(map(case.label, case.intents or sorted({intent for _, intent in rows["train"]})))
        shots = random.Random(0).sample(rows["train"], case.shots)
        asked = random.Random(1).sample(rows["test"], case.inputs)
        gold = [case.label(intent) for _, intent in asked]
        # Instruction and label list as in the prompts of studies.
        head = (
            f"{INSTRUCTION}\nAnswer with exactly one of these labels:\n" + "".join(f"- {label}\n" for label in self.labels) + "\n"
        )
        self.orders = []
        for turn in range(REPEATS + 1):
            shown = "".join(f"Message: {text}\nIntent: {case.label(intent)}\n\n" for text, intent in shots[turn:] + shots[:turn])
            self.orders.append([f"{head}{shown}Message: {text}\nIntent:" for text, _ in asked])
            write_task(folder, self.task(turn), self.orders[-1], self.labels, gold)

    def task(self, turn: int) -> str:
        """Name of the harness's task for an order."""
        return f"{self.case.name}_{turn}"


def plain(model: LocalModel) -> LocalModel:
    """The model, its chats rendered as their texts alone.

    The harness moves white space at the end of a context into the continuation, so with the model's own template, which ends in a
    line break, it would score that line break too.
    """
    model.tokenizer.chat_template = PLAIN
    return model


def scores(model: LocalModel, prompts: list[str], labels: tuple[str, ...]) -> list[list[float]]:
    """Log-probability of each label after each prompt, asked for in blocks as the engine does."""
    choices = tuple(DELIMITER + label for label in labels)
    requests = [Request((message("user", prompt),), choices) for prompt in prompts]
    blocks = (requests[start : start + model.block] for start in range(0, len(requests), model.block))
    replies = [reply for block in blocks for reply in model.reply(block)]
    for reply in replies:
        if reply.error:
            raise TailorError(reply.error)
    return [list(reply.scores) for reply in replies]


def _timed(work: Work, model: LocalModel, harness: Harness) -> dict[str, float]:
    case = work.case
    shared = _check_tokens(work, model, harness)
    scores(model, work.orders[0][:2], work.labels)
    harness.batch_size = best_batch_size(harness, work)
    theirs, ours, agreed = [], [], []
    for turn in range(1, REPEATS + 1):
        seconds, found = harness.run(work.task(turn))
        theirs.append(seconds)
        seconds, own = seconds_of(partial(scores, model, work.orders[turn], work.labels))
        ours.append(seconds)
        agreed += [_choice(a) == _choice(b) for a, b in zip(found, own, strict=True)]
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(f"  {case.name}: {ratio:.1f}x, harness {theirs} s at {harness.batch_size}, Tailor {ours} s", file=sys.stderr)
    return {
        f"ratio_{case.name}": ratio,
        f"lmeval_s_{case.name}": statistics.median(theirs),
        f"lmeval_spread_{case.name}": spread(theirs),
        f"lmeval_batch_{case.name}": harness.batch_size,
        f"tailor_s_{case.name}": statistics.median(ours),
        f"tailor_spread_{case.name}": spread(ours),
        f"inputs_{case.name}": case.inputs,
        f"shared_tokens_{case.name}": shared,
        f"agreement_{case.name}": statistics.mean(agreed),
    }


def best_batch_size(harness: Harness, work: Work) -> int:
    """The batch size with most sequences per second, tried upwards until two in a row are a tenth slower than the best.

    Each is tried on whole batches. A sequence is an input where its labels are one token each, else an input with one label.
    """
    each = 1 if work.case.tokens == 1 else len(work.labels)
    best, fastest, slower = 1, 0.0, 0
    for size in BATCH_SIZES if device() == "cpu" else (*BATCH_SIZES, 64, 128, 256):
        inputs = -(-max(SAMPLE, size) // each)
        if inputs > work.case.inputs:
            break
        harness.batch_size = size
        seconds, _ = harness.run(work.task(0), inputs)
        rate = inputs * each / seconds
        print(f"    {work.case.name}: harness at batch size {size}: {rate:.2f} sequences/s", file=sys.stderr)
        slower = slower + 1 if rate < 0.9 * fastest else 0
        if rate > fastest:
            best, fastest = size, rate
        elif slower == 2:
            break
    return best


def _compared(works: list[Work], model: LocalModel, harness: Harness) -> dict[str, float]:
    """Both sides in float32, on the first inputs of each case."""
    harness.batch_size = 4
    same, widest = True, 0.0
    for work in works:
        _, theirs = harness.run(work.task(1), work.case.checked)
        ours = scores(model, work.orders[1][: work.case.checked], work.labels)
        for a, b in zip(theirs, ours, strict=True):
            same = same and _choice(a) == _choice(b)
            widest = max(widest, *(abs(x - y) for x, y in zip(a, b, strict=True)))
    return {"same_choices": float(same), "max_abs_diff_fp32": widest}


def _check_tokens(work: Work, model: LocalModel, harness: Harness) -> int:
    """Tokens that all prompts of an order share.

    Raises:
        TailorError: the sides would score different tokens, or a label that should be one token is not.
    """
    prompts, answers = _encoded(model, work.orders[0]), [model.encode_answer(DELIMITER + label) for label in work.labels]
    if work.case.tokens and any(len(answer) != work.case.tokens for answer in answers):
        raise TailorError(f"a label of {work.case.name} has not {work.case.tokens} tokens", "Choose other words for it.")
    for text, prompt in zip(work.orders[0][:3], prompts, strict=False):
        for label, answer in zip(work.labels, answers, strict=True):
            if harness.lm.tok_encode(text + DELIMITER + label) != prompt + answer or harness.lm.tok_encode(text) != prompt:
                raise TailorError(f"the two sides tokenise {label!r} of {work.case.name} differently")
    shortest, longest = min(prompts), max(prompts)
    pairs = zip(shortest, longest, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), len(shortest))


def _encoded(model: LocalModel, prompts: list[str]) -> list[list[int]]:
    return [model.encode((message("user", prompt),)) for prompt in prompts]


def _choice(values: list[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def _rows(part: str) -> Iterator[Row]:
    with data_file(f"banking77/{part}.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield " ".join(row["text"].split()), row["label"]

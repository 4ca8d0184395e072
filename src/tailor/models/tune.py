"""Fine-tuning a local model on tokenised rows: LoRA or full, by PEFT and TRL.

Rows come in as token ids made by the renderer that also serves, so training and serving cannot drift apart. The loss is on the
answer's tokens only. The epoch with the best score on the dev rows is kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from tailor.errors import DoesNotFit, StoreError
from tailor.models.base import Message, Model
from tailor.models.checkpoints import EVERY_SECONDS, NAME, Checkpoints, remove_stale
from tailor.models.frozen import can_split, only_layers
from tailor.models.local import LocalModel, as_local, load_module
from tailor.models.packed import can_pack
from tailor.models.quiet import quiet_libraries
from tailor.models.scoring import common_prefix
from tailor.models.training import Collator, TrainingRow, token_ids, train

MANIFEST = "manifest.json"
LEARNING_RATES = {"lora": 1e-3, "full": 5e-5}
"""LoRA: docs/log.md (on twelve intents 3e-4 and 5e-4 fell short of it). Full tuning wants a tenth or less (LoRA without regret)."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what training gives, apart from the rows.

    Attributes:
        method: `lora` trains low-rank adapters; `full` trains every weight.
        epochs: passes over the rows; training may stop earlier.
        rank: of the adapters; their scale is twice the rank.
        layers: how many layers from the top get adapters, on their feed-forward networks; 0 for all layers, on all linear parts.
            What the layers below make of the rows is computed once.
        learning_rate: at its highest; a cosine follows a short warm-up.
        batch_rows: rows per step.
        seed: order of the rows and the adapters' start.
    """

    method: Literal["lora", "full"]
    epochs: int
    rank: int
    learning_rate: float
    batch_rows: int
    seed: int
    layers: int = 0


@dataclass(frozen=True)
class Tuned:
    """What training left behind.

    Attributes:
        folder: a PEFT adapter, or a full copy, in safetensors, with its manifest.
        digest: SHA-256 over those files.
        dev_loss: loss on the dev rows.
        epoch: the epoch that was kept, the best on the dev rows.
        trained_tokens: tokens read in all epochs.
        seconds: how long training took, wherever that was; None where it was not noted down.
    """

    folder: Path
    digest: str
    dev_loss: float
    epoch: float
    trained_tokens: int
    seconds: float | None = field(default=None, compare=False)


def encoded(model: Model, pairs: Sequence[tuple[Sequence[Message], str]]) -> list[TrainingRow]:
    """Chats with the answers wanted, as rows to train on: token ids, the end token included.

    Raises:
        ConfigError: the model's tokens are not known here.
    """
    local = as_local(model, "tuned")
    return [TrainingRow(tuple(local.encode(chat)), (*local.encode_answer(wanted), local.end_token)) for chat, wanted in pairs]


def tune(
    model: Model,
    rows: Sequence[TrainingRow],
    dev: Sequence[TrainingRow],
    recipe: Recipe,
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
    every: float = EVERY_SECONDS,
) -> Tuned:
    """Tuned weights in `folder`; those already there are used again if their manifest fits and their files are whole.

    Args:
        model: whose weights are tuned; they stay as they are.
        rows: to learn from.
        dev: to choose the best epoch by.
        recipe: how.
        folder: written at the very end, by renaming; a stopped training leaves nothing in it, and a checkpoint next to it, from
            which the next training by this recipe goes on.
        on_progress: called with (steps done, steps in all).
        every: seconds of training between two checkpoints, at least.

    Raises:
        ConfigError: the model's weights are not on this machine.
        DoesNotFit: a row is longer than the context window; no row is cut or left out.
        StoreError: files in `folder` are damaged.
    """
    key = recipe_key(model.digest, rows, dev, recipe)
    if (found := read_tuned(folder, key)) is not None:
        return found
    longest = max(len(row.prompt) + len(row.answer) for row in (*rows, *dev))
    if longest > model.context_tokens:
        raise DoesNotFit(longest, model.context_tokens, "the longest training row")
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_stale(folder.parent)
    checkpoints = Checkpoints(folder.parent / f"{NAME}{key[:16]}", key, every)
    work = Path(tempfile.mkdtemp(prefix=".training-", dir=folder.parent))
    started = time.monotonic()
    try:
        best, tokens = _train(as_local(model, "tuned"), rows, dev, recipe, work, on_progress, checkpoints)
        made = work / "best"
        record = {"key": key, "recipe": asdict(recipe), "base": model.digest, "rows": len(rows), **best}
        record |= {"trained_tokens": tokens, "files": _digests(made)}
        record["seconds"] = round(time.monotonic() - started, 3)
        (made / MANIFEST).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(made, folder)
        checkpoints.remove()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    tuned = read_tuned(folder, key)
    if tuned is None:
        raise StoreError(f"{folder} was changed while it was written", "run the same command again")
    return tuned


def recipe_key(base: str, rows: Sequence[TrainingRow], dev: Sequence[TrainingRow], recipe: Recipe) -> str:
    """SHA-256 over everything that decides the tuned weights."""
    record = [base, *([_row_record(row) for row in part] for part in (rows, dev)), asdict(recipe)]
    if recipe.layers:
        record.append("feed-forward")  # where their adapters lie
    if recipe.epochs > 1:
        record.append("by score")  # how the epoch is chosen
    return hashlib.sha256(json.dumps(record).encode()).hexdigest()


def _row_record(row: TrainingRow) -> list[object]:
    # Left out where there is none: what was trained before several answers were learned in a row keeps its key.
    return [row.prompt, row.answer, *([row.earlier] if row.earlier else [])]


def read_tuned(folder: Path, key: str | None = None) -> Tuned | None:
    """Tuned weights in `folder`, or None if there are none, or (with `key`) if they come from another recipe.

    Raises:
        StoreError: a file differs from the manifest.
    """
    try:
        record = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        made_by, files = record["key"], record["files"]
        facts = float(record["dev_loss"]), float(record["epoch"]), int(record["trained_tokens"])
        seconds = float(record["seconds"]) if "seconds" in record else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{folder / MANIFEST} is damaged", f"delete {folder} and run again; it is trained again") from error
    if key is not None and made_by != key:
        return None
    if _digests(folder) != files:
        raise StoreError(f"tuned weights in {folder} are damaged", "delete that folder and run again; it is trained again")
    return Tuned(folder, hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(), *facts, seconds)


def _digests(folder: Path) -> dict[str, str]:
    digests = {}
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _train(
    model: LocalModel,
    rows: Sequence[TrainingRow],
    dev: Sequence[TrainingRow],
    recipe: Recipe,
    work: Path,
    on_progress: Callable[[int, int], None] | None,
    checkpoints: Checkpoints,
) -> tuple[dict[str, float], int]:
    """Train in `work`, save the best weights in work/best; returns what is noted of them, and the tokens read."""
    with quiet_libraries():
        import torch
        from transformers import set_seed

        set_seed(recipe.seed)
        model.release()
        lora = recipe.method == "lora"
        # Full tuning keeps float32 master weights: bfloat16 rounds small updates away. LoRA's own weights are float32 anyway.
        module = load_module(model.folder, None, model.dtype if lora else "float32")
        packs = can_pack(module)
        total = len(getattr(module.get_decoder(), "layers", ())) if packs and lora else 0
        below = total - recipe.layers if 0 < recipe.layers < total else 0
        if lora:
            from peft import get_peft_model

            module = get_peft_model(module, _lora_config(module, recipe.rank, below, total))
        split = below > 0 and can_split(module, below)
        collator = Collator(
            rows[0].prompt[: common_prefix([row.before_answers for row in (*rows, *dev)])] if packs else (),
            packs,
            half=model.dtype == "bfloat16",
            embed=model.frozen(below).embed if split else token_ids,
        )
        if split:
            model.frozen(below).fill(module, collator.shared, [collator.own(row) for row in (*rows, *dev)])
        steps = -(-len(rows) // recipe.batch_rows) * recipe.epochs
        settings = _settings(recipe, steps, work)
        with only_layers(module, below) if split else nullcontext():
            best, epochs = train(
                module.train(), rows, dev, collator, settings, lambda done: on_progress and on_progress(done, steps), checkpoints
            )
        module.eval()
        if not lora:
            module = module.to(getattr(torch, model.dtype))
            model.tokenizer.save_pretrained(work / "best")
        else:
            # As written by PEFT, the file would differ with Python's hash seed and with where the base model lies.
            adapter = module.peft_config["default"]
            adapter.target_modules, adapter.base_model_name_or_path = sorted(adapter.target_modules), model.name
        module.save_pretrained(work / "best", safe_serialization=True)
    (work / "best" / "README.md").unlink(missing_ok=True)
    check = {} if best.check is None else {"dev_score": best.check.score, "dev_loss": -best.check.confidence}
    return check | {"epoch": best.epoch}, round(sum(len(row.tokens) for row in rows) * epochs)


def _settings(recipe: Recipe, steps: int, folder: Path) -> dict[str, Any]:
    """Of TRL's `SFTConfig`. Nothing is cut, evaluated, saved or logged that is not asked for here."""
    import torch

    return {
        "output_dir": str(folder),
        "num_train_epochs": recipe.epochs,
        "per_device_train_batch_size": recipe.batch_rows,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": max(1, steps // 20),
        "max_length": None,
        "gradient_checkpointing": False,
        "bf16": False,
        "use_cpu": not torch.cuda.is_available(),
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
    }


def _lora_config(module: Any, rank: int, below: int, total: int) -> Any:
    """Adapters on all linear layers, or on the feed-forward ones of the transformer's layers from `below` on."""
    from peft import LoraConfig

    places: dict[str, Any] = {"target_modules": "all-linear"}
    if below:
        names = _feed_forward(module.get_decoder().layers, below)
        places = {"target_modules": names, "layers_to_transform": list(range(below, total))}

    return LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
        **places,
    )


def _feed_forward(layers: Sequence[Any], below: int) -> list[str]:
    """Names of the linear parts of feed-forward networks without gates, in the layers from `below` on.

    Adapters there are as accurate as on all parts and take less time, which is better spent on more layers (docs/log.md). All parts
    are named where none is called so, and in models with experts, whose projections PEFT cannot tell from their gates.
    """
    from torch.nn import Linear

    names = {name for layer in layers[below:] for name, part in layer.named_modules() if isinstance(part, Linear)}
    if any("experts" in name for layer in layers for name, _ in layer.named_modules()):
        return sorted({name.rsplit(".", 1)[-1] for name in names})
    inside = {name for name in names if name.startswith("mlp.") and not name.endswith(("gate", "gate_proj"))}
    return sorted({name.rsplit(".", 1)[-1] for name in inside or names})

"""Training: seconds of `trl sft`, plain and packed, and of Tailor for the same steps; LoRA on the top layers over frozen states.

Data: banking77 (Casanueva et al. 2020, arXiv:2003.04807) and clinc150 (Larson et al. 2019, arXiv:1909.02027). Model: the built-in
one, LoRA of rank 16 on all linear layers, the same learning rate, rows and number of steps on every side, bfloat16 where the
processor multiplies it, gradient checkpointing off. Timed are optimiser steps, all of them; loading and saving are not. The final
dev loss of each side is computed by the same plain code.

TRL needs ten minutes for 2,000 rows, so all sides train on the same 320, and the time of a step is the mean over twenty.
"""

from __future__ import annotations

import csv
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.common import data_file
from benchmarks.quality import cache_figures
from tailor.errors import TailorError
from tailor.labels import display_label
from tailor.models.base import message
from tailor.models.catalogue import open_model
from tailor.models.local import LocalModel, load_module
from tailor.models.quiet import quiet_libraries
from tailor.models.training import Collator, TrainingRow, mean_loss
from tailor.models.tune import Recipe, tune
from tailor.task import ModelSettings

INSTRUCTION = "Read the bank customer's message and name what it is about."
ROWS, DEV_ROWS, BATCH = 320, 200, 16
RECIPE = Recipe("lora", epochs=1, rank=16, learning_rate=1e-3, batch_rows=BATCH, seed=0)


def run() -> dict[str, float]:
    """Ratios against TRL and of the frozen states, with the times and losses they come from."""
    model = open_model(ModelSettings(name="smollm2-135m"))
    if not isinstance(model, LocalModel):
        raise TailorError("the built-in model does not run on this machine")
    rows = banking_rows(model)
    return rival_figures(model, rows[:ROWS], rows[ROWS : ROWS + DEV_ROWS]) | cache_figures(model)


def banking_rows(model: LocalModel) -> list[TrainingRow]:
    """All training rows of banking77 in one order, as chat prompts and answers."""
    with data_file("banking77/train.csv").open(encoding="utf-8", newline="") as file:
        pairs = [(row["text"], display_label(row["label"])) for row in csv.DictReader(file)]
    random.Random(0).shuffle(pairs)
    return [
        TrainingRow(
            tuple(model.encode([message("system", INSTRUCTION), message("user", text)])),
            (*model.encode_answer(label), model.end_token),
        )
        for text, label in pairs
    ]


def rival_figures(model: LocalModel, rows: Sequence[TrainingRow], dev: Sequence[TrainingRow]) -> dict[str, float]:
    """`ratio_vs_trl` and `ratio_vs_trl_packed`, with seconds and dev losses."""
    ours, loss = tailor_seconds(model, rows, dev)
    figures = {"tailor_s": ours, "tailor_dev_loss": loss, "tailor_rows_per_s": len(rows) / ours}
    for name, packed in (("trl", False), ("trl_packed", True)):
        seconds, theirs, steps = trl_seconds(model, rows, dev, packed)
        print(f"  {name}: {seconds:.0f} s, {steps} steps, dev loss {theirs:.4f}; Tailor {ours:.0f} s, {loss:.4f}", file=sys.stderr)
        figures |= {f"{name}_s": seconds, f"{name}_steps": steps, f"{name}_dev_loss": theirs, f"ratio_vs_{name}": seconds / ours}
    again, _ = tailor_seconds(model, rows, dev)
    return figures | {"tailor_spread": abs(again - ours) / ours}


def tailor_seconds(model: LocalModel, rows: Sequence[TrainingRow], dev: Sequence[TrainingRow]) -> tuple[float, float]:
    """Seconds between the first step and the last, scaled to all of them, and the dev loss of what was saved."""
    stamps: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        tuned = tune(model, rows, dev, RECIPE, Path(folder) / "tuned", lambda done, total: stamps.append(time.perf_counter()))
        module = load_module(model.folder, tuned.folder, model.dtype)
    return per_step(stamps) * len(stamps), mean_loss(module, dev, plain_collator())


def plain_collator() -> Collator:
    """The loss by the model's own forward pass over padded rows."""
    return Collator((), packs=False)


def per_step(stamps: Sequence[float]) -> float:
    """Mean seconds of a step, from the times at the ends of steps."""
    return (stamps[-1] - stamps[0]) / (len(stamps) - 1)


def trl_seconds(
    model: LocalModel, rows: Sequence[TrainingRow], dev: Sequence[TrainingRow], packed: bool
) -> tuple[float, float, int]:
    """The same for TRL's trainer as `trl sft` sets it up, on tokenised rows; packed, as many tokens a step as `BATCH` rows have."""
    with quiet_libraries():
        from datasets import Dataset, disable_progress_bars
        from transformers import PrinterCallback, TrainerCallback
        from trl import SFTTrainer

        disable_progress_bars()
        stamps: list[float] = []

        class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
            def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
                stamps.append(time.perf_counter())

        module = load_module(model.folder, None, model.dtype).train()
        tokens = sum(len(row.tokens) for row in rows)
        with tempfile.TemporaryDirectory() as folder:
            trainer = SFTTrainer(
                model=module,
                args=_trl_settings(model, folder, len(rows), tokens * BATCH // len(rows) if packed else 0),
                train_dataset=Dataset.from_list([_masked(row) for row in rows]),
                processing_class=model.tokenizer,
                peft_config=_lora(),
                callbacks=[Watch()],
            )
            trainer.remove_callback(PrinterCallback)
            trainer.train()
        loss = mean_loss(trainer.model, dev, replace(plain_collator(), half=model.dtype == "bfloat16"))
    return per_step(stamps) * len(stamps), loss, len(stamps)


def _trl_settings(model: LocalModel, folder: str, rows: int, pack: int) -> Any:
    import torch
    from trl import SFTConfig

    steps = -(-rows // BATCH)
    return SFTConfig(
        output_dir=folder,
        num_train_epochs=RECIPE.epochs,
        per_device_train_batch_size=1 if pack else BATCH,
        packing=pack > 0,
        max_length=pack or None,
        learning_rate=RECIPE.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=max(1, steps // 20),
        completion_only_loss=True,
        gradient_checkpointing=False,
        bf16=model.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=RECIPE.seed,
    )


def _masked(row: TrainingRow) -> dict[str, list[int]]:
    return {"input_ids": list(row.tokens), "completion_mask": [0] * len(row.prompt) + [1] * len(row.answer)}


def _lora() -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=RECIPE.rank, lora_alpha=2 * RECIPE.rank, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )

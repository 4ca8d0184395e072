"""Label scoring by lm-evaluation-harness: a YAML task over JSONL files, and an `hf` model whose scoring is timed."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tailor.models.local import device
from tailor.models.quiet import quiet_libraries

DELIMITER = " "
"""Between a prompt and a label. It becomes part of the label's first token, so a prompt and its labels never share a token."""


def write_task(folder: Path, name: str, prompts: Sequence[str], labels: Sequence[str], gold: Sequence[str]) -> None:
    """NAME.jsonl and NAME.yaml: one row per prompt, all labels scored after each."""
    import yaml

    rows = [{"prompt": prompt, "gold": labels.index(label)} for prompt, label in zip(prompts, gold, strict=True)]
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(data)}, "cache_dir": str(folder / "cache")},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{prompt}}",
        "doc_to_choice": list(labels),
        "doc_to_target": "gold",
        "target_delimiter": DELIMITER,
        "num_fewshot": 0,
        "metric_list": [{"metric": "acc"}],
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(task, sort_keys=False, allow_unicode=True), encoding="utf-8")


class Harness:
    """`lm_eval --model hf` on a folder of tasks.

    Args:
        model: the folder of weights and tokenizer.
        dtype: what it computes in.
        tasks: the folder that `write_task` wrote to.

    Attributes:
        lm: the harness's own model object.
        batch_size: sequences of one forward pass.
    """

    def __init__(self, model: Path, dtype: str, tasks: Path) -> None:
        with _quiet():
            from lm_eval.models.huggingface import HFLM
            from lm_eval.tasks import TaskManager

            self.lm: Any = HFLM(pretrained=str(model), dtype=dtype, device=device(), batch_size=1)
            self._tasks = TaskManager(include_path=str(tasks), include_defaults=False)
        self._seconds = 0.0
        score = self.lm.loglikelihood

        def timed(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            scores = score(*args, **kwargs)
            self._seconds = time.perf_counter() - started
            return scores

        self.lm.loglikelihood = timed

    @property
    def batch_size(self) -> int:
        """Sequences of one forward pass."""
        return int(self.lm.batch_size)

    @batch_size.setter
    def batch_size(self, size: int) -> None:
        self.lm.batch_size_per_gpu = size

    def run(self, task: str, inputs: int | None = None) -> tuple[float, list[list[float]]]:
        """Seconds spent in the model's `loglikelihood` (tokenising and scoring), and each input's log-probability per label.

        Reading the task's rows and computing its metrics are not in the time.
        """
        with _quiet():
            from lm_eval import simple_evaluate

            results = simple_evaluate(
                model=self.lm, tasks=[task], task_manager=self._tasks, limit=inputs, bootstrap_iters=0, log_samples=True
            )
        samples = sorted(results["samples"][task], key=lambda sample: int(sample["doc_id"]))
        return self._seconds, [[float(response[0][0]) for response in sample["resps"]] for sample in samples]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no notices: what it wants to say is dropped, its errors are raised."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    nowhere = io.StringIO()
    try:
        with quiet_libraries(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    finally:
        logging.disable(before)

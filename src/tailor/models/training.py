"""The training loop: TRL's trainer on batches whose rows share their prefix, and whose loss is computed where it is read.

The rows of a batch follow one another after the prefix that all prompts share (`tailor.models.packed`): the prefix is
computed, and learned through, once a step instead of once a row, and no product is spent on padding. The vocabulary product is
computed for the answers' tokens only. Loss and gradients are those of the plain computation (tested).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tailor.models.checkpoints import Checkpoint, Checkpoints, optimizer_tensors, restore_optimizer
from tailor.models.cores import share_cores
from tailor.models.packed import Layout, PackedRows, PrefixCache, head, run
from tailor.models.scoring import batches, tokens_at_once

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class TrainingRow:
    """One training row: the prompt's tokens and the answer's tokens, the end token included.

    Attributes:
        prompt: what is read.
        answer: what is learned.
        earlier: earlier answers of the same conversation that are learned, too, as places in the prompt: start and stop of each.
    """

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    earlier: tuple[tuple[int, int], ...] = ()

    @property
    def tokens(self) -> tuple[int, ...]:
        """All of them."""
        return self.prompt + self.answer

    @property
    def learned(self) -> list[int]:
        """The places of the tokens that are learned."""
        spans = (*self.earlier, (len(self.prompt), len(self.prompt) + len(self.answer)))
        return [place for start, stop in spans for place in range(start, stop)]

    @property
    def before_answers(self) -> tuple[int, ...]:
        """The tokens before the first one that is learned: all that rows may share."""
        return self.prompt[: self.earlier[0][0]] if self.earlier else self.prompt


def joined(rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """The rows, with each that another one goes on from learned in that one, where it is read anyway; the others keep their order.

    So several answers of one conversation take one pass over it. The loss of each answer is what it was: it sees the same tokens.
    """
    order = sorted(range(len(rows)), key=lambda place: rows[place].tokens)
    into: dict[int, int] = {}
    open_rows: list[int] = []
    for place in order:
        while open_rows and not _goes_on(rows[place], rows[open_rows[-1]]):
            open_rows.pop()
        if open_rows:
            into.setdefault(open_rows[-1], place)
        open_rows.append(place)
    made = list(rows)
    for place in order:  # a row comes before those that go on from it
        if place in into:
            first, last = made[place], made[into[place]]
            answer = (len(first.prompt), len(first.tokens))
            made[into[place]] = TrainingRow(last.prompt, last.answer, tuple(sorted({*last.earlier, *first.earlier, answer})))
    return [row for place, row in enumerate(made) if place not in into]


def _goes_on(row: TrainingRow, first: TrainingRow) -> bool:
    tokens = first.tokens
    return len(tokens) <= len(row.prompt) and row.prompt[: len(tokens)] == tokens


Embed = Callable[[Sequence[int], Sequence[Sequence[int]]], "dict[str, torch.Tensor]"]
"""The input of the layers that train, from the prefix and the rows' own tokens: their ids, or what frozen layers make of them."""


def token_ids(prefix: Sequence[int], rows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """Token ids (1, tokens): the prefix, then the rows."""
    import torch

    return {"input_ids": torch.tensor([[*prefix, *(token for row in rows for token in row)]])}


@dataclass(frozen=True)
class Collator:
    """How rows become a packed batch.

    Attributes:
        shared: tokens at the head of all rows' prompts.
        packs: whether the model can compute packed rows; if not, they are padded.
        half: multiply in bfloat16, whatever the weights are held in.
        embed: makes the layers' input.
    """

    shared: tuple[int, ...]
    packs: bool = True
    half: bool = False
    embed: Embed = token_ids

    def own(self, row: TrainingRow) -> tuple[int, ...]:
        """What is read of a row behind the prefix; its last token is only ever an aim."""
        return row.tokens[len(self.shared) : -1]

    def loss(self, module: Any, rows: Sequence[TrainingRow]) -> torch.Tensor:
        """Mean cross-entropy of the tokens of all answers that are learned."""
        import torch

        return torch.nn.functional.cross_entropy(*self.read(module, rows))

    def read(self, module: Any, rows: Sequence[TrainingRow]) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits in float32 (tokens of all answers, vocabulary), and these tokens."""
        import torch

        with torch.autocast(module.device.type, torch.bfloat16, enabled=self.half):
            logits = self._packed(module, rows) if self.packs else padded_logits(module, rows)
        return logits.float(), torch.tensor([row.tokens[place] for row in rows for place in row.learned], device=logits.device)

    def _packed(self, module: Any, rows: Sequence[TrainingRow]) -> torch.Tensor:
        """Logits (answer tokens of all rows, vocabulary)."""
        import torch

        device, start = module.device, len(self.shared)
        layout = Layout([len(self.own(row)) for row in rows], device)
        inputs = {name: part.to(device) for name, part in self.embed(self.shared, [self.own(row) for row in rows]).items()}
        positions = torch.cat([torch.arange(start, device=device), start + layout.column])
        # A token is read off the place before it; a row's last token is no place, since it is only ever an aim.
        behind = [end + 2 - len(row.tokens) for end, row in zip((start + layout.last).tolist(), rows, strict=True)]
        read = [at + place - 1 for at, row in zip(behind, rows, strict=True) for place in row.learned]
        places = torch.tensor(read, device=device)
        logits: torch.Tensor = head(module)(run(module, inputs, positions, PackedRows(layout, PrefixCache(), inline=start), places))
        return logits


def padded_logits(module: Any, rows: Sequence[TrainingRow]) -> torch.Tensor:
    """The same for rows padded to the longest, by the model's own forward pass."""
    import torch

    longest = max(len(row.tokens) for row in rows)
    ids = torch.tensor([[*row.tokens, *[row.tokens[-1]] * (longest - len(row.tokens))] for row in rows], device=module.device)
    mask = torch.tensor([[1] * len(row.tokens) + [0] * (longest - len(row.tokens)) for row in rows], device=module.device)
    share_cores()
    logits = module(input_ids=ids, attention_mask=mask, use_cache=False).logits
    return torch.cat([logits[i, [place - 1 for place in row.learned]] for i, row in enumerate(rows)])


PATIENCE = 2


@dataclass(frozen=True, order=True)
class Check:
    """How good weights are on the dev rows: the larger the better, the score first.

    Attributes:
        score: share of rows whose answer the model would write to the letter.
        confidence: the mean log-probability of an answer's token, which is the loss without its sign.
    """

    score: float
    confidence: float


@dataclass
class EarlyStopping:
    """The weights that are best on dev, and when to stop: after two evaluations in a row without better ones.

    The score chooses, and not the loss: a model that has learned to be sure is right more often, and pays dearly in loss for the
    few rows in which it is not (docs/log.md). Where scores are equal, which is common with few rows, the lower loss chooses.

    Attributes:
        check: of the best weights; None before there are any.
        epoch: the epoch they were met at.
    """

    check: Check | None = None
    epoch: float = 0.0
    _weights: dict[str, torch.Tensor] = field(default_factory=dict)
    _worse: int = 0

    def see(self, module: Any, check: Check, epoch: float) -> bool:
        """Take note of an evaluation; True when training should stop."""
        if self.check is None or check > self.check:
            self.check, self.epoch, self._worse = check, epoch, 0
            self._weights = {name: part.detach().to("cpu", copy=True) for name, part in _trained(module)}
        else:
            self._worse += 1
        return self._worse >= PATIENCE

    def record(self) -> dict[str, Any]:
        """What a checkpoint keeps of it besides the weights."""
        check = None if self.check is None else [self.check.score, self.check.confidence]
        return {"check": check, "epoch": self.epoch, "worse": self._worse}

    @property
    def weights(self) -> Mapping[str, torch.Tensor]:
        """The best weights so far."""
        return self._weights

    def go_on(self, record: Mapping[str, Any], weights: Mapping[str, torch.Tensor]) -> None:
        """Go on from what a checkpoint kept."""
        self.check = Check(*record["check"]) if record["check"] else None
        self.epoch, self._worse, self._weights = record["epoch"], record["worse"], dict(weights)

    def restore(self, module: Any) -> None:
        """Put the best weights back."""
        for name, part in _trained(module):
            part.data.copy_(self._weights[name])


def _trained(module: Any) -> list[tuple[str, Any]]:
    return [(name, part) for name, part in module.named_parameters() if part.requires_grad]


def checked(module: Any, rows: Sequence[TrainingRow], collator: Collator) -> Check:
    """The rows read in evaluation mode.

    A row is right if each token of its answer is the likeliest behind those before it: then the model writes just that. It costs
    nothing more than the loss, where writing or scoring answers would cost as much as an epoch.
    """
    import torch

    was, loss, right = module.training, 0.0, 0
    module.eval()
    with torch.no_grad():
        for group in batches([len(row.tokens) for row in rows], tokens_at_once(module)):
            among = [rows[i] for i in group]
            logits, aims = collator.read(module, among)
            loss += float(torch.nn.functional.cross_entropy(logits, aims, reduction="sum"))
            hits = torch.split(logits.argmax(-1) == aims, [len(row.learned) for row in among])
            right += sum(bool(hit.all()) for hit in hits)
    module.train(was)
    return Check(right / len(rows), -loss / sum(len(row.learned) for row in rows))


def mean_loss(module: Any, rows: Sequence[TrainingRow], collator: Collator) -> float:
    """Cross-entropy per answer token over all rows, in evaluation mode."""
    return -checked(module, rows, collator).confidence


def train(
    module: Any,
    rows: Sequence[TrainingRow],
    dev: Sequence[TrainingRow],
    collator: Collator,
    settings: dict[str, Any],
    on_step: Callable[[int], None],
    checkpoints: Checkpoints | None = None,
) -> tuple[EarlyStopping, float]:
    """Train the module's trainable weights in place; it ends with those of the epoch that is best on dev.

    Args:
        module: in training mode.
        rows: to learn from.
        dev: to choose the best epoch by.
        collator: computes the loss.
        settings: of TRL's `SFTConfig`.
        on_step: called with the steps done.
        checkpoints: where a stopped training left off, to continue it; where sums are the same, so are the weights.

    Returns:
        The best epoch and how good it was, and the epochs trained.
    """
    from transformers import PrinterCallback, TrainerCallback

    best, found = EarlyStopping(), checkpoints.read() if checkpoints else None
    if found:
        best.go_on(found.record["best"], found.part("best"))
    steps_an_epoch = -(-len(rows) // settings["per_device_train_batch_size"])

    def keep(step: int) -> None:
        if checkpoints and checkpoints.is_due:
            checkpoints.write(step, *_kept(trainer, module, best))

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is untyped
        def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            on_step(state.global_step)
            if state.global_step % steps_an_epoch:  # else the epoch is evaluated first
                keep(state.global_step)

        def on_epoch_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            control.should_training_stop |= best.see(module, checked(module, dev, collator), state.epoch)
            if not control.should_training_stop:
                keep(state.global_step)

    trainer = _trainer(module, rows, collator, settings, found, Watch())
    trainer.remove_callback(PrinterCallback)
    if found and checkpoints:
        (checkpoints.folder / "trainer_state.json").write_text(json.dumps(found.record["state"]), encoding="utf-8")
    trainer.train(resume_from_checkpoint=str(checkpoints.folder) if found and checkpoints else None)
    best.restore(module)
    return best, float(trainer.state.epoch or 0.0)


def _trainer(
    module: Any, rows: Sequence[TrainingRow], collator: Collator, settings: dict[str, Any], found: Checkpoint | None, watch: Any
) -> Any:
    """TRL's trainer, with the collator's loss; it goes on from a checkpoint that is kept without pickling anything."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    class Trainer(SFTTrainer):  # type: ignore[misc]  # trl is untyped
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            loss = collator.loss(model, [rows[i] for i in inputs["rows"]])
            return (loss, {}) if return_outputs else loss

        def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
            own = dict(_trained(module))
            for name, part in _of(found).part("model").items():
                own[name].data.copy_(part)

        def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
            if checkpoint is not None:
                restore_optimizer(self.optimizer, _of(found).record["groups"], _of(found).part("optimizer"))
                self.lr_scheduler.load_state_dict(_of(found).record["scheduler"])

        def _load_rng_state(self, checkpoint: str | None) -> None:
            torch.set_rng_state(_of(found).tensors["random"])

    return Trainer(
        model=module,
        args=SFTConfig(**settings, dataset_kwargs={"skip_prepare_dataset": True}, remove_unused_columns=False),
        train_dataset=Dataset.from_dict({"input_ids": [[i] for i in range(len(rows))]}),
        data_collator=lambda places: {"rows": [place["input_ids"][0] for place in places]},
        callbacks=[watch],
    )


def _of(found: Checkpoint | None) -> Checkpoint:
    assert found is not None, "only a training that goes on loads a checkpoint"
    return found


def _kept(trainer: Any, module: Any, best: EarlyStopping) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """What a checkpoint keeps: as JSON, and as tensors."""
    import torch

    tensors = {
        **{f"model.{name}": part for name, part in _trained(module)},
        **{f"best.{name}": part for name, part in best.weights.items()},
        **{f"optimizer.{name}": part for name, part in optimizer_tensors(trainer.optimizer)},
        "random": torch.get_rng_state(),
    }
    record = {
        "state": asdict(trainer.state),
        "scheduler": trainer.lr_scheduler.state_dict(),
        "groups": trainer.optimizer.state_dict()["param_groups"],
        "best": best.record(),
    }
    return record, tensors

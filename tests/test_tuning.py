"""Fine-tuning: the rows are the prompts that are served, the loss is on the answer, and what was trained is what answers."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import make_example
from tiny import DOCUMENTS, LABELS, answer_material, chat, classify_material, make_engine, open_tiny, save_tiny, start

from tailor.approaches.approach import Approach, Chain, TrainingData
from tailor.approaches.prompting import FewShot
from tailor.approaches.retrieval import Retrieve
from tailor.approaches.tuning import FineTune
from tailor.engine import Engine
from tailor.errors import ConfigError, DoesNotFit, OutOfTime, StoreError
from tailor.kinds.base import kind_of
from tailor.models.base import Request
from tailor.models.decoding import Sampling, generate
from tailor.models.fake import FakeModel
from tailor.models.local import LocalModel
from tailor.models.training import Check, Collator, EarlyStopping, TrainingRow, checked
from tailor.models.tune import LEARNING_RATES, Recipe, read_tuned, recipe_key, tune
from tailor.system import System

MakeEngine = Callable[..., Engine]
RECIPE = Recipe("lora", epochs=1, rank=4, learning_rate=1e-2, batch_rows=4, seed=0)
PINNED = "7b5afc13ab3e19b5924fcb7a00dd4d10734149f9a2f7df38a3b565c248681b80"
QUICK = {"epochs": 1, "rank": 4, "batch_rows": 4, "learning_rate": 1e-2}


@pytest.fixture
def model(tiny_folder: Path) -> LocalModel:
    return open_tiny(tiny_folder)


def make_rows(model: LocalModel, n: int, answer: str = "charged twice") -> list[TrainingRow]:
    prompts = [model.encode(chat(f"row {number} " + "amber " * (number % 5))) for number in range(n)]
    return [TrainingRow(tuple(prompt), (*model.encode_answer(answer), model.end_token)) for prompt in prompts]


def plain_loss(model: LocalModel, rows: list[TrainingRow], tuned: Path | None = None) -> float:
    """Mean negative log-likelihood of the answers' tokens, each row by itself."""
    import torch

    losses: list[float] = []
    for row in rows:
        with torch.inference_mode():
            logits = model.module(tuned)(input_ids=torch.tensor([[*row.prompt, *row.answer]])).logits[0]
        log_probs = logits.log_softmax(-1)[len(row.prompt) - 1 : -1]
        losses += (-log_probs[range(len(row.answer)), list(row.answer)]).tolist()
    return float(np.mean(losses))


def served_rows(system: System, data: TrainingData, engine: Engine) -> tuple[list[TrainingRow], list[TrainingRow]]:
    """Train and dev rows made from what the finished system is asked when it serves."""
    model = engine.model
    assert isinstance(model, LocalModel)
    splits = []
    for examples in (data.train, data.dev):
        rows = []
        for example in examples:
            ((request, passages),) = engine.render(system, [example])
            answer = model.encode_answer(kind_of(data.task).target_text(system, example, passages))
            rows.append(TrainingRow(tuple(model.encode(request.messages)), (*answer, model.end_token)))
        splits.append(rows)
    return splits[0], splits[1]


CASES: dict[str, tuple[Callable[[], TrainingData], Approach]] = {
    "labels, LoRA": (lambda: classify_material(tuning=QUICK), FineTune("lora")),
    "labels, full": (lambda: classify_material(tuning=QUICK), FineTune("full")),
    "passages and nearest shots, LoRA": (
        lambda: answer_material(tuning=QUICK),
        Chain((Retrieve("hybrid"), FewShot(2, "nearest"), FineTune("lora"))),
    ),
}


@pytest.mark.parametrize(("make_material", "approach"), CASES.values(), ids=CASES)
def test_a_tuned_system_was_trained_on_what_it_is_asked_and_answers_the_same_when_loaded_again(
    make_material: Callable[[], TrainingData],
    approach: Approach,
    model: LocalModel,
    tiny_folder: Path,
    tmp_path: Path,
    engine_for: MakeEngine,
) -> None:
    data = make_material()
    engine = engine_for(model, tmp_path, DOCUMENTS if data.task.kind == "answer" else ())
    base = start(data, engine)
    before = engine.answer(base, data.dev)

    seen: list[tuple[int, int]] = []
    tuned = approach.fit(base, data, engine, lambda done, total: seen.append((done, total)))
    steps = -(-len(data.train) // data.task.tuning.batch_rows)
    assert seen[-1] == (steps, steps), "every row was read"

    # The folder is named by everything that was trained on, so the name shows that these are the rows.
    rows, dev = served_rows(tuned, data, engine)
    recipe = replace(RECIPE, method="full" if tuned.name == "full" else "lora")
    assert tuned.weights.tuned == f"tuned/{recipe_key(model.digest, rows, dev, recipe)[:16]}"
    found = read_tuned(tmp_path / tuned.weights.tuned)
    assert found is not None and found.digest == tuned.weights.tuned_digest
    assert found.trained_tokens == sum(len(row.prompt) + len(row.answer) for row in rows)

    answers = engine.answer(tuned, data.dev)
    tuned.save(tmp_path / "system.json")
    engine.ledger.close()
    shutil.copytree(tmp_path, elsewhere := tmp_path.parent / f"{tmp_path.name}-copy", ignore=shutil.ignore_patterns("ledger*"))
    other = engine_for(open_tiny(tiny_folder), elsewhere, engine.documents)
    again = other.answer(System.load(elsewhere / "system.json"), data.dev)
    for a, b in zip(answers, again, strict=True):
        assert (a.raw, a.passages) == (b.raw, b.passages)
        np.testing.assert_array_equal(a.scores, b.scores)

    # The base weights answer as ever, in the same process and after training.
    untouched = other.answer(base, data.dev)
    assert [a.raw for a in untouched] == [a.raw for a in before]
    np.testing.assert_array_equal([a.scores for a in untouched], [a.scores for a in before])


def test_labels_are_taught_as_they_are_scored(model: LocalModel, tmp_path: Path, engine_for: MakeEngine) -> None:
    data = classify_material(tuning=QUICK)
    engine = engine_for(model, tmp_path)
    tuned = FineTune("lora").fit(start(data, engine), data, engine)
    rows, _ = served_rows(tuned, data, engine)
    ((request, _),) = engine.render(tuned, data.train[:1])
    taught = {row.answer for row in rows}
    assert taught == {(*model.encode_answer(choice), model.end_token) for choice in request.choices}


def test_the_loss_is_that_of_the_answers_tokens(model: LocalModel, tmp_path: Path) -> None:
    rows, dev = make_rows(model, 4), make_rows(model, 4, "refund missing?")
    still = replace(RECIPE, learning_rate=1e-12)
    tuned = tune(model, rows, dev, still, tmp_path / "still")
    assert tuned.dev_loss == pytest.approx(plain_loss(model, dev), abs=1e-3)


def test_what_is_learned_is_the_answer_not_the_prompt(model: LocalModel, tmp_path: Path) -> None:
    rows = make_rows(model, 8)
    tuned = tune(model, rows, rows, replace(RECIPE, epochs=4), tmp_path / "learned")
    assert tuned.dev_loss < plain_loss(model, rows) - 2
    # With the loss on the prompt, too, the prompt's constant words would be likelier than before.
    import torch

    def prompt_loss(folder: Path | None) -> float:
        ids = torch.tensor([rows[0].prompt])
        with torch.inference_mode():
            return float(model.module(folder)(input_ids=ids, labels=ids).loss)

    assert prompt_loss(tuned.folder) > prompt_loss(None) - 1


def test_a_large_random_adapter_changes_the_answers_and_leaves_the_base_alone(model: LocalModel, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    rows = make_rows(model, 4)
    folder = tune(model, rows, rows, RECIPE, tmp_path / "tuned").folder
    tensors = load_file(folder / "adapter_model.safetensors")
    torch.manual_seed(1)
    save_file({name: torch.randn_like(tensor) for name, tensor in tensors.items()}, folder / "adapter_model.safetensors")
    requests = [Request(chat("amber"), LABELS), Request(chat("amber"), max_tokens=8)]
    base = model.reply(requests)
    changed = model.reply(requests, folder)
    assert not np.allclose(base[0].scores, changed[0].scores, atol=0.1) and base[1].text != changed[1].text
    again = [model.reply([request])[0] for request in requests]
    assert [r.text for r in again] == [r.text for r in base]
    np.testing.assert_allclose(again[0].scores, base[0].scores, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_same_seed_gives_the_same_weights(method: str, model: LocalModel, tiny_folder: Path, tmp_path: Path) -> None:
    rows = make_rows(model, 6)
    recipe = replace(RECIPE, method="full" if method == "full" else "lora")
    elsewhere = tmp_path / "model"
    shutil.copytree(tiny_folder, elsewhere)
    first, again = tune(model, rows, rows, recipe, tmp_path / "a"), tune(open_tiny(elsewhere), rows, rows, recipe, tmp_path / "b")
    other = tune(model, rows, rows, replace(recipe, seed=1), tmp_path / "c")
    assert first.digest == again.digest != other.digest
    assert replace(again, folder=first.folder) == first


def test_an_adapters_files_do_not_depend_on_the_process_or_the_place(model: LocalModel, tiny_folder: Path, tmp_path: Path) -> None:
    rows = make_rows(model, 4)
    folder = tune(model, rows, rows, RECIPE, tmp_path / "tuned").folder
    settings = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    assert settings["target_modules"] == sorted(settings["target_modules"])
    assert str(tiny_folder) not in json.dumps(settings)
    assert {path.name for path in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors", "manifest.json"}


def test_finished_training_is_not_done_again(model: LocalModel, tmp_path: Path) -> None:
    rows, steps = make_rows(model, 4), []
    first = tune(model, rows, rows, RECIPE, tmp_path / "tuned")
    assert tune(model, rows, rows, RECIPE, tmp_path / "tuned", lambda *step: steps.append(step)) == first and not steps
    assert read_tuned(tmp_path / "tuned") == first and read_tuned(tmp_path / "tuned", "0" * 64) is None
    assert read_tuned(tmp_path / "absent") is None


def test_the_key_changes_with_everything_that_decides_the_weights(model: LocalModel) -> None:
    rows = make_rows(model, 3)
    keys = {recipe_key(model.digest, rows, rows, RECIPE), recipe_key("f" * 64, rows, rows, RECIPE)}
    keys |= {recipe_key(model.digest, rows[::-1], rows, RECIPE), recipe_key(model.digest, rows, rows[:2], RECIPE)}
    changes: dict[str, Any] = {
        "method": "full",
        "epochs": 2,
        "rank": 8,
        "learning_rate": LEARNING_RATES["lora"],
        "batch_rows": 2,
        "seed": 1,
        "layers": 1,
    }
    keys |= {recipe_key(model.digest, rows, rows, replace(RECIPE, **{name: value})) for name, value in changes.items()}
    assert len(keys) == 4 + len(changes)


def test_weights_of_one_epoch_keep_the_key_that_they_always_had() -> None:
    """How the epoch is chosen changes nothing there. Where it may, weights are tuned again, and saved ones stay for their study."""
    rows, recipe = [TrainingRow((1, 2), (3,))], Recipe("lora", 1, 4, 1e-3, 8, 0)
    assert recipe_key("d" * 64, rows, rows, recipe) == PINNED
    assert recipe_key("d" * 64, rows, rows, replace(recipe, epochs=2)) != PINNED


def _damage(folder: Path, name: str) -> None:
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "what", ["adapter_model.safetensors", "adapter_config.json", "gone", "other weights", "no manifest", "[]", "{}", "{"]
)
def test_damaged_tuned_weights_are_refused_in_training_and_in_answering(what: str, tuned_once: tuple[Path, System, Path]) -> None:
    folder, system, store = tuned_once
    files = {path: path.read_bytes() for path in folder.iterdir()}
    try:
        if what == "gone":
            (folder / "adapter_model.safetensors").unlink()
        elif what == "no manifest":
            (folder / "manifest.json").unlink()
        elif what == "other weights":  # whole, with a manifest that fits, but not those of the system
            _damage(folder, "adapter_model.safetensors")
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            made = (folder / "adapter_model.safetensors").read_bytes()
            manifest["files"]["adapter_model.safetensors"] = hashlib.sha256(made).hexdigest()
            (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
        elif what in ("[]", "{}", "{"):
            (folder / "manifest.json").write_text(what, encoding="utf-8")
        else:
            _damage(folder, what)
        engine = make_engine(open_tiny(store.parent / "tiny"), store)
        with engine.ledger, pytest.raises(StoreError, match="tuned|damaged"):
            engine.answer(system, [make_example(99, LABELS[0])])
        if what not in ("no manifest", "other weights"):
            with pytest.raises(StoreError, match="damaged"):
                read_tuned(folder)
    finally:
        for path, data in files.items():
            path.write_bytes(data)


@pytest.fixture(scope="module")
def tuned_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, System, Path]:
    """The folder of an adapter, its system, and the store they are in."""
    place = tmp_path_factory.mktemp("tuned-once")
    model = open_tiny(save_tiny(place / "tiny"))
    data = classify_material(tuning=QUICK)
    engine = make_engine(model, place / "store")
    with engine.ledger:
        system = FineTune("lora").fit(start(data, engine), data, engine)
    return place / "store" / system.weights.tuned, system, place / "store"


def test_a_row_that_does_not_fit_stops_training_before_it_starts(model: LocalModel, tmp_path: Path) -> None:
    rows = make_rows(model, 3)
    long = TrainingRow(tuple(range(4, 300)) * 2, rows[0].answer)
    for train, dev in (([*rows, long], rows), (rows, [long])):
        with pytest.raises(DoesNotFit, match="the longest training row does not fit: 598 of 512 tokens"):
            tune(model, train, dev, RECIPE, tmp_path / "tuned")
    assert list(tmp_path.iterdir()) == []


def test_a_row_may_fill_the_window_and_is_read_whole(model: LocalModel, tmp_path: Path) -> None:
    answer = (*model.encode_answer("charged twice"), model.end_token)
    rows = [TrainingRow(tuple(4 + i % 300 for i in range(512 - len(answer))), answer)]
    tuned = tune(model, rows, rows, replace(RECIPE, learning_rate=1e-12), tmp_path / "tuned")
    assert tuned.trained_tokens == 512 and tuned.dev_loss == pytest.approx(plain_loss(model, rows), abs=1e-3)


@pytest.mark.parametrize("error", [OutOfTime("the time is up"), KeyboardInterrupt()])
def test_a_stopped_training_leaves_nothing(error: BaseException, model: LocalModel, tmp_path: Path) -> None:
    rows = make_rows(model, 8)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise error

    with pytest.raises(type(error)):
        tune(model, rows, rows, replace(RECIPE, epochs=3), tmp_path / "tuned", stop)
    assert list(tmp_path.iterdir()) == []


def test_the_epoch_with_the_best_dev_score_is_kept_whatever_its_loss() -> None:
    import torch

    module, best = torch.nn.Linear(1, 1, bias=False), EarlyStopping()
    # Ever surer: more rows are right, and the few wrong ones cost more.
    seen = [Check(0.6, -0.5), Check(0.8, -0.7), Check(0.8, -0.9), Check(0.8, -0.6), Check(0.7, -0.4), Check(0.8, -0.6)]
    stops = []
    for epoch, check in enumerate(seen, start=1):
        module.weight.data.fill_(epoch)
        stops.append(best.see(module, check, epoch))
    assert (best.check, best.epoch) == (seen[3], 4), "among equal scores the lowest loss"
    assert stops == [False, False, False, False, False, True], "two in a row without a better one"
    best.restore(module)
    assert module.weight.item() == 4


def test_a_row_scores_that_the_model_would_write_to_the_letter(model: LocalModel, tmp_path: Path) -> None:
    rows = make_rows(model, 8)
    said = generate(model.module(), [row.prompt for row in rows], [Sampling(6)] * len(rows), frozenset())
    own = [TrainingRow(row.prompt, tuple(text.tokens)) for row, text in zip(rows, said, strict=True)]
    for collator in (Collator(()), Collator((), packs=False)):
        assert checked(model.module(), own, collator).score == 1
        assert checked(model.module(), [*own[:6], *rows[6:]], collator).score == 0.75


def test_the_epoch_with_the_lowest_dev_loss_is_kept_among_equal_scores(model: LocalModel, tmp_path: Path) -> None:
    # What the base model says by itself is the likeliest for it, so learning something else makes it ever less likely.
    rows = make_rows(model, 8)
    said = generate(model.module(), [row.prompt for row in rows], [Sampling(6)] * len(rows), frozenset())
    dev = [TrainingRow(row.prompt, tuple(own.tokens)) for row, own in zip(rows, said, strict=True)]
    tuned = tune(model, rows, dev, replace(RECIPE, epochs=9), tmp_path / "tuned")
    assert tuned.epoch == 1, "the first epoch did the least harm"
    assert tuned.trained_tokens == 3 * sum(len(row.prompt) + len(row.answer) for row in rows), "two more in vain end it"
    assert plain_loss(model, dev, tuned.folder) == pytest.approx(tuned.dev_loss, abs=1e-3)


def test_a_model_whose_weights_are_elsewhere_cannot_be_tuned(tmp_path: Path, engine_for: MakeEngine) -> None:
    engine, data = engine_for(FakeModel(), tmp_path), classify_material()
    with pytest.raises(ConfigError, match="the weights of fake are not on this machine"):
        FineTune().fit(start(data, engine), data, engine)

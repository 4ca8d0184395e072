"""A tiny random Llama with a small real tokenizer and a chat template, made on the spot; and a small project around a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data_helpers import WORDS, make_example, make_task

from tailor.approaches.approach import TrainingData, starting_system
from tailor.documents.reading import Document
from tailor.engine import Engine
from tailor.ledger import Ledger
from tailor.models.base import Message, Model, message
from tailor.models.fake import FakeEmbedder
from tailor.models.local import LocalModel
from tailor.models.quiet import quiet_libraries
from tailor.system import System

CONTROLS = ("<|end|>", "<|start|>", "<|stop|>", "<|header|>")
"""Tokens that make turns; the last one has no name in the tokenizer, as with Llama 3's headers."""
TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|start|>system\nYou are a helpful assistant.<|stop|>\n{% endif %}"
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|stop|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
LABELS = ("charged_twice", "charged", "charged too much", "refund missing?")
"""Several tokens each, with shared beginnings, one the beginning of another."""
DOCUMENTS = (
    Document("pay.md", "Pay", "Wages are paid on the 25th of each month. A bonus is paid in March."),
    Document("travel.md", "Travel", "A night in a hotel may cost 120 pounds. Breakfast is paid extra."),
    Document("leave.md", "Leave", "Everyone has 30 days of leave. Unused leave ends in April."),
)
QUESTIONS = (
    ("When are wages paid?", "the 25th of each month"),
    ("When is a bonus paid?", "March"),
    ("What may a night in a hotel cost?", "120 pounds"),
    ("How many days of leave has everyone?", "30 days"),
    ("When does unused leave end?", "April"),
    ("Who wrote the song?", ""),
)


def save_tiny(folder: Path, context_tokens: int = 512) -> Path:
    """Write the model as transformers would."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=list(CONTROLS), initial_alphabet=alphabet, show_progress=False)
    texts = [*WORDS, *LABELS, *(d.text for d in DOCUMENTS), *(q for q, _ in QUESTIONS), "system user assistant"]
    tokenizer.train_from_iterator(texts * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|stop|>", pad_token="<|end|>", bos_token="<|start|>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=context_tokens,
        initializer_range=0.2,
        tie_word_embeddings=True,
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
    )
    with quiet_libraries():
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def open_tiny(folder: Path) -> LocalModel:
    """A new object with nothing loaded yet, computing in float32."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    return LocalModel(folder, "tiny", digest, "float32 weights", dtype="float32")


def chat(text: str, system: str = "Answer.") -> tuple[Message, ...]:
    return message("system", system), message("user", text)


def classify_material(labels: Sequence[str] = LABELS, n_train: int = 12, n_dev: int = 6, **changes: Any) -> TrainingData:
    """Sentences with labels in turn; dev rows differ from training rows."""
    task = make_task(labels=tuple(labels), **changes)
    rows = [make_example(i, labels[i % len(labels)]) for i in range(n_train + n_dev)]
    return TrainingData(task, tuple(rows[:n_train]), tuple(rows[n_train:]))


def answer_material(**changes: Any) -> TrainingData:
    """Questions about `DOCUMENTS`, the last one without an answer there; dev repeats none of the first four."""
    settings: dict[str, Any] = {"kind": "answer", "instruction": "Answer the question.", "output": "answer", "max_words": 6}
    task = make_task(**settings | changes)
    rows = [make_example(i, answer, text=question) for i, (question, answer) in enumerate(QUESTIONS)]
    return TrainingData(task, tuple(rows[:4]), tuple(rows[4:]))


def make_engine(model: Model, store: Path, documents: Sequence[Document] = ()) -> Engine:
    """An engine with a ledger of its own and the fake embedder."""
    return Engine(model, lambda name: FakeEmbedder(), Ledger(store), store, documents)


def start(data: TrainingData, engine: Engine) -> System:
    return starting_system(data.task, data.train, engine.model)

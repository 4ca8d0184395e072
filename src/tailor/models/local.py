"""A causal language model on this machine, by transformers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tailor.errors import ConfigError, ModelNotFound
from tailor.models import decoding, scoring, unpacked
from tailor.models.base import Capabilities, Listener, Message, Model, Reply, Request
from tailor.models.cache import BUILT_INS
from tailor.models.constrain import Grammars
from tailor.models.decoding import Sampling
from tailor.models.frozen import FrozenStates
from tailor.models.packed import PrefixCache, can_pack, read_prefix
from tailor.models.quiet import quiet_libraries
from tailor.models.template import TemplateRefused, render_chat
from tailor.models.turns import with_one_system, without_tools
from tailor.models.whole import load_whole, weight_count

LARGE = 1_000_000_000
"""Parameters above which only one set of weights is kept in memory at a time."""
CALLS_KEPT = 64
"""Whole calls of `reply` whose replies are remembered, since systems often differ only in what is made of a reply."""


@dataclass
class Loaded:
    """A network in memory, how it can be computed, and the last prefix it read."""

    module: Any
    packs: bool
    prefix: PrefixCache = field(default_factory=PrefixCache)

    def read_prefix(self, module: Any, tokens: Sequence[int]) -> PrefixCache:
        """The prefix, computed unless it is that of the call before.

        A longer or shorter one is computed again, so that what a block is answered depends on nothing but the block.
        """
        if self.prefix.tokens != tuple(tokens):
            self.prefix = read_prefix(module, tokens)
        return self.prefix


class LocalModel:
    """A folder of safetensors and a tokenizer, as a `Model`.

    Args:
        folder: what `from_pretrained` reads; nothing in it is executed.
        name: what the user calls it.
        digest: SHA-256 of its weights.
        precision: how the weights on disk are held, such as "4-bit (Q4_1) weights".
        dtype: "auto" computes in bfloat16 where the processor or GPU has it, else in float32.

    Raises:
        ModelNotFound: the folder cannot be read as a causal language model.
    """

    block = 64

    def __init__(self, folder: Path, name: str, digest: str, precision: str, dtype: str = "auto") -> None:
        self.folder = folder
        self.name = name
        self.digest = digest
        self._own_template = name in BUILT_INS  # checked by its SHA-256; all others run in a process of their own
        with quiet_libraries():
            from transformers import AutoConfig, AutoTokenizer, GenerationConfig

            try:
                self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
                config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
                self.tokenizer("a")
                self.context_tokens = _context(getattr(config, "max_position_embeddings", 2048))
                # A model's own settings may name more ends than its tokenizer, as Gemma's do for the end of a turn.
                named = (folder / "generation_config.json").exists() and GenerationConfig.from_pretrained(folder).eos_token_id
                ends = named if isinstance(named, list) else [named]
                self.end_tokens = frozenset({self.end_token, *(end for end in ends if type(end) is int)})
            except Exception as error:  # an odd folder makes the libraries fail in many ways
                raise _not_usable(folder, error) from error
        self.dtype = fitting_dtype() if dtype == "auto" else dtype
        self.precision = f"{precision}, computed in {self.dtype}"
        self.parameters = weight_count(folder)
        self.capabilities = Capabilities(
            scores=True,
            patterns=True,
            grammars=True,
            tunes=True,
            states=True,
            batch_invariant=False,
            parameters=self.parameters,
        )
        self._loaded: dict[Path | None, Loaded] = {}
        self._packs: bool | None = None
        self._frozen: dict[int, FrozenStates] = {}
        self._replies: dict[tuple[Path | None, tuple[Request, ...]], list[Reply]] = {}
        # Every added token, not only those with a name: Llama 3's turn headers have none.
        added = {token.content for token in self.tokenizer.added_tokens_decoder.values()}
        self._controls = sorted((added | set(self.tokenizer.all_special_tokens)) - {""}, key=len, reverse=True)

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat, ready for the answer. The one way from messages to tokens, for training, scoring and serving."""
        messages = with_one_system(without_tools(messages))
        chat = [{"role": m.role, "content": self._plain(m.text)} for m in messages]
        if not self.tokenizer.chat_template:
            text = "\n\n".join(m["content"] for m in chat) + "\n"
            return list(self.tokenizer(text)["input_ids"])
        if chat[0]["role"] != "system":
            # Templates such as SmolLM2's put in a system turn of their own ("You are a helpful AI assistant named ...").
            chat.insert(0, {"role": "system", "content": ""})
        if not self._takes_system:
            told = chat.pop(0)["content"]
            if chat[0]["role"] == "user":
                told = f"{told}\n\n{chat.pop(0)['content']}".strip()
            chat.insert(0, {"role": "user", "content": told})
        if tokens := self._templated(chat):
            return tokens
        raise ModelNotFound(f"the chat template of {self.name} makes no tokens of a chat", "Choose another model.")

    def _templated(self, chat: list[dict[str, str]]) -> list[int]:
        tokenizer = self.tokenizer
        if self._own_template:
            return list(tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False))
        tokens = {name: token if isinstance(token, list) else str(token) for name, token in tokenizer.special_tokens_map.items()}
        text = render_chat(tokenizer.get_chat_template(), chat, tokens)
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    @cached_property
    def _takes_system(self) -> bool:
        """Whether the chat template knows a system turn; some (Gemma, early Mistral) refuse one."""
        from jinja2 import TemplateError

        try:
            self._templated([{"role": "system", "content": "a"}, {"role": "user", "content": "b"}])
        except (TemplateError, TemplateRefused):
            return False
        return True

    def encode_answer(self, text: str) -> list[int]:
        """Token ids of an answer, without the end token."""
        return list(self.tokenizer(self._plain(text), add_special_tokens=False)["input_ids"])

    @property
    def end_token(self) -> int:
        """The token that ends an answer in training."""
        return int(self.tokenizer.eos_token_id)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Prompt tokens the messages take."""
        return len(self.encode(messages))

    def reply(self, requests: Sequence[Request], tuned: Path | None = None) -> list[Reply]:
        """One reply per request, in order. A prompt that does not fit the context window gets a Reply with `error`.

        A call that is repeated to the letter gets the replies, and the time, of the first one.

        Raises:
            ConfigError: a request's pattern or schema cannot be kept to.
        """
        return self.told(requests, tuned, {})

    def told(self, requests: Sequence[Request], tuned: Path | None, listeners: Mapping[int, Listener]) -> list[Reply]:
        """As `reply`; `listeners` are told of what is written for the requests at these places, unless it was written before."""
        call = (tuned, tuple(requests))
        if call not in self._replies:
            while len(self._replies) >= CALLS_KEPT:
                self._replies.pop(next(iter(self._replies)))
            self._replies[call] = self._reply(requests, tuned, listeners)
        return list(self._replies[call])

    def _reply(self, requests: Sequence[Request], tuned: Path | None, listeners: Mapping[int, Listener]) -> list[Reply]:
        prompts = [self.encode(request.messages) for request in requests]
        replies: list[Reply | None] = [None] * len(requests)
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, (request, prompt) in enumerate(zip(requests, prompts, strict=True)):
            longest = max(map(len, map(self.encode_answer, request.choices)), default=request.max_tokens)
            if len(prompt) + longest > self.context_tokens:
                sizes = f"{len(prompt):,} of {self.context_tokens:,} tokens"
                replies[i] = Reply("", tokens_in=len(prompt), finish="refused", error=f"the prompt does not fit: {sizes}")
            else:
                groups.setdefault(request.choices, []).append(i)
        for choices, members in groups.items():
            started = time.perf_counter()
            some = [requests[i] for i in members], [prompts[i] for i in members]
            told = [listeners.get(i) for i in members]
            done = self._score(*some, choices, tuned) if choices else self._generate(*some, tuned, told)
            share = (time.perf_counter() - started) / len(members)
            for i, reply in zip(members, done, strict=True):
                replies[i] = Reply(reply.text, reply.scores, len(prompts[i]), reply.tokens_out, share, reply.finish)
        return [reply for reply in replies if reply is not None]

    def _score(
        self, requests: list[Request], prompts: list[list[int]], choices: tuple[str, ...], tuned: Path | None
    ) -> list[Reply]:
        answers = [self.encode_answer(choice) for choice in choices]
        if any(a != b and b[: len(a)] == a for a in answers for b in answers):
            answers = [[*answer, self.end_token] for answer in answers]
        loaded = self._load(tuned)
        if loaded.packs:
            rows = scoring.score_answers(loaded.module, prompts, answers, loaded.read_prefix)
        else:
            rows = unpacked.score_answers(loaded.module, prompts, answers)
        best = [max(range(len(choices)), key=row.__getitem__) for row in rows]
        return [Reply(choices[i], tuple(row), tokens_out=len(answers[i])) for i, row in zip(best, rows, strict=True)]

    def _generate(
        self, requests: list[Request], prompts: list[list[int]], tuned: Path | None, listeners: Sequence[Listener | None]
    ) -> list[Reply]:
        sampling = [self._sampling(request, listener) for request, listener in zip(requests, listeners, strict=True)]
        loaded = self._load(tuned)
        if loaded.packs:
            rows = decoding.generate(loaded.module, prompts, sampling, self.end_tokens, loaded.read_prefix)
        else:
            rows = unpacked.generate(loaded.module, prompts, sampling, self.end_tokens)
        return [
            Reply(
                cut(self._text(row.tokens), request.stop).strip(),
                tokens_out=len(row.tokens),
                finish="stop" if row.ended else "length",
            )
            for request, row in zip(requests, rows, strict=True)
        ]

    def _sampling(self, request: Request, listener: Listener | None) -> Sampling:
        def grown(tokens: list[int]) -> None:
            if listener is not None:
                listener(cut(self._text(tokens), request.stop))

        def stops(tokens: list[int]) -> bool:
            text = self._text(tokens)
            return any(stop in text for stop in request.stop)

        guide = None
        if request.pattern or request.json_schema:
            guide = self._constraints.guide(request.pattern, request.json_schema)
        return Sampling(
            request.max_tokens,
            request.temperature,
            request.seed,
            guide,
            stops=stops if request.stop else None,
            grown=grown if listener else None,
        )

    @cached_property
    def _constraints(self) -> Grammars:
        return Grammars(self.tokenizer, self.end_tokens)

    def _text(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True))

    def module(self, tuned: Path | None = None) -> Any:
        """The loaded network: the base, or a separate copy of it with tuned weights, so that the two never mix."""
        return self._load(tuned).module

    def _load(self, tuned: Path | None) -> Loaded:
        if tuned not in self._loaded:
            keep = 0 if self.parameters > LARGE else 1
            while len(self._loaded) > keep:
                self._loaded.pop(next(iter(self._loaded)))
            try:
                module = load_module(self.folder, tuned, self.dtype)
                if not self._own_template:
                    unpacked.try_out(module)
            except Exception as error:  # as above; what goes wrong later is a fault of ours
                raise _not_usable(tuned or self.folder, error) from error
            if self._packs is None:
                self._packs = can_pack(module)
            self._loaded[tuned] = Loaded(module, self._packs)
        return self._loaded[tuned]

    def frozen(self, layers: int) -> FrozenStates:
        """What the lowest `layers` layers make of texts, kept for every training above them."""
        return self._frozen.setdefault(layers, FrozenStates(layers))

    def release(self) -> None:
        """Free the memory of all loaded weights; they load again when needed."""
        self._loaded.clear()
        self._replies.clear()

    def _plain(self, text: str) -> str:
        """The text with the model's control tokens broken, so that data cannot end a turn or begin one."""
        for control in self._controls:
            text = text.replace(control, f"{control[0]} {control[1:]}")
        return text


def _context(positions: object) -> int:
    if type(positions) is not int or positions < 1:
        raise ValueError(f"max_position_embeddings is {positions!r}")
    return positions


def _not_usable(folder: Path, error: Exception) -> ModelNotFound:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return ModelNotFound(
        f"{folder} does not hold a causal language model: {reason}",
        "give a folder written by save_pretrained (config.json, *.safetensors, tokenizer files)",
    )


def as_local(model: Model, use: str) -> LocalModel:
    """The model as one whose weights are on this machine, to be "tuned", "merged" or "looked into".

    Raises:
        ConfigError: they are not.
    """
    if not isinstance(model, LocalModel):
        raise ConfigError(
            f"the weights of {model.name} are not on this machine, so they cannot be {use}",
            "set `model` to the built-in model or to a local folder",
        )
    return model


def cut(text: str, stops: Sequence[str]) -> str:
    """The text before the first of the stop strings in it."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]


def load_module(folder: Path, tuned: Path | None, dtype: str) -> Any:
    """The network in evaluation mode: base weights, base with an adapter merged into them, or the full tuned copy.

    An adapter is merged since it would cost as many small products at every token as the network has layers; the sum is rounded
    to `dtype` once.
    """
    with quiet_libraries():
        import torch
        from transformers import AutoModelForCausalLM

        is_adapter = tuned is not None and (tuned / "adapter_config.json").exists()
        source = folder if tuned is None or is_adapter else tuned
        module = load_whole(AutoModelForCausalLM, source, weight_count(source), dtype=getattr(torch, dtype))
        if is_adapter:
            from peft import PeftModel

            module = PeftModel.from_pretrained(module, tuned).merge_and_unload()
        return module.to(device()).eval()


def device() -> str:
    """Where networks run: the GPU if there is one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fitting_dtype() -> str:
    """bfloat16 where the GPU or the processor multiplies it in hardware, else float32 (elsewhere bfloat16 is no faster)."""
    import torch

    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    has = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if has else "float32"

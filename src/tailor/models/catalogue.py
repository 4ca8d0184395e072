"""Names to models: the built-in ones, folders, Hub names, remote endpoints and the fake."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tailor.errors import ModelNotFound, StoreError, did_you_mean, quoted
from tailor.files import real_path, write_atomically
from tailor.limits import CONFIGURATION_BYTES, LARGEST_SIZE, MOST_LAYERS
from tailor.models.base import Embedder, Model
from tailor.models.cache import (
    BUILT_INS,
    BuiltIn,
    Progress,
    cache_folder,
    damage,
    file_sha256,
    is_fetched,
    is_offline,
    sampled_sha256,
)
from tailor.models.packages import MODEL, missing, require
from tailor.models.pull import pull
from tailor.outside import read_file
from tailor.plugins import MODELS
from tailor.task import ModelSettings, Task

if TYPE_CHECKING:
    from tailor.models.crossencoder import CrossEncoder

HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
READ = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "1_Pooling/config.json")
"""The files of a model folder that can change an answer."""


@dataclass(frozen=True)
class Entry:
    """A built-in model, for lists.

    Attributes:
        name: what the user calls it.
        kind: a generative model or an embedder.
        what: what it is, in a few words.
        licence: SPDX name.
        megabytes: size on disk where it is available, else of the download.
        folder: where it is, or will be.
        fetched: whether it is complete there.
    """

    name: str
    kind: Literal["model", "embedder"]
    what: str
    licence: str
    megabytes: float
    folder: Path
    fetched: bool


def known() -> tuple[Entry, ...]:
    """Every built-in model."""
    return tuple(map(_entry, BUILT_INS.values()))


def needed(task: Task, *, model_given: bool = False) -> list[BuiltIn]:
    """The built-in models that a task names; without the one that answers where that is given, and without an embedder that could
    not be run here: what asks it is left out.
    """
    asked = [*task.asked[model_given:], *([] if task.judge is None else [task.judge.model])]
    embedders = [task.embedder] if task.reads_text and not missing(MODEL) else []
    names = [*(settings.name for settings in asked if not settings.is_remote), *embedders]
    return [BUILT_INS[name] for name in names if name in BUILT_INS]


def open_model(settings: ModelSettings, on_progress: Progress = lambda stage, done, total: None, base: Path | None = None) -> Model:
    """The model that the settings name, ready to answer.

    Args:
        settings: a built-in name, "fake" or what a package adds (with a colon and any word behind it), a folder, a Hub name
            "org/name", or with `base_url` the name of a model at that endpoint.
        on_progress: told how far a download is; called only when one is needed.
        base: the folder that paths are relative to; the one of the process if left out.

    Raises:
        ModelNotFound: there is no such model, its files are damaged, or it may not be fetched.
        DownloadError: fetching it failed.
        ConfigError: the address cannot be used.
    """
    name = settings.name
    if settings.base_url:
        from tailor.models.remote import RemoteModel

        return RemoteModel(settings)
    if (first := name.partition(":")[0]) in MODELS:
        opened: Model = MODELS.load(first)(settings)
        return opened
    from tailor.models.local import LocalModel

    if name in BUILT_INS:
        built = _of_kind(name, "model")
        return LocalModel(fetch(built, on_progress, repair=True), name, built.digest, built.precision)
    folder = _folder(name, "model", on_progress, base, settings.revision)
    return LocalModel(folder, name, folder_digest(folder), check_folder(folder))


def open_embedder(name: str, on_progress: Progress = lambda stage, done, total: None, base: Path | None = None) -> Embedder:
    """The embedder of this name: "minilm-l6", "fake", a folder (relative to `base` if given), a Hub name, or an endpoint's.

    Raises:
        ConfigError: its address cannot be used.
        ModelNotFound: there is no such embedder, its files are damaged, or it may not be fetched.
        DownloadError: fetching it failed.
    """
    if name == "fake":
        from tailor.models.fake import FakeEmbedder

        return FakeEmbedder()
    from tailor.models.remote_embedder import RemoteEmbedder, embedder_settings

    if not os.path.isdir((base or Path()) / name) and (settings := embedder_settings(name)) is not None:
        return RemoteEmbedder(settings)
    from tailor.models.embedder import TransformersEmbedder

    if name in BUILT_INS:
        built = _of_kind(name, "embedder")
        return TransformersEmbedder(fetch(built, on_progress, repair=True), name, built.digest)
    folder = _folder(name, "embedder", on_progress, base)
    check_folder(folder)
    return TransformersEmbedder(folder, name, folder_digest(folder))


def open_cross_encoder(name: str, base: Path | None = None) -> CrossEncoder:
    """The cross-encoder in a folder (relative to `base` if given), or of a Hub name.

    Raises:
        ModelNotFound: there is no such model, or it may not be fetched.
        DownloadError: fetching it failed.
    """
    from tailor.models.crossencoder import CrossEncoder

    folder = _folder(name, "cross-encoder", lambda stage, done, total: None, base)
    check_folder(folder)
    return CrossEncoder(folder, name, folder_digest(folder))


def fetch(built: BuiltIn, on_progress: Progress = lambda stage, done, total: None, *, repair: bool = False) -> Path:
    """The folder of a built-in model, fetched at first use.

    Args:
        built: which model.
        on_progress: told how far it is.
        repair: read every file, in 0.2 s for the larger one, and fetch the model again when one has changed; else sizes are
            compared.

    Raises:
        ModelNotFound: it is absent and may not be fetched.
        NotInstalled: the packages that run it are absent.
        DownloadError: fetching it failed.
    """
    _require_local_packages(built.name)
    if is_fetched(built) and not (repair and damage(built, on_progress)):
        return built.folder
    if is_offline():
        raise ModelNotFound(
            f"{built.name} is not complete in {built.folder}, and TAILOR_OFFLINE forbids fetching it",
            f"Unset TAILOR_OFFLINE and run `tailor models pull {built.name}`.",
        )
    return pull(built, on_progress)


def check_folder(folder: Path) -> str:
    """How the weights in a model folder are held, such as "bfloat16 weights".

    Raises:
        ModelNotFound: it is not a folder of safetensors that can be read without running code from it.
    """
    config = _json(folder / "config.json")
    if config is None:
        raise ModelNotFound(f"{folder} has no config.json that can be read", "Give a folder written by save_pretrained.")
    if running := [path.name for path in sorted(folder.rglob("*config*.json")) if _names_code(_json(path))]:
        raise ModelNotFound(
            f"{folder} needs Python code of its own (auto_map in {running[0]}), which is never run", "Choose a model without it."
        )
    if found := _too_large(config):
        raise ModelNotFound(f"{folder} is of no size that a model has: see {quoted(found)} in config.json", "Choose another model.")
    if not any(folder.glob("*.safetensors")):
        raise ModelNotFound(
            f"{folder} has no *.safetensors weights; pickled ones (*.bin, *.pt) are not read, since a pickle can run code",
            "Save the model again with save_pretrained of transformers.",
        )
    shards = (_json(folder / "model.safetensors.index.json") or {}).get("weight_map")
    named = {str(shard) for shard in shards.values()} if isinstance(shards, dict) else set()
    missing = sorted(name for name in named if "/" in name or not (folder / name).is_file())
    if missing:
        raise ModelNotFound(f"{folder} lacks {len(missing)} of its weight files, such as {missing[0]}", "Fetch the model again.")
    _check_weights(sorted(folder.glob("*.safetensors")))
    if isinstance(quantised := config.get("quantization_config"), dict) and quantised:
        return f"{quantised.get('quant_method', 'quantized')} weights"
    return f"{config.get('dtype') or config.get('torch_dtype') or 'float32'} weights"


def folder_digest(folder: Path) -> str:
    """SHA-256 over weights, configuration and tokenizer.

    A file's hash is remembered while its size and time stay the same; then blocks of it are compared, which finds most damage.

    Raises:
        ModelNotFound: a file has changed, but not its size and time, as no program that writes it does.
    """
    memory = cache_folder() / "digests" / f"{hashlib.sha256(str(real_path(folder)).encode()).hexdigest()[:24]}.json"
    before, after = _json(memory) or {}, {}
    paths = sorted({path for pattern in READ for path in folder.glob(pattern) if path.is_file()})
    for path in paths:
        status, key = path.stat(), path.relative_to(folder).as_posix()
        stamp, sampled = [status.st_size, status.st_mtime_ns], sampled_sha256(path)
        kept = before.get(key, [])
        if kept[:2] == stamp and len(kept) == 4 and kept[3] != sampled:
            raise ModelNotFound(
                f"{path} has changed since it was first read, but its size and time have not: it is probably damaged",
                f"Fetch the model again. If the change is meant, run `touch {shlex.quote(str(path))}`.",
            )
        after[key] = kept if kept[:2] == stamp and len(kept) == 4 else [*stamp, file_sha256(path), sampled]
    if after != before:
        _remember(memory, after)
    return hashlib.sha256(json.dumps(sorted((key, value[2]) for key, value in after.items())).encode()).hexdigest()


def _entry(built: BuiltIn) -> Entry:
    fetched = is_fetched(built)
    size = sum(path.stat().st_size for path in built.folder.rglob("*") if path.is_file()) if fetched else built.wheel_bytes
    return Entry(built.name, built.kind, built.what, built.licence, size / 1e6, built.folder, fetched)


def _of_kind(name: str, kind: Literal["model", "embedder"]) -> BuiltIn:
    built = BUILT_INS[name]
    if built.kind != kind:
        other = ", ".join(b.name for b in BUILT_INS.values() if b.kind == kind)
        raise ModelNotFound(f"{name} is not a built-in {kind} but a built-in {built.kind}", f"Use {other}.")
    return built


def _folder(
    name: str,
    kind: Literal["model", "embedder", "cross-encoder"],
    on_progress: Progress,
    base: Path | None = None,
    revision: str = "",
) -> Path:
    """The folder that a path or a Hub name stands for. What looks like a path is never fetched under that name."""
    place = base or Path()
    path = place / os.path.expanduser(name)
    if name and os.path.isdir(path):
        _require_local_packages(name)
        return path
    if _looks_like_a_path(name, place):
        raise ModelNotFound(
            f"there is no folder {quoted(name, 200)} in {real_path(place)}", "Write the path relative to the folder of tailor.yaml."
        )
    if HUB_NAME.fullmatch(name) and not os.path.exists(path):
        from tailor.models.hub import fetch_from_hub

        _require_local_packages(name)
        return fetch_from_hub(name, on_progress, revision)
    names = [built.name for built in BUILT_INS.values() if built.kind == kind]
    forms = f"{', '.join((*names, *MODELS.names))}, a folder of safetensors, or a Hub name such as org/name"
    raise ModelNotFound(
        f"{quoted(name)} is not a known {kind}{did_you_mean(name, [*names, *MODELS.names])}",
        f"Accepted: {forms}." + (" For a model at an endpoint give its address as `base_url`." if kind == "model" else ""),
    )


def _looks_like_a_path(name: str, place: Path) -> bool:
    """Whether a name is meant as a path: it begins like one, or with a folder that is there."""
    first, *rest = Path(name).parts or ("",)
    return first in (".", "..", "~", "/") or name.startswith("./") or bool(rest and os.path.isdir(place / first))


def _check_weights(paths: list[Path]) -> None:
    """Refuse weight files that are cut off or no safetensors; only their headers are read."""
    from safetensors import SafetensorError, safe_open

    for path in paths:
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelNotFound(f"{path} is damaged: {error}", "Fetch the model again.") from error


def _require_local_packages(name: str) -> None:
    require(f"{quoted(name)} runs on this machine and", MODEL)


def _too_large(config: object, key: str = "") -> str:
    """The name of a number in a configuration that no model has, such as a million layers; empty where there is none."""
    if isinstance(config, dict):
        return next((found for name, value in config.items() if (found := _too_large(value, str(name)))), "")
    if isinstance(config, list):
        return next((found for value in config if (found := _too_large(value, key))), "")
    limit = MOST_LAYERS if "layer" in key or "block" in key else LARGEST_SIZE
    if isinstance(config, int) and "theta" not in key and abs(config) > limit:
        return key
    return ""


def _names_code(config: object) -> bool:
    """Whether a configuration, or a part of it, names Python code to run."""
    if isinstance(config, dict):
        return "auto_map" in config or any(map(_names_code, config.values()))
    return isinstance(config, list) and any(map(_names_code, config))


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(read_file(path, CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _remember(path: Path, record: dict[str, list[Any]]) -> None:
    """Write the record in one step; a cache that cannot be written only costs time."""
    with contextlib.suppress(OSError, StoreError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(record))

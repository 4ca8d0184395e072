"""Fetch a model folder by its Hub name ("org/name"): weights as safetensors, configuration and tokenizer, and nothing that runs."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from tailor.errors import DownloadError, ModelNotFound, StoreError, quoted
from tailor.files import write_atomically
from tailor.limits import CONFIGURATION_BYTES
from tailor.models.cache import Progress, cache_folder, is_offline
from tailor.models.quiet import quiet_libraries
from tailor.outside import read_file

COMMITS = "commits.json"
COMMIT = re.compile("[0-9a-f]{40}")
WANTED = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]
UNWANTED = ["*/*.safetensors", "consolidated*.safetensors", "onnx/*", "openvino/*"]
"""Copies of the same weights in other formats."""


def fetch_from_hub(name: str, on_progress: Progress, revision: str = "") -> Path:
    """The folder of a Hub model: the local copy if there is one, else fetched.

    Which commit a name stood for at its first use is remembered, and is what it stands for from then on.

    Args:
        name: such as "org/name".
        on_progress: told how far it is.
        revision: branch, tag or commit; the remembered one, else the newest, if left out.

    Raises:
        ModelNotFound: the Hub has no such model, or asks for access that was not given.
        DownloadError: the network failed, or the disk is full.
    """
    with quiet_libraries():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            HFValidationError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
        )

        pinned = revision or _commits().get(name)
        options: dict[str, Any] = {"allow_patterns": WANTED, "ignore_patterns": UNWANTED, "revision": pinned}
        try:
            return _pin(name, revision, Path(snapshot_download(name, local_files_only=True, **options)))
        except LocalEntryNotFoundError:
            pass
        except HFValidationError as error:
            raise ModelNotFound(f"{quoted(name)} is not a Hub name: {error}") from error
        if is_offline():
            raise ModelNotFound(
                f"{quoted(name)} is not on this machine, and TAILOR_OFFLINE forbids fetching it", "Unset TAILOR_OFFLINE."
            )
        try:
            return _pin(name, revision, Path(snapshot_download(name, tqdm_class=_progress_class(on_progress), **options)))
        except GatedRepoError as error:
            raise ModelNotFound(
                f"the Hub model {quoted(name)} needs an access that you do not have",
                "Accept its terms on the Hub and set HF_TOKEN.",
            ) from error
        except RepositoryNotFoundError as error:
            raise ModelNotFound(
                f"there is no folder and no public Hub model named {quoted(name)}",
                "Check the name; `tailor models` lists the built-in ones.",
            ) from error
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise DownloadError(
                f"the Hub model {quoted(name)} could not be fetched: {reason[0][:200]}",
                "Check the network and the free disk space.",
            ) from error


def _commits() -> dict[str, str]:
    """Hub name -> the commit of its first use."""
    try:
        found = json.loads(read_file(cache_folder() / COMMITS, CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(name): str(commit) for name, commit in found.items()} if isinstance(found, dict) else {}


def _pin(name: str, revision: str, folder: Path) -> Path:
    """The folder, after its commit was remembered where no revision was named. The Hub's cache names folders by their commit."""
    known = _commits()
    if not revision and name not in known and COMMIT.fullmatch(folder.name):
        with suppress(OSError, StoreError):
            cache_folder().mkdir(parents=True, exist_ok=True)
            write_atomically(cache_folder() / COMMITS, json.dumps(known | {name: folder.name}, indent=1))
    return folder


def _progress_class(on_progress: Progress) -> type:
    """A tqdm class that reports bytes to `on_progress` and draws nothing."""
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Bytes(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "file": io.StringIO()})

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B":
                on_progress("download", int(self.n), int(self.total or 0))

    return Bytes

"""Names to models: what is accepted, what is refused and why."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tailor.errors import ConfigError, DownloadError, ModelNotFound, NotInstalled
from tailor.models import catalogue, hub
from tailor.models.cache import BUILT_INS, sampled_sha256
from tailor.models.catalogue import check_folder, folder_digest, known, open_embedder, open_model
from tailor.models.fake import FakeEmbedder, FakeModel
from tailor.models.remote import RemoteModel
from tailor.task import ModelSettings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TAILOR_OFFLINE", "1")
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a model to everything but a computation."""
    from safetensors.numpy import save_file

    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "dtype": "bfloat16", "hidden_size": 8}))
    save_file({"w": np.zeros(3, np.float32)}, folder / "model.safetensors")
    return folder


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def settings(name: str, base_url: str = "") -> ModelSettings:
    return ModelSettings(name=name, base_url=base_url, context_tokens=None)


def test_fakes_and_endpoints_are_opened_by_name() -> None:
    first, second = (open_model(settings(name)) for name in ("fake", "fake:other"))
    assert isinstance(first, FakeModel) and first.digest != second.digest
    assert isinstance(open_model(settings("fake", "http://localhost:1/v1")), RemoteModel)
    assert isinstance(open_embedder("fake"), FakeEmbedder)


@pytest.mark.parametrize("name", ["smollm2-135", "SmolLM2-135M", "smol lm2-135m"])
def test_an_unknown_name_names_the_nearest_and_the_accepted_forms(name: str) -> None:
    with pytest.raises(ModelNotFound, match="is not a known model; did you mean `smollm2-135m`") as caught:
        open_model(settings(name))
    assert "org/name" in caught.value.hint and "base_url" in caught.value.hint


@pytest.mark.parametrize("name", ["gpt", "../x", "/no/such/folder", "a/b/c", "org/", "x" * 500, "a\nb/c"])
def test_what_is_no_name_of_any_form_is_refused(name: str) -> None:
    for opened in (lambda: open_model(settings(name)), lambda: open_embedder(name)):
        with pytest.raises(ModelNotFound) as caught:
            opened()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_model_is_no_embedder_and_the_other_way_round() -> None:
    with pytest.raises(ModelNotFound, match="smollm2-135m is not a built-in embedder but a built-in model"):
        open_embedder("smollm2-135m")
    with pytest.raises(ModelNotFound, match="minilm-l6 is not a built-in model"):
        open_model(settings("minilm-l6"))


def test_offline_a_missing_model_names_the_command_that_fetches_it() -> None:
    with pytest.raises(ModelNotFound, match="smollm2-135m is not complete in .* TAILOR_OFFLINE") as caught:
        open_model(settings("smollm2-135m"))
    assert "tailor models pull smollm2-135m" in caught.value.hint


def test_a_missing_model_is_fetched_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(built: Any, on_progress: Any) -> Path:
        on_progress("download", 1, 2)
        raise DownloadError(f"asked for {built.name}")

    seen: list[tuple[str, int, int]] = []
    monkeypatch.setenv("TAILOR_OFFLINE", "0")
    monkeypatch.setattr(catalogue, "pull", failing)
    with pytest.raises(DownloadError, match="asked for minilm-l6"):
        open_embedder("minilm-l6", lambda *progress: seen.append(progress))
    assert seen == [("download", 1, 2)]


def test_packages_that_are_missing_are_named_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = r"needs torch, transformers and safetensors, which are not installed: `pip install 'tailor\[local\]'`"
    with pytest.raises(NotInstalled, match=said):
        open_embedder("minilm-l6")


def test_the_list_says_what_is_at_hand() -> None:
    assert [(entry.name, entry.kind, entry.licence, entry.fetched) for entry in known()] == [
        ("smollm2-135m", "model", "Apache-2.0", False),
        ("minilm-l6", "embedder", "Apache-2.0", False),
    ]
    assert [round(entry.megabytes) for entry in known()] == [93, 84]


def test_a_sound_folder_says_how_its_weights_are_held(folder: Path) -> None:
    assert check_folder(folder) == "bfloat16 weights"
    change(folder / "config.json", quantization_config={"quant_method": "awq"})
    assert check_folder(folder) == "awq weights"


def test_a_folder_that_wants_its_own_code_run_is_refused(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": "x.Y"}}')
    with pytest.raises(ModelNotFound, match="auto_map"):
        open_model(settings(str(folder)))
    (folder / "tokenizer_config.json").unlink()
    change(folder / "config.json", auto_map={"AutoModelForCausalLM": "x.Y"})
    with pytest.raises(ModelNotFound, match="auto_map"):
        open_embedder(str(folder))


def test_a_folder_with_pickled_weights_only_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelNotFound, match="a pickle can run code"):
        open_model(settings(str(folder)))


def test_cut_off_and_missing_weight_files_are_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model.safetensors", "b": "model-00002.safetensors"}})
    )
    with pytest.raises(ModelNotFound, match=r"lacks 1 of its weight files, such as model-00002\.safetensors"):
        open_model(settings(str(folder)))
    (folder / "model.safetensors.index.json").unlink()
    os.truncate(folder / "model.safetensors", 70)
    with pytest.raises(ModelNotFound, match=r"model\.safetensors is damaged"):
        open_model(settings(str(folder)))


@pytest.mark.parametrize("config", [None, "", "[]", "{"])
def test_a_folder_without_a_configuration_is_refused(folder: Path, config: str | None) -> None:
    (folder / "config.json").unlink()
    if config is not None:
        (folder / "config.json").write_text(config)
    with pytest.raises(ModelNotFound, match=r"config\.json"):
        open_model(settings(str(folder)))


def test_a_folders_digest_changes_with_any_file_that_can_change_an_answer(folder: Path) -> None:
    before = folder_digest(folder)
    assert folder_digest(folder) == before and len(before) == 64
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    with_template = folder_digest(folder)
    (folder / "notes.md").write_text("no part of the model")
    assert before != with_template == folder_digest(folder)
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    assert folder_digest(folder) != with_template


def test_a_digest_is_remembered_while_size_and_time_stay_the_same(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = folder_digest(folder)
    monkeypatch.setattr(catalogue, "file_sha256", lambda path: pytest.fail(f"{path} was read again"))
    assert folder_digest(folder) == before
    monkeypatch.undo()
    for memory in (cache / "digests").iterdir():
        memory.write_text("{broken")
    assert folder_digest(folder) == before


def test_a_file_that_changed_but_not_its_size_and_time_is_refused(folder: Path) -> None:
    before, path = folder_digest(folder), folder / "model.safetensors"
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(ModelNotFound, match=r"model\.safetensors has changed since it was first read") as caught:
        folder_digest(folder)
    assert f"touch {path}" in caught.value.hint
    path.touch()
    assert folder_digest(folder) != before


def test_of_a_large_file_blocks_are_compared(tmp_path: Path) -> None:
    """Damage to a tenth of it is found wherever it lies; to a single byte where a block is looked at."""
    path, size = tmp_path / "weights", 20 << 20
    path.write_bytes(bytes(size))
    whole, missed = sampled_sha256(path), 0
    for place in range(0, size, size // 10):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"x" * (size // 10))
            file.flush()
            missed += sampled_sha256(path) == whole
            file.seek(place)
            file.write(bytes(size // 10))
    assert (missed, sampled_sha256(path)) == (0, whole)
    with path.open("r+b") as file:
        file.seek(size - 1)
        file.write(b"x")
    assert sampled_sha256(path) != whole


def test_a_digest_needs_no_cache_that_can_be_written(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = folder_digest(folder)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "file"))
    assert folder_digest(folder) == before


def test_a_hub_name_is_not_fetched_offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(ModelNotFound, match="`org/name` is not on this machine"):
        open_model(settings("org/name"))


@pytest.mark.parametrize("kind", ["no repository", "gated", "no network", "full disk"])
def test_what_the_hub_says_becomes_one_sentence(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    response = httpx2.Response(404, request=httpx2.Request("GET", "http://hub"))
    error, expected, sentence = {
        "no repository": (RepositoryNotFoundError("no", response=response), ModelNotFound, "no folder and no public Hub model"),
        "gated": (GatedRepoError("no", response=response), ModelNotFound, "needs an access"),
        "no network": (LocalEntryNotFoundError("no network\nat all"), DownloadError, "could not be fetched: no network$"),
        "full disk": (OSError(28, "No space left on device"), DownloadError, "No space left"),
    }[kind]

    def download(name: str, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        bar = options["tqdm_class"](total=10, unit="B", desc="Downloading")
        bar.update(4)
        raise error

    seen: list[tuple[str, int, int]] = []
    monkeypatch.setenv("TAILOR_OFFLINE", "")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(expected, match=sentence):
        hub.fetch_from_hub("org/name", lambda *progress: seen.append(progress))
    assert seen == [("download", 4, 10)]


def test_a_hub_model_at_hand_needs_no_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[dict[str, Any]] = []

    def download(name: str, **options: Any) -> str:
        asked.append(options)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert hub.fetch_from_hub("org/name", lambda *progress: None) == folder
    assert [options["local_files_only"] for options in asked] == [True]
    assert not any(pattern.endswith((".bin", ".pt", ".py")) for pattern in asked[0]["allow_patterns"])


def test_an_address_that_cannot_be_used_is_a_settings_error() -> None:
    for address in (
        "localhost:8000/v1",
        "ftp://x/v1",
        "http://",
        "http://user:secret@host/v1",
        "http://[::1/v1",
        "http://h:99999/v1",
    ):
        with pytest.raises(ConfigError, match="base_url") as caught:
            open_model(settings("m", address))
        assert "secret" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.model
def test_the_built_in_model_opens_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the real cache
    built = BUILT_INS["smollm2-135m"]
    if not built.folder.exists():
        pytest.skip("smollm2-135m is not in the cache; `tailor models pull` fetches it")
    started = time.monotonic()
    model = open_model(settings("smollm2-135m"))
    assert model.context_tokens == 8192 and model.digest == built.digest
    assert model.precision.startswith("4-bit (Q4_1) weights")
    assert time.monotonic() - started < 30

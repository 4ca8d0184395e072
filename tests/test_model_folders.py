"""Model folders from elsewhere: found next to the settings, nothing in them run, templates and patterns held to limits."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import pytest
from flow import tailor, write_desk, write_rooms
from safetensors.torch import load_file, save_file

import tailor as package
from tailor.confined import Confined, ConfinedError
from tailor.errors import ConfigError, ModelError, ModelNotFound
from tailor.models import hub
from tailor.models.base import Request, message
from tailor.models.catalogue import check_folder, folder_digest, open_embedder, open_model
from tailor.models.constrain import check_form
from tailor.models.fake import FakeModel
from tailor.models.local import LocalModel
from tailor.models.template import TemplateRefused, render_chat
from tailor.task import ModelSettings

CHAT = [{"role": "system", "content": "Be <b>brief</b>."}, {"role": "user", "content": "Où? 日本"}]
BLOCKS = "{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}{% endfor %}{% endfor %}{% endfor %}"
GROWS = "{% set ns = namespace(x='0123456789') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}"
LONG = "{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}"


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_folder, tmp_path / "project" / "models" / "tiny")


def named(name: str) -> ModelSettings:
    return ModelSettings(name=name, context_tokens=None)


# --- where a folder is looked for


def test_a_relative_folder_is_found_next_to_the_settings(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("TAILOR_OFFLINE", "1")
    project = tmp_path / "project"
    for name in ("models/tiny", "./models/tiny", "../project/models/tiny", str(folder)):
        model = open_model(named(name), base=project)
        assert isinstance(model, LocalModel) and model.folder.resolve() == folder
    with pytest.raises(ModelNotFound):
        open_model(named("models/tiny"))


@pytest.mark.parametrize("name", ["./org/name", "../org/name", "models/absent", "~/no/such", "/no/such", "..", "./x"])
def test_what_looks_like_a_path_is_never_fetched(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def fetch(*given: object) -> Path:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(hub, "fetch_from_hub", fetch)
    for opened in (lambda: open_model(named(name), base=folder.parents[1]), lambda: open_embedder(name, base=folder.parents[1])):
        with pytest.raises(ModelNotFound):
            opened()


def test_the_command_line_looks_next_to_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_desk(tmp_path / "project", model="models/mine")
    (tmp_path / "project" / "models").mkdir()
    result = tailor("run", tmp_path / "project")
    assert result.exit_code == 2 and f"there is no folder `models/mine` in {tmp_path / 'project'}" in result.stderr


# --- the Hub


def test_the_commit_of_the_first_use_is_used_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILOR_CACHE", str(tmp_path / "cache"))
    asked: list[str | None] = []
    first, second = "a" * 40, "b" * 40

    def snapshot_download(name: str, *, revision: str | None, **options: object) -> str:
        asked.append(revision)
        return str(tmp_path / (revision if revision in (first, second) else first if len(asked) == 1 else second))

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    folders = [hub.fetch_from_hub("org/name", print, revision).name for revision in ("", "", "v2", "")]
    assert asked == [None, first, "v2", first] and folders == [first, first, second, first]


@pytest.mark.parametrize("revision", ["../../x", "a b", "x" * 200, "\n"])
def test_a_revision_is_a_name(revision: str) -> None:
    with pytest.raises(ValueError, match="a revision is a branch"):
        ModelSettings(name="org/name", revision=revision, context_tokens=None)


# --- nothing runs


@pytest.mark.parametrize(
    "file", ["config.json", "tokenizer_config.json", "generation_config.json", "processor_config.json", "1_Pooling/config.json"]
)
@pytest.mark.parametrize("nested", [False, True])
def test_code_of_its_own_is_refused_wherever_it_is_named(folder: Path, file: str, nested: bool) -> None:
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    config = json.loads(path.read_text()) if path.exists() else {}
    code = {"auto_map": {"AutoModel": "evil.Model"}}
    path.write_text(json.dumps(config | ({"text_config": [code]} if nested else code)))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    with pytest.raises(ModelNotFound, match=r"needs Python code of its own \(auto_map in "):
        open_model(named(str(folder)))


def test_remote_code_is_never_trusted() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in Path(package.__file__).parent.rglob("*.py"))
    calls = re.findall(r"(?:Auto\w+|auto_class)\.from_pretrained\(.*?\)\n", source, re.DOTALL)
    assert len(calls) >= 7 and all("trust_remote_code=False" in call for call in calls)
    assert "trust_remote_code=True" not in source


@pytest.mark.parametrize(
    "change",
    [
        {"quantization_config": 3},
        {"max_position_embeddings": "many"},
        {"hidden_size": -1},
        {"model_type": "no such"},
        {"vocab_size": None},
        {"num_attention_heads": 0},
        {"rope_parameters": "x"},
    ],
)
def test_an_odd_configuration_ends_in_a_sentence(folder: Path, change: dict[str, object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    desk = write_desk(folder.parents[1], model="models/tiny", embedder="fake", target=0.1)
    result = tailor("run", desk)
    assert result.exit_code in (0, 2) and "Traceback" not in result.output
    assert not result.exception or isinstance(result.exception, SystemExit)


def test_a_folder_that_lacks_a_weight_is_refused(folder: Path) -> None:
    """Transformers would make it up, another one in every process."""
    (path,) = folder.glob("*.safetensors")
    weights = load_file(path)
    name = next(name for name in weights if "mlp" in name)
    weights.pop(name)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ModelNotFound, match=f"lack 1 of the weights .* such as {name}"):
        open_model(named(str(folder))).reply([Request((message("user", "Hello"),))])


def test_a_configuration_of_more_weights_than_the_files_hold_takes_no_memory(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 40_000_000}))  # 80 GB
    with pytest.raises(ModelNotFound, match=r"config.json asks for \d{2},\d{3},\d{3},\d{3} weights, and the files hold"):
        open_model(named(str(folder))).reply([Request((message("user", "Hello"),))])


@pytest.mark.parametrize("text", ["[]", "[" * 99_999, "null", '{"weight_map": []}', '{"weight_map": {"a": "../../x"}}', "\x00"])
def test_an_odd_index_of_weights_ends_in_a_sentence(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)
    try:
        assert check_folder(folder)
    except ModelNotFound as error:
        assert "lacks 1 of its weight files" in str(error)


# --- templates


def test_a_template_renders_as_transformers_does(tiny_folder: Path) -> None:
    model = LocalModel(tiny_folder, "tiny", folder_digest(tiny_folder), "float32")
    told = [message(turn["role"], turn["content"]) for turn in CHAT]  # type: ignore[arg-type]
    expected = model.tokenizer.apply_chat_template(CHAT, add_generation_prompt=True, tokenize=True, return_dict=False)
    assert model.encode(told) == list(expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "template", [BLOCKS, GROWS, LONG, "{{ ''.__class__.__mro__ }}", "{% for %}", "{{ messages | map('x') | list }}"]
)
def test_a_template_that_loops_grows_or_breaks_out_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch, template: str) -> None:
    monkeypatch.setattr("tailor.models.template._confined._seconds", 3.0)
    started = time.monotonic()
    with pytest.raises((ModelNotFound, TemplateRefused)):
        text = render_chat(template, CHAT, {})
        assert "class" not in text, text
    assert time.monotonic() - started < 60
    monkeypatch.undo()  # the next process may take its time to start
    assert render_chat("{{ messages[1].content }}", CHAT, {}) == "Où? 日本"


# --- patterns


@pytest.mark.slow
def test_a_pattern_that_would_take_for_ever_ends_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tailor.models.matching._confined._seconds", 1.0)
    model = FakeModel(lambda request: "a" * 60 + "!")
    with pytest.raises(ModelError, match="trying the `pattern` .* took more than 1 s"):
        model.reply([Request((message("user", "q"),), max_tokens=9, pattern="(a+)+$")])
    folder = write_rooms(tmp_path, pattern="(x?){64}[^\\s\\S]", documents="")
    result = tailor("run", folder)
    assert result.exit_code in (0, 2) and "Traceback" not in result.output


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "a{9999}{9999}", "((((a{99}){99}){99}){99}){99}", "(" * 90 + "a" + ")" * 90]
)
def test_a_form_is_prepared_within_limits(pattern: str) -> None:
    started = time.monotonic()
    try:
        check_form(pattern)
    except ConfigError as error:
        assert "no answer can be held to the `pattern`" in str(error)
    assert time.monotonic() - started < 60


def test_work_in_a_process_of_its_own_fails_alone() -> None:
    with Confined("tailor.models.matching:find", seconds=10.0, memory=300 << 20) as find:
        assert [find("b+", "abbc", "") for _ in range(3)] == ["bb"] * 3
        with pytest.raises(ConfinedError, match="failed: error: "):
            find("(", "", "")
        assert find("b", "b", "") == "b"
    with Confined("builtins:bytearray", memory=200 << 20) as grow, pytest.raises(ConfinedError, match="MB of memory"):
        grow(2 << 30)

"""Doors: names that stand for endpoints, and what is known of these."""

from __future__ import annotations

import re
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from data_helpers import SETTINGS, write_yaml
from endpoint import Answer, Endpoint, completion

from tailor.doors import Door, door_at, doors, through
from tailor.errors import ConfigError, EndpointError
from tailor.keys import VARIABLE_NAME, looks_like_a_key
from tailor.models.base import Request, message
from tailor.models.endpoint.dialect import Dialect
from tailor.models.endpoint.listed import context_window, listed
from tailor.models.remote import RemoteModel
from tailor.models.secrets import variable_sent
from tailor.project import load_project
from tailor.task import ModelSettings

HOSTED = "openai anthropic gemini mistral openrouter groq together nebius fireworks".split()
HERE = "ollama lmstudio vllm llamacpp".split()


def model(name: str, **given: Any) -> ModelSettings:
    return ModelSettings.model_validate({"name": name, **given})


@pytest.mark.parametrize("name", [*HOSTED, *HERE])
def test_a_name_stands_for_an_address_and_a_key(name: str) -> None:
    door = doors()[name]
    settings = model(f"{name}/some/model")
    assert (settings.name, settings.base_url, settings.api_key_env) == ("some/model", door.address, door.key)
    assert door_at(settings.base_url) is door
    assert model(f"{name}/m", api_key_env="MINE").api_key_env == "MINE"


@pytest.mark.parametrize("door", doors().values(), ids=doors())
def test_what_stands_in_the_table_can_be_used(door: Door) -> None:
    Dialect(**door.speaks)
    assert VARIABLE_NAME.fullmatch(door.key) and not looks_like_a_key(door.key)
    assert door.page.startswith("https://") and isinstance(door.read, date)
    assert not door.address.endswith("/")


def test_a_name_next_to_an_address_or_a_revision_is_just_a_name() -> None:
    behind_a_gateway = model("openai/gpt-5", base_url="http://localhost:4000/v1")
    assert (behind_a_gateway.name, behind_a_gateway.base_url) == ("openai/gpt-5", "http://localhost:4000/v1")
    on_the_hub = model("openai/gpt-oss-20b", revision="main")
    assert (on_the_hub.name, on_the_hub.base_url) == ("openai/gpt-oss-20b", "")
    for name in ("smollm2-135m", "org/name", "openai", "openai/", "./openai/folder", "fake:openai/x"):
        assert model(name).base_url == "" and model(name).name == name


def test_a_door_is_the_same_model_as_its_address() -> None:
    named = RemoteModel(model("groq/m"))
    spelled = RemoteModel(model("m", base_url="https://api.groq.com/openai/v1/"))
    assert named.digest == spelled.digest


def test_settings_name_a_model_and_a_judge_through_doors(tmp_path: Path) -> None:
    judge = {"rubric": "good", "model": "anthropic/claude-x"}
    settings = SETTINGS | {"kind": "answer", "metric": "judged", "judge": judge, "model": "mistral/m"}
    settings.pop("labels", None)
    write_yaml(tmp_path, settings)
    task = load_project(tmp_path).task
    assert task.model.base_url == "https://api.mistral.ai/v1" and task.model.api_key_env == "MISTRAL_API_KEY"
    assert task.judge is not None and task.judge.model.base_url == "https://api.anthropic.com/v1"


def test_a_door_to_this_machine_gets_its_key_when_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    assert variable_sent(model("vllm/m")) == ""
    monkeypatch.setenv("VLLM_API_KEY", "token")
    assert variable_sent(model("vllm/m")) == "VLLM_API_KEY"


# --- Azure


def test_azure_takes_the_resource_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    settings = model("azure/my-deployment")
    assert (settings.name, settings.base_url) == ("my-deployment", "https://mine.openai.azure.com/openai/v1")
    assert settings.api_key_env == "AZURE_OPENAI_API_KEY"
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    write_yaml(tmp_path, SETTINGS | {"model": "azure/my-deployment"})
    with pytest.raises(ConfigError, match="address of your resource in AZURE_OPENAI_ENDPOINT"):
        load_project(tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "https://mine.openai.azure.com/openai/v1",
        "https://mine.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
        "https://mine.services.ai.azure.com/openai/v1",
    ],
)
def test_azure_is_known_by_its_host(address: str) -> None:
    assert door_at(address) is doors()["azure"]
    assert door_at("https://openai.azure.com.example.org/v1") is None


def test_azure_carries_its_key_in_a_header_of_its_own_and_the_version_in_the_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "azure-secret-key")
    for module in ("remote", "endpoint.line"):
        monkeypatch.setattr(f"tailor.models.{module}.door_at", lambda address: doors()["azure"])
    with Endpoint([Answer(completion("yes"))]) as endpoint:
        address = f"{endpoint.url}/openai/deployments/d?api-version=2024-10-21"
        remote = RemoteModel(model("d", base_url=address, api_key_env="AZURE_OPENAI_API_KEY"))
        (reply,) = remote.reply([Request((message("user", "Right?"),), max_tokens=5)])
    assert reply.text == "yes"
    assert endpoint.headers[0]["api-key"] == "azure-secret-key" and "authorization" not in endpoint.headers[0]
    assert endpoint.paths == ["/v1/openai/deployments/d/chat/completions?api-version=2024-10-21"]
    assert endpoint.payloads[0]["max_completion_tokens"] == 5


# --- what is published of a model


def test_a_window_follows_from_the_door_or_from_the_published_data() -> None:
    assert context_window("gpt-4o", "https://api.openai.com/v1") == 128_000
    assert context_window("llama3", "http://localhost:11434/v1") == 4096
    assert context_window("anything", "http://localhost:9999/v1") is None
    assert context_window("no-such-model", "https://api.openai.com/v1") is None
    assert RemoteModel(model("openai/gpt-4o")).context_tokens == 128_000
    assert RemoteModel(model("openai/gpt-4o", context_tokens=5)).context_tokens == 5
    assert RemoteModel(model("m", base_url="http://localhost:9999/v1")).context_tokens == 8192


@pytest.mark.parametrize("door", [door for door in doors().values() if door.prices], ids=lambda door: door.name)
def test_published_data_know_the_providers_of_the_doors(door: Door) -> None:
    import genai_prices.data

    provider = next(provider for provider in genai_prices.data.providers if provider.id == door.prices)
    # Each has a model that is found through the door and has a price of its own.
    address = door.address.replace("{AZURE_OPENAI_ENDPOINT}", "https://mine.openai.azure.com")
    priced = (listed(getattr(known.match, "equals", known.id), address) for known in provider.models)
    assert any(found is not None and found.provider.id == door.prices and found.input_price > 0 for found in priced)


def test_names_without_a_door_are_left_alone() -> None:
    assert through("unknown/x") == {} and through("openai/") == {} and through("") == {}


def test_the_page_lists_every_door() -> None:
    page = (Path(__file__).resolve().parents[1] / "docs" / "endpoints.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if re.match(r"\| `\w+/`", line)]
    known = [
        f"| `{door.name}/` | `{door.address}` | `{door.key}` | {f'`{door.prices}`' if door.prices else '-'} |"
        for door in doors().values()
    ]
    assert rows == known


# --- what is in the way of a connection names itself


def refused(address: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> EndpointError:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    remote = RemoteModel(model("m", base_url=address, patience_minutes=0.02), backoff_seconds=0.001)
    with pytest.raises(EndpointError) as caught:
        remote.reply([Request((message("user", "Right?"),))])
    return caught.value


def test_a_server_that_does_not_speak_tls_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    with Endpoint() as endpoint:
        told = refused(endpoint.url.replace("http:", "https:"), monkeypatch)
    assert "cannot be reached safely" in str(told) and "does not speak TLS" in told.hint


def test_a_proxy_that_refuses_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    class Proxy(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            self.send_error(407, "Proxy Authentication Required")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        told = refused("https://models.example.com/v1", monkeypatch, HTTPS_PROXY=proxy, https_proxy=proxy)
        server.shutdown()
    assert "the proxy refuses: 407 Proxy Authentication Required" in str(told) and "HTTPS_PROXY" in told.hint

"""Keys: never shown, never stored, never typed into the settings."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest
from data_helpers import SETTINGS, write_yaml
from endpoint import Answer, Endpoint, completion, refusal
from hypothesis import given
from hypothesis import strategies as st

from tailor.errors import ConfigError, EndpointError
from tailor.models.base import Request, message
from tailor.models.remote import RemoteModel
from tailor.models.secrets import PIECE, Secret
from tailor.project import load_project
from tailor.task import ModelSettings

KEY = "sk-proj-" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0z" + "/+=end-of-it"


def holds_a_piece(text: str) -> bool:
    return any(KEY[i : i + PIECE] in text for i in range(len(KEY) - PIECE + 1))


@given(st.text(max_size=200), st.integers(0, len(KEY)), st.integers(0, len(KEY)), st.text(max_size=200))
def test_no_stretch_of_a_key_survives(before: str, start: int, end: int, after: str) -> None:
    cleaned = Secret(KEY).scrub(before + KEY[start:end] + after)
    assert not holds_a_piece(cleaned)
    if end - start < PIECE and not holds_a_piece(before + KEY[start:end] + after):
        assert cleaned == before + KEY[start:end] + after


@pytest.mark.parametrize("form", [KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()])
def test_other_spellings_of_a_key_are_found_too(form: str) -> None:
    assert form[:20] not in str(Secret(KEY).scrub({"a": [f"x{form}y"], form: 1}))


def test_a_short_key_is_no_secret_and_none_is_shown() -> None:
    assert Secret("none").scrub("none of them") == "none of them"
    assert KEY not in repr(Secret(KEY)) + str([Secret(KEY)])


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", KEY)


def model(endpoint: Endpoint) -> RemoteModel:
    settings = ModelSettings(name="m", base_url=endpoint.url, context_tokens=None, api_key_env="VLLM_API_KEY")
    return RemoteModel(settings, attempts=1, backoff_seconds=0)


ASK = Request((message("user", "What is your key?"),), max_tokens=50)


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize("at", range(0, 230, 7))
def test_an_error_is_scrubbed_before_it_is_cut(at: int) -> None:
    with Endpoint([refusal(401, "x" * at + KEY + "y" * 300)]) as endpoint:
        with pytest.raises(EndpointError) as caught:
            model(endpoint).reply([ASK])
        assert not holds_a_piece(str(caught.value)) and KEY[:8] not in str(caught.value)


@pytest.mark.usefixtures("key")
def test_an_answer_that_repeats_the_key_comes_without_it() -> None:
    answers = [Answer(completion(f"It is {KEY}.")), Answer(b"<html>" + KEY.encode() + b"</html>"), Answer(KEY.encode())]
    with Endpoint(answers) as endpoint:
        asked = model(endpoint)
        assert asked.reply([ASK])[0].text == "It is [key]."
        for _ in answers[1:]:
            with pytest.raises(EndpointError, match="the answer is not JSON") as caught:
                asked.reply([ASK])
            assert not holds_a_piece(str(caught.value))


@pytest.mark.parametrize(
    "name", [KEY, "AKIAIOSFODNN7EXAMPLE", "hf_" + "abcDEF123456", "a3f9" * 10, "AIzaSyA1b2C3d4E5f6G7h8", "my key", ""]
)
def test_a_key_in_the_place_of_the_variable_is_refused_without_being_shown(tmp_path: Path, name: str) -> None:
    write_yaml(tmp_path, {**SETTINGS, "model": {"name": "m", "base_url": "http://localhost:1/v1", "api_key_env": name}})
    with pytest.raises(ConfigError) as caught:
        load_project(tmp_path)
    assert "it is the name of an environment variable" in str(caught.value)
    assert not name or name not in str(caught.value)


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "MY_KEY", "key", "AWS_SECRET_ACCESS_KEY", "AZURE_OPENAI_KEY_2", "HF_TOKEN"])
def test_names_of_variables_are_accepted(name: str) -> None:
    assert ModelSettings(name="m", api_key_env=name, context_tokens=None).api_key_env == name

"""A key that an endpoint repeats wherever it can, and a look into everything that is written or shown."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
from endpoint import Answer, Endpoint, completion
from flow import LABELS, tailor, write_desk
from pydantic import ValidationError

from tailor.models.endpoint.line import Line
from tailor.models.secrets import PIECE, cleaned
from tailor.task import ModelSettings

KEY = "sk-canary-0f9e8d7c6b5a4f3e2d1c0b9a"
COPIED = [
    KEY,
    f'"{KEY}"',
    f"'{KEY}'\n",
    f"Bearer {KEY}",
    f'"bearer {KEY}"',
    f"Authorization: Bearer {KEY}",
    f"{KEY}\\n",
    f" “{KEY}” \r\n",
]


@pytest.mark.parametrize("copied", COPIED)
def test_what_is_copied_with_a_key_is_taken_off(copied: str) -> None:
    assert cleaned(copied) == KEY


def seen(text: bytes) -> bool:
    return any(KEY[i : i + PIECE].encode() in text for i in range(len(KEY) - PIECE + 1))


def repeating(payload: Mapping[str, Any]) -> Answer:
    """The label in the message; the key as model, fingerprint and thought, in some answers, and in the error of others."""
    said = str(payload["messages"][-1]["content"]).split("\n")[-1]
    label = next((label for label in LABELS if label in said), f"The key is {KEY}.")
    if "willow" in said:
        told = {"message": f"flagged by the content policy for Bearer {KEY}", "code": "content_filter", "param": KEY}
        return Answer({"error": told, KEY: KEY}, 400, {"x-request-id": KEY})
    body = completion(label, reasoning_content=f"I was called with {KEY}.")
    return Answer(body | {"model": KEY, "system_fingerprint": f"fp_{KEY}", "id": KEY}, headers={"x-key": KEY})


SPLIT = {"train": 6, "dev": 12, "test": 9}
"""Few rows: what may hold a key is written and shown with them, too."""


@pytest.mark.slow
def test_no_key_is_written_or_shown_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", f'"Bearer {KEY}\n"')
    monkeypatch.setenv("TAILOR_STATE", str(tmp_path / "state"))
    with Endpoint(repeating) as endpoint:
        model = {"name": "m", "base_url": endpoint.url, "api_key_env": "CANARY_KEY", "concurrency": 8}
        folder = write_desk(tmp_path / "desk", model=model, split=SPLIT, ask_again=False)
        commands = [
            ("run", folder, "--yes"),
            ("show", folder, "--json"),
            ("show", folder),
            ("report", folder),
            ("try", folder, "parcel help"),
        ]
        results = [tailor(*command) for command in commands]
        assert endpoint.calls > 50 and {headers["authorization"] for headers in endpoint.headers} == {f"Bearer {KEY}"}
    assert results[0].exit_code == 0, results[0].output
    shown = "\n".join(f"{result.output} {result.exception!r}" for result in results).encode()
    written = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not seen(shown)
    assert {"report.html", "ledger.db"} <= written.keys() and [name for name, data in written.items() if seen(data)] == []


def breaking_reader(body: bytes, *_: object) -> NoReturn:
    raise ValueError(f"cannot read {body!r}")


def breaking_line(line: Line, body: Mapping[str, Any], path: str) -> NoReturn:
    raise RuntimeError(f"cannot send {line._transport._client.headers.multi_items()}")


@pytest.mark.parametrize(("where", "breaking"), [("remote.read_reply", breaking_reader), ("remote.Line.post", breaking_line)])
def test_no_key_is_in_the_traceback_or_the_logs_of_a_crash_inside_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str, breaking: object
) -> None:
    monkeypatch.setenv("CANARY_KEY", KEY)
    monkeypatch.setattr(f"tailor.models.{where}", breaking)
    caplog.set_level("DEBUG")
    with Endpoint(repeating) as endpoint:
        model = {"name": "m", "base_url": endpoint.url, "api_key_env": "CANARY_KEY"}
        folder = write_desk(tmp_path / "desk", model=model, split=SPLIT)
        result = tailor("run", folder, "--yes")
    assert isinstance(result.exception, RuntimeError)
    told = "".join(traceback.format_exception(result.exception))
    assert "a fault of Tailor's" in told and "cannot " in told and "[key]" in told and "in _answer" in told
    assert not seen(f"{told}{result.output}{caplog.text}".encode())
    assert not any(seen(path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_no_key_is_in_what_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("CANARY_KEY", f"'{KEY}'")
    error = {"error": {"message": f"not with {KEY}, which has no quota", "code": "insufficient_quota", "type": KEY}}
    with Endpoint([Answer(error, status)]) as endpoint:
        model = {"name": "m", "base_url": endpoint.url, "api_key_env": "CANARY_KEY", "patience_minutes": 0.001}
        folder = write_desk(tmp_path / "desk", model=model)
        result = tailor("run", folder, "--yes")
    assert result.exit_code and not seen(result.output.encode()) and "Traceback" not in result.output
    assert not any(seen(path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "given",
    [
        {"base_url": f"https://host/v1?key={KEY}"},
        {"base_url": f"https://host/v1?api-version=1&api_key={KEY}"},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"extra_headers": {"x-api-key": KEY}},
        {"extra_headers": {"x-note": KEY}},
        {"extra_body": {"provider": [{"api_key": KEY}]}},
    ],
)
def test_a_key_among_the_settings_is_refused_without_being_shown(tmp_path: Path, given: dict[str, Any]) -> None:
    result = tailor("check", write_desk(tmp_path, model={"name": "m", "base_url": "https://host/v1"} | given))
    assert result.exit_code == 2 and not seen(result.output.encode())
    assert "name the key's variable as `api_key_env`" in " ".join(result.output.split())
    with pytest.raises(ValidationError):
        ModelSettings.model_validate({"name": "m"} | given)


def test_settings_that_only_sound_like_keys_are_taken() -> None:
    taken = {
        "base_url": "https://host/v1?api-version=2026-01-01",
        "extra_headers": {"HTTP-Referer": "https://example.org", "X-Title": "Tailor"},
        "extra_body": {"prompt_cache_key": "a", "safety_identifier": "b", "provider": {"order": ["c"]}},
    }
    assert ModelSettings.model_validate({"name": "m"} | taken).extra_body

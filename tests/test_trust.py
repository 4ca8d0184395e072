"""A received project: nothing is sent, and no variable read, before the user allowed it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest
from data_helpers import write_csv
from endpoint import Endpoint
from flow import ROOMS, tailor, write_rooms
from hypothesis import given
from hypothesis import strategies as st

from tailor.errors import ConfigError
from tailor.ledger import Ledger
from tailor.open_engine import open_engine
from tailor.project import load_project
from tailor.trust import allow, is_made_here, not_allowed, sendings, trust_file

SECRET = "AKIA-very-secret-value-0123456789"


def remote(folder: Path, **model: object) -> Path:
    settings = {"name": "m", "base_url": "https://api.example.com/v1?x=y", "context_tokens": 8192, **model}
    return write_rooms(folder, remarks=5, documents="", model=settings)


def test_nothing_is_sent_before_it_was_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with Endpoint() as endpoint:
        folder = remote(tmp_path, base_url=endpoint.url, api_key_env="AWS_SECRET_ACCESS_KEY")
        result = tailor("run", folder)
        assert result.exit_code == 2 and endpoint.calls == 0
        assert f"sends its data to {endpoint.url}, with the value of AWS_SECRET_ACCESS_KEY" in result.stderr
        assert "--yes" in result.stderr and SECRET not in result.output
        assert "of 60 rows in" in result.stdout and "It was not made here" in result.stdout
        project = load_project(folder)
        with Ledger(project.store) as ledger, pytest.raises(ConfigError, match="you have not allowed that yet"):
            open_engine(project, ledger)

        assert tailor("run", folder, "--yes").exit_code == 0 and endpoint.calls > 0
        asked = endpoint.calls
        assert tailor("run", folder).exit_code == 0  # remembered, and all of it is in the ledger
        assert tailor("try", folder, "What is the code?").exit_code == 0
        assert endpoint.calls <= asked + 1
        monkeypatch.setenv("GITHUB_TOKEN", SECRET)
        remote(tmp_path, base_url=endpoint.url, api_key_env="GITHUB_TOKEN")
        assert tailor("run", folder).exit_code == 2  # another variable is asked for again
    for path in (*folder.rglob("*"), trust_file()):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    assert stat.S_IMODE(trust_file().stat().st_mode) == 0o600


@pytest.mark.parametrize("settings", [{}, {"api_key_env": "UNSET_KEY"}, {"api_key_env": "VLLM_API_KEY"}])
def test_a_server_on_this_machine_needs_no_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("VLLM_API_KEY", "local-key-0123")
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert not not_allowed(load_project(remote(tmp_path, base_url=f"http://{host}:1/v1", **settings)))


def test_another_machine_needs_leave_without_a_key_too(tmp_path: Path) -> None:
    project = load_project(remote(tmp_path))
    (sending,) = not_allowed(project)
    assert (sending.address, sending.variable) == ("https://api.example.com/v1", "")
    allow(project, [sending])
    assert not not_allowed(project)
    assert not_allowed(load_project(remote(tmp_path / "other")))


def test_plain_http_to_another_machine_is_refused_even_with_yes(tmp_path: Path) -> None:
    folder = remote(tmp_path, base_url="http://example.com/v1")
    result = tailor("run", folder, "--yes")
    assert result.exit_code == 2 and "is plain http to another machine" in result.stderr and "--allow-http" in result.stderr
    assert not trust_file().exists()


def test_the_judge_is_shown_too(tmp_path: Path) -> None:
    judge = {"rubric": "good", "model": {"name": "j", "base_url": "https://judge.example.com/v1"}}
    folder = write_rooms(tmp_path, documents="", metric="judged", judge=judge)
    assert [sending.role for sending in sendings(load_project(folder))] == ["judge"]
    result = tailor("run", folder)
    assert result.exit_code == 2 and "judge j at https://judge.example.com/v1, without a key" in result.stdout


def test_what_init_makes_is_known_as_made_here(tmp_path: Path) -> None:
    write_csv(tmp_path / "data.csv", [(f"text {i}", "ab"[i % 2]) for i in range(40)])
    assert tailor("init", tmp_path / "data.csv").exit_code == 0
    assert is_made_here(load_project(tmp_path))
    assert not is_made_here(load_project(write_rooms(tmp_path / "received", **{"documents": ROOMS["documents"]})))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"made": 1, "allowed": []}', "\xff", "[" * 9999])
def test_a_file_that_is_no_list_of_what_was_allowed_ends_in_a_sentence(tmp_path: Path, text: str) -> None:
    trust_file().parent.mkdir(parents=True, exist_ok=True)
    trust_file().write_text(text, encoding="latin-1")
    trust_file().chmod(0o600)
    result = tailor("run", remote(tmp_path), "--yes")
    assert result.exit_code == 2 and "Remove it; you will be asked again." in result.stderr


def test_a_file_that_others_can_write_or_that_is_a_link_is_not_believed(tmp_path: Path) -> None:
    project = load_project(remote(tmp_path))
    allow(project, not_allowed(project))
    trust_file().chmod(0o666)
    with pytest.raises(ConfigError, match="can be written by others"):
        not_allowed(project)
    trust_file().chmod(0o600)
    trust_file().rename(tmp_path / "moved")
    trust_file().symlink_to(tmp_path / "moved")
    with pytest.raises(ConfigError, match="is a link"):
        not_allowed(project)


def test_the_file_holds_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    project = load_project(remote(tmp_path))
    allow(project, not_allowed(project))
    assert json.loads(trust_file().read_text())["allowed"] == [[str(tmp_path), "https://api.example.com/v1", "OPENAI_API_KEY"]]


@given(st.text(max_size=40))
def test_any_address_is_shown_or_refused(text: str) -> None:
    from tailor.trust import _shown

    try:
        assert not re.search(r"://[^/]*@", _shown(f"https://{text}"))
    except ConfigError as error:
        assert "is not an address" in str(error)

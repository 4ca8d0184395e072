"""What holds for every test: no network but this machine, and a cache of the tests' own."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from golden_text import Golden, golden_file
from tiny import make_engine, save_tiny

from tailor.engine import Engine


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="run the tests that hold sentences, and keep what they write now")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no process is left with one when the others are done."""
    if config.getoption("--renew-golden"):
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]
        for path in {golden_file(item.path) for item in items}:
            path.unlink(missing_ok=True)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def _is_loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _refuse(host: object) -> None:
    # No OSError: a library must not take it for a network that happens to be down, and go on.
    if not _is_loopback(host):
        raise RuntimeError(f"a test reached for the network: {host!r}")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Sockets reach this machine only, and other names are not looked up."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        look_up = socket.getaddrinfo

        def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
            _refuse(host)
            return look_up(host, *args, **kwargs)

        patch.setattr(socket, "getaddrinfo", getaddrinfo)
        yield


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse(address[0])
        return connect(self, address)

    return guarded


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_cache(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, session_cache: Path) -> None:
    """Tests keep out of the user's cache, except those that need the built-in model."""
    if "model" not in request.keywords:
        monkeypatch.setenv("TAILOR_CACHE", str(session_cache))


def _own_state(factory: pytest.TempPathFactory) -> Iterator[None]:
    """Openings of test sets are shared between the projects of one test, module fixture or session fixture, and nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAILOR_STATE", str(factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def state_of_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from _own_state(tmp_path_factory)


@pytest.fixture(autouse=True, scope="module")
def state_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from _own_state(tmp_path_factory)


@pytest.fixture(autouse=True)
def state_of_test(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    yield from _own_state(tmp_path_factory)


@pytest.fixture(autouse=True)
def own_trust(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the user allowed is not touched, and nothing is allowed."""
    monkeypatch.setenv("TAILOR_TRUST", str(tmp_path_factory.getbasetemp() / "trust" / str(uuid4())))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Holds a text against the one that this test wrote when `make golden` was last run."""
    return Golden(request.path, request.node.name, renew=request.config.getoption("--renew-golden"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny Llama's folder; not to be changed."""
    return save_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def engine_for() -> Iterator[Callable[..., Engine]]:
    """`tiny.make_engine`, with the ledgers closed at the end."""
    opened: list[Engine] = []

    def make(*args: Any, **kwargs: Any) -> Engine:
        opened.append(make_engine(*args, **kwargs))
        return opened[-1]

    yield make
    for engine in opened:
        engine.ledger.close()

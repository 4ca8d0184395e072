"""What went wrong in other labelling tools, tried on the workbench: requests on a real socket, files of a project."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labelling_bench import KEYS, Bench, served, write_rows
from test_structure import INSIDE, MODULES, part
from web_server import send

from tailor.labelling.judgement import LABEL, Judgement
from tailor.project import load_project
from tailor.web.door import Keys
from tailor.workbench.opening import open_workbench

TEXTS = tuple(f"message {number}" for number in range(6))
NETWORK = {"httpx", "httpx2", "urllib", "requests", "aiohttp", "socket", "http", "ftplib", "smtplib", "webbrowser"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with served(write_rows(tmp_path / "desk", TEXTS), settles="Ada", overlap=2) as bench:
        yield bench


def test_nobody_lets_themselves_in(bench: Bench) -> None:
    # Self-registration made a hole for people within one for everybody.
    anybody = [pair for pair in bench.headers("Ada") if pair[0] not in ("Cookie", "X-Tailor-Token")]
    for ticket in ("", "Ada", KEYS.ticket("Ada")[:-1], Keys(bytes(32)).ticket("Ada"), f"{KEYS.ticket('Bob').partition('.')[0]}.0"):
        reply = send(bench.port, "POST", "/session", anybody, json.dumps({"ticket": ticket, "name": "Ada"}).encode())
        assert reply.status == 401 and "set-cookie" not in reply.headers
    for path in ("/signup", "/register", "/user/signup", "/api/users", "/invite"):
        assert send(bench.port, "POST", path, anybody, b"{}").status == 401
        assert bench.post("Ada", path, name="Eve").status in (404, 405)


def test_someone_speaks_for_themselves_alone(bench: Bench) -> None:
    # A request that named another user's id took over that account.
    (row,) = bench.next("Bob")
    assert bench.post("Bob", "/api/judgements", key="k1", row=row, label="billing", annotator="Ada", name="Ada").status == 200
    assert [judgement.annotator for judgement in bench.judgements.all()] == ["Bob"]
    undone = bench.post("Ada", "/api/undo", key="k2", retracts="k1", row=row, annotator="Bob")
    assert undone.json == {"row": None} and len(bench.judgements.standing()) == 1
    taken = bench.post("Ada", "/api/judgements", key="k1", row=row, label="returns")
    assert taken.status == 409 and bench.judgements.standing()[0].label == "billing"
    assert bench.post("Bob", "/api/judgements", key="k3", row=row, label="returns", role="adjudicated").status == 403


def test_a_request_is_never_answered_as_a_page_with_what_it_said(bench: Bench) -> None:
    # A configuration that was refused came back as HTML with the configuration in it.
    hostile = "<script>alert(1)</script>"
    (row,) = bench.next("Ada")
    for fields in (
        {"row": hostile, "label": "billing"},
        {"row": row, "label": hostile},
        {"row": row, "label": {hostile: 1}},
        {"row": row, "skipped": [hostile]},
        {"row": row, "label": "billing", "role": hostile},
        {"row": row, "label": "billing", "seconds": hostile},
    ):
        reply = bench.post("Ada", "/api/judgements", key=f"k {hostile}", **fields)
        assert reply.headers["content-type"] == "application/json" and reply.headers["x-content-type-options"] == "nosniff"
    for path in (f"/{hostile}", "/label?x=" + hostile, "/queue?filter=" + hostile, "/static/%3Cscript%3E"):
        reply = bench.get("Ada", path.replace(" ", "%20"))
        assert hostile.encode() not in reply.body


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/static../app.py",
            "/static/../app.py",
            "/static/..%2fapp.py",
            "/static/%2e%2e/app.py",
            "/static//etc/passwd",
            "/static/",
        ),
        *(
            "/static/style.css/../../app.py",
            "/static/..\\app.py",
            "/static/app.py",
            "/data/upload/../../tailor.yaml",
            "/tailor.yaml",
        ),
        *("/.tailor/labels.db", "/data/local-files/?d=../../etc/passwd", "/file=/etc/passwd", "/static/style.css%00.py"),
    ],
)
def test_no_path_leads_to_a_file_that_is_not_the_workbench_s_own(bench: Bench, path: str) -> None:
    for headers in (bench.headers("Ada"), bench.headers("Ada")[:1]):
        reply = send(bench.port, "GET", path, headers)
        assert reply.status in (400, 401, 404) and len(reply.body) < 200


def test_filters_and_parameters_tell_nothing_about_other_tables(bench: Bench) -> None:
    # A filter could name any column of any table, and so guess passwords letter by letter.
    plain = bench.get("Ada", "/queue").body
    for query in ("?filters[annotator__password__startswith]=a", "?ordering=-annotator__secret", "?name=Bob", "?q=' OR 1=1 --"):
        assert bench.get("Ada", "/queue" + query.replace(" ", "%20")).body == plain


def test_nothing_is_fetched_from_an_address() -> None:
    # Import by address read local files, was led on by redirects and by names that changed their address, and reached clouds' keys.
    for module in (name for name in INSIDE if part(name) in ("web", "workbench", "labelling", "labelled")):
        names = set()
        for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
        assert not names & (NETWORK - {"socket", "http"} if module.startswith("tailor.web.") else NETWORK), module


def test_each_project_has_a_key_of_its_own_that_nobody_can_know(tmp_path: Path) -> None:
    # A key in the source let everybody make the tickets of everybody.
    projects = [load_project(write_rows(tmp_path / name, TEXTS)) for name in ("one", "other")]
    keys = []
    for project in projects:
        with open_workbench(project, ["Ada"]) as opened:
            opened.listening.socket.close()
        keys.append((project.store / "links.key").read_text(encoding="ascii").strip())
    one, other = (Keys(bytes.fromhex(key)) for key in keys)
    assert len(set(keys)) == 2 and all(len(key) >= 64 for key in keys)
    assert one.ticket("Ada") != other.ticket("Ada")
    for module in INSIDE:
        assert not any(key in MODULES[module].read_text(encoding="utf-8") for key in keys)


def test_nothing_is_unpickled() -> None:
    # Weights from elsewhere ran code when they were loaded.
    for module in INSIDE:
        tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
        called = {ast.unparse(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not imported & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}, module
        assert "torch.load" not in called and "numpy.load" not in called and "np.load" not in called, module
        assert not any(keyword.arg == "allow_pickle" for node in called.values() for keyword in node.keywords), module


def test_what_is_broken_inside_says_nothing_outside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # An error text gave back what a forged request had read.
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a secret in /home/ada")

    monkeypatch.setattr(bench.desk, "take", broken)
    reply = bench.post("Ada", "/api/next", page="first", most=1)
    assert reply.status == 500 and b"secret" not in reply.body and b"Traceback" not in reply.body
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"[]",
            b"null",
            b"{",
            b'{"key": NaN}',
            b'{"key": "a", "key": "b"}',
            b"\xff\xfe",
            b"[" * 5000,
            b'{"page": 1, "most": 1}',
            b'{"page": "x", "most": "1"}',
        ),
        *(b'{"page": "x", "holding": [1], "most": 1}', b'{"page": "x", "most": 1e400}', b'{"page": "x", "most": true}'),
        b'{"page": "\\ud800", "most": -5}',
    ],
)
def test_what_is_no_request_is_refused_in_a_sentence(bench: Bench, body: bytes) -> None:
    for path in ("/api/next", "/api/judgements", "/api/undo", "/session"):
        reply = send(bench.port, "POST", path, bench.headers("Ada"), body)
        assert reply.status < 500, (path, body)
        assert reply.status == 200 or reply.json["error"].endswith(".")


def test_a_label_that_someone_adds_is_one_short_line(tmp_path: Path) -> None:
    # It becomes a button on everybody's page.
    with served(write_rows(tmp_path / "desk", ["one", "two"], labels=[])) as bench:
        (row,) = bench.next("Ada")
        for number, label in enumerate(("x" * 201, "two\nlines", "nul\0", "half \ud83d", "\u2028")):
            assert bench.post("Ada", "/api/judgements", key=f"k{number}", row=row, label=label).status == 422
        assert bench.post("Ada", "/api/judgements", key="k", row=row, label="עברית 👩‍🚒").status == 200
        for field in ("skipped", "flagged", "source"):
            assert bench.post("Ada", "/api/judgements", key=field, row=row, **{field: "x" * 1001}).status == 422


def test_half_a_character_in_a_text_or_an_imported_label_breaks_no_page(tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    write_rows(folder, ["one"], labels=[], data="data.jsonl")
    texts = ["half \ud83d of an emoji", "another text"]
    (folder / "data.jsonl").write_text("".join(json.dumps({"text": text, "label": ""}) + "\n" for text in texts))
    with served(folder) as bench:
        for number, row in enumerate(bench.desk.items):
            for name in ("Ada", "Bob"):
                said = {LABEL: f"bad \ud800 label of {name}"}
                bench.judgements.append(Judgement(f"{name}{number}", row, name, values=said))
        for path in ("/label", "/queue", "/settle", "/agreement", "/suspects", "/progress"):
            assert bench.get("Ada", path).status == 200, path
        reply = bench.post("Cy", "/api/next", page="first", most=2, row=next(iter(bench.desk.items)))
        assert reply.status == 200 and json.loads(reply.body)["entry"]["choices"][0] == "bad \ud800 label of Ada"


def test_nobody_reads_on_the_page_what_the_row_may_not(tmp_path: Path) -> None:
    more: dict[str, Any] = {"data": "data.jsonl", "documents": "pages.jsonl", "retrieval": {"filter": "tier == {{tier}}"}}
    folder = write_rows(tmp_path / "desk", ["one"], kind="answer", labels=None, **more)
    rows = [{"text": f"What opens the {tier} door?", "tier": tier, "label": ""} for tier in ("gold", "basic", "")]
    pages = [{"id": tier, "text": f"The {tier} door opens with a key.", "tier": tier} for tier in ("gold", "basic", "")]
    for name, lines in (("data.jsonl", rows), ("pages.jsonl", pages)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with served(folder) as bench:
        for name, item in bench.desk.items.items():
            found: dict[str, Any] = {"waits": True}
            while found["waits"]:
                found = json.loads(bench.post("Ada", "/api/passages", query="gold basic door key", row=name).body)
            tier = item.asker["tier"]
            assert [passage["document"].partition(" ")[0] for passage in found["passages"]] == [f"pages.jsonl#{tier}"] * bool(tier)
        assert bench.post("Ada", "/api/passages", query="gold door").status == 422

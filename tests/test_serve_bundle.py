"""A bundle serves without its project, and what is damaged in it is never served."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flow import as_another_user, climb, tailor, write_rooms
from serving_helpers import Client, http

from tailor.errors import ConfigError, StoreError
from tailor.serving.bundle import MANIFEST, RECORD, BundleSource, export_bundle
from tailor.serving.certified import CERTIFIED
from tailor.serving.endpoint import Endpoint
from tailor.serving.server import Server
from tailor.serving.worker import Worker


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bundle whose project is gone."""
    folder = write_rooms(tmp_path_factory.mktemp("rooms") / "project", remarks=20)
    (folder.parent / "private.md").write_text("The code of the safe is 1.\n", encoding="utf-8")
    (folder / "pages" / "private.md").symlink_to(folder.parent / "private.md")
    (folder / "pages" / "elsewhere").symlink_to(folder.parent)
    (folder / "pages" / ".env").write_text("KEY=1\n", encoding="utf-8")
    with as_another_user(folder.parent / "user"):
        climb(folder)
        told = tailor("export", "--bundle", folder, "--output", folder.parent / "bundle")
        assert told.exit_code == 0, told.output
        assert "measured rows are answered alike" in told.output
        merged = tailor("export", "--bundle", "--merge", folder, "--output", folder.parent / "other")
        assert "has no tuned weights to merge" in merged.output
        assert not (folder.parent / "other").exists()
        again = tailor("export", "--bundle", folder, "--output", folder.parent / "bundle")
        assert again.exit_code == 2
        assert "there already" in again.output
    shutil.rmtree(folder)
    yield folder.parent / "bundle"


def test_a_bundle_answers_as_it_was_measured_without_its_project(bundle: Path) -> None:
    source = BundleSource(bundle, rows=64)
    served = source.opened()
    server = Server(Endpoint(served, Worker(), source.recorder(served)), source, rows=64, agreement=1.0)
    with http(server) as client:
        assert server.open_gate()
        _answers_as_measured(client)


def test_documents_alone_are_taken_along(bundle: Path) -> None:
    files = {path.relative_to(bundle / "documents").as_posix() for path in (bundle / "documents").rglob("*")}
    assert files == {"travel.md", "leave.md", "tools.md"}


@pytest.mark.slow
def test_a_table_of_documents_is_bundled_too(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path / "project", remarks=0, documents="pages/*.jsonl")
    pages = [{"id": page.stem, "text": page.read_text(encoding="utf-8")} for page in sorted((folder / "pages").glob("*.md"))]
    (folder / "pages" / "all.jsonl").write_text("".join(json.dumps(page) + "\n" for page in pages), encoding="utf-8")
    with as_another_user(tmp_path / "user"):
        climb(folder)
        told = tailor("export", "--bundle", folder, "--output", tmp_path / "bundle")
        assert told.exit_code == 0, told.output
    shutil.rmtree(folder)
    served = BundleSource(tmp_path / "bundle", rows=64).opened()
    assert not served.documents_changed
    served.close()


def _answers_as_measured(client: Client) -> None:
    for row in client.endpoint.current.certified.rows:
        body = client.post("/answer", row.example.fields).body
        assert body["text"] == row.answer.raw
        assert [source["document"] for source in body["sources"]] == [passage.document for passage in row.answer.passages]


def test_its_card_says_what_was_decided_and_what_it_says_nothing_of(bundle: Path) -> None:
    found = CERTIFIED.validate_json((bundle / RECORD).read_bytes())
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert found.headline in card
    assert found.system.fingerprint in card
    assert f"on {found.n_test} rows of a sealed test set" in card
    assert "## Limits" in card
    recipes = (bundle / "recipes.md").read_text(encoding="utf-8")
    assert "tailor serve . --check http://127.0.0.1:8000 --check-model" in recipes
    assert (bundle / "requirements.txt").read_text(encoding="utf-8").startswith("tailor==")


@pytest.mark.parametrize("name", [RECORD, "documents/travel.md", "README.md", "store/indexes/*/manifest.json"])
def test_a_damaged_file_is_never_served(bundle: Path, tmp_path: Path, name: str) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (path,) = copy.glob(name)
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(StoreError, match="damaged"):
        BundleSource(copy, rows=64).opened()
    path.unlink()
    with pytest.raises(StoreError, match="gone"):
        BundleSource(copy, rows=64).opened()


def test_a_manifest_cannot_name_files_outside(bundle: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bundle, tmp_path / "copy")
    (tmp_path / "other").write_text("x")
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, "files": {"../other": "0" * 64}}))
    with pytest.raises(StoreError, match="no file"):
        BundleSource(copy, rows=64).opened()
    (copy / MANIFEST).write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        BundleSource(copy, rows=64).opened()


def test_only_a_bundle_holds_merged_weights(tmp_path: Path) -> None:
    assert "--merge is for --bundle" in tailor("export", "--merge", tmp_path).output


def test_nothing_is_replaced_that_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(ConfigError, match="there already"):
        export_bundle(tmp_path, tmp_path / "mine", rows=4, force=True, say=print)

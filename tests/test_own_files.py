"""What Tailor writes: private, never through a link, and never read back as a document."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest
import typer
from data_helpers import write_csv, write_yaml
from flow import ROOMS, tailor, write_desk, write_rooms
from judge_helpers import JUDGE, write_codes
from typer.testing import CliRunner

from tailor.cli import Commands
from tailor.documents.reading import read_documents
from tailor.errors import ConfigError, StoreError
from tailor.files import private_files, tighten
from tailor.project import load_project
from tailor.task import DataFiles

SECRET = "a file of mine\n"


def readable_by_others(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if stat.S_IMODE(path.lstat().st_mode) & 0o077]


# --- own outputs are no documents


def test_reports_data_and_settings_among_the_documents_are_passed_over(tmp_path: Path) -> None:
    folder = write_rooms(tmp_path / "project", remarks=5)
    pages = folder / "pages"
    shutil.move(folder / "data.csv", pages / "data.txt")
    write_yaml(folder, ROOMS | {"data": "pages/data.txt"})
    assert tailor("run", folder).exit_code == 0
    shutil.copy(folder / "report.html", pages / "notes of the run.htm")
    assert tailor("report", folder, "-o", pages).exit_code == 0
    project = load_project(folder)
    assert project.documents is not None
    found = read_documents(project.documents, project.own_files)
    assert [document.path for document in found] == ["leave.md", "tools.md", "travel.md"]
    assert tailor("check", folder).exit_code == 0


@pytest.mark.parametrize("documents", [".", "..", "/", "../project", "link"])
def test_documents_that_hold_the_project_are_refused(tmp_path: Path, documents: str) -> None:
    folder = write_rooms(tmp_path / "project", documents=documents)
    (folder / "link").symlink_to(tmp_path, target_is_directory=True)
    for command in ("check", "run"):
        result = tailor(command, folder)
        assert result.exit_code == 2
        assert "cannot be the documents, since it holds the project itself" in result.stderr
        assert "Put the documents into a folder of their own" in result.stderr


def test_init_refuses_them_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(tmp_path / "data.csv", [(f"question {i}", f"answer {i}") for i in range(40)], "question,answer")
    monkeypatch.chdir(tmp_path)
    result = tailor("init", "data.csv", "--documents", ".")
    assert result.exit_code == 2 and "holds the project itself" in result.stderr
    assert not (tmp_path / "tailor.yaml").exists()


def test_every_file_that_the_settings_name_is_known_as_own(tmp_path: Path) -> None:
    folder = write_desk(tmp_path, data={"train": "a.csv", "dev": "b.csv", "test": "c.csv"})
    names = {path.name for path in load_project(folder).own_files}
    assert names == {"tailor.yaml", "report.html", "watch.html", "a.csv", "b.csv", "c.csv"}
    files = {name for name in DataFiles.model_fields if name in ("file", "train", "dev", "test")}
    assert len(files) == 4


# --- links


@pytest.mark.parametrize("name", ["lock", "ledger.db", "ledger.db-wal", "vectors.db", "indexes", "tuned/x/weights.safetensors"])
def test_a_link_in_the_store_is_refused_and_what_it_points_to_stays(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    mine.write_text(SECRET)
    folder = write_rooms(tmp_path / "project", remarks=5)
    place = folder / ".tailor" / name
    place.parent.mkdir(parents=True)
    place.symlink_to(mine)
    result = tailor("run", folder)
    assert result.exit_code == 2 and "is a link" in result.stderr, result.output
    assert mine.read_text() == SECRET and place.is_symlink()


@pytest.mark.parametrize("hard", [False, True])
def test_a_link_in_the_place_of_the_report_loses_only_itself(tmp_path: Path, hard: bool) -> None:
    mine = tmp_path / "mine"
    mine.write_text(SECRET)
    folder = write_rooms(tmp_path / "project", documents="")
    for name in ("report.html", "report.html.part"):
        (folder / name).hardlink_to(mine) if hard else (folder / name).symlink_to(mine)
    assert tailor("run", folder).exit_code == 0
    assert mine.read_text() == SECRET and not (folder / "report.html").is_symlink()
    assert "Tailor report" in (folder / "report.html").read_text(encoding="utf-8")


def test_a_store_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "project")
    (tmp_path / "elsewhere").mkdir()
    (folder / ".tailor").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    result = tailor("run", folder)
    assert result.exit_code == 2 and "is a link" in result.stderr
    assert not list((tmp_path / "elsewhere").iterdir())


def test_settings_are_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(SECRET)
    folder = write_desk(tmp_path / "project")
    (folder / "tailor.yaml").unlink()
    (folder / "tailor.yaml").symlink_to(tmp_path / "mine")
    assert tailor("init", folder / "data.csv", "--force").exit_code == 0
    assert (tmp_path / "mine").read_text() == SECRET


@pytest.mark.parametrize("ratings", ["../../x.csv", "/tmp/x.csv", "data.csv", "sub/../../x.csv", "link.csv"])
def test_a_sheet_outside_the_project_is_refused(tmp_path: Path, ratings: str) -> None:
    folder = write_codes(tmp_path / "a" / "project", judge=JUDGE | {"ratings": ratings})
    (folder / "link.csv").symlink_to(tmp_path / "x.csv")
    with pytest.raises(ConfigError, match=r"`judge\.ratings` names .* no file of its own"):
        load_project(folder)


# --- who may read


def test_everything_that_a_run_makes_is_for_its_owner(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        folder = write_rooms(tmp_path / "project")
        assert tailor("run", folder).exit_code == 0
        assert tailor("try", folder, "What is the code?").exit_code == 0
    finally:
        os.umask(before)
    assert not readable_by_others(folder / ".tailor") and stat.S_IMODE((folder / ".tailor").stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "report.html").stat().st_mode) == 0o600


def test_a_store_on_a_disk_that_takes_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(StoreError, match="store cannot be written to: Read-only file system"):
        tighten(tmp_path / "store")


def test_a_store_that_others_could_read_is_tightened(tmp_path: Path) -> None:
    inner = tmp_path / "store" / "indexes"
    inner.mkdir(parents=True, mode=0o777)
    (inner / "a").write_text("x")
    (inner / "a").chmod(0o666)
    tighten(tmp_path / "store")
    assert not readable_by_others(tmp_path / "store")
    with private_files():
        (inner / "b").write_text("x")
    assert stat.S_IMODE((inner / "b").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("number", "name", "words"),
    [
        (errno.ENOSPC, None, "the disk is full: a file of the project could not be written"),
        (errno.ENOSPC, "/data/head.json", "the disk is full: /data/head.json"),
        (errno.EROFS, "/data/head.json", "/data/head.json cannot be written to"),
    ],
)
def test_a_write_that_fails_anywhere_ends_in_a_sentence(number: int, name: str | None, words: str) -> None:
    app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @app.command()
    def one() -> None:
        raise OSError(number, os.strerror(number), name)

    @app.command()
    def other() -> None:
        raise FileNotFoundError(errno.ENOENT, "no such file", "x")

    ended = CliRunner().invoke(app, ["one"])
    assert ended.exit_code == 2 and words in " ".join(ended.output.split()) and "What to do:" in ended.output
    assert isinstance(CliRunner().invoke(app, ["other"]).exception, FileNotFoundError), "an error of ours stays one"

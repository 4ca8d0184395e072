"""A PostgreSQL server for the time of a test or a benchmark, in a folder of its own: a socket there is the only way in."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

USER = "tailor"
RUNS_AS = "nobody"
"""Who the server runs as where the caller is root, as which PostgreSQL will not run."""
SECONDS = 60


def missing() -> str:
    """What is not installed here that a server with pgvector needs; empty where all is."""
    programs = programs_folder()
    if programs is None:
        return "PostgreSQL is not installed"
    share = subprocess.run([programs / "pg_config", "--sharedir"], capture_output=True, text=True, check=False)
    folder = Path(share.stdout.strip() or f"/usr/share/postgresql/{programs.parent.name}")
    return "" if (folder / "extension" / "vector.control").exists() else "PostgreSQL has no pgvector"


def programs_folder() -> Path | None:
    """Where PostgreSQL's programs are: on the path, or where Debian puts them, the newest first."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -int(folder.parent.name))
    return folders[0] if folders else None


@contextmanager
def running_server(settings: str = "") -> Iterator[dict[str, str]]:
    """The environment variables by which the server is found; it is gone afterwards, with all that it held.

    Args:
        settings: further options of the server, such as "-c shared_buffers=256MB".
    """
    programs = programs_folder()
    if programs is None:
        raise FileNotFoundError("PostgreSQL is not installed")
    user = RUNS_AS if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    data = folder / "data"

    def call(program: str, *words: str) -> None:
        subprocess.run(
            [programs / program, "-D", data, *words],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            user=user,
            cwd=folder,
            timeout=SECONDS,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    try:
        call("initdb", "-U", USER, "--auth=trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off {settings}"
        call("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield {"PGHOST": str(folder), "PGUSER": USER, "PGDATABASE": "postgres"}
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

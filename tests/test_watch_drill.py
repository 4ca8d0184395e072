"""The drill in docs/watching.md, from serving to deciding again, as a reader would go through it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from test_docs import BLOCK, ROOT, check_output, commands, edit

DRILL = (ROOT / "docs" / "watching.md").read_text(encoding="utf-8").partition("\n## A drill\n")[2]
STATUS = {"tailor watch drill --audit drill/audit.csv": (0, 1), "tailor run drill --again": (2,)}
"""Exit statuses of the commands that do not, or need not, end in 0: the first look has no verdicts yet."""


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


class Reader:
    """Someone who types what the page shows, in a folder of their own.

    Args:
        folder: where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.server: subprocess.Popen[str] | None = None
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {"PATH": path, "COLUMNS": "200", "OMP_NUM_THREADS": "1", "TAILOR_STATE": str(folder / "state")}
        self.environment = {**os.environ, **own}

    def python(self, text: str) -> None:
        text = text.replace("127.0.0.1:8321", f"127.0.0.1:{self.port}")
        done = subprocess.run(
            [sys.executable, "-c", text],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr

    def command(self, command: str, shown: list[str]) -> None:
        if command.endswith("&"):
            words = [*command.removesuffix("&").split(), "--port", str(self.port)]
            with (self.folder / "served.txt").open("w") as said:
                self.server = subprocess.Popen(words, cwd=self.folder, env=self.environment, stdout=said, stderr=said, text=True)
        elif command.startswith("kill"):
            self.stop()
        else:
            done = subprocess.run(
                ["sh", "-ec", command],
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            wanted = STATUS.get(command, (0,))
            assert done.returncode in wanted, f"{command} ended in {done.returncode}:\n{done.stdout}{done.stderr}"
            check_output(command, shown, done.stdout + done.stderr)

    def stop(self) -> None:
        if self.server is not None:
            self.server.terminate()
            assert self.server.wait(20) in (0, 143), (self.folder / "served.txt").read_text()
            self.server = None


@pytest.mark.slow
def test_the_drill_goes_as_the_page_says(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "tickets", tmp_path / "examples" / "tickets", ignore=shutil.ignore_patterns(".tailor"))
    reader = Reader(tmp_path)
    try:
        for kind, name, text in BLOCK.findall(DRILL):
            if kind == "sh":
                reader.command(text.strip(), [])
            elif kind == "python":
                reader.python(text)
            elif kind == "yaml":
                edit(tmp_path / name, yaml.safe_load(text))
            else:
                for command, shown in commands(text):
                    reader.command(command, shown)
    finally:
        reader.stop()
    assert "certified by tickets" in (tmp_path / "served.txt").read_text()

"""Sentences that the program writes for its users, kept in files that `make golden` writes again.

A test that holds a whole sentence makes it hard to write a better one. Where words are not the behaviour, a test compares values
and gives the text to the fixture `golden`; whoever changes words runs `make golden` and reads the difference before committing it.
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"
_HEAD = re.compile(r"^=== (.+)$\n?", re.MULTILINE)


class Golden:
    """What one test writes, held against what it wrote before."""

    def __init__(self, test: Path, name: str, *, renew: bool) -> None:
        self._file, self._name, self._renew = golden_file(test), name, renew
        self._texts = 0

    def __call__(self, text: str | list[str] | tuple[str, ...]) -> None:
        """Compare a text, or a line each, with the golden one of this place in the test; when renewing, write it.

        Raises:
            AssertionError: the text is not the golden one, or there is none.
        """
        self._texts += 1
        name, lines = f"{self._name} {self._texts}", text if isinstance(text, str) else "\n".join(text)
        kept, new = read_golden(self._file), lines.strip("\n")
        if self._renew:
            self._file.write_text(
                "".join(f"=== {key}\n{value}\n\n" for key, value in sorted({**kept, name: new}.items())), encoding="utf-8"
            )
        else:
            assert new == kept.get(name), f"not what {self._file.name} has for {name!r}; if it is meant, run `make golden`"


def golden_file(test: Path) -> Path:
    """Where the texts of a test file are kept."""
    return FOLDER / f"{test.stem.removeprefix('test_')}.txt"


def read_golden(path: Path) -> dict[str, str]:
    """The texts of a golden file, by test and number."""
    if not path.exists():
        return {}
    _, *parts = _HEAD.split(path.read_text(encoding="utf-8"))
    return {name: text.strip("\n") for name, text in zip(parts[::2], parts[1::2], strict=True)}

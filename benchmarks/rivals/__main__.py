"""Time one rival: ``python -m benchmarks.rivals NAME WORK RESULT``, both JSON files."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.rivals.work import Work, timed
from tailor.models.quiet import quiet_libraries


def main() -> None:
    """Find the rival's best settings, time it, and write the `Timing`."""
    name, given, result = sys.argv[1:]
    work = Work.read(Path(given))
    with quiet_libraries():
        trial = importlib.import_module(f"benchmarks.rivals.{name}").best(work)
        timing = timed(trial, work)
    Path(result).write_text(json.dumps(asdict(timing)), encoding="utf-8")


if __name__ == "__main__":
    main()

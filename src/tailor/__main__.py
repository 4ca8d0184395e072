"""The command line as a program: `tailor`, or `python -m tailor`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it with a sentence, also while its parts are loaded and while it ends."""
    try:
        from tailor.cli import main as run  # takes a second, in which people change their mind

        run()
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()

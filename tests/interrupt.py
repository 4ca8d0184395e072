"""Programs that a test interrupts."""

from __future__ import annotations

import signal


def hear_ctrl_c() -> None:
    """Runs in a child before its program starts: Ctrl-C is heard there even if this process was started where it is ignored.

    A shell starts what it runs in the background with SIGINT ignored, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)

"""A gate as JUnit XML, which continuous integration shows, and as JSON."""

from __future__ import annotations

import re
from dataclasses import asdict
from xml.etree import ElementTree

from tailor.watching.gate import Gate

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even as a reference."""
MOST_TURNED = 100
"""Rows that are listed, at most."""


def as_junit(found: Gate) -> bytes:
    """One test case for each comparison; one without enough rows counts as skipped, unless another one decided."""
    failed = [check for check in found.checks if check.outcome == "worse"]
    open_ones = [check for check in found.checks if check.outcome == "not enough rows"]
    suite = ElementTree.Element(
        "testsuite",
        {
            "name": _xml(f"tailor gate: {found.system}"),
            "tests": str(len(found.checks)),
            "failures": str(len(failed)),
            "errors": "0",
            "skipped": str(len(open_ones)),
        },
    )
    for check in found.checks:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "tailor.gate", "name": check.name})
        if check.outcome == "worse":
            ElementTree.SubElement(case, "failure", {"message": _xml(check.sentence)}).text = _xml(_turned(found))
        elif check.outcome == "not enough rows":
            ElementTree.SubElement(case, "skipped", {"message": _xml(check.sentence)})
    ElementTree.SubElement(suite, "system-out").text = _xml("\n".join([found.sentence, *(c.sentence for c in found.checks)]))
    text: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _turned(found: Gate) -> str:
    wrong = [turned for turned in found.turned if not turned.is_right]
    return "\n".join(f"{turned.row}: {turned.before} -> {turned.now}" for turned in wrong[:MOST_TURNED])


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)


def as_record(found: Gate) -> dict[str, object]:
    """The gate as JSON; `format` grows when its shape changes."""
    return {"format": 1, **asdict(found)}

"""Forms of the item page for marks: one script each, without a framework, and one style sheet.

Each script adds its form to `window.tailorForms` under its name. `tailorForms.NAME(host, given)` draws it into an element and gives
an object with `value()`, what a judgement holds (`tailor.labelling.regionjson`), and `close()`. A form fires `change` on its host.
"""

from __future__ import annotations

from pathlib import Path

FORMS = {
    "image": ("shapes.js",),
    "video": ("shapes.js", "video.js"),
    "links": ("shapes.js", "phrases.js", "links.js"),
    "relations": ("shapes.js", "phrases.js", "relations.js"),
}
"""The scripts of each form, in the order in which they are loaded."""
STYLE = "forms.css"


def form_file(name: str) -> Path:
    """A script or the style sheet of the forms.

    Raises:
        KeyError: there is none of this name.
    """
    if name != STYLE and not any(name in scripts for scripts in FORMS.values()):
        raise KeyError(name)
    return Path(__file__).parent / name

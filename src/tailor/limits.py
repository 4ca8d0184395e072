"""Limits on what comes from outside, all in one place.

They are far above what honest files need, and low enough that a hostile one ends in a sentence and not in a machine without memory.
"""

from __future__ import annotations

SETTINGS_BYTES = 256 << 10
"""Size of a YAML file; the reader takes a few seconds for so much."""

YAML_ALIASES = 8
"""Aliases (`*name`) in one YAML text. Each can repeat what comes before it: eight make it 19 times as long at most (3 x 3 x 2)."""

FRONT_MATTER_CHARACTERS = 64 << 10
"""Length of the YAML header of a Markdown document; a longer one is read as text."""

DOCUMENT_BYTES = 64 << 20
"""Size of one document."""

CONFIGURATION_BYTES = 16 << 20
"""Size of a configuration file of a model."""

MOST_LAYERS = 2_000
LARGEST_SIZE = 50_000_000
"""Numbers in the configuration of a model: its layers, and all others, such as its vocabulary. Libraries build what it says."""

IMAGE_BYTES = 5 << 20
"""Size of one image; some providers take no larger one."""

DATA_BYTES = 1 << 30
"""Size of one data file."""

CONFINED_SECONDS = 20.0
"""Time for one piece of work in a process of its own, such as reading one page or rendering one chat."""

DOCUMENT_SECONDS = 60.0
"""Time for reading one PDF or Office file, which may have a thousand pages."""

SCANNED_PAGES = 500
"""Pages of one PDF that are read by character recognition, each of which takes seconds."""

DOCUMENT_CHARACTERS = 32 << 20
"""Length of the text of one document; what a small file unpacks to may be more."""

DOCUMENT_ROWS = 1_000_000
"""Rows of one table that are documents."""

PATTERN_SECONDS = 5.0
"""Time for trying a regular expression from outside on one text."""

CONFINED_BYTES = 2 << 30
"""Memory of such a process."""

JUDGEMENT_BYTES = 4 << 20
"""Size of what one person says of one row: thousands of polygons fit."""

RENDERED_CHARACTERS = 16 << 20
"""Length of the text that a chat template makes of one chat."""

LABEL_FILES = 200_000
"""Files in one folder of labels."""

XML_ELEMENTS = 5_000_000
XML_DEPTH = 64
"""Elements of one XML file, and how deep they lie in each other."""

MOST_MARKS = 20_000
"""Regions or links of one item, and corners of one region."""

BUNDLE_RECORD_BYTES = 256 << 20
"""Size of the record in a bundle, which may hold thousands of worked examples."""

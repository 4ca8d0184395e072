"""Plain English: turns that a native writer would not use stay out of the documentation and of the program's sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "tailor"
BETTER = {
    r"at hand": "available, existing, that you have",
    r"beside": "next to, besides, compared with",
    r"dear(er|est)?": "expensive",
    r"mend(s|ed|ing)?": "fix",
    r"foretells?|foretold": "predict, estimate",
    r"anew": "again, start over, rebuild",
    r"save (that|for)": "except",
    r"in silence": "silently",
    r"(has|have) no say": "do not count",
    r"go(es)? on from (here|there|where)": "continue",
    r"as (said|told)": "leave it out",
    r"first stands?|there stands?": "is, comes first",
    r"stands? (behind|beside|in front of|next to|there|here|in the|in a)": "is, comes after, comes before",
    r"somebody": "someone",
    r"simply asked": "plain",
}
"""Pattern of whole words -> what to write in its place."""
ALLOWED = r"stands? (in the way|in for|there for)|[\"`]dear[\"`]"
"""Good English, and a name in studies that were saved earlier."""
WORD_LISTS = {"language", "score"}
"""Parts that hold words of the languages they read."""
BANNED = re.compile("|".join(f"(?P<w{number}>\\b(?:{pattern})\\b)" for number, pattern in enumerate(BETTER)), re.IGNORECASE)

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [
    *PAGES,
    *sorted(SOURCE.rglob("*.html")),
    *sorted(SOURCE.rglob("*.yaml")),
    *(path for path in sorted(SOURCE.rglob("*.py")) if path.relative_to(SOURCE).parts[0] not in WORD_LISTS),
]


def findings(text: str) -> Iterator[str]:
    """Each banned turn with its line, and what to write in its place."""
    for number, line in enumerate(text.splitlines(), 1):
        for match in BANNED.finditer(re.sub(ALLOWED, "", line)):
            better = list(BETTER.values())[int((match.lastgroup or "w0")[1:])]
            yield f"line {number}: {match.group()!r}; write: {better}"


def test_words_are_those_of_a_native_writer() -> None:
    found = [f"{path.relative_to(ROOT)}, {finding}" for path in TEXTS for finding in findings(path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_a_banned_turn_is_named_with_its_place_and_a_better_one() -> None:
    assert list(findings("Fine.\nBefore anything dear runs, nothing stands in the way.")) == ["line 2: 'dear'; write: expensive"]

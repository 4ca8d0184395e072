"""What one person said of one row, once. Judgements are added and never changed: the label that counts is derived from them."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from tailor.data.identity import Identity
from tailor.errors import DataError, quoted
from tailor.limits import JUDGEMENT_BYTES

Values = Mapping[str, Any]
"""Name of what was asked -> what was answered, as JSON: a text, a number, a list, an object."""
Role = Literal["label", "adjudicated", "gold"]
Why = Literal["uncertain", "diverse", "suspected", "random"]
"""Why a row comes next: it is hard to tell, it is like no other, its label looks wrong, or chance took it."""
ROLES = get_args(Role)
LABEL = "label"
"""The name under which `Judgement.values` holds the right answer of a row; criteria, preferences and the like have other names."""
LONGEST_NAME = 200


@dataclass(frozen=True)
class Suggestion:
    """What was shown to someone before they answered.

    Attributes:
        values: the suggested values, named as in `Judgement.values`.
        by: what they came from, such as the fingerprint of a system.
        confidence: how sure it was, in [0, 1]; None where it did not say.
    """

    values: Values
    by: str
    confidence: float | None = None


@dataclass(frozen=True)
class Judgement:
    """What one person said of one row.

    Exactly one of `values`, `skipped` and `retracts` is given; or none of them, where someone only flags a row for later.

    Attributes:
        key: chosen by whoever sends it, and used once: the same judgement sent again is the same judgement. A random UUID will do.
        row: what the row is known by (`row_id`).
        annotator: who said it, a name.
        values: what was answered, by name; the right answer of the row is named "label". A text for `classify`, a list of texts for
            `tags`, an object for `extract`; what else there is may be any JSON.
        about: what of the row was judged: empty for the row itself; for a rating or a preference, what names the answers rated.
        at: when, in UTC, ISO 8601; the store fills it in where it is empty.
        seconds: how long it took; None where that is not known.
        guideline: version or digest of the guideline that they had; empty where there was none.
        suggested: what was shown before they answered; None where they were blind.
        skipped: why they gave no answer; empty where they gave one.
        flagged: why someone should look at it again; empty where nobody should.
        retracts: key of an earlier judgement of theirs that does not count any more; empty where this takes nothing back.
        role: "label" for an ordinary judgement, "adjudicated" for one that settles a difference, "gold" for one that is known to be
            right and that people are measured by.
        chosen: why the row was given to them (`Why`); empty where they opened it themselves.
        labelled_before: whether the row had a label already when they answered, in the data or of someone else.
        source: the format it was read from; empty where it was given to Tailor itself.
        extra: what a format of another tool holds besides, so that it can be written again; Tailor does not read it.
    """

    key: str
    row: str
    annotator: str
    values: Values = field(default_factory=dict)
    about: str = ""
    at: str = ""
    seconds: float | None = None
    guideline: str = ""
    suggested: Suggestion | None = None
    skipped: str = ""
    flagged: str = ""
    retracts: str = ""
    role: Role = "label"
    chosen: Why | Literal[""] = ""
    labelled_before: bool = False
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blind(self) -> bool:
        """Whether nothing was suggested to them."""
        return self.suggested is None

    @property
    def subject(self) -> tuple[str, str]:
        """What was judged: the row, and what of it."""
        return self.row, self.about

    @property
    def label(self) -> Any:
        """The right answer of the row as they see it; None where they gave none."""
        return self.values.get(LABEL)


def row_id(row: Identity) -> str:
    """What a row is known by in judgements: 32 hexadecimal digits of a SHA-256 over what is asked.

    Rows that ask the same have the same name, and so have a row before and after a change of its answer, its columns' names, its
    id or its place in the file.
    """
    return hashlib.sha256("\0".join(row.asked).encode()).hexdigest()[:32]


def checked(judgement: Judgement) -> Judgement:
    """The judgement, if it can be kept.

    Raises:
        DataError: a name is empty or too long, a number is none that JSON has, it is too large, or it says two things at once.
    """
    for name in ("key", "row", "annotator"):
        given = getattr(judgement, name)
        if not isinstance(given, str) or not 0 < len(given.strip()) <= len(given) <= LONGEST_NAME:
            raise DataError(f"`{name}` of a judgement is {quoted(given)}; 1 to {LONGEST_NAME} characters are accepted")
    if not (judgement.key.isascii() and judgement.key.isprintable()):
        raise DataError(f"`key` of a judgement is {quoted(judgement.key)}; letters, digits and signs of ASCII are accepted")
    if judgement.role not in ROLES:
        raise DataError(f"`role` of a judgement is {quoted(judgement.role)}; accepted are {', '.join(ROLES)}")
    if judgement.seconds is not None and not (math.isfinite(judgement.seconds) and judgement.seconds >= 0):
        raise DataError(f"`seconds` of a judgement is {judgement.seconds}; a number from 0 up is accepted")
    said = [name for name in ("values", "skipped", "retracts") if getattr(judgement, name)]
    if len(said) > 1 or not (said or judgement.flagged):
        given = " and ".join(f"`{name}`" for name in said) or "nothing"
        raise DataError(f"a judgement gives {given}; one of `values`, `skipped` and `retracts` is accepted, or `flagged` alone")
    try:
        size = len(to_text(judgement))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"a judgement holds what JSON does not: {error}", "Give text, finite numbers, lists and objects."
        ) from error
    if size > JUDGEMENT_BYTES:
        raise DataError(f"a judgement of {size:,} bytes was given; at most {JUDGEMENT_BYTES:,} are accepted")
    return judgement


def to_text(judgement: Judgement) -> str:
    """The judgement as JSON; ASCII, so that halves of surrogate pairs and NUL stay as escapes.

    Raises:
        ValueError: it holds a number that JSON does not have.
        TypeError: it holds another type.
    """
    record = {name: value for name, value in asdict(judgement).items() if value is not False and value not in ("", None, {})}
    return json.dumps(record, sort_keys=True, ensure_ascii=True, allow_nan=False)


def from_text(text: str) -> Judgement:
    """The judgement that `to_text` wrote. Fields of a newer Tailor are left out."""
    record = json.loads(text)
    known = {name: value for name, value in record.items() if name in Judgement.__dataclass_fields__}
    if known.get("suggested"):
        known["suggested"] = Suggestion(**known["suggested"])
    return Judgement(**known)


def is_same(first: Judgement, second: Judgement) -> bool:
    """Whether two judgements say the same: one that was sent again may have another time."""
    return to_text(replace(first, at="", seconds=None)) == to_text(replace(second, at="", seconds=None))


def standing(judgements: Iterable[Judgement]) -> list[Judgement]:
    """The judgements that count, in their order: of each person the last one on each subject, without those that were retracted.

    Where the last one was retracted, the one before it counts again; where a retraction was retracted, what it took back does.

    Args:
        judgements: in the order in which they were added.
    """
    ordered = list(judgements)
    retracted: set[str] = set()
    newest: dict[tuple[str, str, str, str], Judgement] = {}
    for judgement in reversed(ordered):
        if judgement.key in retracted:
            continue
        if judgement.retracts:
            retracted.add(judgement.retracts)
            continue
        newest.setdefault((*judgement.subject, judgement.annotator, judgement.role), judgement)
    kept = {judgement.key for judgement in newest.values()}
    return [judgement for judgement in ordered if judgement.key in kept]


def seen_again(judgements: Iterable[Judgement]) -> set[str]:
    """The rows that people were shown while these had a label already: a second person, whoever settled one, or in the data.

    Args:
        judgements: all of them, also those that count no more: what was seen was seen.
    """
    people: dict[str, set[str]] = {}
    seen = set()
    for one in judgements:
        if not one.about and not one.source:
            people.setdefault(one.row, set()).add(one.annotator)
            if one.labelled_before or one.role == "adjudicated":
                seen.add(one.row)
    return seen | {row for row, names in people.items() if len(names) > 1}


def by_subject(judgements: Sequence[Judgement]) -> dict[tuple[str, str], list[Judgement]]:
    """The judgements by what they are of, in the order of the first of each."""
    found: dict[tuple[str, str], list[Judgement]] = {}
    for judgement in judgements:
        found.setdefault(judgement.subject, []).append(judgement)
    return found

"""Reading the answer out of what a model wrote."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from tailor.data.cells import written_list
from tailor.jsonform import fitting, without_reasoning
from tailor.labels import as_set, display_labels
from tailor.language.detect import UNSPACED_SCRIPTS
from tailor.language.tokens import contains
from tailor.score.denial import is_denied
from tailor.score.phrases import CLAUSES, NO, SURE, YES, without_questions
from tailor.system import System

ANSWER_LINE = re.compile(r"^[\s>*#_-]*(?:the\s+|my\s+)?(?:final\s+)?answer\**\s*:", re.IGNORECASE | re.MULTILINE)

_BEGUN = re.compile(r"[\s>*_#\"'(\[]*(\S.*?)(?:[)\]:]|\.(?=\s)|\s[-–—]\s)")
"""A line that begins with something and a mark: "B) piston", "(B)", "billing: the card was charged"."""
_NOT_BEHIND_A_WORD, _NOT_BEFORE_A_WORD = rf"(?<![^\W{UNSPACED_SCRIPTS}])(?<!\ue000)", rf"(?![^\W{UNSPACED_SCRIPTS}])"
_FIELD = re.compile(
    r"\b(?:label|answer|category|class|intent|topic|sentiment|rating)\b[\s*_`\"']*(?:[:=]|\bis\b)[\s*_`\"':]*", re.IGNORECASE
)
_REASON = re.compile(r"\b(?:because|since|as|with|weil|da)\b|\n", re.IGNORECASE)
_OUT_OF = re.compile(r"(?<=\d)\s*(?:/|out of)\s*\d+(?!\w)", re.IGNORECASE)
_NEGATIVE, _KEPT_MINUS = re.compile(r"(?<![\w-])[-−](?=\d)"), "\ue000"
_INSIDE_A_WORD = re.compile(r"(?<=\w)['’](?=\w)")
_NO_NAME = {"a": re.compile(r"a \w"), "i": re.compile(r"i (?:am|think|would|believe|choose|say|see|guess|pick)\b")}
"""What begins with the label "A" or "I" and is an article or a pronoun."""
_LABELS = r"(?:labels?|tags?|categor(?:y|ies))"
_NONE_APPLIES = re.compile(
    rf"(?:(?:the )?(?:final )?(?:answer|{_LABELS})(?: that (?:apply|applies))?(?: is| are)? )?(?:there (?:is|are) )?"
    rf"(?:none|nothing|n a|none of (?:the above|these|those|them)"
    rf"|(?:no|none of (?:the|these|those))(?: (?:above|given|listed))* {_LABELS})"
    r"(?: (?:that |which )?(?:appl(?:y|ies)|fits?|match(?:es)?|given|found))?(?: here| to (?:this|the) \w+)?"
)
"""What an answer says that may hold several labels, where none applies, in letters alone."""
_SENTENCES = re.compile(r"[.,;:!\n]")
_SIGNS = ("\n", ";", "|", ",", " and ")
_BULLET = re.compile(r"^\s*(?:[-*•]|\d{1,3}[.)])\s+")
_VERDICT = re.compile(r"\W*(.*?\S)\s*(?:[:=|(\[–—-]|\bis\b)\W*(yes|no|true|false)\W*", re.IGNORECASE)
_APPLIES = ("yes", "true")
_JOINED = re.compile(r"\s*(?:,|(?:,\s*)?(?:or|nor|and|oder|und|o|u|y|ou|et)\s)\s*")


def parse_answer(system: System, raw: str) -> str | None:
    """The answer in a model's text: a label as in the data, a set of them, or free text; None where it lacks the form asked for.

    A system that reasons must end in a line "Answer: ...": what follows the last one counts. A label is read as `find_label` says,
    several as `find_labels` does. JSON must fit its schema, and comes in its canonical spelling, without the steps that a system
    writes into it which reasons.
    """
    schema = system.decoding.json_schema
    text: str | None = last_answer(raw) if system.prompt.reasoning and not schema else raw.strip()
    if not text:
        return None
    if schema:
        found = fitting(text, schema)
        return without_reasoning(found) if found and system.prompt.reasoning else found
    if system.decoding.several:
        labels = find_labels(text, system.decoding.labels)
        return None if labels is None else as_set(labels)
    return find_label(text, system.decoding.labels) if system.chooses else text


def last_answer(raw: str) -> str | None:
    """The text behind the last "Answer:" at the start of a line, or None where there is none."""
    lines = list(ANSWER_LINE.finditer(raw))
    return (raw[lines[-1].end() :].strip().strip("*").strip() or None) if lines else None


def find_label(text: str, labels: Sequence[str]) -> str | None:
    """The one label that the text names, or None when it names none or several.

    Labels are compared as they are and as models read them, whatever their case, underscores and punctuation. The first line that
    is a label and nothing else decides (unless three lines and more are), or begins with one and a mark, as in "B) piston"; then a
    line further down; then a mention as whole words that is not denied. A mention inside that of a longer label ("lost card" in
    "lost card fee") does not count.
    """
    if text in labels:
        return text
    form = _comparable(labels)
    if all(label.strip().lstrip("-").isdigit() for label in labels):
        text = _OUT_OF.sub("", text)
    by_name = {form(shown): label for shown, label in zip(display_labels(labels), labels, strict=True)}
    by_name |= {form(label): label for label in labels}
    lines = {line: form(line) for line in text.splitlines() if form(line)}
    if all(name in by_name for name in lines.values()) and len({by_name[name] for name in lines.values()}) > 2:
        return None  # a list of what might be meant
    for line, name in list(lines.items())[:1]:
        begun = _BEGUN.match(line)
        if (name := name if name in by_name else form(begun[1]) if begun else "") in by_name:
            return by_name[name]
    plain = SURE.sub(" ", without_questions(text))
    found = {by_name[line] for line in lines.values() if line in by_name} if plain == text else set()
    found = found or _in_a_field(plain, by_name, form) or _mentioned(plain, by_name, form)
    return found.pop() if len(found) == 1 else None


def _in_a_field(text: str, by_name: dict[str, str], form: Callable[[str], str]) -> set[str]:
    """The labels that come after "Label:" or "the category is", where each such field names one."""
    fields = [_REASON.split(CLAUSES.split(text[match.end() :], maxsplit=1)[0])[0] for match in _FIELD.finditer(text)]
    named = [[label for label, denied in _longest(form(field), by_name) if not denied] for field in fields]
    return {labels[0] for labels in named if labels} if all(len({*labels}) < 2 for labels in named) else set()


def _mentioned(text: str, by_name: dict[str, str], form: Callable[[str], str]) -> set[str]:
    """The labels that are named and not denied, clause by clause; in the whole text where a label has marks of its own."""
    clauses = [form(clause) for clause in CLAUSES.split(text) if clause]
    spans = [span for clause in clauses for span in _longest(clause, by_name)]
    if spans:
        return {label for label, denied in spans if not denied}
    named = {label for label, denied in _longest(form(text), by_name) if not denied}
    return named or {label for name, label in by_name.items() if len(name) > 1 and contains(text, name)}


def _longest(text: str, by_name: dict[str, str]) -> list[tuple[str, bool]]:
    """Each mention of a label in the text that is not part of a longer one's, and whether it is denied."""
    spans = [
        (match.start(), match.end(), label)
        for name, label in by_name.items()
        for match in re.finditer(rf"{_NOT_BEHIND_A_WORD}{re.escape(name)}{_NOT_BEFORE_A_WORD}", text)
        if name not in _NO_NAME or not _NO_NAME[name].match(text, match.start())
    ]
    whole = [span for span in spans if not any(s <= span[0] and span[1] <= e and e - s > span[1] - span[0] for s, e, _ in spans)]
    found: list[tuple[str, bool]] = []
    end, denied = 0, False
    for start, stop, label in sorted(whole):
        joined = denied and _JOINED.fullmatch(text, end, start)  # "not A or B"
        denied = bool(joined) or _is_denied(text[:start].rstrip(), text[stop:], label)
        found.append((label, denied))
        end = stop
    return found


def _is_denied(before: str, after: str, label: str) -> bool:
    no = before.endswith(" no") and label.casefold() not in YES | NO
    return no or is_denied(before, after)


def _comparable(labels: Sequence[str]) -> Callable[[str], str]:
    """The loosest way to compare texts that still tells the labels apart: "C" and "C++" keep signs, "Us" and "us" case."""
    for form in (_letters, _folded):
        forms = {form(label) for label in labels}
        if len(forms) == len(labels) and "" not in forms:
            return form
    return str.strip


def _letters(text: str) -> str:
    return " ".join("".join(" " if unicodedata.category(c)[0] in "PS" else c for c in _folded(text)).split())


def _folded(text: str) -> str:
    text = _INSIDE_A_WORD.sub("", unicodedata.normalize("NFKC", text)).casefold()
    return _NEGATIVE.sub(_KEPT_MINUS, " ".join(text.split()))


def find_labels(text: str, labels: Sequence[str]) -> tuple[str, ...] | None:
    """The labels that a text lists, () where it says that none applies, or None where it says neither.

    It lists them as JSON, by lines, or between semicolons, bars, commas or "and", and may say yes or no of each, in one of several
    ways; a part that is no label names those that it mentions as whole words and does not deny.
    """
    form = _comparable(labels)
    by_name = {form(shown): label for shown, label in zip(display_labels(labels), labels, strict=True)}
    by_name |= {form(label): label for label in labels}
    items = written_list(text)
    parts = list(_listed(text, by_name, form)) if items is None else [part for part in items if isinstance(part, str)]
    if not parts or (len(parts) == 1 and form(parts[0]) not in by_name and _says_none(parts[0])):
        return () if items == [] or parts else None
    read = [_verdict(part, by_name, form) for part in parts]
    known = [([by_name[form(part)]] if form(part) in by_name else _named(part, by_name, form), applies) for part, applies in read]
    if not any(named for named, _ in known):
        return () if items is None and any(map(_says_none, (text, *_SENTENCES.split(text)))) else None
    return tuple(dict.fromkeys(label for named, applies in known if applies for label in named))


def _says_none(text: str) -> bool:
    return _NONE_APPLIES.fullmatch(_letters(text)) is not None


def _verdict(part: str, by_name: dict[str, str], form: Callable[[str], str]) -> tuple[str, bool]:
    """A part without the yes or no that it says of a label, and whether it applies; a label may end so itself."""
    said = None if form(part) in by_name else _VERDICT.fullmatch(part)
    return (said[1], said[2].casefold() in _APPLIES) if said else (part, True)


def _named(text: str, by_name: dict[str, str], form: Callable[[str], str]) -> list[str]:
    return sorted(_mentioned(SURE.sub(" ", without_questions(text)), by_name, form))


def _listed(text: str, by_name: dict[str, str], form: Callable[[str], str]) -> Iterator[str]:
    """The parts of a list; what is a label is no list."""
    text = _BULLET.sub("", text).strip()
    sign = next((sign for sign in _SIGNS if sign in text), None)
    if sign is None or form(text) in by_name or form(_verdict(text, by_name, form)[0]) in by_name:
        yield from [text] if text else []
        return
    for part in text.split(sign):
        yield from _listed(part, by_name, form)

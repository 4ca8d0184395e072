"""What looks like personal data or a secret in one text, and how it is shown without showing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tailor.data.personal.addresses import addresses
from tailor.data.personal.numbers import cards, ibans, identity_numbers
from tailor.data.personal.phones import phones

Found = tuple[int, int]

_WORTH_A_LOOK = re.compile(r"\d|@|PRIVATE KEY|[Pp]assw|secret|[Kk]ey")
_ROLES = frozenset(
    "info support help helpdesk service services contact hello hi mail office sales admin administrator webmaster postmaster "
    "noreply no-reply donotreply do-not-reply billing accounts press jobs careers team enquiries inquiries privacy security "
    "abuse git root kontakt bestellung kundenservice contacto contato contatto".split()
)
"""The part before the @ in addresses of offices, which belong to no person."""
_EMAIL = re.compile(
    r"(?<![\w.+%-])([\w.+%'-]{1,64})@(?:[\w-]{1,63}\.){0,8}(?=[\w-]{0,62}[^\W\d_])[\w-]{1,63}\.([^\W\d_]{2,24})(?![\w@]|:[\w~/])"
)
_FILES = frozenset("png jpg jpeg gif webp svg pdf css js ts json tgz zip gz md txt".split())

_SECRET = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{20,}|[rsp]k_(?:live|test)_\w{16,}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{30,}|"
    r"github_pat_\w{22,}|"
    r"glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|"
    r"SG\.[\w-]{16,}\.[\w-]{16,}|ya29\.[\w-]{20,}|gsk_\w{20,}|xai-\w{20,}|r8_\w{20,}|dop_v1_[0-9a-f]{32,}|"
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"  # as providers begin them; the last is a JSON Web Token
    r"|(?i:\bbearer )(?=[\w.-]*\d)[\w.-]{24,}"
    r"|(?i:\b(?:api[ _-]?key|secret(?:[ _-]key)?|access[ _-]token|auth[ _-]token|client[ _-]secret|password|passwd|passwort|"
    r"mot de passe|"
    r"contraseña)\b[\"']?(?: is|: ?| ?= ?|:? ist|:? est)[ \"'`]{0,2})(?=[^\s\"']*\d)(?=[^\s\"']*[A-Za-z])[^\s\"'`<>{}$*]{8,}"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-\d")

_WORD = r"[A-ZÀ-ÖØ-ÞŁŚŻŹĆ][a-zà-öø-ÿąćęłńóśźż]+(?:[-'’][A-ZÀ-ÖØ-Þ]?[a-zà-öø-ÿ]+)?"
_TITLE = r"(?:Mrs?|Ms|Miss|Dr|Prof|Herrn?|Frau|Mme|Mlle|Monsieur|Madame|Sra?|Señora?|Sig(?:nora?|\.ra|\.)|Dhr|Mevr|Pani?)\.? "
_NAME = rf"(?:{_TITLE}(?:{_WORD} ){{0,2}}{_WORD}|{_WORD} (?:(?:van|von|de|da|di|del|den|der|dos) ){{0,2}}(?:[A-Z]\. )?{_WORD})"
_NO_NAME = frozenset(
    "account accounts number customer client member policy passport licence license patient employee card insurance service "
    "services support order hello hi my your our the please thanks thank bank team desk help invoice payment national social "
    "security tax online pay premium gold street road city north south east west new great united january february march "
    "april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday "
    "company group house hotel store for from with and what when where which why how this that these those sehr geehrte "
    "kundennummer konto kunde cuenta cliente conto numéro número numero".split()
)
_OWNED = (
    r"(?i:(?:account|acct|customer|client|member(?:ship)?|policy|passport|licen[cs]e|patient|employee|staff|payroll|insurance|"
    r"nhs|ssn|social security|"
    r"national insurance|tax|sort code|student|kunden|konto|ausweis|versicherungs|steuer|personal|pass|compte|dossier|cliente?|"
    r"cuenta|conto|"
    r"pasaporte|passaporto|passaporte|tessera|klant|rekening|rg)"
    r"(?:[ -]?(?:number|no|nr|nummer|num|id|#|n°|code|numéro))?)"
)
_NUMBER = r"(?=[A-Z0-9 -]*\d{4})(?:[A-Z]{0,3}\d[\d -]{4,16}\d[A-Z]?|[A-Z]{1,3}\d{5,12}[A-Z]?)(?![\w%]|[.,:/-]\d)"
_NAME_AND_NUMBER = re.compile(
    rf"(?<!\w)(?P<name>{_NAME})\b[^.!?\n\d]{{0,25}}\b{_OWNED}[^\w\n]{{0,3}}(?:is |ist |est |es |è )?{_NUMBER}"
    rf"|\b{_OWNED}[^\w\n]{{0,3}}(?:is |ist |est |es |è )?{_NUMBER}[^.!?\n\d\w]{{1,3}}(?:(?:in the name of|name|for|belongs to|"
    rf"holder|of) )?(?P<after>{_NAME})(?!\w)"
)

_DAY = (
    r"(?:\d{1,2}([./ -])\d{1,2}\1(?:19|20)?\d\d|(?:19|20)\d\d([./-])\d{1,2}\2\d{1,2}|\d{1,2}(?:st|nd|rd|th|er|º|\.)?(?: de|"
    r" of)? [^\W\d_]{3,12}\.?,?(?: de| del)? (?:19|20)\d\d|"
    r"[^\W\d_]{3,10} \d{1,2}(?:st|nd|rd|th)?,? (?:19|20)\d\d|(?:19|20)\d\d年\d{1,2}月\d{1,2}日)(?!\d)"
)
_BORN = re.compile(
    r"(?i:\b(?:date of birth|birth ?dates?|d\.?o\.?b\.?|geburtsdatum|date de naissance|fecha de nacimiento|data di nascita|"
    r"geboortedatum|"
    r"data de nascimento|data urodzenia|födelsedatum)|生年月日)[^\d\n]{0,14}?" + _DAY
)
_BORN_NAMED = re.compile(
    rf"(?:(?<!\w){_NAME}|\b(?i:i am|i'm|i was|my (?:son|daughter|wife|husband|mother|father|child)|ich bin|je suis|ho|sono|"
    rf"soy))\b[^.!?\n\d]{{0,25}}"
    r"\b(?:born(?: on)?|b\.|geboren(?: am| op)?|geb\.|née?(?: le)?|nacid[oa](?: el)?|nat[oa](?: il)?|nascid[oa](?: em)?|"
    r"urodzon[ya]|\*)[ :]{0,2}" + _DAY
)


class Mark(NamedTuple):
    """A stretch of a text that looks like personal data or a secret: of which sort (a key of `SORTS`), and where."""

    sort: str
    start: int
    end: int


def find_personal(text: str) -> list[Mark]:
    """What looks like personal data or a secret in a text, in order; of stretches that overlap, the first sort of `SORTS`.

    Found are forms and not people: a name alone is none, a number counts by its form, its check or the words next to it. An address
    of an office, such as `support@`, is left out.
    """
    if not _WORTH_A_LOOK.search(text):
        return []
    found: list[Mark] = []
    for sort, find in _FINDERS.items():
        for start, end in find(text):
            if all(end <= mark.start or start >= mark.end for mark in found):
                found.append(Mark(sort, start, end))
    return sorted(found, key=lambda mark: mark.start)


def masked(text: str) -> str:
    """A text with its letters and digits as `*`, but for the first one and the last two; of a long one the middle is left out."""
    kept = [place for place, sign in enumerate(text) if sign.isalnum()]
    shown = {*kept[:1], *(kept[-2:] if len(kept) > 6 else ())}
    hidden = "".join("*" if sign.isalnum() and place not in shown else sign for place, sign in enumerate(text))
    hidden = " ".join(hidden.split())
    return hidden if len(hidden) <= 32 else f"{hidden[:18]}…{hidden[-8:]}"


def _spans(pattern: re.Pattern[str]) -> Callable[[str], Iterable[Found]]:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _emails(text: str) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        if match[1].casefold() not in _ROLES and match[2].casefold() not in _FILES:
            yield match.span()


def _names_and_numbers(text: str) -> Iterator[Found]:
    for match in _NAME_AND_NUMBER.finditer(text):
        name = match["name"] or match["after"]
        if not _NO_NAME & {word.casefold() for word in re.split(r"[\s.]+", name)}:
            yield match.span()


def _births(text: str) -> Iterator[Found]:
    for pattern in (_BORN, _BORN_NAMED):
        yield from (match.span() for match in pattern.finditer(text))


SORTS = {
    "private key": "private keys",
    "API key or password": "API keys or passwords",
    "e-mail address": "e-mail addresses",
    "bank account (IBAN)": "bank accounts (IBAN)",
    "payment card": "payment cards",
    "identity number": "identity numbers",
    "name with a number": "names with a number",
    "date of birth": "dates of birth",
    "phone number": "phone numbers",
    "postal address": "postal addresses",
}
"""What is looked for, and its plural, in the order in which one stretch is taken for one of them."""

_FINDERS: dict[str, Callable[[str], Iterable[Found]]] = dict(
    zip(
        SORTS,
        (
            *(_spans(_PRIVATE_KEY), _spans(_SECRET), _emails, ibans, cards, identity_numbers),
            *(_names_and_numbers, _births, phones, addresses),
        ),
        strict=True,
    )
)

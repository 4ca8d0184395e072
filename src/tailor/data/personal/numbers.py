"""Numbers that carry a check: payment cards, bank accounts and identity numbers. A number whose check fails is none of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Found = tuple[int, int]
"""First and last place (exclusive) of what was found in a text."""

_CARD = re.compile(
    r"(?<![\w.,/+-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5})(?![\w/]|[-.,]\w)"
)
_ISSUERS = re.compile(
    r"4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|3(?:0[0-5]|[689])|35(?:2[89]|[3-8])|6(?:011|4[4-9]|5)|62|5[0678]|6[37]"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:[ -]?[A-Za-z0-9]){11,34}")
_IBAN_LENGTHS = {
    code: int(length)
    for length, codes in (
        ("15", "NO"),
        ("16", "BE"),
        ("18", "DK FI FO GL NL"),
        ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU XK"),
        ("21", "CH HR LI LV"),
        ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL IQ TL"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG"),
        ("25", "PT LY ST"),
        ("26", "IS TR"),
        ("27", "FR GR IT MC MR SM"),
        ("28", "AL AZ BY CY DO GT HU LB PL SV"),
        ("29", "BR EG PS QA UA"),
        ("30", "JO KW MU"),
        ("31", "MT SC"),
        ("32", "LC"),
    )
    for code in codes.split()
}
"""Characters of an IBAN by country, as the IBAN registry of SWIFT lists them (ISO 13616)."""


def cards(text: str) -> Iterator[Found]:
    """Numbers of payment cards: the length and the first digits of an issuer (ISO/IEC 7812), and a valid Luhn digit."""
    for match in _CARD.finditer(text):
        digits = _digits(match[0])
        if 13 <= len(digits) <= 19 and _ISSUERS.match(digits) and len(set(digits)) > 1 and _luhn(digits):
            yield match.span()


def ibans(text: str) -> Iterator[Found]:
    """International bank account numbers: the length of their country, and 1 as remainder by 97 (ISO 13616)."""
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper(), 0)
        kept = [place for place, sign in enumerate(match[0]) if sign.isalnum()]
        if not length or len(kept) < length:
            continue
        end = match.start() + kept[length - 1] + 1
        account = "".join(sign for sign in text[match.start() : end] if sign.isalnum()).upper()
        moved = "".join(str(int(sign, 36)) for sign in account[4:] + account[:4])
        if not text[end : end + 1].isalnum() and int(moved) % 97 == 1:
            yield match.start(), end


def identity_numbers(text: str) -> Iterator[Found]:
    """Numbers by which states know people: of ten countries, by their form and by their check where they have one."""
    for pattern, check in _IDENTITIES:
        for match in pattern.finditer(text):
            if check(match[0]):
                yield match.span()


def _digits(text: str) -> str:
    return "".join(sign for sign in text if sign.isdecimal())


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


# Identity numbers


def _spain(text: str) -> bool:
    number = text.upper().replace("-", "")
    value = int(number[:-1].translate(str.maketrans("XYZ", "012")))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[value % 23] == number[-1]


def _france(text: str) -> bool:
    number = text.replace(" ", "").upper()
    digits = number.replace("2A", "19").replace("2B", "18") if number[5:7] in ("2A", "2B") else number
    return digits.isdecimal() and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _brazil(text: str) -> bool:
    digits = [int(digit) for digit in _digits(text)]
    checks = [sum(d * (n + 1 - i) for i, d in enumerate(digits[:n])) * 10 % 11 % 10 for n in (9, 10)]
    return len(set(digits)) > 1 and checks == digits[9:]


def _switzerland(text: str) -> bool:
    digits = [int(digit) for digit in _digits(text)]
    return sum(digit * (1 + 2 * (place % 2)) for place, digit in enumerate(digits)) % 10 == 0


def _italy(text: str) -> bool:
    odd = dict(zip("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", [1, 0, 5, 7, 9, 13, 15, 17, 19, 21] + _ITALIAN, strict=True))
    even = {sign: int(sign, 36) - (0 if sign.isdecimal() else 10) for sign in odd}
    code = text.upper()
    total = sum((even if place % 2 else odd)[sign] for place, sign in enumerate(code[:15]))
    return chr(ord("A") + total % 26) == code[15]


_ITALIAN = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]


def _poland(text: str) -> bool:
    digits = [int(digit) for digit in _digits(text)]
    return sum(d * w for d, w in zip(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True)) % 10 == 0


def _netherlands(text: str) -> bool:
    digits = [int(digit) for digit in _digits(text)]
    return sum(d * w for d, w in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True)) % 11 == 0


def _any(text: str) -> bool:
    return True


_END = r"(?![\w]|[-.]\d)"
_IDENTITIES: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = tuple(
    (re.compile(rf"(?<![\w.-]){pattern}{_END}"), check)
    for pattern, check in (
        (r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}", _any),  # United States, social security
        (r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _any),  # United Kingdom, national insurance
        (r"(?:\d{8}|[XYZ]\d{7})-?[A-Z]", _spain),
        (r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", _france),
        (r"\d{3}\.\d{3}\.\d{3}-\d{2}", _brazil),
        (r"756\.\d{4}\.\d{4}\.\d{2}", _switzerland),
        (r"[A-Za-z]{6}\d{2}[A-EHLMPR-Ta-ehlmpr-t]\d{2}[A-Za-z]\d{3}[A-Za-z]", _italy),
    )
) + tuple(
    (re.compile(rf"(?<=\b(?i:{cue})){pattern}{_END}"), check)
    for cue, pattern, check in (
        (r"PESEL ", r"\d{11}", _poland),
        (r"PESEL: ", r"\d{11}", _poland),
        (r"BSN ", r"\d{9}", _netherlands),
        (r"BSN: ", r"\d{9}", _netherlands),
        (r"Aadhaar ", r"[2-9]\d{3} \d{4} \d{4}", _any),
        (r"Aadhaar: ", r"[2-9]\d{3} \d{4} \d{4}", _any),
    )
)

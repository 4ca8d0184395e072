"""promptfoo's configurations and its tables of tests: variables are columns, what an assertion takes for right is `expected`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

import yaml

from tailor.data.finding import Finding
from tailor.errors import DataError, quoted
from tailor.outside import load_yaml

EQUAL = ("equals", "contains", "icontains", "contains-any", "icontains-any", "similar")
"""Assertions whose value is a right answer, the strictest first; a list of values, of which any is right."""
EXPECTED = "expected"
SCORED = "file://tailor_score.py"
"""Names the script of an exported configuration (`tailor.export.grading`)."""
MOST_TESTS = 100_000
PROMPT_SHOWN = 300

_VARIABLE = re.compile(r"\{\{[^{}]*\}\}")
_TYPED = re.compile(r"(not-)?([a-z-]+)(?:\([^)]*\))?(?:\s*:\s*(.*))?", re.DOTALL)
_COLUMN = re.compile(r"__expected\d*")

Object = Mapping[str, object]
Read = tuple[Sequence[Object], tuple[Finding, ...]]


def is_config(value: object) -> bool:
    """Whether something is a configuration of promptfoo: tests next to prompts, providers or a description."""
    return isinstance(value, Mapping) and "tests" in value and bool({"prompts", "providers", "targets", "defaultTest"} & set(value))


def read_promptfoo(name: str, text: str) -> Read:
    """A row for each test of a configuration in YAML.

    Raises:
        DataError: it is no such configuration, or its tests are not in it.
    """
    try:
        value = load_yaml(text)
    except (yaml.YAMLError, RecursionError) as error:
        why = str(error).splitlines()[0] if str(error) else "it cannot be read"
        raise DataError(f"{name} is not YAML: {why}", "Give a configuration of promptfoo, or a table.") from error
    if isinstance(value, list) and value and all(isinstance(test, Mapping) and "vars" in test for test in value):
        value = {"tests": value, "prompts": []}  # a file of tests alone
    if not is_config(value):
        keys = ", ".join(quoted(str(key)) for key in list(value)[:6]) if isinstance(value, Mapping) else "no settings"
        raise DataError(
            f"{name} holds {keys}, and no configuration of promptfoo with `prompts` and `tests`",
            "Accepted in YAML are such configurations; save a table as CSV, JSON or Parquet.",
        )
    return config_rows(name, value)


def config_rows(name: str, config: object) -> Read:
    """A row for each test: its variables, `expected`, and `instruction` with what the one prompt says around its variables.

    Raises:
        DataError: the tests lie in another file, or one is no test.
    """
    assert isinstance(config, Mapping)
    tests, default = config["tests"], config.get("defaultTest")
    if isinstance(tests, str) or (isinstance(tests, list) and any(isinstance(test, str) for test in tests)):
        where = tests if isinstance(tests, str) else next(test for test in tests if isinstance(test, str))
        raise DataError(f"{name} keeps its tests in {quoted(where, 120)}", "Give that file, if it is a table of tests.")
    if not isinstance(tests, list) or not tests:
        raise DataError(f"{name} has no tests", "Each row is made of a test with `vars` and `assert`.")
    shared = default if isinstance(default, Mapping) else {}
    rows: list[Object] = []
    left: Counter[str] = Counter()
    bare = 0
    for number, test in enumerate(tests, start=1):
        if not isinstance(test, Mapping) or not isinstance(test.get("vars", {}), Mapping):
            raise DataError(f"{name}: test {number} has no `vars` of its own", "Write the variables of each test into it.")
        asserts = [*_listed(shared.get("assert")), *_listed(test.get("assert"))]
        expected, others = _expected(asserts)
        left.update(others)
        bare += expected is None
        rows += _with_each({**_mapping(shared.get("vars")), **_mapping(test.get("vars"))}, expected)
        if len(rows) > MOST_TESTS:
            raise DataError(f"{name} makes more than {MOST_TESTS:,} tests", "Give fewer values for each variable.")
    instruction, note = _instruction(name, config.get("prompts"))
    made = [{"instruction": instruction, **row} for row in rows] if instruction and "instruction" not in rows[0] else rows
    return made, tuple(_told(name, len(tests), left, bare, note))


def _told(name: str, tests: int, left: Counter[str], bare: int, note: str) -> Iterator[Finding]:
    yield Finding("note", f"{name} is a configuration of promptfoo with {tests:,} tests; variables are columns.{note}")
    if left:
        advice = "Limits on form can be written as `constraints`, what a judge should look at as a `rubric`."
        kinds = ", ".join(f"{quoted(kind, 40)} ({count:,})" for kind, count in left.most_common())
        what = f"{name} has assertions that name no right answer, which are not used: {kinds}."
        yield Finding("warning", what, advice=advice)
    if bare:
        yield Finding("warning", f"{name}: {bare:,} of {tests:,} tests name no right answer, so their rows have none.")


def flatten_tests(name: str, rows: Sequence[Object]) -> Read:
    """Rows of a table of tests, with `expected` made of its columns `__expected`; other rows as they are.

    A value there is a right answer, or an assertion such as `contains: paid`.
    """
    columns = [key for key in dict.fromkeys(key for row in rows[:1] for key in row) if _COLUMN.fullmatch(key)]
    if not columns:
        return rows, ()
    left: Counter[str] = Counter()
    made: list[Object] = []
    for row in rows:
        asserts = [_assertion(str(row[key])) for key in columns if str(row.get(key) or "").strip()]
        expected, others = _expected(asserts)
        left.update(others)
        made.append({**{key: value for key, value in row.items() if not key.startswith("__")}, EXPECTED: expected})
    bare = sum(row[EXPECTED] is None for row in made)
    unused = [key for key in rows[0] if key.startswith("__") and key not in columns]
    return made, tuple(_told_table(name, len(rows), left, bare, unused))


def _told_table(name: str, tests: int, left: Counter[str], bare: int, unused: Sequence[str]) -> Iterator[Finding]:
    first, *others = _told(name, tests, left, bare, "")
    yield Finding(first.level, f"{name} is a table of promptfoo's tests; `__expected` is read as {quoted(EXPECTED)}.")
    if unused:
        yield Finding(
            "warning", f"{name} has columns of settings for promptfoo, which are not used: {', '.join(map(quoted, unused))}."
        )
    yield from others


def _assertion(text: str) -> Object:
    """An assertion as promptfoo writes it into a cell: `type: value`, or a value that has to be equal."""
    typed = _TYPED.fullmatch(text.strip())
    if typed and typed[3] is None and typed[2] in _OTHER and typed[2].startswith(("is-", "contains-")):
        return {"type": typed[0]}  # these need no value
    if typed and typed[3] is not None and (typed[2] in EQUAL or typed[2] in _OTHER):
        value: object = typed[3].strip()
        if typed[2].endswith(("-any", "-all")):
            value = [part.strip() for part in str(value).split(",")]
        return {"type": f"{typed[1] or ''}{typed[2]}", "value": value}
    return {"type": "equals", "value": text}


_OTHER = frozenset(
    "contains-all icontains-all starts-with regex is-json contains-json is-html contains-html is-sql contains-sql is-xml "
    "contains-xml javascript python ruby webhook llm-rubric model-graded-closedqa factuality answer-relevance context-recall "
    "context-relevance context-faithfulness rouge-n bleu meteor levenshtein latency cost perplexity perplexity-score "
    "classifier moderation is-refusal g-eval grade fn eval select-best word-count".split()
)


def _expected(asserts: Sequence[object]) -> tuple[object, list[str]]:
    """The right answers that assertions name, None for none, and the types of those that name none."""
    named: dict[str, list[object]] = {}
    others = []
    for item in asserts:
        kind = str(item.get("type", "")) if isinstance(item, Mapping) else str(item)
        value = item.get("value") if isinstance(item, Mapping) else None
        if value == SCORED:  # Tailor's own, which was exported with the right answers
            answers = _listed(_mapping(_mapping(item).get("config")).get("answers"))
            kind, value = EQUAL[0], answers[0] if len(answers) == 1 else answers
        plain = all(isinstance(one, str | int | float) and not _VARIABLE.search(str(one)) for one in _listed(value))
        if kind in EQUAL and value not in (None, "", []) and plain and not str(value).startswith("file://"):
            named.setdefault(kind, []).append(value)
        else:
            others.append(kind or "without a type")
    best = next((kind for kind in EQUAL if kind in named), "")
    others += [kind for kind, values in named.items() for _ in values[kind == best :]]
    found = named[best][0] if best else None
    return ([_as_text(one) for one in found] if isinstance(found, list) else None if found is None else _as_text(found)), others


def _as_text(value: object) -> str:
    """A value as promptfoo shows it to a model."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_each(variables: Mapping[str, object], expected: object) -> Iterator[Object]:
    """A row for each combination of values, where a variable lists several texts, as promptfoo tests them."""
    choices = [
        value if isinstance(value, list) and value and isinstance(value[0], str) else [value] for value in variables.values()
    ]
    for values in product(*choices):
        yield {**dict(zip(variables, values, strict=True)), EXPECTED: expected}


def _instruction(name: str, prompts: object) -> tuple[str, str]:
    """What the one prompt says in front of its variables, and a sentence on what is not taken over."""
    found = [_text_of(prompt) for prompt in _listed(prompts)]
    if not found:
        return "", ""
    if len(found) > 1 or not found[0] or found[0].startswith("file://") or found[0].lstrip().startswith(("[", '{"')):
        return "", f" Its {len(found):,} prompts are not taken over: write what you want as `instruction`."
    before, *after = _VARIABLE.split(found[0])
    if any(part.strip() for part in after):
        return "", f" Its prompt has text behind a variable and is not taken over: {quoted(found[0], PROMPT_SHOWN)}."
    return before.strip().rstrip(":").strip(), ""


def _text_of(prompt: object) -> str:
    if isinstance(prompt, Mapping):
        prompt = prompt.get("raw", prompt.get("content", ""))
    return prompt.strip() if isinstance(prompt, str) else ""


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def _mapping(value: object) -> Object:
    return value if isinstance(value, Mapping) else {}

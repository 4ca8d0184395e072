"""Answers held to a form: whatever a model prefers, what it may write has the form, and everything of that form may be written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import LABELS, chat, open_tiny

from tailor.errors import ConfigError
from tailor.models.base import Request
from tailor.models.constrain import GrammarGuide, Grammars, check_form

LONGEST = 300
PADDING = 7
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "nights": {"type": "integer", "minimum": 1, "maximum": 30}},
    "required": ["city", "nights"],
    "additionalProperties": False,
}
quick = settings(deadline=None, derandomize=True, max_examples=60)


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> Any:
    return open_tiny(tiny_folder).tokenizer


@pytest.fixture(scope="module")
def ends(tokenizer: Any) -> frozenset[int]:
    return frozenset(tokenizer.convert_tokens_to_ids(["<|stop|>", "<|end|>"]))


@pytest.fixture(scope="module")
def constraints(tokenizer: Any, ends: frozenset[int]) -> Grammars:
    return Grammars(tokenizer, ends)


def allowed(guide: GrammarGuide, size: int) -> set[int]:
    import torch

    logits = torch.zeros(size)
    guide.restrict(logits)
    assert set(logits.tolist()) <= {0.0, float("-inf")}
    return set(torch.nonzero(logits == 0).flatten().tolist())


def walk(guide: GrammarGuide, tokenizer: Any, ends: frozenset[int], seed: int) -> str | None:
    """What a model without sense writes: it prefers tokens at random, after a while to end where it may; None if it never did."""
    import torch

    drawer = torch.Generator().manual_seed(seed)
    written: list[int] = []
    while len(written) < LONGEST:
        logits = torch.rand(len(tokenizer) + PADDING, generator=drawer)
        logits[sorted(ends)] += len(written) / 10
        guide.restrict(logits)
        token = int(logits.argmax())
        if token in ends:
            return str(tokenizer.decode(written))
        guide.accept(token)
        written.append(token)
    return None


def follow(guide: GrammarGuide, tokenizer: Any, text: str) -> bool:
    """Whether the text may be written, token by token."""
    for token in tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]:
        if token not in allowed(guide, len(tokenizer)):
            return False
        guide.accept(token)
    return True


# --- regular expressions

pieces = st.one_of(
    st.text("ab 1-é/#\\\"'<>{}[]()|.*+?^$\n日", min_size=1, max_size=3).map(re.escape),
    # not \w and \s, which hold a few rare characters more or less in other libraries
    st.sampled_from(["[a-f]", "[^a]", "[0-9]", ".", "(?s:.)", r"\n", r"<\|stop\|>", "(?i:yes)", "(x)", "(?:)"]),
)
expressions = st.recursive(
    pieces,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "*?"])).map(lambda two: f"(?:{two[0]}){two[1]}"),
    ),
    max_leaves=6,
)


@given(expressions, st.integers(0, 2**32))
@quick
def test_what_may_be_written_matches_the_expression(
    constraints: Grammars, tokenizer: Any, ends: frozenset[int], pattern: str, seed: int
) -> None:
    text = walk(constraints.guide(pattern), tokenizer, ends, seed)
    assert text is None or re.fullmatch(pattern, text), text


@given(st.data(), expressions)
@quick
def test_what_matches_the_expression_may_be_written(constraints: Grammars, tokenizer: Any, data: Any, pattern: str) -> None:
    text = data.draw(
        st.from_regex(re.compile(pattern), fullmatch=True).filter(lambda text: len(text) < 50 and "\ud800" > max(text + " "))
    )
    guide = constraints.guide(pattern)
    assert follow(guide, tokenizer, text) and tokenizer.eos_token_id in allowed(guide, len(tokenizer))


@given(st.lists(st.text("abc é_1?.", min_size=1, max_size=8), min_size=1, max_size=6, unique=True), st.integers(0, 2**32))
@quick
def test_of_labels_one_is_written_whole(
    constraints: Grammars, tokenizer: Any, ends: frozenset[int], labels: list[str], seed: int
) -> None:
    assert walk(constraints.guide("|".join(map(re.escape, labels))), tokenizer, ends, seed) in labels


def test_an_answer_may_end_at_a_label_and_go_on_to_a_longer_one(
    constraints: Grammars, tokenizer: Any, ends: frozenset[int]
) -> None:
    guide = constraints.guide("|".join(map(re.escape, LABELS)))
    for stretch, may_end in (("charge", False), ("d", True), (" too ", False), ("much", True)):
        assert follow(guide, tokenizer, stretch)
        left = allowed(guide, len(tokenizer))
        assert left & ends == (ends if may_end else set()), stretch
    assert left == ends


def test_a_control_token_is_never_written_for_its_name(constraints: Grammars, tokenizer: Any, ends: frozenset[int]) -> None:
    name = "<|stop|>"
    forms = {"pattern": re.escape(name)}, {"json_schema": json.dumps({"const": name})}
    for form, written in zip(forms, (name, f'"{name}"'), strict=True):
        assert walk(constraints.guide(**form), tokenizer, ends, 0) == written


def test_neither_other_controls_nor_padding_may_be_written(constraints: Grammars, tokenizer: Any, ends: frozenset[int]) -> None:
    controls = set(tokenizer.convert_tokens_to_ids(["<|start|>", "<|header|>"]))
    left = allowed(constraints.guide("(?s:.*)"), len(tokenizer) + PADDING)
    assert ends < left and not left & controls and max(left) < len(tokenizer)
    # and a model with fewer rows than its tokenizer has tokens keeps to those it has
    assert allowed(constraints.guide("(?s:.*)"), 100) == {token for token in left if token < 100}


def test_guides_of_one_form_do_not_know_of_each_other(constraints: Grammars, tokenizer: Any) -> None:
    first, second = constraints.guide("ab+"), constraints.guide("ab+")
    before = allowed(second, len(tokenizer))
    assert follow(first, tokenizer, "abb") and allowed(second, len(tokenizer)) == before != allowed(first, len(tokenizer))


# --- JSON schemas

properties = st.dictionaries(st.text('ab é"\\', min_size=1, max_size=3), st.deferred(lambda: schemas), max_size=3)
schemas: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from(
        [{"type": "boolean"}, {"type": "null"}, {"type": "string", "maxLength": 4}, {"type": "string", "pattern": "^a+$"}]
    ),
    st.tuples(st.integers(-20, 20), st.integers(0, 30)).map(lambda n: {"type": "integer", "minimum": n[0], "maximum": n[0] + n[1]}),
    st.lists(st.sampled_from(["x", "y z", '"', 3, None, True]), min_size=1, max_size=3, unique_by=repr).map(lambda e: {"enum": e}),
    st.deferred(lambda: schemas).map(lambda inner: {"type": "array", "items": inner, "minItems": 1, "maxItems": 2}),
    st.tuples(properties, st.booleans()).map(
        lambda p: {"type": "object", "properties": p[0], "required": [*p[0]] if p[1] else [], "additionalProperties": False}
    ),
)


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value fits a schema of the kind made above."""
    if "enum" in schema:
        return any(type(value) is type(option) and value == option for option in schema["enum"])
    if (
        type(value)
        is not {"boolean": bool, "null": type(None), "string": str, "integer": int, "array": list, "object": dict}[schema["type"]]
    ):
        return False
    if isinstance(value, str):
        return len(value) <= schema.get("maxLength", len(value)) and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, list):
        return schema["minItems"] <= len(value) <= schema["maxItems"] and all(fits(item, schema["items"]) for item in value)
    if isinstance(value, dict):
        inner = schema["properties"]
        return {*schema["required"]} <= {*value} <= {*inner} and all(fits(item, inner[name]) for name, item in value.items())
    return value is None or isinstance(value, bool) or schema["minimum"] <= value <= schema["maximum"]


@given(schemas, st.integers(0, 2**32))
@quick
def test_what_may_be_written_fits_the_schema(
    constraints: Grammars, tokenizer: Any, ends: frozenset[int], schema: dict[str, Any], seed: int
) -> None:
    text = walk(constraints.guide(json_schema=json.dumps(schema)), tokenizer, ends, seed)
    assert text is None or fits(json.loads(text), schema), text


def test_json_is_written_on_one_line_as_programs_write_it(constraints: Grammars, tokenizer: Any) -> None:
    value = {"city": "Köln #1 // \\", "nights": 3}
    ways = {', ": ': True, ',":': True, ',\n": ': False, ',  ": ': False}
    for way, may in ways.items():
        comma, colon = way.split('"')
        text = json.dumps(value, ensure_ascii=False, separators=(comma, colon))
        assert follow(constraints.guide(json_schema=json.dumps(SCHEMA)), tokenizer, text) == may, text


def test_what_a_schema_says_about_its_own_handling_does_not_count() -> None:
    with pytest.raises(ConfigError, match="uniqueItems"):
        check_form(json_schema=json.dumps({"type": "array", "uniqueItems": True, "x-guidance": {"lenient": True}}))


def test_a_schema_may_hold_what_a_grammar_would_read_as_its_own(
    constraints: Grammars, tokenizer: Any, ends: frozenset[int]
) -> None:
    value = '# // } %json "start: /x/" \\'
    schema = {"description": value, "const": value}
    assert json.loads(walk(constraints.guide(json_schema=json.dumps(schema)), tokenizer, ends, 0) or "") == value


# --- what cannot be kept to


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", "missing \\)"),
        ("(?=a)b", "look-around"),
        ("[[:alpha:]]", "nested set"),
        ("(?i)yes", "global flags"),
        (r"(a)\1", "backreferences"),
        (r"\bfoo\b", "lookarounds"),
        ("a\\", "missing \\)"),
        ("a{5,2}", "min repeat"),
    ],
)
def test_an_expression_that_cannot_be_kept_to_is_refused_with_the_reason(constraints: Grammars, pattern: str, reason: str) -> None:
    for refusing in (check_form, constraints.guide):
        with pytest.raises(ConfigError, match=reason) as caught:
            refusing(pattern)
        assert "`pattern`" in str(caught.value) and "\n" not in str(caught.value) and caught.value.hint


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"type": "strin"}', "strin"),
        ('{"not": {}}', "not"),
        ('{"type": "string", "format": "postcode"}', "postcode"),
        ('{"type": "integer", "minimum": 3, "maximum": 1}', "greater than"),
        ('{"$ref": "http://localhost/x"}', "http://localhost/x"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_schema_that_cannot_be_kept_to_is_refused_with_the_reason(constraints: Grammars, schema: str, reason: str) -> None:
    for refusing in (check_form, constraints.guide):
        with pytest.raises(ConfigError, match=reason) as caught:
            refusing(json_schema=schema)
        assert "`json_schema`" in str(caught.value) and "\n" not in str(caught.value) and caught.value.hint


def test_no_form_is_no_mistake_but_two_are() -> None:
    check_form()
    with pytest.raises(ConfigError, match="one of the two"):
        check_form("a", "{}")


def test_an_expression_that_nothing_matches_is_refused(constraints: Grammars) -> None:
    for _ in range(2):
        with pytest.raises(ConfigError, match="no text that this model can write"):
            constraints.guide(r"[^\s\S]")


def test_a_token_that_does_not_fit_is_refused(constraints: Grammars, tokenizer: Any) -> None:
    guide = constraints.guide("a")
    with pytest.raises(ConfigError, match="doesn't satisfy"):
        guide.accept(tokenizer.convert_tokens_to_ids("b"))


def test_a_tokenizer_of_another_kind_is_refused() -> None:
    class Slow:
        eos_token_id = 0

        def __len__(self) -> int:
            return 1

    with pytest.raises(ConfigError, match="tokenizer cannot hold"):
        Grammars(Slow(), {0})


# --- through the model


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_a_local_model_keeps_every_answer_of_a_batch_to_its_own_form(tiny_folder: Path, temperature: float) -> None:
    def ask(seed: int, **form: Any) -> Request:
        return Request(chat("amber"), max_tokens=40, temperature=temperature, seed=seed, **form)

    pattern = r"[0-9]{3}(?:-[a-z]{2}){1,2}"
    requests = [ask(0, pattern=pattern), ask(1), ask(2, json_schema=json.dumps({"enum": ["a b", 7]})), ask(3, pattern=pattern)]
    first, free, value, second = open_tiny(tiny_folder).reply(requests)
    assert all(re.fullmatch(pattern, reply.text) for reply in (first, second)) and not re.fullmatch(pattern, free.text)
    assert json.loads(value.text) in ("a b", 7) and value.finish == "stop"


def test_a_stop_string_ends_an_answer_and_is_left_out(tiny_folder: Path) -> None:
    form: dict[str, Any] = {"pattern": "ab(?:cd){5}", "max_tokens": 40}
    (reply,) = open_tiny(tiny_folder).reply([Request(chat("amber"), stop=("x", "dc"), **form)])
    assert (reply.text, reply.finish) == ("abc", "stop")

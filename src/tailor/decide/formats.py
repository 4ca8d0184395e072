"""Numbers, systems and lists in the words of a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tailor.decide.types import Finalist
from tailor.decide.upkeep import PER_MONTH
from tailor.jsonform import has_sources
from tailor.kinds.base import kind_of
from tailor.retrieval.searches import retriever
from tailor.settings import FieldPrice, Prices
from tailor.system import Knowledge, System
from tailor.task import Task

NUMBER_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
TUNED = {
    "lora": "LoRA-tuned weights",
    "full": "fully fine-tuned weights",
    "head": "a classifier on the embedder, no generative model",
    "tfidf": "a classifier on words and characters, no model at all",
}


def format_percent(share: float) -> str:
    """A share as a manager reads it, such as "93 %": whole, with one decimal within a point of 0 or 100."""
    return f"{_percent(share)} %"


def format_target(share: float) -> str:
    """A share set by the user, with the digits they gave, such as "85 %" or "97.5 %"."""
    return f"{round(100 * share, 2):g} %"


def format_at_least(share: float) -> str:
    """A lower limit as percent, rounded down to a tenth, so that it never reads as more than was shown."""
    return f"{math.floor(round(1000 * share, 6)) / 10:g} %"


def format_at_most(share: float) -> str:
    """An upper limit as percent, rounded up to a tenth."""
    return f"{math.ceil(round(1000 * share, 6)) / 10:g} %"


def format_error(chance: float) -> str:
    """The chance that a statement is wrong, as percent with three digits, rounded up; never 0, however small it is."""
    percent = 100 * chance
    digits = 2 - math.floor(math.log10(percent))
    return f"{math.ceil(round(percent * 10**digits, 6)) / 10**digits:.{max(digits, 0)}f}".rstrip("0").rstrip(".") + " %"


def format_points(share: float) -> str:
    """An upper limit of a difference in points, rounded up to a tenth, such as "1.6 points"."""
    points = math.ceil(round(1000 * share, 6)) / 10
    return f"{points:g} point" if points == 1 else f"{points:g} points"


def format_points_at_least(share: float) -> str:
    """A lower limit of a difference in points, rounded down to a tenth, so that it never reads as more than was shown."""
    return format_effect(math.floor(round(1000 * share, 6)) / 1000)


def format_effect(share: float) -> str:
    """A difference set by the user, such as "2 points"."""
    points = f"{round(100 * share, 2):g}"
    return f"{points} point" if points == "1" else f"{points} points"


def format_money(amount: float | None, currency: str) -> str:
    """An amount with its currency: "1,250 USD", "12.50 USD", "0.0042 USD"; "an unknown price" for None."""
    if amount is None:
        return "an unknown price"
    size = abs(amount)
    if size >= 100 or size == 0:
        text = f"{amount:,.0f}"
    elif size >= 1:
        text = f"{amount:,.2f}".removesuffix(".00")
    else:
        digits = 1 - math.floor(math.log10(size))
        text = f"{amount:.{digits}f}"
        text = text.removesuffix("0") if digits > 2 else text
    return f"{text} {currency}"


def format_errors(prices: Prices) -> str:
    """What errors cost, such as "wrong answers at 2 USD each", or "wrong fields at 50 USD for iban and 2 USD for each other"."""
    if not prices.fields:
        return (
            f"wrong answers at {format_money(prices.error, prices.currency)} each" if prices.error else "wrong answers at no cost"
        )
    told = [f"{_field_price(price, prices.currency)} for {name}" for name, price in prices.fields.items()]
    return f"wrong fields at {listed([*told, f'{format_money(prices.error, prices.currency)} for each other'])}"


def _field_price(price: FieldPrice, currency: str) -> str:
    amounts = {name: getattr(price, name) for name in FieldPrice.model_fields}
    if len(set(amounts.values())) == 1:
        return format_money(price.misread, currency)
    return f"({', '.join(f'{name} {format_money(amount, currency)}' for name, amount in amounts.items())})"


def format_about(number: float) -> str:
    """A number to two significant digits, such as "12,000"."""
    if number <= 0:
        return "0"
    digits = 1 - math.floor(math.log10(number))
    return f"{round(number, digits):,.{max(0, digits)}f}"


def format_often(per_month: float) -> str:
    """A number of changes a month in the unit that fits, such as "about once a week" or "about 3 times a day"."""
    units = (("day", PER_MONTH["daily"]), ("week", PER_MONTH["weekly"]), ("month", 1.0))
    unit, size = next(((unit, size) for unit, size in units if per_month >= 0.95 * size), ("year", PER_MONTH["yearly"]))
    times = per_month / size
    if times < 0.95:
        return f"about once in {format_about(1 / times)} years" if times > 0 else "never"
    return f"about once a {unit}" if times < 1.05 else f"about {format_about(times).removesuffix('.0')} times a {unit}"


def format_score(finalist: Finalist) -> str:
    """A finalist's score with its limits, such as "93 % [86, 97] on 160 unseen examples"."""
    score = finalist.score
    limits = "too few for limits" if score.low is None or score.high is None else f"{_percent(score.low)}, {_percent(score.high)}"
    return f"{format_percent(score.mean)} [{limits}] on {counted(score.n, 'unseen example')}"


def describe_system(system: System) -> str:
    """A system in plain words, such as "five examples nearest to the question, passages found by keyword and meaning"."""
    prompt, knowledge = system.prompt, system.knowledge
    if not system.is_generative:
        return TUNED[system.weights.method]
    parts = []
    if prompt.persona:
        parts.append("a persona")
    if prompt.constraints:
        parts.append("limits on the form of the answer")
    if prompt.shots:
        count = min(prompt.nearest, len(prompt.shots)) or len(prompt.shots)
        noun = f"{spelled(count)} example{'' if count == 1 else 's'}"
        parts.append(f"{noun} nearest to the question" if prompt.nearest else f"{noun} in the prompt")
    if prompt.form and not system.decoding.json_schema:
        parts.append("a form that is told and not enforced")
    if has_sources(system.decoding.json_schema):
        parts.append("the words of the text first")
    if prompt.reasoning:
        parts.append("reasoning in steps")
    parts += _read(knowledge)
    if prompt.grounded:
        parts.append("told not to guess" if knowledge.kind == "none" else "told to cite and not to guess")
    if system.is_tuned:
        parts.append(TUNED[system.weights.method] + (", partly on labels of a teacher" if system.weights.teacher else ""))
    if system.decoding.prior:
        parts.append("the model's liking for some labels removed")
    return ", ".join(parts) or "the instruction alone"


def _read(knowledge: Knowledge) -> list[str]:
    """What a system is given to read, in words."""
    if knowledge.kind == "whole":
        return ["the whole documents in the prompt"]
    if knowledge.kind != "index":
        return []
    passages = f"{spelled(knowledge.passages)} passages" if knowledge.passages > 1 else "passages"
    asked = ", asked for by a question that the model writes" if knowledge.rewrites else ""
    return [f"{passages} found {retriever(knowledge.search).says}{asked}"]


def listed(items: Sequence[str]) -> str:
    """Items as a spoken list, such as "a, b and c"."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.01 or 0.99 < share < 1 else f"{100 * share:.0f}"


def examples_called(task: Task) -> str:
    """What people make to learn from: "labels" out of a closed set, else "examples"."""
    return "labels" if kind_of(task).closed else "examples"


def counted(number: int, noun: str) -> str:
    """A count and its noun, such as "1 row" or "1,200 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spelled(count: int) -> str:
    """A count as a word up to twelve, then in digits."""
    return NUMBER_WORDS[count] if count < len(NUMBER_WORDS) else str(count)

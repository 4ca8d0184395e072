"""From an answer to a score: pure functions for labels and for free answers, which kinds of task use."""

from __future__ import annotations

import re
from dataclasses import replace

from tailor.content import question, text_of
from tailor.data.example import Example
from tailor.jsonform import canonical
from tailor.language.detect import language_of
from tailor.score.correct import is_correct
from tailor.score.form import form_checks, keeps_form
from tailor.score.parse import parse_answer
from tailor.score.text import (
    citations,
    contains,
    count_words,
    exact_match,
    normalise,
    squad_exact,
    squad_f1,
    token_f1,
    without_citations,
)
from tailor.score.types import Answer, Outcome, Score
from tailor.system import System
from tailor.task import Task

NOT_FOUND_STARTS = (
    "I don't know",
    "I do not know",
    "not found",
    "not stated",
    "not mentioned",
    "not specified",
    "not in the documents",
    "not in the passages",
    "no answer",
    "cannot be answered",
    "the documents do not",
    "the documents don't",
    "the passages do not",
    "the passages don't",
)
"""Beside the task's own phrase, an answer that starts so says "not found"."""

NOT_FOUND_WHOLE = ("unknown", "unanswerable", "n/a", "none")
"""And so does an answer that is nothing but one of these words."""

_LONGEST_QUESTION = 400  # characters
_ASKING = re.compile(r"[^.!?。？؟\n]*[?？؟]")


def score_label(task: Task, system: System, example: Example, answer: Answer) -> Score:
    """Classify: right when the label read off the answer is an accepted one.

    Details: `form` for generated answers, 1 when the text is a label and nothing else.
    """
    if is_failed(answer):
        return Score(missing(answer), 0.0, "")
    label = parse_answer(system, answer.raw)
    generated = system.decoding.method == "generate" and not system.prompt.reasoning
    details = (
        {"form": float(label is not None and normalise(answer.raw) == normalise(label.replace("_", " ")))} if generated else {}
    )
    if label is None:
        return Score(broken(answer), 0.0, answer.raw.strip(), details)
    right = label in example.answers
    return Score("right" if right else "wrong", float(right), label, details)


def score_answer(task: Task, system: System, example: Example, answer: Answer) -> Score:
    """Questions over documents.

    Right is an answer that commits to an accepted one (`tailor.score.correct`), does not say "not found", and is no longer than the
    larger of `max_words` and three times that accepted answer. Where the documents do not answer the question, right is saying so.
    This is the outcome under every metric but `exact` and `squad_exact`, which ask for the accepted answer and nothing more; the
    value is what the task's metric says (for unanswerable ones 1 for saying so).

    Details: `f1`, `exact`, `correct`, `form`, `abstained`; for answerable ones `retrieved` where passages were looked for, and
    `cited` where they were and the answer does not abstain.
    """
    if is_failed(answer):
        return Score(missing(answer), 0.0, "", _retrieved(system, example, answer))
    parsed = parse_answer(system, answer.raw)
    if parsed is None:
        details = {"f1": 0.0, "exact": 0.0, "correct": 0.0, "form": 0.0, "abstained": 0.0} | _retrieved(system, example, answer)
        return Score(broken(answer), 0.0, answer.raw.strip(), details)
    text, cited = parsed, tuple[int, ...]()
    if system.decoding.json_schema:
        example = replace(example, answers=tuple(map(canonical, example.answers)))
    else:
        text, cited = without_citations(parsed), citations(parsed)
    abstained = abstains(task, example, text)
    if example.answers:
        language = _language(example)
        f1, exact = token_f1(text, example.answers, language), float(exact_match(text, example.answers, language))
        correct = not abstained and _is_correct(task, example, text)
    else:
        f1 = exact = float(abstained)
        correct = abstained
    details = {
        "f1": f1,
        "exact": exact,
        "correct": float(correct),
        "form": float(keeps_form(text, form_checks(task.constraints, task.max_words))),
    }
    details |= {"abstained": float(abstained)} | _retrieved(system, example, answer)
    if not abstained:
        details |= _cited(system, example, answer, cited)
    value = (
        _squad(task.scored_by, text, example, abstained)
        if task.scored_by.startswith("squad")
        else details.get(task.scored_by, float(correct))
    )
    right = value == 1 if task.scored_by.endswith("exact") else correct
    return Score("right" if right else "cut" if _is_cut(answer) else "wrong", value, text, details)


def is_failed(answer: Answer) -> bool:
    """Whether no answer came: the call failed, or the model refused."""
    return bool(answer.error) or answer.finish in ("refused", "error")


def missing(answer: Answer) -> Outcome:
    """What an answer is that did not come (`is_failed`)."""
    return "refused" if answer.finish == "refused" else "failed"


def _is_cut(answer: Answer) -> bool:
    return answer.finish == "length"


def broken(answer: Answer) -> Outcome:
    """What an answer is that has not the form asked for."""
    return "cut" if _is_cut(answer) else "unparsed"


def abstains(task: Task, example: Example, text: str) -> bool:
    """Whether the text says that the documents do not answer: the task's phrase anywhere, or one of a few equivalents.

    An accepted answer is never taken for it, even if it reads like one ("none").
    """
    if exact_match(text, example.answers, _language(example)):
        return False
    plain = f"{normalise(text)} "
    whole = exact_match(text, NOT_FOUND_WHOLE)
    return whole or contains(text, task.not_found) or plain.startswith(tuple(f"{normalise(start)} " for start in NOT_FOUND_STARTS))


def _is_correct(task: Task, example: Example, text: str) -> bool:
    words = count_words(text)
    accepted = [wanted for wanted in example.answers if words <= max(task.max_words, 3 * count_words(wanted))]
    return bool(accepted) and is_correct(_question(task, example), accepted, text, example.fields)


def _question(task: Task, example: Example) -> str:
    """What is asked, without a long text that it is asked about."""
    text = text_of(question(task.input, example))
    if len(text) <= _LONGEST_QUESTION:
        return text
    return " ".join(_ASKING.findall(text)[-2:]) or text[-_LONGEST_QUESTION:]


def _language(example: Example) -> str:
    texts = (text for column, text in example.fields.items() if column not in example.media)
    return language_of(" ".join((*texts, *example.answers[:1])))


def _squad(metric: str, text: str, example: Example, abstained: bool) -> float:
    """The value of a metric in SQuAD's normal form."""
    if not example.answers:
        return float(abstained)
    return squad_f1(text, example.answers) if metric == "squad_f1" else float(squad_exact(text, example.answers))


def _retrieved(system: System, example: Example, answer: Answer) -> dict[str, float]:
    if not example.answers or not _searches(system, answer):
        return {}
    return {"retrieved": float(any(holds_answer(passage.text, example) for passage in answer.passages))}


def _cited(system: System, example: Example, answer: Answer, numbers: tuple[int, ...]) -> dict[str, float]:
    if not example.answers or not _searches(system, answer):
        return {}
    known = all(1 <= number <= len(answer.passages) for number in numbers)
    return {"cited": float(known and any(holds_answer(answer.passages[number - 1].text, example) for number in numbers))}


def _searches(system: System, answer: Answer) -> bool:
    return bool(answer.passages) or system.knowledge.kind == "index"


def holds_answer(passage: str, example: Example) -> bool:
    """Whether a passage holds the sentence that answers the question, or an accepted answer."""
    language = _language(example)
    return any(contains(passage, wanted, language) for wanted in (example.quote, *example.answers))

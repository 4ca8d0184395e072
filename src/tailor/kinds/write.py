"""A text of some length: a summary, a reply, something said in another way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tailor.data.example import Example
from tailor.kinds.base import ColumnProfile, Detail, Draft, Kind, Metric, tokens_for
from tailor.language.detect import language_of
from tailor.language.tokens import tokens
from tailor.retrieval.passage import Passage
from tailor.score.overlap import chrf, rouge_l
from tailor.score.parse import parse_answer
from tailor.score.requirements import REQUIRED, Written, broken, requirements_of
from tailor.score.scorer import is_failed
from tailor.score.text import citations, count_words, token_f1, without_citations
from tailor.score.types import Answer, Outcome, Score
from tailor.system import Decoding, System
from tailor.task import Task

LONG = 25  # words of a right answer, on average
FEW = 8  # words from which on a column that is called so holds texts
TEXTS = tuple(
    "summary summaries highlights tldr reply response completion rewritten rewrite ref refs reference references paraphrase "
    "translation caption headline description email".split()
)
ANSWERS = ("answer", "answers", "correct_answer")
VERBS = {
    "summary": "Summarise {asked}",
    "summaries": "Summarise {asked}",
    "highlights": "Summarise {asked}",
    "tldr": "Summarise {asked}",
    "reply": "Write a reply to {asked}",
    "response": "Write a reply to {asked}",
    "rewrite": "Rewrite {asked}",
    "rewritten": "Rewrite {asked}",
}
"""What is asked for, by what the right answer is called."""
OUTLYING = 1.5  # times what nineteen of twenty right answers keep to
NO_TRAINING = 200  # words that a text has room for where no right answer is known
ROOM = 1.5  # times the longest right answer: a model that rambles is cut there
DIAGNOSTICS = (
    Detail("chrf", "chrF", "Runs of characters in common with the reference text. It describes, and decides nothing."),
    Detail("rouge_l", "ROUGE-L", "Words in common with the reference text, in their order. It describes, and decides nothing."),
)


class Write(Kind):
    """A text of some length."""

    name = "write"
    says = "a text of some length, such as a summary or a reply, held to requirements or judged"
    noun = "text"
    metrics = (
        Metric("met", "the share of answers that meet every requirement", "answers that meet the requirements"),
        Metric(
            "judged",
            "the share of answers that meet every requirement and the rubric: the judge's verdicts, corrected by people's ratings",
            "answers that meet the rubric",
            judged=True,
        ),
    )
    brief = False
    stratified_by = "length"
    label_work = "Writing one text"
    label_price = 2.0

    def check(self, task: Task) -> None:
        """Refuse fields, and a longest answer that counts as short: how long a text may be is a requirement.

        Raises:
            ValueError: what was given, and what to write instead.
        """
        self._check_fields(task)
        if task.max_words != type(task).model_fields["max_words"].default:  # a task that was saved names every setting
            limit = f"`requirements: {{words: {{at_most: {task.max_words}}}}}`"
            raise ValueError(f"`max_words` is for short answers; with kind `{self.name}`, write {limit}")

    def undecided(self, task: Task) -> str:
        """Where there is neither a requirement nor a judge, every text counts as right."""
        if task.requirements is not None or task.judge is not None:
            return ""
        return (
            "there are no `requirements` and no `judge`, so every text counts as right, whatever it says; "
            "add what an answer must keep to, a judge with a rubric, or both"
        )

    def likelihood(self, column: ColumnProfile) -> float:
        """Likely where right answers are long, or are called a summary, a reply and the like."""
        if column.few_values:
            return 0.0
        if column.name in TEXTS and column.words >= FEW:
            return 0.8
        return 0.7 if column.words >= (2 * LONG if column.name in ANSWERS or column.documents else LONG) else 0.0

    def instruction(self, draft: Draft) -> str:
        """What the data say, else to summarise, reply or rewrite, in as many words as the longest right answer has."""
        most = f"{_limit(draft)} words"
        if draft.instruction:
            return draft.instruction
        if draft.instructed:
            return f"Do what is asked, in at most {most}."
        asks = VERBS.get(draft.right.casefold(), f"Write the {draft.right} for {{asked}}").format(asked=draft.asked)
        source = f", using only the {draft.source}" if draft.source else ""
        return f"{asks} in at most {most}{source}."

    def settings(self, draft: Draft) -> Iterator[str]:
        """The length as a requirement, and others to choose from."""
        yield "# What every answer must keep to; one that breaks any of it is wrong. {{column}} is what the row holds there."
        yield "requirements:"
        yield f"  words: {{at_most: {_limit(draft)}}}"
        yield "  # sentences: {at_most: 3}"
        yield '  # contains: ["Kind regards", "{{name}}"]'
        yield '  # lacks: ["as an AI"]'
        yield '  # numbers_from: ["text"]  # every number in the answer must stand in this column'
        yield "# Whether a text is good is more than that. A judge can say it, corrected by people's ratings:"
        yield '# judge: {rubric: "It says what matters and nothing that is not there.", model: "openai/gpt-5-mini"}'

    def stratum(self, example: Example) -> str:
        """How long the right answer is, in steps that double."""
        return f"up to {1 << count_words(example.label).bit_length()} words"

    def decoding(self, task: Task, train: Sequence[Example], scores: bool) -> Decoding:
        """Free text, with room for half as much again as the longest right answer, and as the requirements allow."""
        longest = max((count_words(answer) for example in train for answer in example.answers), default=NO_TRAINING)
        limit = task.requirements.words if task.requirements else None
        allowed = max(longest, (limit and (limit.at_most or limit.at_least)) or 0)
        return Decoding(max_tokens=tokens_for(round(ROOM * allowed)), pattern=task.pattern, json_schema=task.json_schema)

    def target_text(self, system: System, example: Example, passages: Sequence[Passage]) -> str:
        """The reference text; where passages were found, with the one that it has most words in common with."""
        if system.knowledge.kind != "index" or system.decoding.json_schema or not passages:
            return example.label
        nearest = max(range(len(passages)), key=lambda place: token_f1(passages[place].text, [example.label]))
        return f"{example.label} [{nearest + 1}]"

    def score(self, task: Task, system: System, example: Example, answer: Answer) -> Score:
        """Right when the text is whole and keeps to every requirement.

        Details: each requirement by its name, `chrf` and `rouge_l`; `required` says whether all are kept.
        """
        if is_failed(answer):
            return Score("refused" if answer.finish == "refused" else "failed", 0.0, "")
        cut = answer.finish == "length"
        parsed = parse_answer(system, answer.raw)
        needs_words = not (task.requirements and task.requirements.valid_json)  # [] is an answer there
        if parsed is None or (needs_words and not tokens(parsed)):
            return Score("cut" if cut else "unparsed", 0.0, answer.raw.strip(), {"chrf": 0.0, "rouge_l": 0.0})
        text, cited = parsed, tuple[int, ...]()
        if not system.decoding.json_schema:
            text, cited = without_citations(parsed), citations(parsed)
        wanted = requirements_of(task.requirements)
        language = language_of(f"{text} {example.label}")
        broke = broken(wanted, Written(text, cited, example, answer.passages, language))
        details = {requirement.name: float(requirement.name not in broke) for requirement in wanted}
        details |= {REQUIRED: float(not broke)} if wanted else {}
        details |= {"chrf": chrf(text, example.answers), "rouge_l": rouge_l(text, example.answers)}
        outcome: Outcome = "cut" if cut else "wrong" if broke else "right"
        return Score(outcome, float(outcome == "right"), text, details)

    def details(self, task: Task) -> tuple[Detail, ...]:
        """Every requirement, and what describes a text next to its reference."""
        wanted = requirements_of(task.requirements)
        reads = bool(task.documents)
        required = (Detail(one.name, one.name, required=True, reads=reads and one.reads) for one in wanted)
        return (*required, *super().details(task), *DIAGNOSTICS)

    def comparable(self, score: Score) -> str | None:
        """Whether the text will do: the same said in other words is no other answer."""
        return None if score.outcome in ("unparsed", "refused") else score.outcome


def _limit(draft: Draft) -> int:
    """Words that a text may have: those of the longest right answer, or, where few are much longer, of nineteen in twenty.

    As people give limits: the next multiple of five, or of ten from fifty on.
    """
    words = draft.longest if 0 < draft.longest <= OUTLYING * draft.max_words else draft.max_words
    step = 5 if words < 50 else 10
    return max(step, -(-words // step) * step)


WRITE = Write()

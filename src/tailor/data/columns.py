"""Columns of someone's table: what each is called, what is in it, and which part it may play in a task."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from tailor.conversation import HEAD
from tailor.data.cells import answers_in, are_spans, is_missing, is_record, written_list
from tailor.data.joined import SIGNS, joined_labels, split_joined
from tailor.data.jsontext import Value, as_text
from tailor.data.roles import COLUMN_NAMES
from tailor.data.table import Table
from tailor.errors import quoted
from tailor.score.text import count_words

MOST_LABELS = 200
LABEL_WORDS = 6  # on average; longer right answers are not labels
SENTENCE_WORDS = 25  # on average, of labels that are sentences
OFTEN = 10  # rows that each of these is in, on average
NAMES_LISTED = 20

INPUT_NAMES = (
    "question text message input query prompt utterance request body email ticket review premise sentence1 text_a question1 "
    "sentence tweet comment content instruction user_input problem "
    "frage nachricht pregunta texto mensaje texte domanda testo messaggio pergunta mensagem вопрос текст сообщение "
    "问题 文本 内容 問題 質問 テキスト 本文 질문 텍스트 السؤال النص"
).split()
OUTPUT_NAMES = (
    "label_text label_name label_str class_name category_name intent_name label intent intents answers answer output "
    "response completion category categories class classes target topic topics gold gold_label labels entities spans "
    "tags sentiment emotion ground_truth expected expected_output reference ideal correct_answer outputs answerkey "
    "answer_key expected_answer reference_answer gold_answer final_answer short_answer solution chosen cats rating stars "
    "summary summaries highlights tldr reply rewrite rewritten team department queue abteilung "
    "antwort kategorie klasse respuesta categoría etiqueta réponse catégorie étiquette risposta categoria etichetta resposta "
    "ответ категория метка 答案 回答 类别 标签 類別 標籤 カテゴリ ラベル 답변 정답 분류 라벨 الإجابة الفئة"
).split()
LABEL_NAMES = tuple(
    "label labels category categories class classes intent intents topic topics tags sentiment emotion target".split()
)
ID_NAMES = ("id", "uuid", "guid", "key", "row_id", "example_id")
QUOTE_NAMES = ("quote", "evidence", "citation", "supporting_text")
SOURCE_NAMES = ("source", "page", "document", "doc", "doc_id", "file", "filename", "path", "url")
CONTEXT_NAMES = (
    "context",
    "contexts",
    "retrieved_contexts",
    "reference_contexts",
    "passage",
    "passages",
    "paragraph",
    "background",
)
ABOUT_WHICH_NAMES = ("text", "article", "document", "story")  # with a question next to them, what it is about
NEVER_ASKED = ("history", "steps", "system", "system_prompt", "documents", "rejected")
TOOL_NAMES = ("annotator", "annotation_id", "annotators", "created_at", "updated_at", "lead_time", "comments", "completed_by")
ABOUT_NAMES = ("from", "to", "cc", "sender", "recipient", "subject", "title", "name", "date", "language", "lang", *COLUMN_NAMES)
GROUP_WORDS = ("customer", "client", "user", "account", "person", "patient", "author", "session", "thread", "conversation", "order")

SEVERAL_LEAST = 0.05
"""Share of the rows that must hold several labels, so that a slip in one does not make sets of all."""
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
IMAGES_LEAST = 0.9  # share of the values that must end so

_DECISIONS = {"accept", "reject", "ignore"}
_NUMBERS = re.compile(r"[-+]?[\d.,:/ T-]+%?")


@dataclass(frozen=True)
class Column:
    """A column and its cells."""

    name: str
    cells: tuple[Value, ...]

    @cached_property
    def answers(self) -> tuple[tuple[str, ...], ...]:
        """The texts in each cell, should it hold right answers; what programs write for a missing value is none."""
        return tuple(tuple(text for text in answers_in(cell) if not is_missing(text)) for cell in self.cells)

    @cached_property
    def values(self) -> tuple[str, ...]:
        """The first text in each cell, or an empty one."""
        return tuple(given[0] if given else "" for given in self.answers)

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(filter(None, self.values)))

    @cached_property
    def filled(self) -> int:
        """Rows with a value."""
        return sum(1 for value in self.values if value)

    @cached_property
    def words(self) -> float:
        """Mean words of the values there are; two characters of a script without spaces are one."""
        return sum(max(len(value.split()), count_words(value)) for value in self.values) / max(1, self.filled)

    @cached_property
    def lengths(self) -> list[int]:
        """Words of the longest text in each cell, in ascending order."""
        return sorted(max((count_words(text) for text in given), default=0) for given in self.answers)

    @property
    def is_conversation(self) -> bool:
        """Whether the cells hold conversations (`tailor.conversation`)."""
        return bool(self.filled) and all(isinstance(cell, str) and cell.startswith(HEAD) for cell in self.cells if cell)

    @property
    def is_list(self) -> bool:
        """Whether the file holds lists here."""
        return any(isinstance(cell, list) for cell in self.cells)

    @property
    def is_joined(self) -> bool:
        """Whether it was made of a column for each label (`tailor.data.table.with_record`), whose names it joins."""
        names = {text for given in self.answers for text in given}
        return self.is_list and "," in self.name and names <= set(self.name.split(", "))

    @property
    def is_number(self) -> bool:
        """Whether all values are numbers, dates or times."""
        return all(_NUMBERS.fullmatch(value) for value in self.values if value)

    @cached_property
    def several(self) -> tuple[int, ...]:
        """The rows that hold more than one text."""
        return tuple(index for index, given in enumerate(self.answers) if len(given) > 1)

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """The texts in each cell; one that seems to join several by a sign counts as these, unless it is one of a list."""
        alone = [given for cell, given in zip(self.cells, self.answers, strict=True) if not _is_listed(cell)]
        joined = frozenset() if self.is_text else frozenset(joined_labels(text for given in alone for text in given))

        def divided(text: str) -> tuple[str, ...]:
            return split_joined(text) if text in joined or text.endswith(tuple(SIGNS)) else (text,)

        cells = zip(self.cells, self.answers, strict=True)
        split = (given if _is_listed(cell) else (part for text in given for part in divided(text)) for cell, given in cells)
        return tuple(tuple(dict.fromkeys(parts)) for parts in split)

    def labels(self, *, several: bool) -> list[str]:
        """The different texts in its cells, sorted; `several` of them where a text joins them by a sign."""
        return sorted({text for given in (self.parts if several else self.answers) for text in given})

    @cached_property
    def has_few_parts(self) -> bool:
        """Whether cells hold several values each that could be labels: short, few, and each in several rows."""
        parts = [part for given in self.parts for part in given]
        words = sum(len(part.split()) for part in parts) / max(1, len(parts))
        few = 2 <= len(set(parts)) <= min(MOST_LABELS, len(parts) // 3) and words <= LABEL_WORDS
        return few and sum(len(given) > 1 for given in self.parts) >= SEVERAL_LEAST * self.filled

    @cached_property
    def has_records(self) -> bool:
        """Whether cells hold objects with values of their own."""
        return any(is_record(text) for given in self.answers for text in given)

    @property
    def holds_several(self) -> bool:
        """Whether cells hold several values out of a few, marks of spans, or objects."""
        return self.has_few_parts or self.marks_spans or self.has_records

    @property
    def is_text(self) -> bool:
        """Whether the values read like sentences: several words, mostly different."""
        return self.words >= 3 and self.distinct > 0.5 * self.filled and not self.is_list

    @property
    def is_image(self) -> bool:
        """Whether the values are names of image files."""
        named = sum(value.casefold().endswith(IMAGE_SUFFIXES) for value in self.values)
        return not self.is_list and named >= max(1, IMAGES_LEAST * self.filled)

    @property
    def has_few_values(self) -> bool:
        """Whether the values could be labels: few, short, and most in several rows; sentences only where each is in many."""
        counts = Counter(filter(None, self.values))
        again = sum(count > 1 for count in counts.values())
        short = self.words <= LABEL_WORDS or (self.words <= SENTENCE_WORDS and self.distinct * OFTEN <= self.filled)
        return 2 <= self.distinct <= min(MOST_LABELS, self.filled // 3, 2 * again) and short

    @property
    def is_answer(self) -> bool:
        """Whether right answers may be here: values that differ, and no decisions or notes of an annotation tool."""
        values = set(filter(None, self.values))
        differ = self.distinct > 1 or self.marks_spans  # of marks the value is the first one's label, often one for all
        return differ and self.name.casefold() not in TOOL_NAMES and not values <= _DECISIONS

    @cached_property
    def marks_spans(self) -> bool:
        """Whether stretches of a text are marked here."""
        return any(are_spans(cell) for cell in self.cells)

    @property
    def constant(self) -> str:
        """The text that is in every row, or an empty one."""
        texts = {as_text(cell).strip() for cell in self.cells}
        return texts.pop() if len(texts) == 1 else ""


def columns_of(tables: Sequence[Table]) -> dict[str, Column]:
    """The columns of the first table, with the rows of all."""
    return {
        name: Column(name, tuple(row[name] for table in tables for row in table.rows if name in row)) for name in tables[0].columns
    }


def _is_listed(cell: Value) -> bool:
    """Whether a cell is a list, or writes one out, so that its items are whole."""
    return not isinstance(cell, str) or written_list(cell) is not None


def is_id(column: Column, rows: int) -> bool:
    """Whether the column is called like a name of rows, and names each of them."""
    name = column.name.casefold()
    named = name in ID_NAMES or name.endswith(("_id", " id", "-id"))
    return named and column.distinct == rows and not column.is_list and column.words <= 1


def is_group(column: Column, rows: int) -> bool:
    """Whether the column seems to name someone whose rows resemble each other."""
    known = any(word in column.name.casefold() for word in GROUP_WORDS)
    return known and column.words <= 3 and max(8, rows / 50) < column.distinct < 0.95 * column.filled


def is_yes_or_no(column: Column) -> bool:
    """Whether the column holds 0 and 1, as answers to a question such as whether two texts are duplicates."""
    return set(filter(None, column.values)) == {"0", "1"} and column.has_few_values and not column.is_list


def is_facet(column: Column, rows: int) -> bool:
    """Whether results are worth showing for each value: two to eight of them, in almost every row."""
    return 2 <= column.distinct <= 8 and column.filled >= 0.9 * rows and column.words <= 4 and not column.is_list


def named(names: Sequence[str], columns: Iterable[Column]) -> str:
    """The column whose name comes first in `names`, or an empty text."""
    by_name = {column.name.casefold(): column.name for column in columns if column.filled}
    return next((by_name[name] for name in names if name in by_name), "")


def first(columns: Iterable[Column], fits: Callable[[Column], bool]) -> str:
    """The name of the first column that fits, or an empty text."""
    return next((column.name for column in columns if fits(column)), "")


def listed(names: Iterable[str]) -> str:
    """Names between backticks; of very many, the first."""
    names = list(names)
    more = f" and {len(names) - NAMES_LISTED:,} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(map(quoted, names[:NAMES_LISTED])) + more


Columns = Mapping[str, Column]


def why_none(columns: Columns, input: str) -> str:
    """What keeps a column that might be meant from being the right answer, behind a semicolon; or an empty text."""
    spans = [name for name, column in columns.items() if column.marks_spans]
    lists = [name for name, column in columns.items() if name != input and column.is_list and column.several]
    same = [name for name, column in columns.items() if name.casefold() in OUTPUT_NAMES and column.constant]
    if spans:
        return f"; {listed(spans)} marks spans of a text"
    if lists:
        return f"; {listed(lists)} holds several texts per row"
    return f"; {listed(same)} holds the same in every row" if same else ""

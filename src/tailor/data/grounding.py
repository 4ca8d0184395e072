"""The audit of question-answering data against the documents that should answer them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from tailor.access import access
from tailor.data.example import Example
from tailor.data.finding import Finding
from tailor.data.minhash import jaccard_links
from tailor.data.near import normalise
from tailor.data.readers import place
from tailor.data.union import UnionFind
from tailor.documents.reading import Document, Library, unread_by_reason
from tailor.errors import did_you_mean, quoted
from tailor.language.detect import Languages, language_of, languages_of
from tailor.language.tokens import contains
from tailor.project import Project
from tailor.task import ENGLISH_EMBEDDER

COPIES = 3
"""Documents that say nearly the same before they are named: two are an oversight."""
GROUPS = 5
NEAR_CHARACTERS = 30_000_000
"""Length of all documents up to which near-copies are looked for, and not only the same text: some twenty seconds of work."""


def audit_documents(project: Project, examples: Sequence[Example], library: Library | None) -> Iterator[Finding]:
    """Questions that the documents are said to answer but do not, and the share they are said not to answer."""
    unanswerable = [example for example in examples if not example.answers]
    share = len(unanswerable) / len(examples)
    if unanswerable:
        yield Finding(
            "note", f"{len(unanswerable):,} of {len(examples):,} questions ({100 * share:.0f} %) have no answer in the documents."
        )
    else:
        yield Finding(
            "note",
            "No question has an empty answer, which would say that the documents do not hold it.",
            advice="Add some that the documents do not answer: a system that never says so is not noticed otherwise.",
        )
    if project.documents is None:
        yield Finding(
            "note",
            "No documents are named, so only what the model knows by heart is measured.",
            advice="Name their folder as `documents`.",
        )
        return
    if library is None:
        return
    for sentence, paths, advice in unread_by_reason(library.unread):
        yield Finding("warning", sentence, tuple(paths), f"{advice[:1].upper()}{advice[1:]}.")
    pages = {document.path: document.text for document in library.documents}
    languages = languages_of(pages.values())
    yield _spoken(languages)
    if project.task.embedder == ENGLISH_EMBEDDER and languages.main not in ("", "en"):
        yield Finding(
            "warning",
            f"The embedder {ENGLISH_EMBEDDER} learned from English, and the documents are in {languages.said}: search by meaning "
            "finds less there, and little in other scripts.",
            advice="Name a multilingual `embedder`, such as intfloat/multilingual-e5-small, or let `rag-bm25-3` take part.",
        )
    yield from _copies(pages)
    yield from _sources(pages, examples)
    yield from _quotes(pages, examples)
    yield from _closed(project.task.retrieval.filter, library.documents, examples)


def _closed(filter: str, documents: Sequence[Document], examples: Sequence[Example]) -> Iterator[Finding]:
    """Documents that nobody may read, and questions that may read none."""
    if (allowed := access(filter)) is None:
        return
    keys = [allowed.key(document.metadata) for document in documents]
    shut = [document.path for document, key in zip(documents, keys, strict=True) if not key]
    blind = [example for example in examples if allowed.keys(example.fields).isdisjoint(keys)]
    if shut:
        names = ", ".join(map(quoted, dict.fromkeys(allowed.names)))
        yield Finding(
            "error" if len(shut) == len(documents) else "warning",
            f"{len(shut):,} of {len(documents):,} documents have no value for {names}, so that nobody may read them.",
            tuple(shut),
            "Give each a value; columns of JSONL and Parquet files are metadata of their rows.",
        )
    if blind:
        yield Finding(
            "warning",
            f"{len(blind):,} of {len(examples):,} questions may read no document at all.",
            tuple(map(place, blind)),
            "Compare the values of the columns that `retrieval.filter` names with those of the documents: they must be the same.",
        )


def _spoken(found: Languages) -> Finding:
    """The language that keyword search takes the documents to be in."""
    words = "whose words have no spaces between them; keyword search finds them by a dictionary" if found.unspaced > 0.5 else ""
    return Finding(
        "note", f"The documents are in {found.said}{', ' if words else '; keyword search compares words accordingly'}{words}."
    )


def _copies(pages: Mapping[str, str]) -> Iterator[Finding]:
    """Documents that say nearly the same, which crowd others out of what is retrieved; of a large collection only the same text."""
    paths = [path for path, text in pages.items() if text.strip()]
    texts = [pages[path] for path in paths]
    forms = [normalise(text) for text in texts]
    nodes = sorted(set(forms))
    place_of, groups_of = {form: number for number, form in enumerate(nodes)}, UnionFind(len(nodes))
    for first, second in jaccard_links(nodes) if sum(map(len, nodes)) <= NEAR_CHARACTERS else ():
        groups_of.join(first, second)
    groups: dict[int, list[str]] = defaultdict(list)
    for path, form in zip(paths, forms, strict=True):
        groups[groups_of.find(place_of[form])].append(path)
    flooding = sorted((group for group in groups.values() if len(group) >= COPIES), key=len, reverse=True)
    for group in flooding[:GROUPS]:
        yield Finding(
            "warning",
            f"{len(group):,} documents say nearly the same, such as {quoted(group[0], 200)} and {quoted(group[1], 200)}.",
            tuple(group),
            "Keep one of them: copies crowd other pages out of what is found, and flooding an index so is a known attack.",
        )
    if len(flooding) > GROUPS:
        yield Finding("note", f"{len(flooding) - GROUPS:,} more groups of {COPIES} or more documents say nearly the same.")


def _sources(pages: Mapping[str, str], examples: Sequence[Example]) -> Iterator[Finding]:
    lost = [example for example in examples if any(name not in pages for name in example.sources)]
    if lost:
        names = list(dict.fromkeys(name for example in lost for name in example.sources if name not in pages))
        named = ", ".join(f"{quoted(name)}{did_you_mean(name, pages)}" for name in names[:5])
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        yield Finding(
            "error",
            f"{_questions(lost)} a document that does not exist: {named}{more}.",
            tuple(map(place, lost)),
            "Write the path of the file relative to the documents folder.",
        )


def _quotes(pages: Mapping[str, str], examples: Sequence[Example]) -> Iterator[Finding]:
    quoting = [example for example in examples if example.quote and all(name in pages for name in example.sources)]
    unfound = [example for example in quoting if not _is_quoted(example, pages)]
    if unfound:
        yield Finding(
            "warning",
            f"{_questions(unfound)} a sentence that is not in the document.",
            tuple(map(place, unfound)),
            "Copy the sentence word for word; what was retrieved is judged by it.",
        )
    apart = [
        example for example in quoting if example.answers and not any(_within(answer, example.quote) for answer in example.answers)
    ]
    if apart:
        yield Finding(
            "warning",
            f"{_questions(apart)} a sentence that holds none of the accepted answers.",
            tuple(map(place, apart)),
            "Add the answer as the sentence words it, or quote another sentence.",
        )


def _is_quoted(example: Example, pages: Mapping[str, str]) -> bool:
    language = language_of(example.quote)
    searched = [pages[name] for name in example.sources] or pages.values()
    return any(contains(page, example.quote, language) for page in searched)


def _within(answer: str, quote: str) -> bool:
    return contains(quote, answer, language_of(quote))


def _questions(examples: Sequence[Example]) -> str:
    return "1 question names" if len(examples) == 1 else f"{len(examples):,} questions name"

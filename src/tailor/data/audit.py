"""The audit: what is wrong or odd about the data, found before anything is spent on them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from tailor.data.cells import PERHAPS_MISSING, answers_in, is_missing, is_record
from tailor.data.damage import audit_damage, audit_told
from tailor.data.example import Example, Splits
from tailor.data.finding import Finding
from tailor.data.grounding import audit_documents
from tailor.data.images import audit_images
from tailor.data.joined import joined_labels
from tailor.data.learnability import task_learnability
from tailor.data.lengths import asked_tokens
from tailor.data.misspelt import misspelt_labels
from tailor.data.near import near_groups, normalise
from tailor.data.personal.rows import audit_personal
from tailor.data.power import percent_down, power_findings
from tailor.data.readers import accepted, asked, place
from tailor.data.required import audit_requirements
from tailor.data.split import MIN_DEV, read_tables
from tailor.data.table import Table
from tailor.data.unseen import unseen_share
from tailor.documents.reading import Library, read_library
from tailor.errors import DocumentsError, quoted
from tailor.kinds.base import Kind, kind_of
from tailor.project import Project
from tailor.task import Task

FEW_TRAINING_ROWS = 5
IMBALANCE = 10  # the most common label has this many times the rows of the rarest
NAMED = 8  # labels, columns or rows named in a sentence

_ORDER = ("error", "warning", "note")


def audit(
    project: Project,
    splits: Splits,
    count_tokens: Callable[[str], int] | None = None,
    windows: Mapping[str, int] | None = None,
    tables: Mapping[str, Table] | None = None,
) -> list[Finding]:
    """Everything found in the project's data, errors first.

    Args:
        project: the project.
        splits: its examples.
        count_tokens: tokens of a text, or None to skip the check of lengths.
        windows: what a sentence calls each model -> tokens that it can read.
        tables: the data by the setting that names them; read from the files unless given.

    Raises:
        DataError: the data files cannot be read.
    """
    task, kind = project.task, kind_of(project.task)
    tables = read_tables(project) if tables is None else tables
    examples = _by_row([*splits.train, *splits.dev, *splits.test, *splits.reserve])
    library, unusable = _library(project)
    findings = [
        *(finding for table in tables.values() for finding in table.findings),
        *_columns(task, tables),
        *audit_images(task, tables),
        *_empty(task, tables, examples),
        *audit_damage(task, examples),
        *_repeats(task, examples),
        *audit_requirements(task, examples),
        *(_leakage(task, splits) if "file" not in tables else ()),
        *(_labels(task, splits, examples) if kind.closed else ()),
        *(audit_told(task, examples) if kind.closed and not kind.several else ()),
        *unusable,
        *(audit_documents(project, examples, library) if kind.reads else ()),
        *(_lengths(task, examples, count_tokens, windows or {}) if count_tokens else ()),
        *audit_personal(task, splits, library.documents if library else ()),
        *_sizes(task, splits),
    ]
    return sorted(findings, key=lambda finding: _ORDER.index(finding.level))


def _library(project: Project) -> tuple[Library | None, list[Finding]]:
    """The project's documents, and a finding where they cannot be used."""
    if project.documents is None:
        return None, []
    try:
        return read_library(project.documents, project.own_files, project.store), []
    except DocumentsError as error:
        advice = f"{error.hint[:1].upper()}{error.hint[1:]}."
        return None, [Finding("error", f"The documents cannot be used: {error}.", advice=advice)]


def _by_row(examples: Sequence[Example]) -> list[Example]:
    return sorted(examples, key=lambda example: (example.file, example.row))


def _columns(task: Task, tables: Mapping[str, Table]) -> Iterator[Finding]:
    data = task.data
    roles = {name: "input" for name in task.variables} | {name: "image" for name in data.images} | {task.output: "right answer"}
    roles |= {name: setting for setting in ("id", "split_by", "group_by", "quote", "source") if (name := getattr(data, setting))}
    roles |= {name: "report_by" for name in data.report_by if name not in roles}
    for table in tables.values():
        used = ", ".join(f"{quoted(column)} ({roles[column]})" for column in table.columns if column in roles)
        unused = [column for column in table.columns if column not in roles]
        shown = f"; not used: {_some(unused)}" if unused else ""
        yield Finding("note", f"{table.file} has {len(table.rows):,} rows; used: {used}{shown}.")
    for name in (data.quote, data.source):
        if name and name in task.variables:
            yield Finding(
                "warning",
                f"A template shows {quoted(name)}, the place of the answer, to the model.",
                advice="Take it out, unless it will also be known when the system is used.",
            )


def _empty(task: Task, tables: Mapping[str, Table], examples: Sequence[Example]) -> Iterator[Finding]:
    blank = tuple(place(example) for example in examples if is_missing(asked(task, example)))
    if blank:
        yield Finding(
            "warning",
            f"{_n(blank, 'row')} with nothing in the input.",
            blank,
            "Fill them or delete them: there is nothing to answer.",
        )
    for table in tables.values():
        yield from _missing(task, table)


def _missing(task: Task, table: Table) -> Iterator[Finding]:
    """Rows without a label, and right answers that are what programs write for a missing value."""
    answers = accepted(task, table)
    output = quoted(task.output)
    written = Counter(text for row in table.rows for text in answers_in(row[task.output]) if is_missing(text))
    unlisted = ", ".join(map(quoted, sorted(text for text in written if text not in task.labels)))
    none = tuple(table.place(index) for index, given in enumerate(answers) if not given)
    if none and not kind_of(task).abstains:
        but = f" ({unlisted} is what programs write for a missing value)" if unlisted else ""
        advice = f"Fill in {output} or delete them{'; if it is a real label, list it in `labels`' if unlisted else ''}."
        advice += " Where no label applies, write `[]`." if kind_of(task).several else ""
        yield Finding("warning", f"{_n(none, 'row')} without {kind_of(task).a_noun}{but}; left out.", none, advice)
    elif unlisted:
        rows = tuple(
            table.place(index) for index, row in enumerate(table.rows) if any(map(is_missing, answers_in(row[task.output])))
        )
        what = f"{_n(rows, 'row')} whose right answer is {unlisted}, as programs write a missing value: read as no answer."
        yield Finding("warning", what, rows, f"Fill in {output}, or leave it empty where the documents do not say.")
    records = tuple(table.place(index) for index, given in enumerate(answers) if any(map(is_record, given)))
    if records and not task.json_schema and not kind_of(task).parted:
        what = f"{_n(records, 'row')} whose right answer is an object with values of its own; each counts as one text."
        yield Finding("warning", what, records, "Put the value that is the right answer into a column of its own.")
    perhaps = Counter(given[0] for given in answers if given and given[0].casefold() in PERHAPS_MISSING)
    if any("+" in given for given in answers):
        perhaps.pop("-", None)  # for and against
    for text, count in sorted(perhaps.items()):
        rows = tuple(table.place(index) for index, given in enumerate(answers) if given and given[0] == text)
        what = f"{quoted(text)} is the right answer of {count:,} rows; some programs write it for a missing value."
        yield Finding("warning", what, rows, f"If {output} is missing there, empty these cells; if it is meant, ignore this note.")


# The same text twice


def _repeats(task: Task, examples: Sequence[Example]) -> Iterator[Finding]:
    kind, texts = kind_of(task), [asked(task, example) for example in examples]
    same = _groups(examples, [normalise(text) for text in texts])
    near = [group for group in _groups(examples, near_groups(texts)) if group not in same]
    edited = tuple(_with_answers(kind, group) for group in near if _contradict(group))
    if edited:
        yield Finding(
            "note",
            f"Rows that differ by a small edit, and in their answers: {_n(edited, 'group')}.",
            edited,
            "Look at some: where the edit does not change what is asked, one of the answers is wrong.",
        )
    for groups, how in ((same, "the same"), (near, "nearly the same")):
        clashing = tuple(_with_answers(kind, group) for group in groups if groups is same and _contradict(group))
        if clashing:
            yield Finding(
                "error" if kind_of(task).closed else "warning",
                f"Rows that ask the same but have different answers: {_n(clashing, 'group')}.",
                clashing,
                "Decide which answer is right; if both can be, the question needs more context.",
            )
        repeated = tuple(", ".join(map(place, group)) for group in groups if not _contradict(group))
        if repeated:
            yield Finding(
                "note",
                f"Rows that ask {how} and have the same answer: {_n(repeated, 'group')}.",
                repeated,
                "They count as fewer examples than they seem; new ones would teach and show more.",
            )


def _groups(examples: Sequence[Example], keys: Sequence[object]) -> list[list[Example]]:
    groups: dict[object, list[Example]] = defaultdict(list)
    for example, key in zip(examples, keys, strict=True):
        if key != "":
            groups[key].append(example)
    return [group for group in groups.values() if len(group) > 1]


def _contradict(group: Sequence[Example]) -> bool:
    """Whether two of the examples accept no answer in common."""
    answers = {frozenset(answer.casefold() for answer in example.answers) for example in group}
    return any(a.isdisjoint(b) for a, b in combinations(answers, 2))


def _with_answers(kind: Kind, group: Sequence[Example]) -> str:
    """The rows of a group with their answers; of a large one, one row with each of a few different answers."""
    different = list({example.label: example for example in reversed(group)}.values())[::-1]
    shown = group if len(group) <= NAMED else different[:NAMED]
    said = [f"{place(example)} ({quoted(kind.shown(example.label), 40) if example.label else 'no answer'})" for example in shown]
    more = len(group) - len(shown)
    return ", ".join(said) + (f" and {more:,} more row{'' if more == 1 else 's'}" if more else "")


def _leakage(task: Task, splits: Splits) -> Iterator[Finding]:
    """Test rows of given splits that training has seen."""
    seen = [*splits.train, *splits.dev]
    texts = [asked(task, example) for example in (*seen, *splits.test)]
    normal = [normalise(text) for text in texts]
    near = near_groups(texts)
    known = {text: example for text, example in zip(normal, seen, strict=False)}
    near_known = {group: example for group, example in zip(near, seen, strict=False)}
    same, similar = [], []
    for index, example in sorted(enumerate(splits.test, start=len(seen)), key=lambda item: item[1].row):
        if normal[index] in known:
            same.append(f"{place(example)} = {place(known[normal[index]])}")
        elif near[index] in near_known:
            similar.append(f"{place(example)} ~ {place(near_known[near[index]])}")
    advice = "`tailor run` learns from neither these rows of train and dev nor others nearly like them; give it others."
    if same:
        yield Finding(
            "error",
            f"Test rows that are also in train or dev: {len(same):,} ({percent_down(len(same) / len(splits.test))} of test).",
            tuple(same),
            advice,
        )
    if similar:
        yield Finding(
            "warning", f"Test rows that are nearly the same as one in train or dev: {len(similar):,}.", tuple(similar), advice
        )


# Labels


def _labels(task: Task, splits: Splits, examples: Sequence[Example]) -> Iterator[Finding]:
    kind = kind_of(task)
    held = {place(example): kind.labels_in(example.label) for example in examples}
    counts = Counter(label for labels in held.values() for label in labels)
    train = Counter(label for example in splits.train for label in kind.labels_in(example.label))
    if not counts:
        yield Finding("error", "No row has a label.", advice="Name the column with the labels as `output`.")
        return
    common, most = counts.most_common(1)[0]
    rarest, least = min(counts.items(), key=lambda item: (item[1], item[0]))
    share = percent_down(most / len(examples))
    if kind.several:
        bare = sum(not labels for labels in held.values())
        none = f"{bare:,} of {len(held):,} rows have none" if bare else "every row has one at least"
        each = f"{counts.total() / len(held):.1f} per row on average; {none}"
        yield Finding("note", f"{len(counts)} labels, {each}. The most common, {quoted(common)}, is in {share} of the rows.")
    else:
        yield Finding(
            "note", f"{len(counts)} labels; always answering with the most common, {quoted(common)}, would be right for {share}."
        )
    if most >= IMBALANCE * least:
        yield Finding(
            "warning",
            f"The labels are unbalanced: {quoted(common)} has {most:,} rows and {quoted(rarest)} has {least:,}.",
            advice="Look at the results per label, not only at the total; label more rows of the rare ones.",
        )
    absent = sorted(label for label in {*counts, *task.labels} if not train[label])
    if absent:
        rows = tuple(where for where, labels in held.items() if not set(labels).isdisjoint(absent))
        what = f"{_n(absent, 'label')} without a training row: {_some(absent)}."
        yield Finding("warning", what, rows, "Add examples of them; a tuned system cannot learn what it never saw.")
    yield from unseen_share(task, splits)
    few = sorted(label for label, count in train.items() if count < FEW_TRAINING_ROWS)
    if few:
        what = f"{_n(few, 'label')} with fewer than {FEW_TRAINING_ROWS} training rows: {_some(few)}."
        yield Finding("warning", what, advice="Add examples of them, or merge them with a neighbour.")
    yield from _joined(task, counts, examples)
    yield from misspelt_labels(counts, held)
    yield from _learnable(task, examples)


def _learnable(task: Task, examples: Sequence[Example]) -> Iterator[Finding]:
    found = task_learnability(task, examples)
    if found is None:
        return
    figures = (
        f"a simple classifier gets {percent_down(found.right)} of {found.rows:,} rows right that it did not learn from, and "
        f"{percent_down(found.by_chance)} when the labels are shuffled"
    )
    if found.is_clear:
        yield Finding("note", f"The labels follow from the words of the texts: {figures}.")
        return
    yield Finding(
        "warning",
        f"The labels do not seem to follow from the texts: {figures}.",
        advice="Check that each label is next to its own text. If it does, the texts may not hold what decides, or hold it in "
        "what their words mean together; then these rows teach little, and training on them will not help.",
    )


def _joined(task: Task, counts: Counter[str], examples: Sequence[Example]) -> Iterator[Finding]:
    joined = () if kind_of(task).several else joined_labels(counts)
    if joined:
        yield Finding(
            "warning",
            f"{_n(joined, 'label')} may be several labels in one cell: {_some(joined)}. Each counts as a label of its own.",
            tuple(place(example) for example in examples if example.label in joined),
            f"Kind `{task.kind}` takes one label per row: if these are several, keep the one that matters most.",
        )


# Sizes


def _lengths(
    task: Task, examples: Sequence[Example], count_tokens: Callable[[str], int], windows: Mapping[str, int]
) -> Iterator[Finding]:
    fixed = count_tokens("\n".join((task.instruction, task.context, *task.constraints)))
    tokens = {place(example): fixed + asked_tokens(task, example, count_tokens) for example in examples}
    for model, window in windows.items():
        long = tuple(sorted((where for where in tokens if tokens[where] > window), key=lambda where: -tokens[where]))
        if long:
            most = f"(the longest takes {tokens[long[0]]:,})"
            yield Finding(
                "warning",
                f"{_n(long, 'row')} longer than the {window:,} tokens that {model} can read {most}.",
                long,
                "Shorten them, or choose a model with a longer context window; they cannot be answered as they are.",
            )


def _sizes(task: Task, splits: Splits) -> Iterator[Finding]:
    if len(splits.dev) < MIN_DEV:
        yield Finding(
            "warning",
            f"Only {len(splits.dev)} dev rows: too few to tell variants apart reliably.",
            advice="Add examples, or raise `split.dev` in tailor.yaml.",
        )
    yield from power_findings(task, splits)


def _n(items: Sequence[object], noun: str) -> str:
    return f"{len(items):,} {noun}{'' if len(items) == 1 else 's'}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(map(quoted, names[:NAMED])) + more

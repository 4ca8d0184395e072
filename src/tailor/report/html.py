"""The report: one HTML file that needs no script and fetches nothing.

Everything that comes from data (examples, documents, answers, labels, notes) is escaped by the template engine. The only markup
that enters unescaped are the charts, which are drawn from figures, and `sentence`, which escapes first.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tailor.content import described
from tailor.decide.again import outcome, side_by_side
from tailor.decide.forgotten import sentence as forgetting_sentence
from tailor.decide.formats import (
    format_at_least,
    format_at_most,
    format_effect,
    format_error,
    format_errors,
    format_percent,
    format_target,
    listed,
)
from tailor.decide.probed import freshness_sentence, injection_sentence, limits
from tailor.errors import StoreError, UserError
from tailor.files import as_path, write_atomically
from tailor.kinds.base import kind_of, metric_of
from tailor.report import charts, words
from tailor.report.consistency import ASKED
from tailor.report.curve import curve_svg
from tailor.report.figures import Figures, make_figures
from tailor.results import Study

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

WIDE, SLIM = 760, 344
CUT = 420
FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters that HTML does not allow; what reads a page aloud or in a terminal would act on them."""
MOST = 6000
FILTERS = (
    *(
        words.amount,
        words.count,
        words.duration,
        words.limits,
        words.loss,
        words.minutes,
        words.moment,
        words.p_value,
        words.percent,
    ),
    *(words.plural, words.points, words.shorten, words.whole_limits),
    *(format_at_least, format_at_most, format_effect, format_error, format_errors, format_percent, format_target, listed),
)


def write_report(study: Study, path: str | Path) -> Path:
    """Write the report of a study.

    Args:
        study: what to report.
        path: the HTML file; its folder is made when absent. It can be read by its owner only, since it shows rows of the data.

    Returns:
        The path written.

    Raises:
        UserError: the file cannot be written; one that was there before is still whole.
    """
    path = as_path(path, "path")
    text = render_report(study)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except (OSError, StoreError) as error:
        raise UserError(f"the report cannot be written to {path}: {error}", "give a file in a writable folder") from error
    return path


def render_report(study: Study) -> str:
    """The report of a study as one HTML document."""
    figures = make_figures(study)
    page = (
        environment()
        .get_template("report.html")
        .render(
            study=study,
            task=study.task,
            task_kind=kind_of(study.task),
            metric=metric_of(study.task),
            decision=study.decision,
            figures=figures,
            currency=study.task.prices.currency,
            drawn=_draw(study, figures),
        )
    )
    # Data can hold halves of surrogate pairs, which no file can, and characters that no page may; they are shown as "?".
    return FORBIDDEN.sub("?", page).encode("utf-8", errors="replace").decode("utf-8")


def _draw(study: Study, figures: Figures) -> dict[str, list[Markup]]:
    """The charts by name; each in a wide and a slim drawing, of which the page shows the one that fits."""
    from markupsafe import Markup

    drawn: dict[str, list[Markup]] = {"quality": [], "pairs": [], "confusion": [], "curve": []}
    for width in (WIDE, SLIM):
        if figures.quality_cost.points:
            drawn["quality"].append(Markup(charts.quality_cost_svg(figures.quality_cost, study.task.prices.currency, width)))
        if figures.pairs:
            drawn["pairs"].append(Markup(charts.forest_svg(figures.pairs, study.task.smallest_effect, width)))
        if study.curve and study.curve.points:
            drawn["curve"].append(Markup(curve_svg(study.curve, study.task.target, width)))
    if figures.confusion:
        drawn["confusion"].append(Markup(charts.confusion_svg(figures.confusion, WIDE)))
    return drawn


@cache
def environment() -> Environment:
    """What makes pages of templates: everything that comes from data is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("tailor.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update({function.__name__: function for function in (*FILTERS, cut, described, sentence)})
    environment.filters["forgetting_sentence"] = forgetting_sentence
    probed = {"freshness_sentence": freshness_sentence, "injection_sentence": injection_sentence, "share_limits": limits}
    environment.filters.update(probed)
    environment.filters.update({"decided_again": outcome, "side_by_side": side_by_side})
    environment.globals.update(MEASURES=words.MEASURES, OUTCOMES=words.OUTCOMES, VERDICTS=words.VERDICTS)
    environment.globals.update(ASKED=ASKED)
    return environment


def sentence(text: str) -> Markup:
    """A sentence, escaped: numbers tied to their percent signs and both limits to each other, and `code` set as code."""
    from markupsafe import Markup, escape

    tied = re.sub(r"(?<=\d) (?=%)|(?<=\d,) (?=[\d.]+\])", "\u00a0", str(escape(text)))
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", tied))


def cut(text: str, length: int = CUT) -> tuple[str, str, int]:
    """A long text in two: what is shown at once and what opens on demand; and how many characters are left out for good.

    The first piece ends at a space where one is near; the second is at most 6,000 characters.
    """
    if len(text) <= length * 1.2:
        return text, "", 0
    at = text.rfind(" ", int(length * 0.8), length)
    at = length if at < 0 else at
    return text[:at], text[at : at + MOST], max(0, len(text) - at - MOST)

"""The routes of the workbench: pages are drawn here, and what people say comes in as JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import wraps
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router

from tailor.errors import DataError, TailorError
from tailor.kinds.base import kind_of
from tailor.labelling.forms import STYLE, form_file
from tailor.labelling.judgement import LABEL, Judgement, Role
from tailor.labelling.judgements import KeyTaken
from tailor.outside import load_json
from tailor.web.door import JSON, Door, Keys, Refused, cookie
from tailor.workbench.choosing import Choosing
from tailor.workbench.desk import Desk
from tailor.workbench.differences import differences_page, differing
from tailor.workbench.doubts import agreement_page, study_stamp, suspects_from, suspects_page
from tailor.workbench.items import Item, shown_label
from tailor.workbench.later import Later
from tailor.workbench.overview import progress, queue_rows
from tailor.workbench.passages import Passages
from tailor.workbench.rating import Rating
from tailor.workbench.saying import as_kept, said_in
from tailor.workbench.showing import said_before, scripts_of, sent, shown

STATIC = (
    *("style.css", "common.js", "start.js", "label.js", "entry.js", "documents.js", "guideline.js", "settle.js", "rate.js"),
    *("again.js", "words.js"),
)
"""What pages are made of; nothing else is served as a file."""
PATIENCE, MUCH_PATIENCE = 0.03, 30.0
"""Seconds that a page waits for what is worked out of all judgements; with a few judgements, it takes much less."""
FEW = 500
UNDONE: tuple[Role, ...] = ("label", "adjudicated")
"""What someone can take back: what they said of a row, and what they settled."""
TABS = (
    ("/label", "Label"),
    ("/queue", "Rows"),
    ("/rate", "Rate answers"),
    ("/guideline", "Guideline"),
    ("/agreement", "Agreement"),
    ("/settle", "Differences"),
    ("/suspects", "Suspected errors"),
    ("/progress", "Progress"),
)


@dataclass(frozen=True)
class Asked:
    """What a page that lists rows is asked for.

    Attributes:
        start: the place from which it lists them.
        show: which of them; empty where nothing was chosen.
    """

    start: int
    show: str


class Workbench:
    """The pages of one project.

    Args:
        desk: gives out rows and takes in what is said of them.
        keys: the links that are good.
        settles: who may settle differences; everyone where it is empty.
        choosing: decides which rows come next; None where all come at random.
    """

    def __init__(self, desk: Desk, keys: Keys, *, settles: str = "", choosing: Choosing | None = None) -> None:
        self.desk, self.keys, self.settles, self.choosing = desk, keys, settles, choosing
        judge = desk.task.judge
        self._rating = None if judge is None else Rating(desk.project, judge, desk.judgements, desk.guideline)
        self._tabs = [tab for tab in TABS if tab[0] != "/rate" or judge is not None]
        self._pool = ThreadPoolExecutor(1, "pages")
        self._quick = ThreadPoolExecutor(1, "differences")  # they do not wait for what takes seconds
        self._passages = Passages(desk.project, self._pool) if desk.project.documents and desk.entry().source else None
        self._templates = Environment(
            loader=PackageLoader("tailor.workbench"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._files = {name: (files("tailor.workbench") / "static" / name).read_bytes() for name in STATIC}
        self._scripts = scripts_of(desk.task)
        self._files |= {name: form_file(name).read_bytes() for name in (*self._scripts, STYLE)}

    def app(self, hosts: tuple[str, ...]) -> Door:
        """The pages behind their door.

        Args:
            hosts: names by which the server may be called, with their ports.
        """
        routes = [
            Route("/", self._page("start.html", open_door=True)),
            Route("/session", self._enter, methods=["POST"]),
            Route("/label", self._page("label.html")),
            Route("/queue", self._page("queue.html", lambda name, asked: queue_rows(self.desk, name, asked.start, asked.show))),
            Route("/rate", self._page("rate.html")),
            Route("/guideline", self._page("guideline.html")),
            Route("/settle", self._page("settle.html", self._later(self._differing, self._differences, self._quick))),
            Route("/agreement", self._page("agreement.html", self._later(lambda: agreement_page(self.desk)))),
            Route("/suspects", self._page("suspects.html", self._later(self._suspects, _suspects_asked))),
            Route("/progress", self._page("progress.html", self._later(self._progress))),
            Route("/api/guideline", _answering(self._change_guideline), methods=["POST"]),
            Route("/api/next", _answering(self._next), methods=["POST"]),
            Route("/api/judgements", _answering(self._judge), methods=["POST"]),
            Route("/api/undo", _answering(self._undo), methods=["POST"]),
            Route("/api/rate/next", _answering(self._next_to_rate), methods=["POST"]),
            Route("/api/rate", _answering(lambda name, body: self._rates().say(name, body)), methods=["POST"]),
            Route("/api/rate/undo", _answering(self._undo_rating), methods=["POST"]),
            Route("/api/passages", _answering(self._passages_for), methods=["POST"]),
            Route("/media/{row}/{column:int}/{number:int}", self._media),
            *(Route(f"/static/{name}", self._file(name)) for name in self._files),
        ]
        open_paths = ["/", *(f"/static/{name}" for name in self._files)]
        return Door(Router(routes, redirect_slashes=False), hosts=hosts, keys=self.keys, open_paths=open_paths, entry="/session")

    # Pages

    def _later(
        self,
        work: Callable[[], Mapping[str, Any]],
        drawn: Callable[[Mapping[str, Any], Asked], Mapping[str, Any]] = lambda found, _: found,
        pool: ThreadPoolExecutor | None = None,
    ) -> Callable[[str, Asked], Mapping[str, Any]]:
        """What a page shows of all judgements: it takes seconds with thousands, so the page shows the last that is known.

        Args:
            work: gives it.
            drawn: what one page of it shows.
            pool: where it is worked out, if not one after the other with what takes seconds.
        """
        value = Later(work, self._state, pool or self._pool)

        def now(name: str, asked: Asked) -> Mapping[str, Any]:
            found, is_now = value.get(PATIENCE if len(self.desk.judgements.all()) > FEW else MUCH_PATIENCE)
            return {**({} if found is None else drawn(found, asked)), "waits": found is None, "is_now": is_now}

        return now

    def _suspects(self) -> Mapping[str, Any]:
        return suspects_page(self.desk, self.desk.project)

    def _differing(self) -> Mapping[str, Any]:
        return {"differing": differing(self.desk)}

    def _differences(self, found: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
        return differences_page(self.desk, found["differing"], asked.start, everything=asked.show == "all")

    def _state(self) -> tuple[object, ...]:
        """What pages of all judgements follow from."""
        return len(self.desk.judgements.all()), self.choosing and self.choosing.paying, study_stamp(self.desk.project)

    def _progress(self) -> Mapping[str, Any]:
        paying = self.choosing.paying.sentence if self.choosing and self.choosing.paying else ""
        return {**asdict(progress(self.desk)), "chooses": self.choosing is not None, "paying": paying}

    def _page(
        self, template: str, more: Callable[[str, Asked], Mapping[str, Any]] | None = None, *, open_door: bool = False
    ) -> Callable[[Request], Awaitable[Response]]:
        async def page(request: Request) -> Response:
            name = request.scope["state"]["name"]
            shown: dict[str, Any] = {
                "project": self.desk.task.name,
                "name": name,
                "path": request.scope["path"],
                "tabs": self._tabs,
            }
            if not open_door:
                shown |= await run_in_threadpool(self._common, name)
                shown |= await run_in_threadpool(more, name, _asked(request)) if more else {}
            page = self._templates.get_template(template).render(shown)
            return Response(page.encode("utf-8", "replace"), media_type="text/html; charset=utf-8")

        return page

    def _file(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def file(request: Request) -> Response:
            return Response(self._files[name], media_type="text/css" if name.endswith(".css") else "text/javascript")

        return file

    def _common(self, name: str) -> dict[str, Any]:
        """What every page behind the door shows, or needs."""
        kind = kind_of(self.desk.task)
        return {
            "page_token": self.keys.page_token(name),
            "instruction": self.desk.entry().asks or self.desk.task.instruction,
            "guideline": self.desk.guideline.text,
            "guideline_html": Markup(self.desk.guideline.html),
            "guideline_version": self.desk.guideline.version,
            "noun": kind.noun,
            "a_noun": kind.a_noun,
            "may_settle": self.settles in ("", name),
            "scripts": self._scripts,
            "reads": self._passages is not None,
        }

    async def _media(self, request: Request) -> Response:
        """A file that a row names; it may be large, so it is read where nothing waits for it."""
        item = self.desk.items.get(request.path_params["row"])
        if item is None:
            raise Refused("There is no such file in this project.", 404)
        column, number = request.path_params["column"], request.path_params["number"]
        return await run_in_threadpool(sent, self.desk.task, self.desk.project.folder, item.example, column, number)

    async def _enter(self, request: Request) -> Response:
        """Exchange the ticket of a link for a cookie."""
        ticket = (await _body(request)).get("ticket")
        name = self.keys.name(ticket) if isinstance(ticket, str) else None
        if name is None:
            raise Refused("This link is not good. Open the link that `tailor label` printed last.", 401)
        return JSON({"name": name}, headers={"set-cookie": cookie(str(ticket), request.scope)})

    # What pages ask for

    def _next(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The next rows, how an answer is given, and how far this person is."""
        page, holding, most = body.get("page", ""), body.get("holding", []), body.get("most", 1)
        if not (isinstance(page, str) and _texts(holding) and isinstance(most, int)):
            raise DataError("`page`, `holding` and `most` are needed")
        wanted = body.get("row")
        wanted = wanted if isinstance(wanted, str) else ""
        if body.get("settles") is True:  # this row or none: what is said would settle another one
            item = self.desk.every.get(wanted) if self.settles in ("", name) else None
            items = [item] if item else []
        elif wanted in self.desk.items:
            items = [self.desk.items[wanted]]
        else:
            items = self.desk.take(name, page, most, holding)
        return {
            "items": [self._item(item, name) for item in items],
            "entry": asdict(self.desk.entry()),
            "counts": self.desk.counts(name),
            "guideline": self.desk.guideline.version,
        }

    def _item(self, item: Item, name: str) -> dict[str, Any]:
        own = self.desk.of_row(item.row).get(name)
        before = None
        if own is not None:
            before = {name: getattr(own, name) for name in ("key", "label", "skipped", "flagged")} | {"marks": said_before(own)}
        suggested = self.desk.suggestions.get(item.row)
        return {
            "row": item.row,
            "place": item.where,
            "before": before,
            "settled": self._settled(item.row),
            "suggested": {"label": suggested.values[LABEL], "by": suggested.by} if suggested else None,
            **shown(self.desk.task, self.desk.project.folder, item.row, item.example),
        }

    def _judge(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Keep what someone said; acknowledged once it is durable."""
        judgement = as_kept(self.desk, said_in(self.desk, name, body, settles=self.settles))
        replaces = body.get("replaces")
        before = self.desk.give(judgement, replaces=replaces if isinstance(replaces, str) else None)
        if self.choosing is not None:
            self.choosing.note()
        conflict = None
        if before is not None:
            told = "" if before.skipped else shown_label(self.desk.task, before.label)
            conflict = {"label": told, "skipped": before.skipped, "at": before.at, "by": before.annotator}
        label = "" if judgement.skipped else shown_label(self.desk.task, judgement.label)
        return {"kept": judgement.key, "label": label, "conflict": conflict, "counts": self.desk.counts(name)}

    def _settled(self, row: str) -> dict[str, Any] | None:
        """What settled a row, and who said it."""
        settled = self.desk.settled(row)
        if settled is None:
            return None
        marks = said_before(settled)
        label = shown_label(self.desk.task, settled.label)
        return {"key": settled.key, "by": settled.annotator, "shown": label, "label": settled.label, "marks": marks}

    def _change_guideline(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write what people are told from now on."""
        if self.settles not in ("", name):
            raise Refused(f"The guideline is changed by {self.settles}.", 403)
        text, version = body.get("text"), body.get("version")
        if not isinstance(text, str) or not isinstance(version, str):
            raise DataError("`text` and `version` are texts")
        return {"version": self.desk.guideline.write(text, version)}

    def _rates(self) -> Rating:
        if self._rating is None:
            raise DataError("this project has no judge, so there are no answers to rate", "Set `judge` in tailor.yaml.")
        return self._rating

    def _next_to_rate(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The next answer to rate, or two to compare."""
        skip = body.get("skip", [])
        if not _texts(skip):
            raise DataError("`skip` is a list of texts")
        return self._rates().next(skip)

    def _undo_rating(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take back the last rating of someone."""
        key = body.get("key")
        if not isinstance(key, str):
            raise DataError("`key` is a text")
        return self._rates().undo(name, key)

    def _passages_for(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Passages of the documents that may answer a question."""
        query, item = body.get("query"), self.desk.every.get(str(body.get("row")))
        if not isinstance(query, str) or item is None or self._passages is None:
            raise DataError("`query` is a text, `row` a row of the data, and the project has documents")
        return self._passages.found(query, item.asker)

    def _undo(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take back the last label or skip of someone, or what they settled last."""
        key, role = body.get("key"), body.get("role", "label")
        if not isinstance(key, str) or role not in UNDONE:
            raise DataError(f"`key` is a text, and `role` one of {', '.join(UNDONE)}")
        sent_before = self.desk.judgements.find(key)
        last = self.desk.last(name, role) if sent_before is None else self.desk.judgements.find(sent_before.retracts)
        if last is None:
            return {"row": None}
        if sent_before is None:
            self.desk.give(Judgement(key=key, row=last.row, annotator=name, retracts=last.key, role=last.role))
        return {"row": last.row, "label": last.label, "skipped": last.skipped, "settled": self._settled(last.row)}


def _answering(answer: Callable[[str, Mapping[str, Any]], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """A route that reads JSON and answers with JSON; a mistake is a sentence, and what is broken here says nothing about itself."""

    @wraps(answer)
    async def route(request: Request) -> Response:
        body = await _body(request)
        try:
            return JSON(await run_in_threadpool(answer, request.scope["state"]["name"], body))
        except KeyTaken as error:
            raise Refused(str(error), 409) from None
        except DataError as error:
            raise Refused(" ".join(filter(None, (f"{error}.", error.hint))), 422) from None
        except TailorError as error:
            raise Refused(f"It could not be kept: {error}.", 503) from None

    return route


async def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = load_json(await request.body())
    except ClientDisconnect:
        raise Refused("The request was cut.", 400) from None
    except (ValueError, RecursionError):
        raise Refused("The request is not JSON.", 400) from None
    if not isinstance(body, dict):
        raise Refused("The request is no JSON object.", 400)
    return body


def _suspects_asked(found: Mapping[str, Any], asked: Asked) -> Mapping[str, Any]:
    return suspects_from(found, asked.start)


def _asked(request: Request) -> Asked:
    """What a page is asked to list."""
    given = request.query_params.get("from", "")
    start = int(given) if given.isascii() and given.isdigit() and len(given) < 10 else 0
    return Asked(start, request.query_params.get("show", ""))


def _texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)

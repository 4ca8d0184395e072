"""The routes: chat completions and models as OpenAI's clients call them, `/answer` with the task's columns, feedback, health."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any, cast

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from tailor.data.example import Example
from tailor.errors import did_you_mean, quoted
from tailor.models.base import Array
from tailor.outside import load_json
from tailor.serving.endpoint import LONGEST_WAIT, Endpoint, Gone, chosen_names
from tailor.serving.guard import SAFE
from tailor.serving.question import Reads, question_of, row_of
from tailor.serving.refused import Refused
from tailor.serving.replies import Events, completion, headers, in_one_piece, own_form
from tailor.serving.served import Served
from tailor.serving.writing import Writing
from tailor.store.traffic import AUDITOR, SAID, Feedback, Said
from tailor.web.door import JSON
from tailor.web.door import Refused as NotLetIn

BODY_SECONDS = 30.0
"""Seconds within which a request must have come in whole."""
MOST_TEXTS = 256
"""Texts of which vectors may be asked for at once."""
LONGEST_REMARK = 20_000
Handler = Callable[[Request], Awaitable[Response]]


def make_app(endpoint: Endpoint) -> Starlette:
    """The application; a guard belongs in front of it."""
    routes = Routes(endpoint)
    table: tuple[tuple[str, str, Handler], ...] = (
        ("/v1/chat/completions", "POST", routes.chat),
        ("/v1/completions", "POST", routes.completions),
        ("/v1/embeddings", "POST", routes.embeddings),
        ("/v1/models", "GET", routes.models),
        ("/v1/models/{name:path}", "GET", routes.one_model),
        ("/answer", "POST", routes.own_answer),
        ("/feedback", "POST", routes.feedback),
        ("/healthz", "GET", routes.healthz),
        ("/readyz", "GET", routes.readyz),
        ("/metrics", "GET", routes.metrics),
    )
    served = [Route(path, routes.told(path, handler), methods=[method]) for path, method, handler in table]
    app = Starlette(routes=served)
    app.add_exception_handler(404, routes.unknown)
    app.add_exception_handler(405, routes.unknown)
    return app


class Routes:
    """What the routes do.

    Args:
        endpoint: what they share.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def told(self, path: str, handler: Handler) -> Handler:
        """A route that answers refusals in OpenAI's form, and is counted."""

        async def handled(request: Request) -> Response:
            started = time.perf_counter()
            try:
                response = await handler(request)
            except Refused as refused:
                response = JSON(refused.body, refused.status, refused.headers)
            except NotLetIn as refused:  # the body grew too long while it was read
                told = Refused(refused.message, refused.status, code="request_too_large")
                response = JSON(told.body, told.status)
            except Gone:
                response = Response(status_code=499)
            except Exception:  # the boundary to callers, who are told nothing of the inside; the log is
                logging.getLogger(__name__).exception("a request to %s broke down", path)
                broken = Refused("Something went wrong inside this server.", 500, kind="server_error", code="internal_error")
                response = JSON(broken.body, 500)
            response.headers.update(SAFE)
            self.endpoint.metrics.request(path, response.status_code, time.perf_counter() - started)
            return response

        return handled

    async def chat(self, request: Request) -> Response:
        """A chat completion, whole or as events."""
        body = await read_body(request)
        served = self.endpoint.current
        model = self._model(served, body)
        stream, usage = _streaming(body)
        example = question_of(served.system, reads(served), body, _fresh())
        if stream and served.tells:
            return await self._as_written(request, served, example, model, usage)
        reply = await self.endpoint.answer(served, example, partial(gone, request))
        if not stream:
            return JSON(completion(reply, model), headers=reply.headers)
        return _streamed(_each(in_one_piece(reply, model, usage=usage)), reply.headers)

    async def _as_written(self, request: Request, served: Served, example: Example, model: str, usage: bool) -> Response:
        """Events that come as the answer is written."""
        writing = await self.endpoint.writing(served, example, partial(gone, request))
        if writing.answer.done():
            reply = self.endpoint.written(served, example, writing)
            return _streamed(_each(in_one_piece(reply, model, usage=usage)), reply.headers)
        events = Events(example.id, int(time.time()), model, usage)
        return _streamed(self._pieces(served, example, writing, events), headers(example.id, served, {}))

    async def _pieces(self, served: Served, example: Example, writing: Writing, events: Events) -> AsyncIterator[bytes]:
        sent = ""
        try:
            yield events.role()
            async for piece in writing.pieces(LONGEST_WAIT):
                sent += piece
                yield events.piece(piece)
            reply = self.endpoint.written(served, example, writing)
            if not reply.text.startswith(sent):
                raise Refused("The answer is not what was sent of it.", 500, kind="server_error", code="internal_error")
            if rest := reply.text[len(sent) :]:
                yield events.piece(rest)
            for event in events.end(reply, tailor=reply.told):
                yield event
        except Refused as refused:
            yield events.broken(refused)
        except TimeoutError:
            yield events.broken(Refused(f"Nothing more came within {LONGEST_WAIT:g} s.", 504, kind="server_error", code="timeout"))
        finally:
            writing.answer.cancel()

    async def own_answer(self, request: Request) -> Response:
        """The answer to a row, with sources, confidence, and whether a person should answer."""
        body = await read_body(request)
        served = self.endpoint.current
        example = row_of(served.system, reads(served), body, _fresh())
        reply = await self.endpoint.answer(served, example, partial(gone, request))
        return JSON(own_form(reply), headers=reply.headers)

    async def feedback(self, request: Request) -> Response:
        """What someone says of an answer."""
        body = await read_body(request)
        id, said, correct, who = (body.get(name, "") for name in ("id", "said", "correct", "who"))
        for name in body:
            if name not in ("id", "said", "correct", "who"):
                raise Refused(f"{quoted(name)} is not read here; `id`, `said`, `correct` and `who` are.", param=name[:60])
        if not all(isinstance(one, str) and len(one) <= LONGEST_REMARK for one in (id, said, correct, who)) or not id:
            raise Refused("`id` must name a response, and all others must be texts.", param="id", code="invalid_type")
        if said not in SAID:
            raise Refused(f"`said` must be one of {', '.join(SAID)}{did_you_mean(said, SAID)}.", param="said")
        if (said == "corrected") != bool(correct):
            raise Refused(
                "`correct` holds the right answer where `said` is `corrected`, and is left out elsewhere.", param="correct"
            )
        if who == AUDITOR:
            raise Refused("`who` must be another name: the sheet of the audit speaks by this one.", param="who")
        if self.endpoint.recorder is None:
            raise Refused("Nothing is recorded here, so feedback has no place to go.", 404, code="not_recorded")
        remark = Feedback(id.removeprefix("chatcmpl-"), cast(Said, said), correct, who or "user")
        if not self.endpoint.recorder.feedback(remark):
            raise Refused("It could not be kept.", 503, kind="server_error", code="not_kept", headers={"retry-after": "5"})
        return JSON({"kept": True})

    async def completions(self, request: Request) -> Response:
        """Says what to call instead."""
        raise Refused(
            "There are no plain completions here: call /v1/chat/completions (LlamaIndex: is_chat_model=True) or /answer.",
            404,
            code="not_found",
        )

    async def embeddings(self, request: Request) -> Response:
        """Vectors of texts by the embedder that is part of the system."""
        served, body = self.endpoint.current, await read_body(request)
        name = embedder_of(served)
        if not name:
            raise Refused("No embedder is part of the system that is served here.", 404, code="not_found")
        texts, encoding = _texts(body, name)
        vectors, digest = await self.endpoint.done(
            lambda: (served.engine.embed(name, texts), served.engine.embedder_digest(name)), partial(gone, request)
        )
        tokens = sum(-(-len(text) // 4) for text in texts)  # the stated estimate: a token is about four characters
        data = [{"object": "embedding", "index": i, "embedding": _vector(row, encoding)} for i, row in enumerate(vectors)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        headers = {"x-tailor-config": served.id, "x-tailor-embedder": digest[:12]}
        return JSON({"object": "list", "data": data, "model": name, "usage": usage}, headers=headers)

    async def models(self, request: Request) -> Response:
        """What can be asked, with how much it can read."""
        return JSON({"object": "list", "data": _models(self.endpoint.current)})

    async def one_model(self, request: Request) -> Response:
        """One of them."""
        name = request.path_params["name"]
        for record in _models(self.endpoint.current):
            if name in (record["id"], f"{record['id']}@{record['config']}"):
                return JSON(record)
        raise Refused(f"There is no model {quoted(name)} here.", 404, code="model_not_found", param="model")

    async def healthz(self, request: Request) -> Response:
        """Whether the process lives."""
        return JSON({"alive": True})

    async def readyz(self, request: Request) -> Response:
        """Whether a request would be answered as certified, and if not, why."""
        why, served = self.endpoint.trouble, self.endpoint.current
        recorder = self.endpoint.recorder
        told = {"ready": not why, "why": why, "config": served.id, "documents_changed": served.documents_changed}
        told["recording"] = recorder is not None and not recorder.trouble
        return JSON(told, 503 if why else 200, {"retry-after": "5"} if why else {})

    async def metrics(self, request: Request) -> Response:
        """Figures in Prometheus' text format."""
        text = self.endpoint.metrics.text(self.endpoint.gauges(), self.endpoint.current.id)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def unknown(self, request: Request, error: Exception) -> Response:
        """What is not there, in OpenAI's form."""
        status = getattr(error, "status_code", 404)
        said = "is not called by this method" if status == 405 else "is not there"
        known = "/v1/chat/completions, /v1/models, /v1/embeddings, /answer, /feedback, /healthz, /readyz and /metrics are"
        refused = Refused(f"{quoted(request.scope['path'])} {said}; {known}.", status, code="not_found")
        return JSON(refused.body, status, headers=SAFE)

    def _model(self, served: Served, body: dict[str, Any]) -> str:
        """The model that a request names.

        Raises:
            Refused: it names none, or one that is not here.
        """
        names, given = chosen_names(served), body.get("model")
        if not isinstance(given, str) or not given:
            raise Refused(f"`model` is missing; here it is {quoted(names[0])}.", param="model", code="missing_required_parameter")
        if given not in names:
            pinned = given.partition("@")[0] == names[0]
            why = f"; {quoted(names[1])} answers now" if pinned else f"; {quoted(names[0])} is"
            raise Refused(f"The model {quoted(given)} is not here{why}.", 404, param="model", code="model_not_found")
        return given


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object that a request holds.

    Raises:
        Refused: it holds something else, or does not come.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            content = await request.body()
        body = load_json(content)
    except TimeoutError:
        raise Refused("The request did not come in whole in time.", 408, code="timeout") from None
    except (ValueError, RecursionError):
        raise Refused("The body is not JSON, or gives a name twice.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Refused("The body must be a JSON object.", code="invalid_json")
    return body


async def gone(request: Request) -> None:
    """Ends when whoever asked is gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _each(events: Iterable[bytes]) -> AsyncIterator[bytes]:
    for event in events:
        yield event


def _streamed(events: AsyncIterator[bytes], named: dict[str, str]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers=named)


def reads(served: Served) -> Reads:
    """What the rows of a system hold besides texts."""
    return Reads(served.certified.turns, served.certified.task.data.images)


def embedder_of(served: Served) -> str:
    """The embedder that is part of a system; empty where none is."""
    system = served.system
    if system.weights.method == "head":
        return system.weights.model
    return system.knowledge.embedder or (system.prompt.embedder if system.prompt.nearest else "")


def _streaming(body: dict[str, Any]) -> tuple[bool, bool]:
    """Whether events are asked for, and usage in them.

    Raises:
        Refused: it cannot be told.
    """
    stream, options = body.get("stream"), body.get("stream_options")
    if not isinstance(stream, bool | None):
        raise Refused("`stream` must be true or false.", param="stream", code="invalid_type")
    if options is None:
        return bool(stream), False
    known = {"include_usage", "include_obfuscation"}
    if not stream or not isinstance(options, dict) or not options.keys() <= known:
        raise Refused("`stream_options` takes `include_usage`, with `stream`.", param="stream_options", code="invalid_value")
    if any(not isinstance(value, bool | None) for value in options.values()) or options.get("include_obfuscation"):
        raise Refused("`include_usage` must be true or false; nothing else is offered.", param="stream_options")
    return True, bool(options.get("include_usage"))


def _texts(body: dict[str, Any], name: str) -> tuple[list[str], str]:
    """The texts whose vectors are asked for, and how vectors are written.

    Raises:
        Refused: they cannot be made.
    """
    for field, given in body.items():
        if field not in ("input", "model", "encoding_format", "user", "dimensions"):
            raise Refused(f"{quoted(field)} is not a parameter of this endpoint.", param=field[:60], code="unknown_parameter")
        if field == "dimensions" and given is not None:
            raise Refused("`dimensions` cannot be chosen. Leave it out.", param=field, code="unsupported_parameter")
    if body.get("model") != name:
        raise Refused(f"The embedder here is {quoted(name)}.", 404, param="model", code="model_not_found")
    given, encoding = body.get("input"), body.get("encoding_format") or "float"
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise Refused("`input` must be a text or a list of texts, none of them empty.", param="input", code="invalid_type")
    if len(texts) > MOST_TEXTS:
        raise Refused(f"`input` holds {len(texts):,} texts; {MOST_TEXTS} at once are taken.", param="input")
    if encoding not in ("float", "base64"):
        raise Refused("`encoding_format` must be float or base64.", param="encoding_format", code="invalid_value")
    return [text.encode("utf-8", "replace").decode() for text in texts], encoding


def _vector(row: Array, encoding: str) -> list[float] | str:
    return row.tolist() if encoding == "float" else base64.b64encode(row.astype(np.dtype("<f4")).tobytes()).decode()


def _models(served: Served) -> list[dict[str, Any]]:
    created = _seconds(served.certified.study.rpartition(", ")[2])
    shared = {"object": "model", "created": created, "owned_by": "tailor"}
    told = {"config": served.id, "system": served.system.name, "study": served.certified.study}
    found = [{"id": chosen_names(served)[0], **shared, "max_model_len": served.model.context_tokens, **told}]
    if name := embedder_of(served):
        found.append({"id": name, **shared, **told})
    return found


def _seconds(time: str) -> int:
    try:
        return int(datetime.fromisoformat(time).timestamp())
    except ValueError:
        return 0


def _fresh() -> str:
    return uuid.uuid4().hex

"""The prediction routes: between HTTP and the service, nothing else.

They answer below Litestar's own routing: they need the body as it comes (its limit, its content
type, Cog's answers to bad ones) and the client's disconnect, and an ordinary handler's argument
machinery costs more than all the rest of a request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from litestar.types import HTTPScope, Receive, Scope, Send

from cog.server.audience import GRACE, Audience
from cog.server.body import ClientGone, Intake
from cog.server.form import Forms, is_form
from cog.server.live import NORMAL, Terms, Tracked
from cog.server.negotiate import Form, Prefer, parse_prefer, preferred_form, seconds, urgency
from cog.server.patience import Impatient
from cog.server.problems import NotAcceptable, NotFound, WrongMethod, reply_to
from cog.server.reply import Headers, Reply, json_reply, send_reply
from cog.server.request import (
    MAX_ECHO,
    InvalidRequest,
    PredictionRequest,
    check_key,
    fingerprint,
    parse_request,
    with_id,
)
from cog.server.service import Service
from cog.server.store import BadCursor
from cog.server.stream import disconnected, send_events
from cog.server.webhook import KINDS, Hook, Webhooks

NO_EVENTS = (
    "This model does not support streaming responses. "
    "Add @cog.streaming to predict() to enable SSE."
)

PAGE = 100
"""Predictions in one page of the list, at most."""

_AT_ONCE = 0.02  # seconds in which most small predictions end: no watch for the client till then


@dataclass(frozen=True, slots=True)
class Asked:
    """One HTTP request to these routes; ``headers`` has the last of each name."""

    scope: HTTPScope
    headers: Mapping[bytes, bytes]
    receive: Receive
    send: Send

    def header(self, name: bytes) -> str:
        """Return a header, empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1")


_Handle = Callable[[Asked, str], Awaitable[None]]


class Predictions:
    """The routes below ``base``, such as ``/predictions``; an ASGI application.

    ``streams``: the model's events may be asked for. ``client_of`` says whom to be fair to.
    """

    def __init__(  # noqa: PLR0913 # what the routes speak to
        self,
        base: str,
        service: Service,
        webhooks: Webhooks,
        forms: Forms,
        *,
        streams: bool,
        client_of: Callable[[HTTPScope], str],
    ) -> None:
        self.base = base
        self._service = service
        self._webhooks = webhooks
        self._forms = forms
        self._streams = streams
        self._client_of = client_of
        self._intake = Intake()
        self._audience = Audience(service.cancel_live)
        self.routes: dict[str, dict[str, _Handle]] = {
            "": {"GET": self._list, "POST": self._create},
            "/{prediction_id}": {"GET": self._show, "PUT": self._put},
            "/{prediction_id}/cancel": {"POST": self._cancel},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = cast("HTTPScope", scope)
        asked = Asked(request, dict(request["headers"]), receive, send)
        try:
            handle, prediction_id = self._match(request)
            await handle(asked, prediction_id)
        except (ClientGone, Impatient):
            return
        except Exception as error:
            await self._reply(asked, reply_to(error, self._service.retry_after))

    def _match(self, scope: HTTPScope) -> tuple[_Handle, str]:
        template, prediction_id = "", ""
        # The raw path: an id may hold a slash, as %2F.
        _, *parts = scope["raw_path"].split(b"?", 1)[0][len(self.base) :].split(b"/")
        if parts:
            rest = (part.decode("latin-1") for part in parts[1:])
            template = "/".join(["", "{prediction_id}", *rest])
            prediction_id = unquote_to_bytes(parts[0]).decode("utf-8", "replace")
        methods = self.routes.get(template)
        if methods is None or (parts and not prediction_id):
            raise NotFound("Not Found")
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        if method not in methods:
            raise WrongMethod(sorted(methods))
        return methods[method], prediction_id

    # Taking

    async def _create(self, asked: Asked, _: str) -> None:
        await self._take(asked, None)

    async def _put(self, asked: Asked, prediction_id: str) -> None:
        await self._take(asked, prediction_id)

    async def _take(self, asked: Asked, put_id: str | None) -> None:
        headers = asked.headers
        form = preferred_form(asked.header(b"accept")) if b"accept" in headers else "json"
        if form != "json" and not self._streams:
            raise NotAcceptable(NO_EVENTS)
        prefer = parse_prefer(asked.header(b"prefer")) if b"prefer" in headers else Prefer()
        content_type = headers.get(b"content-type")
        if content_type is not None and is_form(content_type):
            tracked, is_new, request = await self._submit_form(asked, content_type, put_id)
        else:
            body = await self._intake.read(asked.receive, headers.get(b"content-length"))
            request = parse_request(content_type, body)
            request, terms = self._terms(asked, request, len(body), put_id)
            tracked, is_new = await self._service.submit(request, terms)
        if is_new and request.webhook:
            self._webhooks.watch(tracked, _hook(request, request.webhook, headers))
        named = put_id is not None or b"idempotency-key" in headers
        if form != "json":
            await self._stream(asked, tracked, form, GRACE if named else 0.0, is_new=is_new)
        elif prefer.respond_async or prefer.wait is not None:
            await self._later(asked, tracked, prefer, is_new=is_new)
        elif not is_new and put_id is not None and not tracked.ended.done():
            # Cog's answer to a PUT of what is running already.
            self._audience.keep(tracked)
            await self._reply(asked, Reply(202, tracked.document()))
        else:
            await self._now(asked, tracked, GRACE if named else 0.0, is_new=is_new)

    async def _submit_form(
        self, asked: Asked, content_type: bytes, put_id: str | None
    ) -> tuple[Tracked, bool, PredictionRequest]:
        """Take a prediction whose files come with the request, in the folder it will have."""
        self._service.check_ready()  # a gigabyte is much to send for nothing
        form = await self._forms.read(content_type, asked.receive, asked.header(b"content-length"))
        is_new = False
        try:
            request, terms = self._terms(asked, form.request, form.text_size, put_id)
            # As with large bodies: what has just been uploaded is not worth sending back.
            terms = replace(terms, folder=form.folder, echo=terms.echo and not form.has_files)
            tracked, is_new = await self._service.submit(request, terms)
        finally:
            if not is_new:
                self._forms.drop(form)
        self._forms.keep(form, tracked.ended)
        return tracked, is_new, request

    def _terms(
        self, asked: Asked, request: PredictionRequest, size: int, put_id: str | None
    ) -> tuple[PredictionRequest, Terms]:
        """Return the request under the id that it is to have, and the terms its headers ask for."""
        headers = asked.headers
        joins = put_id is not None
        if put_id is not None:
            request = with_id(request, put_id)
        key = check_key(asked.header(b"idempotency-key")) if b"idempotency-key" in headers else ""
        priority = urgency(asked.header(b"priority")) if b"priority" in headers else None
        terms = Terms(
            client=self._client_of(asked.scope),
            priority=NORMAL if priority is None else priority,
            size=size,
            queue_timeout=_duration(headers, b"cog-queue-timeout"),
            run_timeout=_duration(headers, b"cog-run-timeout"),
            echo=size <= MAX_ECHO,
            key=key,
            join=joins,
            fingerprint=fingerprint(request) if joins or key else b"",
            trace=_trace(headers) if b"traceparent" in headers else {},
        )
        return request, terms

    # Answering

    async def _now(self, asked: Asked, tracked: Tracked, grace: float, *, is_new: bool) -> None:
        """Answer when it has ended."""
        if not tracked.ended.done():
            if is_new:
                self._audience.open(tracked, grace)
            self._audience.enter(tracked)
            try:
                await _until_ended(tracked, asked.receive, None)
            finally:
                self._audience.leave(tracked)
        await self._reply(asked, Reply(200, tracked.document()))

    async def _later(self, asked: Asked, tracked: Tracked, prefer: Prefer, *, is_new: bool) -> None:
        """Answer that it has been taken, or what has become of it within ``wait`` seconds."""
        self._audience.keep(tracked)
        applied: Headers = ((b"preference-applied", prefer.applied.encode()),)
        if prefer.wait:
            await _until_ended(tracked, asked.receive, prefer.wait)
        if tracked.ended.done() and (prefer.wait is not None or not is_new):
            await self._reply(asked, Reply(200, tracked.document(), headers=applied))
            return
        where = f"{self.base}/{quote(tracked.id, safe='')}".encode()
        headers = (*applied, (b"location", where))
        shown = tracked.snapshot()
        if is_new and prefer.wait is None:
            shown = _as_taken(shown)
        await self._reply(asked, json_reply(shown, 202, headers))

    async def _stream(
        self, asked: Asked, tracked: Tracked, form: Form, grace: float, *, is_new: bool
    ) -> None:
        if is_new:
            self._audience.open(tracked, grace)
        self._audience.enter(tracked)
        try:
            seen = asked.header(b"last-event-id")
            after = int(seen) if seen.isdecimal() and len(seen) < 20 else 0
            await send_events(tracked, form, after, asked.receive, asked.send)
        finally:
            self._audience.leave(tracked)

    async def _reply(self, asked: Asked, reply: Reply) -> None:
        await send_reply(asked.send, reply, with_body=asked.scope["method"] != "HEAD")

    # Looking and cancelling

    async def _show(self, asked: Asked, prediction_id: str) -> None:
        tracked = await self._service.find(prediction_id)
        if tracked is None:
            raise NotFound("no prediction with this id goes on or is remembered")
        form = preferred_form(asked.header(b"accept"))
        if form != "json":
            if not self._streams:
                raise NotAcceptable(NO_EVENTS)
            await self._stream(asked, tracked, form, 0.0, is_new=False)
            return
        prefer = parse_prefer(asked.header(b"prefer"))
        headers: Headers = ()
        if prefer.wait is not None:
            await _until_ended(tracked, asked.receive, prefer.wait)
            headers = ((b"preference-applied", prefer.applied.encode()),)
        await self._reply(asked, Reply(200, tracked.document(), headers=headers))

    async def _list(self, asked: Asked, _: str) -> None:
        query = dict(
            parse_qsl(asked.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        )
        limit = query.get("limit", str(PAGE))
        size = int(limit) if limit.isascii() and limit.isdecimal() and len(limit) < 4 else 0
        if not 1 <= size <= PAGE:
            raise BadCursor(f"limit: expected 1 to {PAGE}")
        listed = await self._service.recent(query.get("cursor"), size)
        following = None
        if listed.cursor is not None:
            following = f"{self.base}?cursor={quote(listed.cursor)}&limit={size}"
        results = [_summary(each.snapshot()) for each in listed.tracked]
        await self._reply(
            asked, json_reply({"previous": None, "next": following, "results": results})
        )

    async def _cancel(self, asked: Asked, prediction_id: str) -> None:
        known = await self._service.cancel(prediction_id)
        await self._reply(asked, json_reply({}, 200 if known else 404))


def _duration(headers: Mapping[bytes, bytes], name: bytes) -> float | None:
    if name not in headers:
        return None
    value = seconds(headers[name].decode("latin-1"))
    if value is None:
        raise InvalidRequest(name.decode().title(), "expected seconds, such as 30")
    return value


def _hook(request: PredictionRequest, url: str, headers: Mapping[bytes, bytes]) -> Hook:
    wanted = request.webhook_events_filter
    kinds = KINDS if wanted is None else tuple(wanted)
    return Hook(url=url, wanted=kinds, headers=_trace(headers))


def _trace(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    return {
        name: headers[name.encode()].decode("latin-1")
        for name in ("traceparent", "tracestate")
        if name.encode() in headers
    }


def _as_taken(snapshot: dict[str, object]) -> dict[str, object]:
    """Return how a prediction looked when it was taken, which the 202 tells of, as Cog does."""
    taken = ("id", "input", "created_at", "queue")
    kept = {name: snapshot[name] for name in taken if name in snapshot}
    return {**kept, "logs": "", "status": "starting", "metrics": {}}


_LONG = ("input", "output", "logs")


def _summary(snapshot: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in snapshot.items() if name not in _LONG}


async def _until_ended(tracked: Tracked, receive: Receive, wait: float | None) -> None:
    """Return when it has ended or ``wait`` seconds have passed; raises ClientGone."""
    first = _AT_ONCE if wait is None else min(wait, _AT_ONCE)
    if await _within(tracked.ended, first) or (wait is not None and wait <= _AT_ONCE):
        return
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        rest = None if wait is None else wait - _AT_ONCE
        await asyncio.wait({tracked.ended, gone}, timeout=rest, return_when=asyncio.FIRST_COMPLETED)
        if gone.done() and not tracked.ended.done():
            raise ClientGone
    finally:
        gone.cancel()


async def _within(ended: asyncio.Future[None], wait: float) -> bool:
    """Say whether it ends within that time; cheaper than `asyncio.wait`."""
    if ended.done():
        return True
    waiter = asyncio.get_running_loop().create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    timer = asyncio.get_running_loop().call_later(wait, wake)
    ended.add_done_callback(wake)
    try:
        await waiter
    finally:
        timer.cancel()
        ended.remove_done_callback(wake)
    return ended.done()

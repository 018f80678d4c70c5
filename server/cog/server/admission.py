"""Making a prediction of a request, and finding the one that a request stands for."""

from __future__ import annotations

import logging
from collections.abc import Callable

from cog.server.events import Feed
from cog.server.live import Live, Place, Terms
from cog.server.logs import LOGGER
from cog.server.outputs import Outputs
from cog.server.pool import IdInUse
from cog.server.prediction import Prediction
from cog.server.request import PredictionRequest, checked_input
from cog.server.schema import InputSchema
from cog.server.store import Record
from cog.server.surroundings import Surroundings

_log = logging.getLogger(LOGGER)


class OtherRequest(Exception):
    """The id or idempotency key has come before, with a request that was another."""


class Admission:
    """Claims ids and idempotency keys in the store; ``place`` tells where a prediction waits."""

    def __init__(
        self,
        surroundings: Surroundings,
        schema: InputSchema | None,
        place: Callable[[str], Place | None],
        feed_events: int,
    ) -> None:
        self._around = surroundings
        self._schema = schema
        self._place = place
        self._feed_events = feed_events

    def make(self, request: PredictionRequest, terms: Terms) -> Live:
        """Return a new prediction that nobody knows yet; raises InvalidInput."""
        given, unknown = checked_input(request.input, self._schema)
        if unknown:
            _log.warning("Unknown inputs are ignored: %s", ", ".join(unknown))
        shown = self._schema.hide_secrets(given) if self._schema else given
        now = self._around.now()
        prediction = Prediction(
            request.id or self._around.new_id(), shown if terms.echo else None, now
        )
        # One client's key means nothing to another.
        key = f"{terms.client}\n{terms.key}" if terms.key else ""
        record = Record(prediction.id, now, key, terms.fingerprint)
        outputs = Outputs(prediction.id, self._around.send_files())
        outputs.folder = terms.folder
        return Live(
            prediction=prediction,
            record=record,
            terms=terms,
            given=given,
            context=request.context or {},
            outputs=outputs,
            place=self._place,
            feed=Feed(self._feed_events),
        )

    async def claim(self, live: Live) -> Record | None:
        """Put a new prediction into the store; return the record of the one it would double.

        Raises OtherRequest, or IdInUse where the client does not ask to join.
        """
        store, terms = self._around.store, live.terms
        known = await store.add(live.record)
        if known is None:
            return None
        if terms.join or (terms.key and known.key == live.record.key):
            if terms.fingerprint and known.fingerprint and terms.fingerprint != known.fingerprint:
                raise OtherRequest("an earlier request with the same id or key was another one")
            return known
        # Asked for again by its id: that of one that has ended is free.
        if known.ended:
            replaced, known = known, await store.add(live.record, replacing=known)
            live.replaced = replaced if known is None else None
        if known is not None:
            raise IdInUse(f"a prediction with the id {live.id!r} has not ended yet")
        return None

    async def give_back(self, live: Live) -> None:
        """Undo `claim`: the prediction was not taken; what it was to replace is known again."""
        store, before = self._around.store, live.replaced
        if before is not None and await store.add(before, replacing=live.record) is None:
            store.end(before, lambda: None)
        else:
            await store.remove(live.record)

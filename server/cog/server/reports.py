"""What a worker reports of a running prediction: kept in its record, told to its feed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial

from cog import wire
from cog.server import events
from cog.server.live import Live
from cog.server.logs import LOGGER, ModelLog
from cog.server.tally import Tally

_log = logging.getLogger(LOGGER)


class Reports:
    """Takes reports of the predictions in ``live``; one of any other changes nothing.

    Everything printed, whoever it is of, goes to ``model_log`` too.
    """

    def __init__(
        self,
        live: Mapping[str, Live],
        model_log: ModelLog,
        tally: Tally,
        clock: Callable[[], float],
    ) -> None:
        self._live = live
        self._model_log = model_log
        self._tally = tally
        self._clock = clock

    def output(self, message: wire.Output) -> None:
        """A handler has yielded an item; readers see it once its files are where they belong."""
        if (live := self._live.get(message.id)) is not None:
            live.outputs.add(message.value, partial(self._show, live))

    def printed(self, message: wire.Log) -> None:
        """Something was printed, by a prediction or by none."""
        if message.id is not None and (live := self._live.get(message.id)) is not None:
            live.prediction.log(message.data)
            live.feed.add(events.Logged(message.stream, message.data))
        self._model_log.add(message.id, message.stream, message.data)

    def measured(self, message: wire.Metric) -> None:
        """A metric was recorded; one that does not fit the others is logged and left out."""
        if (live := self._live.get(message.id)) is None:
            return
        try:
            live.prediction.measure(message.name, message.value, message.mode)
        except (TypeError, ValueError) as error:
            about = {"prediction_id": live.id}
            _log.warning("A metric of prediction %s is not one: %s", live.id, error, extra=about)
        else:
            live.feed.add(events.Measured(message.name, message.value, message.mode))

    def _show(self, live: Live, item: object) -> None:
        items = live.prediction.items
        if not items:
            self._tally.first_output.note(self._clock() - live.taken)
        live.feed.add(events.Output(len(items), item))
        items.append(item)

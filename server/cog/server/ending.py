"""How a prediction ends: result settled, output passed on, record kept, and only then told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from cog.server.deadlines import clear
from cog.server.live import Live
from cog.server.logs import LOGGER, ModelLog
from cog.server.pool import Reason
from cog.server.prediction import Result, Status, failed
from cog.server.surroundings import Surroundings
from cog.server.tally import Tally

_log = logging.getLogger(LOGGER)


class Ending:
    """Ends predictions that have left the pool; ``told`` follows once one's record is kept."""

    def __init__(
        self,
        surroundings: Surroundings,
        model_log: ModelLog,
        tally: Tally,
        clock: Callable[[], float],
        told: Callable[[Live], None],
    ) -> None:
        self._around = surroundings
        self._model_log = model_log
        self._tally = tally
        self._clock = clock
        self._told = told

    def end(self, live: Live, reason: Reason, why: str) -> None:
        """End a prediction; ``why`` is its error where nothing else says how it went."""
        clear(live)
        if live.arrival is not None:
            live.arrival.cancel()
        live.result = self._result(live, reason, why)
        if live.result.output is not None:
            live.outputs.add(live.result.output, partial(setattr, live.prediction, "output"))
        live.outputs.end(partial(self._conclude, live))

    def _result(self, live: Live, reason: Reason, why: str) -> Result:
        if reason is Reason.CANCELED:
            return Result(status=Status.CANCELED)
        result, started = live.result, live.prediction.started_at
        taken = (self._around.now() - started).total_seconds() if started and not result else 0.0
        if result is None and live.stopping:
            result = Result(status=Status.CANCELED, predict_time=taken)
        elif result is None:
            result = failed(why, predict_time=taken)
        if result.status is Status.CANCELED and live.overrun:
            return replace(result, status=Status.FAILED, error=live.overrun)
        return result

    def _conclude(self, live: Live) -> None:
        """Everything that the prediction gave has been passed on; end it."""
        result = live.result
        assert result is not None
        if live.outputs.error:
            result = failed(live.outputs.error, predict_time=result.predict_time)
        self._model_log.end(live.id)
        self._count(live, result.status)
        if live.trace is not None:
            live.trace.ended(result.status.value, result.error)
        live.prediction.end(result, self._around.now())
        if live.folder is not None:
            self._around.scratch.take_back(live.folder, untouched=not live.folder_used)
        self._around.store.end(live.close(), partial(self._told, live))

    def _count(self, live: Live, status: Status) -> None:
        now, tally = self._clock(), self._tally
        tally.ended[status.value] += 1
        tally.took.note(now - live.taken)
        if live.began is not None:
            tally.queued.note(live.began - live.taken)
            tally.ran.note(now - live.began)
        if _log.isEnabledFor(logging.DEBUG):
            about = {"prediction_id": live.id, "status": status.value, "seconds": now - live.taken}
            _log.debug("Prediction %s %s", live.id, status.value, extra=about)

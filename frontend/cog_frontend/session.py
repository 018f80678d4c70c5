"""From the options in the environment to the one Return: every error ends as a message there."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from cog_frontend.context import Opened, open_project
from cog_frontend.errors import FrontendError, ProjectError
from cog_frontend.gateway import (
    Bridge,
    Failure,
    Result,
    failure_from_problems,
    failure_from_rpc,
    unsupported_capability,
    unsupported_subrequest,
)
from cog_frontend.options import Options, options_from_environment
from cog_frontend.rpc import RpcError

if TYPE_CHECKING:
    from cog_frontend.build import Build
    from cog_frontend.subrequests import Question

Finish = Callable[[Result], Result]


def serve(bridge: Bridge, environment: Mapping[str, str], *, finish: Finish | None = None) -> None:
    """Answer the request of a frontend's container; otherwise as ``answer``."""
    answer(bridge, lambda: options_from_environment(environment), finish=finish)


def answer(
    bridge: Bridge, read_options: Callable[[], Options], *, finish: Finish | None = None
) -> None:
    """Answer one build request through ``bridge``; ``finish`` has the last word on a result."""
    outcome = _outcome(bridge, read_options)
    if isinstance(outcome, Failure):
        bridge.return_error(outcome)
    else:
        bridge.return_result(finish(outcome) if finish else outcome)


def _outcome(bridge: Bridge, read_options: Callable[[], Options]) -> Result | Failure:
    task: Build | Question | None = None
    try:
        options = read_options()
        if refused := _refused(options):
            return refused
        opened = open_project(bridge, options)
        task = _task(bridge, options, opened)
        return task.run()
    except ProjectError as error:
        return failure_from_problems(error.problems, task.sources if task else {})
    except FrontendError as error:
        return Failure(message=str(error))
    except RpcError as error:
        return failure_from_rpc(error)
    except Exception:  # the one place where a bug of ours becomes a message
        return _internal_error(traceback.format_exc())


def _refused(options: Options) -> Failure | None:
    """The answer to a client that wants what this frontend has not."""
    for cap in options.unknown_caps:
        return unsupported_capability(cap)
    if not options.request:
        return None
    from cog_frontend.subrequests import REQUESTS  # noqa: PLC0415 - few clients ask

    return None if options.request in REQUESTS else unsupported_subrequest(options.request)


def _task(bridge: Bridge, options: Options, opened: Opened) -> Build | Question:
    """The build or the question; what it needs is imported while the client sends the files."""
    if options.request:
        from cog_frontend.subrequests import Question  # noqa: PLC0415 - few clients ask

        return Question(options, opened)
    from cog_frontend.build import Build  # noqa: PLC0415 - while files are on their way

    return Build(bridge, options, opened)


def _internal_error(trace: str) -> Failure:
    """The whole trace goes to the daemon's log, its reference to the user."""
    reference = hashlib.sha256(trace.encode()).hexdigest()[:12]
    sys.stderr.write(f"cogkit internal error {reference}\n{trace}")
    last = trace.strip().splitlines()[-1]
    return Failure(
        message=f"internal error in cogkit ({reference}): {last}\n"
        "This is a bug: the builder's log has the details under this reference."
    )

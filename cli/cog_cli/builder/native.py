"""The road of ``cog build`` without buildx: this process is BuildKit's client and its frontend."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cog_cli.build import BuildOutcome, BuildRequest
from cog_cli.builder import solving
from cog_cli.builder.agents import parse_agents
from cog_cli.builder.choose import Surroundings, choose_builder
from cog_cli.builder.credentials import Credentials, credentials_for, run_helper
from cog_cli.builder.dial import DialError
from cog_cli.builder.display import displayed, print_line
from cog_cli.builder.endpoint import BuilderAt, DockerEngine, describe
from cog_cli.builder.failure import build_failure
from cog_cli.builder.filesend import Destination, ToPipe
from cog_cli.builder.progress import Progress
from cog_cli.builder.secrets import parse_secrets, read_secret
from cog_cli.builder.services import Offer, handlers
from cog_cli.builder.session import Session
from cog_cli.builder.solve import Job, connected, solve
from cog_cli.errors import CliError
from cog_cli.screen import Screen
from cog_frontend.rpc import ConnectionLost, RpcError

NO_BUILDER = """no builder answers: {where}: {reason}
There are three ways to get one:
  start Docker, or name another with DOCKER_HOST or `docker context use`
  name a buildkitd with BUILDKIT_HOST (unix://, tcp:// or ssh://)
  make a builder with `docker buildx create --use`"""
DIGEST = "containerimage.digest"

Load = Callable[[], AbstractContextManager[IO[bytes]]]
"""Opens a way to load an image archive into the engine; CliError when that fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeBuilder:
    """Builds with whatever BuildKit there is. ``clock`` gives the time of day in seconds."""

    env: Mapping[str, str]
    home: Path
    cwd: Path
    screen: Screen
    clock: Callable[[], float]
    load: Load

    def build(self, request: BuildRequest) -> BuildOutcome:
        """Build; progress goes to stderr. CliError when it fails."""
        solving.refuse_local_caches(request)
        request = solving.with_github_cache(request, self.env)
        request = solving.with_default_provenance(request, self.env)
        around = Surroundings(self.env, self.home, _read_file)
        builder = choose_builder(around, request.builder)
        moby = isinstance(builder, DockerEngine)
        exported = solving.exports(request, moby=moby, cwd=self.cwd)
        with ExitStack() as open_ones:
            loads = {
                number: ToPipe(open_ones.enter_context(self.load())) for number in exported.loads
            }
            offer = self._offer(request, around, {**exported.destinations, **loads})
            job = _job(request, exported, offer, moby=moby)
            try:
                answer = self._solve(builder, job, request)
            except CliError as error:
                if offer.problems:
                    raise CliError(offer.problems[0]) from error
                raise
        if request.metadata_file:
            _write_metadata(request.metadata_file, answer)
        return BuildOutcome(request.tags[0] if request.tags else "", answer.get(DIGEST))

    def _offer(
        self,
        request: BuildRequest,
        around: Surroundings,
        destinations: Mapping[int, Destination],
    ) -> Offer:
        known = parse_secrets(request.secrets, self.env, self.cwd)
        helper = run_helper(self.env)

        def credentials(host: str) -> Credentials:
            return credentials_for(host, around.docker_config(), helper)

        return Offer(
            folders=solving.folders(request, self.cwd),
            credentials=credentials,
            secret=lambda name: read_secret(known, name, self.env),
            agents=parse_agents(request.ssh, self.env),
            destinations=destinations,
        )

    def _solve(self, builder: BuilderAt, job: Job, request: BuildRequest) -> Mapping[str, str]:
        progress = Progress()
        try:
            with (
                connected(builder, job.session) as connection,
                displayed(
                    request.progress or self.env.get("BUILDKIT_PROGRESS"),
                    progress,
                    self.screen.console,
                    self.clock,
                ) as display,
            ):
                return solve(connection, job, display.take)
        except DialError as error:
            where = describe(builder)
            raise CliError(NO_BUILDER.format(where=where, reason=error)) from error
        except ConnectionLost as error:
            raise CliError(f"the builder went away: {describe(builder)}: {error}") from error
        except RpcError as error:
            raise self._failed(error, progress) from error
        finally:
            self._show_warnings(progress)

    def _failed(self, error: RpcError, progress: Progress) -> CliError:
        """Show why a build failed, as buildx does; return what is left to say."""
        failure = build_failure(error)
        console = self.screen.console
        for step in progress.steps.values():
            if step.error and not step.canceled:
                print_line(console, "\n".join(["-" * 6, f" > {step.name}:", *step.log, "-" * 6]))
        for snippet in failure.snippets:
            print_line(console, f"{snippet}\n")
        return CliError(failure.message)

    def _show_warnings(self, progress: Progress) -> None:
        for warning in progress.warnings:
            self.screen.note(f"warning: {warning.text}")
            for line in warning.detail:
                self.screen.note(f"  {line}")


def _job(request: BuildRequest, exported: solving.Exports, offer: Offer, *, moby: bool) -> Job:
    options = solving.frontend_options(request, moby=moby)
    ref, session = secrets.token_hex(12), secrets.token_hex(12)
    return Job(
        request=solving.solve_request(request, options, exported, ref=ref, session=session),
        options=options,
        in_process=request.frontend.in_process,
        session=Session(
            id=session,
            shared_key=hashlib.sha256(str(request.context).encode()).hexdigest(),
            handlers=handlers(offer),
        ),
    )


def _read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}") from error


def _write_metadata(path: Path, answer: Mapping[str, str]) -> None:
    """Write what the exporters said, in the form of buildx's metadata file."""
    document = {key: _decoded(value) for key, value in sorted(answer.items())}
    try:
        path.write_text(json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}") from error


def _decoded(value: str) -> object:
    """Documents come as base64 of JSON; everything else is text."""
    try:
        found = json.loads(base64.b64decode(value, validate=True))
    except ValueError:
        return value
    return found if isinstance(found, dict | list) else value

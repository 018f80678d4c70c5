"""``cog login``: what is typed to log in to a registry."""

from __future__ import annotations

import sys

import click

from cog_cli import docker
from cog_cli.app import App
from cog_cli.errors import UsageProblem
from cog_cli.login import REPLICATE, VARIABLE, is_replicate, owner_of, registry_host, token_page
from cog_cli.verb import Verb


@click.command(
    cls=Verb,
    examples=(
        "cog login registry.example",
        'echo "$TOKEN" | cog login registry.example -u ada --token-stdin',
    ),
)
@click.argument("registry", required=False)
@click.option("-u", "--username", metavar="NAME", help="Who logs in.")
@click.option("--token-stdin", is_flag=True, help="Read the token or password from stdin.")
@click.pass_obj
def login(app: App, registry: str | None, username: str | None, *, token_stdin: bool) -> None:
    """Log in to REGISTRY; Docker keeps the login, and every push and build uses it.

    Without REGISTRY it is that of COG_REGISTRY_HOST, or Replicate's.
    """
    host = registry_host(registry or app.env.get(VARIABLE) or REPLICATE)
    if not token_stdin and not app.has_terminal:
        raise UsageProblem("stdin is no terminal: give the token with --token-stdin")
    if is_replicate(host):
        secret = _secret(app, host, token_stdin=token_stdin)
        username = owner_of(host, secret, app.fetch)
    else:
        if username is None and token_stdin:
            raise UsageProblem(f"say with -u who logs in to {host}")
        username = username or app.ask("Username", hidden=False)
        secret = _secret(app, "", token_stdin=token_stdin)
    docker.login(app.docker, host, username, secret)
    app.screen.note(f"Logged in to {host} as {username}")


def _secret(app: App, replicate: str, *, token_stdin: bool) -> str:
    """Return the token or password that was piped or typed; UsageProblem for an empty one."""
    if token_stdin:
        secret = sys.stdin.readline().strip()
    else:
        if replicate:
            app.screen.note(f"Your token is at {token_page(replicate, app.fetch)}")
        secret = app.ask("Token" if replicate else "Password", hidden=True)
    if not secret:
        raise UsageProblem("no token was given")
    return secret

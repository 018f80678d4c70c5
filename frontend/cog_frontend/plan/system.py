"""The layer of Debian packages."""

from __future__ import annotations

from cog_frontend.config import Located
from cog_frontend.errors import Span
from cog_frontend.plan.model import Cache, Exec, Layer, SingleFile

NAME = "system"

Env = tuple[tuple[str, str], ...]

# Package names arrive as arguments, never as script text. Logs and ldconfig's cache differ from
# run to run and are of no use in an image.
_SCRIPT = """\
set -e
apt-get update -qq
apt-get install -qqy "$@"
rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache
"""

# Debian's images delete downloads after each run (docker-clean); with a cache mount they stay.
_KEEP_DOWNLOADS = SingleFile(
    target="/etc/apt/apt.conf.d/docker-clean",
    data=b'Binary::apt::APT::Keep-Downloaded-Packages "true";\n',
)


def system_layer(
    packages: tuple[Located, ...], env: Env, *, more: tuple[str, ...] = ()
) -> Layer | None:
    """The layer that installs ``build.system_packages`` and ``more``; None when there are none."""
    names = tuple(sorted({*(package.text for package in packages), *more}))
    if not names:
        return None
    spans = [package.span for package in packages]
    span = Span(spans[0].start_line, spans[-1].end_line) if spans else None
    return Layer(name=NAME, steps=(apt_step(names, env, stage=NAME, span=span),))


def apt_step(
    names: tuple[str, ...],
    env: Env,
    *,
    stage: str,
    span: Span | None,
    unless: tuple[str, ...] = (),
) -> Exec:
    """The step that installs Debian packages; not where the programs ``unless`` are there."""
    there = " && ".join(f"command -v {program} > /dev/null" for program in unless)
    script = f"{there} && exit\n{_SCRIPT}" if there else _SCRIPT
    return Exec(
        args=("/bin/sh", "-c", script, "apt", *names),
        title=f"[{stage}] apt-get install {' '.join(names)}",
        span=span,
        mounts=(
            _KEEP_DOWNLOADS,
            Cache(target="/var/cache/apt", id="cogkit/apt", locked=True),
            Cache(target="/var/lib/apt/lists", id="cogkit/apt-lists", locked=True),
        ),
        env=(("DEBIAN_FRONTEND", "noninteractive"), *env),
    )

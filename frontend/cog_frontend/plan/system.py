"""The layer of Debian packages."""

from __future__ import annotations

from cog_frontend.config import Located
from cog_frontend.errors import Span
from cog_frontend.plan.model import Cache, Exec, Layer, SingleFile

NAME = "system"

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


def system_layer(packages: tuple[Located, ...], env: tuple[tuple[str, str], ...]) -> Layer | None:
    """The layer that installs ``build.system_packages``; None when there are none."""
    if not packages:
        return None
    names = tuple(sorted({package.text for package in packages}))
    spans = [package.span for package in packages]
    install = Exec(
        args=("/bin/sh", "-c", _SCRIPT, "apt", *names),
        title=f"[system] apt-get install {' '.join(names)}",
        span=Span(spans[0].start_line, spans[-1].end_line),
        mounts=(
            _KEEP_DOWNLOADS,
            Cache(target="/var/cache/apt", id="cogkit/apt", locked=True),
            Cache(target="/var/lib/apt/lists", id="cogkit/apt-lists", locked=True),
        ),
        env=(("DEBIAN_FRONTEND", "noninteractive"), *env),
    )
    return Layer(name=NAME, steps=(install,))

"""Credentials of package indexes: secrets of the build, made one netrc file while uv runs.

uv sends what netrc has for a host, to the index and to its files alike; git reads the file in the
home folder. The file lies in memory (/dev/shm), so it is in no layer and no cache; a secret's value
is part of no cache key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from cog_frontend.config import Index
from cog_frontend.plan import layout
from cog_frontend.plan.model import Mount, Secret

NETRC = "/dev/shm/cogkit-netrc"  # noqa: S108 - the command's own, in its container
_GIVEN = "netrc"
_FOLDER = "/run/cogkit/logins"
_VARIABLE = "COGKIT_LOGINS"

# A secret is a netrc file, `user:password`, or a token alone.
LOGIN = f"""\
(
  umask 077
  : > {NETRC}
  test -e "${{HOME:-/root}}/.netrc" || ln -sf {NETRC} "${{HOME:-/root}}/.netrc"
  if test -e {layout.BUILD_NETRC}; then cat {layout.BUILD_NETRC} >> {NETRC}; echo >> {NETRC}; fi
  for login in ${_VARIABLE}; do
    secret=$(cat "{_FOLDER}/${{login%%=*}}")
    host=${{login#*=}}
    case $secret in
      *machine\\ * | *default\\ *) printf '%s\\n' "$secret" ;;
      *:*) printf 'machine %s login %s password %s\\n' "$host" "${{secret%%:*}}" "${{secret#*:}}" ;;
      *) printf 'machine %s login __token__ password %s\\n' "$host" "$secret" ;;
    esac >> {NETRC}
  done
)
"""


@dataclass(frozen=True, slots=True)
class Login:
    """The secret whose value is for a host."""

    host: str
    secret: str


def host(url: str) -> str:
    """Return the host of a URL; empty for what has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def logins(indexes: Iterable[Index]) -> tuple[Login, ...]:
    """Return what the indexes of a project need."""
    return tuple(
        Login(host(index.url.text), index.secret.text) for index in indexes if index.secret
    )


def logins_for(urls: Iterable[str], logins: Collection[Login]) -> tuple[Login, ...]:
    """Return those that fetching ``urls`` may need."""
    if not logins:
        return ()
    hosts = set(map(host, urls))
    return tuple(login for login in logins if login.host in hosts)


def mounts(logins: Iterable[Login]) -> tuple[Mount, ...]:
    """Return the secrets that ``LOGIN`` reads: a netrc where the client gives one, and these."""
    return (
        Secret(target=layout.BUILD_NETRC, id=_GIVEN, optional=True),
        *(
            Secret(target=f"{_FOLDER}/{number}", id=login.secret)
            for number, login in enumerate(logins)
        ),
    )


def variables(logins: Iterable[Login]) -> tuple[tuple[str, str], ...]:
    """Return what tells ``LOGIN`` which secret is for which host."""
    pairs = " ".join(f"{number}={login.host}" for number, login in enumerate(logins))
    return (("NETRC", NETRC), *(((_VARIABLE, pairs),) if pairs else ()))


def index_options(indexes: Iterable[Index]) -> tuple[str, ...]:
    """Return the arguments of uv that name the indexes, in order of precedence."""
    return tuple(_option(index) for index in indexes)


def _option(index: Index) -> str:
    named = f"{index.name.text}={index.url.text}" if index.name else index.url.text
    return f"--default-index={named}" if index.default else f"--index={named}"

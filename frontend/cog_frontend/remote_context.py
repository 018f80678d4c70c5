"""A URL as the build context: the config and the project are in one tree of the web."""

from __future__ import annotations

from dataclasses import replace

from cog_frontend.context import Sources, marshalled
from cog_frontend.errors import FrontendError
from cog_frontend.gateway import Bridge
from cog_frontend.option_values import OptionError
from cog_frontend.options import KEY_CONTEXT
from cog_frontend.remote import (
    HEAD_BYTES,
    HTTP_FILE,
    Git,
    Http,
    is_archive,
    parse_remote,
    unpacked,
)


def remote_sources(bridge: Bridge, local: Sources) -> Sources:
    """Return the sources behind the URL that ``local``'s options name; raises ``OptionError``."""
    options = local.options
    found = parse_remote(
        KEY_CONTEXT,
        options.context,
        keep_git_dir=options.keep_git_dir,
        epoch=options.epoch is not None and "source.git.mtime" in bridge.ping().llb,
    )
    if isinstance(found, Git):
        tree = found.state(f"[internal] load git source {options.context}")
        return replace(local, config_tree=tree, project_tree=tree)
    if isinstance(found, Http):
        return _from_web(bridge, found, local)
    raise OptionError(f"option {KEY_CONTEXT}={options.context} is no URL of a repository or a file")


def _from_web(bridge: Bridge, found: Http, local: Sources) -> Sources:
    """An archive is the project; any other file is the config, and alone in its folder."""
    file = found.state("[internal] load remote build context")
    ref = bridge.solve(marshalled(file))
    if ref is None:
        raise FrontendError(f"{found.url}: the daemon has nothing there")
    if is_archive(bridge.read_head(ref, HTTP_FILE, HEAD_BYTES)):
        tree = unpacked(file)
        return replace(local, config_tree=tree, project_tree=tree)
    return replace(local, config_tree=file, project_tree=file, filename=HTTP_FILE)

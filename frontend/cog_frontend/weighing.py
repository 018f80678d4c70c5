"""What the daemon and the client have to say of weights, asked while packages are worked out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import buildkit_llb as llb
from cog_frontend import plan
from cog_frontend.config import Config
from cog_frontend.context import Sources
from cog_frontend.gateway import Bridge, Pending
from cog_frontend.listing import list_tree, start_listing
from cog_frontend.option_values import OptionError
from cog_frontend.options import ARG_HUB, PREFIX_CONTEXT, named_context


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """Answers on their way; ``tree`` is what weights come from if it is not the project."""

    files: Pending[tuple[plan.Listed, ...]]
    hubs: Pending[plan.Hubs]
    tree: llb.State | None
    folder: Pending[tuple[plan.Listed, ...]] | None
    separate: bool | None

    def known(self) -> plan.Known:
        """Return all that was asked."""
        return plan.Known(
            project=self.files.result(),
            named=self.folder.result() if self.folder else None,
            hubs=self.hubs.result(),
            separate=self.separate,
        )


def start_weighing(
    bridge: Bridge,
    sources: Sources,
    config: Config,
    source: llb.SourceInfo,
    ignore: Sequence[str],
) -> Weighing:
    """Ask for the files of the project, of hubs and of the named context of weights.

    ``source`` is the config, ``ignore`` what is left out of the project. Raises ``OptionError``.
    """
    tree = _named(bridge, sources, config)
    separate = sources.options.separate_weights
    wanted = separate is not False
    return Weighing(
        files=start_listing(bridge, sources, ignore) if wanted else Pending(tuple),
        hubs=_hubs(bridge, sources, config, source),
        tree=tree,
        folder=list_tree(bridge, tree) if tree else None,
        separate=separate,
    )


def _hubs(
    bridge: Bridge, sources: Sources, config: Config, source: llb.SourceInfo
) -> Pending[plan.Hubs]:
    if not plan.hub_sources(config):
        return Pending(tuple)
    from cog_frontend.hub import start_hubs  # noqa: PLC0415 - few builds have weights there

    return start_hubs(bridge, config, sources.options.build_arg(ARG_HUB), source)


def _named(bridge: Bridge, sources: Sources, config: Config) -> llb.State | None:
    """The tree of ``--build-context weights=...``; None without one."""
    options, name = sources.options, plan.WEIGHTS
    value = named_context(options, name)
    if not value:
        return None
    if not plan.folder_sources(config):
        raise OptionError(f"option {PREFIX_CONTEXT}{name}: cog.yaml names no folder of weights")
    from cog_frontend.named import start_named  # noqa: PLC0415 - few builds use one

    platform = (*options.platforms, bridge.ping().default_platform)[0]
    assert platform is not None  # or the build had failed for want of one
    found = start_named(bridge, options, platform, (name, value)).result()
    return found.state(platform, llb.Metadata(name=f"[context {name}] load {value}"))

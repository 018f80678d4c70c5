"""Which files the build context has and how large they are, before any of their bytes are sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cog_frontend.context import Sources, marshalled
from cog_frontend.gateway import Bridge, Pending, Ref, Stat
from cog_frontend.plan import Listed

# The first release with it is BuildKit 0.19; others list what they will need in any case.
CAP = "source.local.metadatatransfer"


def start_listing(
    bridge: Bridge, sources: Sources, exclude: Sequence[str]
) -> Pending[tuple[Listed, ...]]:
    """Ask for the regular files of the context that ``exclude`` does not name.

    A client sends names and sizes alone where the daemon can take that; else, and where the
    context is a tree, the listing is that of the context itself.
    """
    source = sources.listing(exclude) if CAP in bridge.ping().llb else None
    solving = bridge.start_solve(marshalled(source or sources.project(exclude)))

    def listed() -> tuple[Listed, ...]:
        ref = solving.result()
        if ref is None:
            return ()
        found = bridge.start_listing(ref).result() if source else tuple(_walk(bridge, ref))
        files = (each for each in found if not each.is_dir and not each.is_symlink)
        return tuple(Listed(path=each.path, size=each.size) for each in files)

    return Pending(listed)


def _walk(bridge: Bridge, ref: Ref) -> Iterator[Stat]:
    """All entries of a tree: the folders of one depth are asked for at once."""
    asked = {"": bridge.start_read_dir(ref, "/")}
    while asked:
        folders: list[str] = []
        for folder, reading in asked.items():
            for each in reading.result():
                path = f"{folder}{each.path}"
                yield Stat(path=path, mode=each.mode, size=each.size, linkname=each.linkname)
                if each.is_dir:
                    folders.append(path)
        asked = {f"{path}/": bridge.start_read_dir(ref, f"/{path}") for path in folders}

"""Which files the build context has and how large they are, before any of their bytes are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from buildkit_llb import State
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
    if source is None:
        return list_tree(bridge, sources.project(exclude))
    solving = bridge.start_solve(marshalled(source))

    def listed() -> tuple[Listed, ...]:
        ref = solving.result()
        return () if ref is None else _files(bridge.start_listing(ref).result())

    return Pending(listed)


def list_tree(bridge: Bridge, tree: State) -> Pending[tuple[Listed, ...]]:
    """Ask for the regular files of a tree, which is made for that."""
    solving = bridge.start_solve(marshalled(tree))

    def listed() -> tuple[Listed, ...]:
        ref = solving.result()
        return () if ref is None else _files(_walk(bridge, ref))

    return Pending(listed)


def _files(entries: Iterable[Stat]) -> tuple[Listed, ...]:
    files = (each for each in entries if not each.is_dir and not each.is_symlink)
    return tuple(Listed(path=each.path, size=each.size) for each in files)


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

"""What is said about a vertex beside its op: none of it changes the op's digest."""

from __future__ import annotations

from dataclasses import dataclass

from buildkit_llb._definition import Location, OpMetadata
from buildkit_llb._errors import check_text
from buildkit_llb._values import LinuxResources, ProgressGroup

NAME_KEY = "llb.customname"  # what progress shows for the vertex (client/llb/state.go)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What to say about one vertex.

    ``name`` is what progress shows. ``ignore_cache`` runs the op always, and makes the daemon
    empty the op's cache mounts. ``export_cache`` False keeps the vertex out of cache exports.
    ``description`` holds further pairs of text. ``locations`` is shown when the vertex fails.
    """

    name: str = ""
    ignore_cache: bool = False
    export_cache: bool | None = None
    progress_group: ProgressGroup | None = None
    description: tuple[tuple[str, str], ...] = ()
    locations: tuple[Location, ...] = ()
    linux_resources: LinuxResources | None = None

    def __post_init__(self) -> None:
        check_text("vertex name", self.name, empty=True)
        for key, value in self.description:
            check_text("vertex description", key)
            check_text(f"vertex description {key}", value, empty=True)
        if self.progress_group is not None:
            check_text("progress group", self.progress_group.id)
            check_text("name of a progress group", self.progress_group.name, empty=True)
        if self.linux_resources is not None:
            self.linux_resources.check()

    @property
    def described(self) -> dict[str, str]:
        """The description with the name in it."""
        described = dict(self.description)
        if self.name:
            described[NAME_KEY] = self.name
        return described

    def with_caps(self, caps: frozenset[str]) -> OpMetadata:
        """Return what a definition says of the vertex, whose op needs ``caps``."""
        return OpMetadata(
            ignore_cache=self.ignore_cache,
            description=tuple(sorted(self.described.items())),
            export_cache=self.export_cache,
            caps=caps,
            progress_group=self.progress_group,
            linux_resources=self.linux_resources,
        )


NO_METADATA = Metadata()

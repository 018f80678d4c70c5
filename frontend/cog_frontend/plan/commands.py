"""The layers of ``build.run``: the commands, and the files they find in the project's place."""

from __future__ import annotations

from collections.abc import Mapping

from cog_frontend.config import Build, Command, CopyEntry, Located, SecretMount, SshMount
from cog_frontend.plan import layout
from cog_frontend.plan.model import Copy, Exec, Layer, Mount, Secret, SingleFile, Ssh

RUN = "run"
# Files outside the project's folder are part of the image. The others come with the source as
# well: kept twice, their bytes would be in two layers.
COPIED = "copied"
LENT = "lent"


def copy_layers(entries: tuple[CopyEntry, ...]) -> list[Layer]:
    """The layers of ``build.copy``."""
    steps: dict[str, list[Copy]] = {COPIED: [], LENT: []}
    for entry in entries:
        at_home = entry.target == f"{layout.SOURCE}/{entry.source}"
        copy = Copy(
            source="project",
            path=f"/{entry.source}",
            dest=entry.target,
            title=f"[copy] {entry.source} to {entry.target}",
            span=entry.span,
        )
        steps[LENT if at_home else COPIED].append(copy)
    return [
        Layer(name=name, steps=tuple(copies), kept=name == COPIED)
        for name, copies in steps.items()
        if copies
    ]


def run_layer(
    build: Build,
    env: tuple[tuple[str, str], ...],
    *,
    needs: tuple[str, ...],
    digests: Mapping[str, str],
) -> Layer | None:
    """The layer of the commands, one step each; None when there are none.

    ``digests`` are those of secrets: a command runs again when one of its own is another.
    """
    commands = in_order(build)
    if not commands:
        return None
    steps = tuple(
        Exec(
            args=_shell(command.text),
            title=f"[run {number}/{len(commands)}] {_first_line(command.text)}",
            span=command.span,
            mounts=(*_mounts(command, build.ssh), *_digests(command, digests)),
            env=(("DEBIAN_FRONTEND", "noninteractive"), ("VIRTUAL_ENV", layout.VENV), *env),
            path=(layout.VENV_BIN,),
        )
        for number, command in enumerate(commands, 1)
    )
    return Layer(name=RUN, steps=steps, needs=needs)


def in_order(build: Build) -> tuple[Command, ...]:
    """All commands in the order Cog runs them: ``pre_install`` comes last, despite its name."""
    return build.run + build.pre_install


def _shell(text: str) -> tuple[str, ...]:
    """One line runs as in Cog. Of several, which Cog refuses, the first that fails ends all."""
    return ("/bin/sh", "-ec" if "\n" in text else "-c", text)


def _mounts(command: Command, agent: Located | None) -> tuple[Mount, ...]:
    own = tuple(map(_mount, command.mounts))
    if agent is None or any(isinstance(mount, Ssh) for mount in own):
        return own
    return (*own, Ssh(id=agent.text))


def _digests(command: Command, known: Mapping[str, str]) -> list[Mount]:
    ids = sorted({mount.id for mount in command.mounts if isinstance(mount, SecretMount)})
    lines = [f"{each} {known[each]}\n" for each in ids if each in known]
    if not lines:
        return []
    return [SingleFile(target=layout.BUILD_DIGESTS, data="".join(lines).encode())]


def _mount(mount: SecretMount | SshMount) -> Mount:
    if isinstance(mount, SshMount):
        return Ssh(id=mount.id)
    return Secret(target=mount.target, id=mount.id)


def _first_line(text: str) -> str:
    line, newline, _ = text.partition("\n")
    return f"{line} ..." if newline else line

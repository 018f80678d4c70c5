"""A plan as a Dockerfile: the same base, steps and image settings for the built-in frontend."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cog_frontend.plan import model

_END = "END_OF_FILE"


def dockerfile(plan: model.Plan, toolbox: str) -> str:
    """Return a Dockerfile that makes the image of ``plan``; ``toolbox`` is an image reference.

    Raises ``ValueError`` for a command that needs more than the base image: a project to compare
    builds with has none.
    """
    lines = [f"FROM {plan.base.ref}"]
    for layer in plan.layers:
        for step in layer.steps:
            lines += _step(step, toolbox)
    lines += _settings(plan.image)
    return "\n".join(lines) + "\n"


def _step(step: model.Step, toolbox: str) -> Iterator[str]:
    match step:
        case model.Exec(mounts=(), env=(), path=(), cwd="/"):
            yield f"RUN {json.dumps(step.args)}"
        case model.Exec():
            raise ValueError(
                f"{step.title}: only a command without mounts and settings is compared"
            )
        case model.Copy(source="toolbox"):
            yield f"COPY --from={toolbox} {step.path} {step.dest}"
        case model.Copy():
            yield f"COPY {step.path} {step.dest}"
        case model.Fetch():
            for each in step.files:
                yield f"ADD --checksum={each.checksum} {each.url} {each.path}"
        case model.Write():
            for file in step.files:
                yield from _file(file)


def _file(file: model.File) -> Iterator[str]:
    yield f"COPY --chmod={file.mode:o} <<'{_END}' {file.path}"
    yield file.data.decode().removesuffix("\n")
    yield _END


def _settings(image: model.ImageSettings) -> Iterator[str]:
    if image.path:
        yield f"ENV PATH={':'.join(image.path)}:$PATH"
    for name, value in image.env:
        yield f"ENV {name}={_quoted(value)}"
    for name, value in image.labels:
        yield f"LABEL {name}={_quoted(value)}"
    for port in image.ports:
        yield f"EXPOSE {port}"
    yield f"WORKDIR {image.workdir}"
    yield f"ENTRYPOINT {json.dumps(image.entrypoint)}"
    yield f"CMD {json.dumps(image.command)}"


def _quoted(value: str) -> str:
    r"""A word in double quotes, where a Dockerfile gives a meaning to ``\``, ``"`` and ``$``."""
    for character in '\\"$':
        value = value.replace(character, f"\\{character}")
    return f'"{value}"'

"""What is typed after ``cog build`` -> values, in the spelling of ``docker buildx build``."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from cog_cli.build import IMAGES, Cache, Output
from cog_cli.errors import UsageProblem
from cog_frontend.compression import ARG_COMPRESSION, exporter_attributes
from cog_frontend.compression import TYPE as COMPRESSION
from cog_frontend.config import Compression

_TYPES = ("docker", "image", "registry", "local", "tar", "oci")
_TO_FILES = frozenset({"local", "tar", "oci"})
# [index,manifest[linux/amd64]:]key=value (docker/buildx, util/buildflags).
_TYPE = r"[a-z-]+(?:\[[^\]]*\])?"
_ANNOTATION = re.compile(
    rf"(?:(?P<types>{_TYPE}(?:,{_TYPE})*):)?(?P<key>[^=:]+)=(?P<value>.*)", re.S
)
_ANNOTATION_TYPES = frozenset({"index", "index-descriptor", "manifest", "manifest-descriptor"})


def csv_pairs(text: str, option: str) -> dict[str, str]:
    """Read ``key=value,...`` as CSV, the way Docker's options are; UsageProblem."""
    found = {}
    for field in next(csv.reader([text]), []):
        key, equals, value = field.partition("=")
        if not equals:
            raise UsageProblem(f"{option} {text}: {field!r} is not key=value")
        found[key.strip().lower()] = value
    return found


def parse_outputs(texts: Iterable[str], *, push: bool, load: bool) -> tuple[Output, ...]:
    """Read ``--output`` values; without any, and without ``push``, the result is loaded."""
    found = [_output(text) for text in texts]
    if push:
        found.append(Output(type="image", attributes=(("push", "true"),)))
    if load or not found:
        found.append(Output(type="docker"))
    return tuple(found)


def compressed(outputs: Iterable[Output], advice: Compression | None) -> tuple[Output, ...]:
    """Return the outputs with what the project advises for its layers.

    Only images have layers, and an output that says how it is compressed stays as it is.
    """
    attributes = exporter_attributes(advice) if advice else ()

    def with_advice(output: Output) -> Output:
        own = dict(output.attributes)
        if output.type not in IMAGES or COMPRESSION in own:
            return output
        return replace(output, attributes=tuple({**dict(attributes), **own}.items()))

    return tuple(map(with_advice, outputs))


def heeding(advice: Compression | None) -> tuple[tuple[str, str], ...]:
    """Return the build argument that tells a frontend that its project's advice was read."""
    return ((ARG_COMPRESSION, advice.type.text),) if advice else ()


def _output(text: str) -> Output:
    if "=" not in text:
        return Output(type="tar" if text == "-" else "local", destination=text)
    fields = csv_pairs(text, "--output")
    kind = fields.pop("type", "")
    destination = fields.pop("dest", None)
    if kind not in _TYPES:
        raise UsageProblem(f"--output {text}: type is one of {', '.join(_TYPES)}")
    if kind in _TO_FILES and not destination:
        raise UsageProblem(f"--output {text}: no dest, a {'folder' if kind == 'local' else 'file'}")
    if kind == "oci" and fields.get("tar") == "false":
        raise UsageProblem(f"--output {text}: a folder is not supported; leave out tar=false")
    if kind == "registry":
        kind, fields = "image", {**fields, "push": "true"}
    return Output(type=kind, attributes=tuple(fields.items()), destination=destination)


def parse_caches(texts: Iterable[str], option: str) -> tuple[Cache, ...]:
    """Read ``--cache-from`` and ``--cache-to`` values; a bare one is an image."""
    return tuple(_cache(text, option) for text in texts)


def _cache(text: str, option: str) -> Cache:
    if "=" not in text and "," not in text:
        return Cache(type="registry", attributes=(("ref", text),))
    fields = csv_pairs(text, option)
    kind = fields.pop("type", "")
    if not kind:
        raise UsageProblem(f"{option} {text}: no type, such as type=registry,ref=IMAGE")
    return Cache(type=kind, attributes=tuple(fields.items()))


def parse_named(texts: Iterable[str], option: str) -> tuple[tuple[str, str], ...]:
    """Read ``NAME=VALUE`` values; UsageProblem for one without a name."""
    pairs = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageProblem(f"{option} {text} is not NAME=VALUE")
        pairs.append((name, value))
    return tuple(pairs)


def parse_arguments(texts: Iterable[str], env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Read ``--build-arg`` values; a bare name takes the environment's value, if it has one."""
    found = []
    for text in texts:
        name, equals, value = text.partition("=")
        if equals or name in env:
            found.append((name, value if equals else env[name]))
    return tuple(found)


def parse_annotations(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read ``--annotation`` values into exporter attributes; UsageProblem."""
    return tuple(pair for text in texts for pair in _annotation(text))


def _annotation(text: str) -> list[tuple[str, str]]:
    match = _ANNOTATION.fullmatch(text)
    if match is None:
        raise UsageProblem(f"--annotation {text} is not KEY=VALUE")
    found = []
    for each in (match["types"] or "manifest").split(","):
        kind, bracket, _ = each.partition("[")
        if kind not in _ANNOTATION_TYPES:
            known = ", ".join(sorted(_ANNOTATION_TYPES))
            raise UsageProblem(f"--annotation {text}: {kind!r} is not one of {known}")
        place = each[len(kind) :] if bracket else ""
        name = "annotation" if kind == "manifest" else f"annotation-{kind}"
        found.append((f"{name}{place}.{match['key']}", match["value"]))
    return found


def parse_attestations(*, sbom: str | None, provenance: str | None) -> dict[str, str | None]:
    """Read ``--sbom`` and ``--provenance`` into BuildKit's attestations."""
    found: dict[str, str | None] = {}
    if sbom is not None:
        found["sbom"] = _attestation(sbom)
    if provenance is not None:
        found["provenance"] = _attestation(provenance)
    return found


def _attestation(text: str) -> str | None:
    """The options of an attestation; None where it is switched off."""
    if text in {"true", "1"}:
        return ""
    if text in {"false", "0"}:
        return None
    fields = csv_pairs(text, "--provenance") if "=" in text else {"mode": text}
    if fields.pop("disabled", "false") == "true":
        return None
    return ",".join(f"{key}={value}" for key, value in fields.items())

"""Named contexts: what a client puts in the place of an image (``--build-context NAME=VALUE``).

Forms and rows of progress: BuildKit's frontend/dockerui/namedcontext.go. Loaded only by builds that
use one.
"""

from __future__ import annotations

import base64
import json

import buildkit_llb as llb
from cog_frontend.context import IGNORE_FILE, marshalled
from cog_frontend.gateway import Bridge, Pending
from cog_frontend.ignore import ignore_patterns
from cog_frontend.images import DOCKER_IMAGE, SCRATCH, Found, start_image
from cog_frontend.option_values import OptionError
from cog_frontend.options import PREFIX_CONTEXT, Options
from cog_frontend.remote import parse_remote

CONFIG_KEY = "containerimage.config"
_LAYOUT = "oci-layout://"
_FORMS = "docker-image://, oci-layout://, local:, input:, or a URL of a repository or file"


def start_named(
    bridge: Bridge, options: Options, platform: llb.Platform, context: tuple[str, str]
) -> Pending[Found]:
    """Ask for what a named context (name and value) stands for; raises ``OptionError``."""
    name, value = context
    if value.startswith(DOCKER_IMAGE):
        ref = value.removeprefix(DOCKER_IMAGE)
        if ref == SCRATCH:
            return _ready(context, llb.scratch())
        return start_image(bridge, options, platform, ref)
    if value.startswith(_LAYOUT):
        return _layout(bridge, options, platform, context)
    kind, _, rest = value.partition(":")
    if kind == "local":
        return _ready(context, _local(bridge, options, name, rest))
    if kind == "input":
        return _ready(context, _input(bridge, name, rest), _input_config(options, rest))
    remote = parse_remote(PREFIX_CONTEXT + name, value)
    if remote is None:
        raise OptionError(f"option {PREFIX_CONTEXT}{name}={value} must be {_FORMS}")
    return _ready(context, remote.state(f"[context {name}] load {value}"))


def _ready(context: tuple[str, str], tree: llb.State, config: bytes = b"") -> Pending[Found]:
    name, value = context
    found = Found(ref=f"{name} ({value})", pinned=f"{name}={value}", config=config, tree=tree)
    return Pending(lambda: found)


def _local(bridge: Bridge, options: Options, name: str, folder: str) -> llb.State:
    """A folder of the client, without what its own ignore file names."""
    shared = f"context:{name}-{dict(options.shared_keys).get(folder, '')}".rstrip("-")

    def source(row: str, **filters: tuple[str, ...]) -> llb.State:
        kind = next(iter(filters))
        return llb.local(
            folder,
            session_id=options.session(folder),
            shared_key_hint=f"{shared}-{IGNORE_FILE}" if kind == "follow" else shared,
            differ="none" if kind == "follow" else "",
            metadata=llb.Metadata(name=f"[context {name}] {row}"),
            follow=filters.get("follow", ()),
            exclude=filters.get("exclude", ()),
        )

    ref = bridge.solve(marshalled(source(f"load {IGNORE_FILE}", follow=(IGNORE_FILE,))))
    data = None if ref is None else bridge.read_file_optional(ref, IGNORE_FILE)
    file = f"{IGNORE_FILE} of {name}"
    patterns = ignore_patterns(data, filename=file) if data else ()
    return source("load from client", exclude=patterns)


def _layout(
    bridge: Bridge, options: Options, platform: llb.Platform, context: tuple[str, str]
) -> Pending[Found]:
    """An image in a folder of the client; the client serves it as a store of its session."""
    name, value = context
    store, at, digest = value.removeprefix(_LAYOUT).partition("@")
    if not (store and at and digest):
        raise OptionError(f"option {PREFIX_CONTEXT}{name}={value} names no digest")
    # Clients add a tag to the name of the store, which the daemon does not know it by.
    store = store.partition(":")[0]
    # The name is for people and for the daemon's records: only the store and the digest count.
    ref = f"{llb.normalise_reference(name.partition('::')[0]).partition('@')[0]}@{digest}"
    answer = bridge.start_resolve_layout(
        ref,
        platform=platform,
        session_id=options.session_id,
        store_id=store,
        log_name=f"[context {name}] load metadata for {ref}",
    )
    tree = llb.oci_layout(
        ref,
        session_id=options.session_id,
        store_id=store,
        platform=platform,
        metadata=llb.Metadata(name=f"[context {name}] load from client"),
    )

    def found() -> Found:
        return Found(ref=ref, pinned=ref, config=answer.result().config, tree=tree)

    return Pending(found)


def _input(bridge: Bridge, name: str, key: str) -> llb.State:
    definition = bridge.inputs().get(key)
    if definition is None:
        raise OptionError(f"option {PREFIX_CONTEXT}{name}: the client handed in no {key}")
    try:
        return llb.load(definition)
    except llb.LLBError as error:
        raise OptionError(f"option {PREFIX_CONTEXT}{name}: {error}") from error


def _input_config(options: Options, key: str) -> bytes:
    """The image config that comes with an input; an input that is no image has none."""
    text = dict(options.inputs).get(key, "")
    if not text:
        return b""
    try:
        return base64.b64decode(json.loads(text).get(CONFIG_KEY, ""), validate=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise OptionError(f"option input-metadata:{key} is not JSON of base64") from error

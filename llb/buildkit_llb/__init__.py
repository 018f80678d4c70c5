"""BuildKit's LLB as Python values: build a graph, marshal it, load it back, print it.

Everything here is frozen: a method returns a new value. Whatever BuildKit would not accept is an
``LLBError`` where it is given. Paths in an image are absolute or start at a state's directory;
sizes are bytes, modes permission bits, times nanoseconds since 1970.
"""

from buildkit_llb._action import Owner, copy, mkdir, mkfile, rm, symlink
from buildkit_llb._definition import Definition, Location, OpMetadata, SourceInfo, digest
from buildkit_llb._dot import dot
from buildkit_llb._dump import dump
from buildkit_llb._errors import LLBError
from buildkit_llb._exec import Device, HostIP, Network, ProxyEnv, Security, Ulimit
from buildkit_llb._file import FileAction
from buildkit_llb._git import git
from buildkit_llb._graph import Output
from buildkit_llb._load import load, validate
from buildkit_llb._marshal import marshal
from buildkit_llb._metadata import Metadata
from buildkit_llb._mount import (
    ContentCache,
    Mount,
    SecretEnv,
    Sharing,
    bind,
    cache,
    secret,
    ssh,
    tmpfs,
)
from buildkit_llb._platform import Platform
from buildkit_llb._reference import normalise as normalise_reference
from buildkit_llb._source import http, image, local, oci_layout, source
from buildkit_llb._state import Exec, State, diff, merge, scratch
from buildkit_llb._values import (
    LinuxResources,
    Position,
    ProgressGroup,
    Range,
    ranges_to_pb,
)

__all__ = [
    "ContentCache",
    "Definition",
    "Device",
    "Exec",
    "FileAction",
    "HostIP",
    "LLBError",
    "LinuxResources",
    "Location",
    "Metadata",
    "Mount",
    "Network",
    "OpMetadata",
    "Output",
    "Owner",
    "Platform",
    "Position",
    "ProgressGroup",
    "ProxyEnv",
    "Range",
    "SecretEnv",
    "Security",
    "Sharing",
    "SourceInfo",
    "State",
    "Ulimit",
    "bind",
    "cache",
    "copy",
    "diff",
    "digest",
    "dot",
    "dump",
    "git",
    "http",
    "image",
    "load",
    "local",
    "marshal",
    "merge",
    "mkdir",
    "mkfile",
    "normalise_reference",
    "oci_layout",
    "ranges_to_pb",
    "rm",
    "scratch",
    "secret",
    "source",
    "ssh",
    "symlink",
    "tmpfs",
    "validate",
]

"""What the daemon says it can do, and that asking needs no protobuf."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from buildkit_llb import Platform
from cog_frontend.gateway import Bridge
from cog_frontend.gateway.values import DEFAULT_FRONTEND_CAPS, DEFAULT_LLB_CAPS
from tests.fakes.bridge import FakeBridge
from tests.fakes.caps import FRONTEND_CAPS, LLB_CAPS, Abilities

ROOT = Path(__file__).parents[2]


def test_caps_that_are_listed_and_enabled_are_supported() -> None:
    caps = Bridge(FakeBridge()).ping()
    assert caps.frontend == FRONTEND_CAPS
    assert caps.llb == LLB_CAPS
    assert caps.disabled == {}


def test_a_listed_cap_that_is_disabled_is_not_supported_and_has_a_reason() -> None:
    caps = Bridge(FakeBridge(caps=Abilities().without("mergeop", "gateway.warnings"))).ping()
    assert "mergeop" not in caps.llb
    assert "gateway.warnings" not in caps.frontend
    assert caps.disabled == dict.fromkeys(
        ("mergeop", "gateway.warnings"), "switched off in this fake"
    )


def test_a_daemon_that_lists_nothing_can_do_what_the_oldest_could() -> None:
    caps = Bridge(FakeBridge(caps=Abilities(frontend=None, llb=None))).ping()
    assert caps.frontend == DEFAULT_FRONTEND_CAPS
    assert caps.llb == DEFAULT_LLB_CAPS
    assert "soruce.http.uidgid" in caps.llb


def test_the_default_caps_are_those_of_the_oldest_daemons() -> None:
    assert len(DEFAULT_FRONTEND_CAPS) == 4
    assert len(DEFAULT_LLB_CAPS) == 29
    assert "file.base" not in DEFAULT_LLB_CAPS


def test_a_daemon_whose_caps_are_all_disabled_supports_none() -> None:
    abilities = Abilities(frontend=(), llb=(), disabled={"mergeop": "x", "readdir": "y"})
    caps = Bridge(FakeBridge(caps=abilities)).ping()
    assert caps.frontend == caps.llb == frozenset()
    assert caps.disabled == {"mergeop": "x", "readdir": "y"}


def test_workers_have_normalised_platforms_and_the_first_is_the_default() -> None:
    abilities = Abilities(platforms=("linux/arm64/v8", "linux/arm/v7"))
    caps = Bridge(FakeBridge(caps=abilities)).ping()
    assert list(map(str, caps.workers[0].platforms)) == ["linux/arm64", "linux/arm/v7"]
    assert caps.default_platform == Platform(os="linux", architecture="arm64")


def test_without_platforms_there_is_no_default_platform() -> None:
    assert Bridge(FakeBridge(caps=Abilities(platforms=()))).ping().default_platform is None


def test_ping_is_sent_once() -> None:
    fake = FakeBridge()
    bridge = Bridge(fake)
    first = bridge.start_ping()
    assert bridge.ping() is first.result() is bridge.ping()
    assert fake.log == ["start Ping", "await Ping"]


def test_ping_is_on_the_wire_before_protobuf_and_the_graph_library_are_imported() -> None:
    program = """
import sys
from cog_frontend.gateway import Bridge

class Wire:
    def start(self, method, request):
        print(method, request)
        loaded = [name for name in ("google.protobuf", "buildkit_llb") if name in sys.modules]
        print(loaded)

Bridge(Wire()).start_ping()
"""
    path = ":".join(str(ROOT / each) for each in ("frontend", "llb"))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "/moby.buildkit.v1.frontend.LLBBridge/Ping b''\n[]\n"

"""The settings files of daemon, registry and client as text: same input, same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from integration.engine.layout import Layout, Store

_KEPT_CACHE = "60GB"


def daemon_config(layout: Layout, registry: str, bridge: str | None) -> str:
    """Return ``daemon.json``.

    ``registry`` (host:port) is asked first for Docker Hub's names and spoken to without TLS.
    ``bridge`` is a bridge made beforehand, with no iptables rules by the daemon: two daemons
    that both write rules delete each other's chains. None: the daemon makes ``docker0``.
    A full disk prunes nothing below 60 GB: by default BuildKit wants a fifth of the disk free,
    and steps that tests have just run would run again (moby, daemon/config/builder.go; the second
    name is that of releases before Docker 28).
    """
    settings: dict[str, object] = {
        "data-root": str(layout.data_root),
        "exec-root": str(layout.exec_root),
        "pidfile": str(layout.state / "docker.pid"),
        "hosts": [layout.docker_host],
        "features": {"containerd-snapshotter": layout.kind.store is Store.CONTAINERD},
        "insecure-registries": [registry],
        "registry-mirrors": [f"http://{registry}"],
        "builder": {"gc": {"defaultReservedSpace": _KEPT_CACHE, "defaultKeepStorage": _KEPT_CACHE}},
    }
    if bridge is not None:
        settings |= {"bridge": bridge, "iptables": False, "ip6tables": False}
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def registry_config(data: Path, port: int) -> str:
    """Return the registry's settings (YAML; JSON is a subset of it): loopback only."""
    settings = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    return json.dumps(settings, indent=2, sort_keys=True) + "\n"


def client_config(user_config: str | None) -> str:
    """Return ``config.json`` of a DOCKER_CONFIG folder: the user's logins and nothing else.

    ``user_config`` is the text of the user's own file, None when there is none. Contexts,
    plugins, proxies and credential helpers would change what the tests see.
    """
    auths: object = {}
    if user_config:
        try:
            whole = json.loads(user_config)
        except ValueError:
            whole = {}
        auths = whole.get("auths", {}) if isinstance(whole, Mapping) else {}
    return json.dumps({"auths": auths}, indent=2, sort_keys=True) + "\n"

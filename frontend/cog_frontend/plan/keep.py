"""Wheels as layers of the build (``build.cache: state``): a registry cache holds them too.

A cache mount lives and dies with its builder. Here the builder itself fetches each file, by its
checksum, so a builder that starts empty finds it in the cache that it imports, and only what is
new comes from an index.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import replace

from cog_frontend.config import is_file_name
from cog_frontend.plan.credentials import host
from cog_frontend.plan.groups import SOURCE, Group
from cog_frontend.plan.lock import Package, Table, file_name, toml_value
from cog_frontend.plan.model import Download
from cog_frontend.plan.wheel import preference

_FOLDER = "/run/cogkit/files"


def apart(groups: Collection[Group]) -> tuple[Group, ...]:
    """Return groups in which each package that is built stands alone: no other builds it again."""
    return tuple(
        part
        for each in groups
        for part in (
            [Group(f"{SOURCE}-{package.name}", (package,)) for package in each.packages]
            if each.name == SOURCE
            else [each]
        )
    )


def kept(of: Group, guarded: Collection[str]) -> tuple[Group, tuple[Download, ...]]:
    """Return a group that installs from mounted files, and the files.

    What has no address and no checksum stays as it is, and so do files of the hosts in ``guarded``:
    they are given to who has their credentials only.
    """
    packages: list[Package] = []
    downloads: list[Download] = []
    for package in of.packages:
        file = _chosen(package)
        if file is None or host(str(file["url"])) in guarded:
            packages.append(package)
            continue
        name = file_name(file)
        target = f"{_FOLDER}/{name}"
        local = {"path": f"../files/{name}", "hashes": file["hashes"]}
        packages.append(replace(package, sources=(toml_value(local),)))
        downloads.append(
            Download(
                target=target,
                url=str(file["url"]).partition("#")[0],
                checksum=f"sha256:{file['hashes']['sha256']}",
                name=name,
            )
        )
    return replace(of, packages=tuple(packages)), tuple(downloads)


def _chosen(package: Package) -> Table | None:
    """The one file to install a package from; None where it cannot be fetched by its checksum."""
    files: list[Table] = [tomllib.loads(f"file = {text}")["file"] for text in package.sources]
    best = max(files, key=lambda file: preference(file_name(file)))
    is_remote = str(best.get("url", "")).startswith(("http://", "https://"))
    is_checked = "sha256" in best.get("hashes", {})
    return best if is_remote and is_checked and is_file_name(file_name(best)) else None

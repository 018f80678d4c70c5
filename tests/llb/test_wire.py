"""Names and numbers on the wire are the contract: BuildKit's solver/pb/ops.proto."""

from __future__ import annotations

import re

import pytest

from buildkit_llb.pb import ops_pb2 as pb

FIELDS = {
    "Definition": "def 1, metadata 2, Source 3",
    "Op": "inputs 1, exec 2, source 3, file 4, build 5, merge 6, diff 7, passthrough 8,"
    " platform 10, constraints 11",
    "Input": "digest 1, index 2",
    "Platform": "Architecture 1, OS 2, Variant 3, OSVersion 4, OSFeatures 5",
    "WorkerConstraints": "filter 1",
    "OpMetadata": "ignore_cache 1, description 2, export_cache 4, caps 5, progress_group 6,"
    " linux_resources 7",
    "ExportCache": "Value 1",
    "ProgressGroup": "id 1, name 2, weak 3",
    "LinuxResources": "memory 1, memorySwap 2, cpuShares 3, cpuPeriod 4, cpuQuota 5,"
    " cpusetCpus 6, cpusetMems 7",
    "SourceOp": "identifier 1, attrs 2",
    "ExecOp": "meta 1, mounts 2, network 3, security 4, secretenv 5, cdiDevices 6",
    "SecretEnv": "ID 1, name 2, optional 3",
    "CDIDevice": "name 1, optional 2",
    "Meta": "args 1, env 2, cwd 3, user 4, proxy_env 5, extraHosts 6, hostname 7, ulimit 9,"
    " cgroupParent 10, removeMountStubsRecursive 11, validExitCodes 12",
    "ProxyEnv": "http_proxy 1, https_proxy 2, ftp_proxy 3, no_proxy 4, all_proxy 5",
    "HostIP": "Host 1, IP 2",
    "Ulimit": "Name 1, Soft 2, Hard 3",
    "Mount": "input 1, selector 2, dest 3, output 4, readonly 5, mountType 6, TmpfsOpt 19,"
    " cacheOpt 20, secretOpt 21, SSHOpt 22, resultID 23, contentCache 24",
    "TmpfsOpt": "size 1",
    "CacheOpt": "ID 1, sharing 2",
    "SecretOpt": "ID 1, uid 2, gid 3, mode 4, optional 5",
    "SSHOpt": "ID 1, uid 2, gid 3, mode 4, optional 5",
    "FileOp": "actions 2",
    "FileAction": "input 1, secondaryInput 2, output 3, copy 4, mkfile 5, mkdir 6, rm 7, symlink 8",
    "FileActionCopy": "src 1, dest 2, owner 3, mode 4, followSymlink 5, dirCopyContents 6,"
    " attemptUnpackDockerCompatibility 7, createDestPath 8, allowWildcard 9,"
    " allowEmptyWildcard 10, timestamp 11, include_patterns 12, exclude_patterns 13,"
    " alwaysReplaceExistingDestPaths 14, modeStr 15, required_paths 16",
    "FileActionMkFile": "path 1, mode 2, data 3, owner 4, timestamp 5",
    "FileActionMkDir": "path 1, mode 2, makeParents 3, owner 4, timestamp 5",
    "FileActionRm": "path 1, allowNotFound 2, allowWildcard 3",
    "FileActionSymlink": "oldpath 1, newpath 2, owner 3, timestamp 4",
    "ChownOpt": "user 1, group 2",
    "UserOpt": "byName 1, byID 2",
    "NamedUserOpt": "name 1, input 2",
    "MergeOp": "inputs 1",
    "MergeInput": "input 1",
    "DiffOp": "lower 1, upper 2",
    "LowerDiffInput": "input 1",
    "UpperDiffInput": "input 1",
    "BuildOp": "builder 1, inputs 2, def 3, attrs 4",
    "BuildInput": "input 1",
    "PassthroughOp": "id 1, outputs 2",
    "Source": "locations 1, infos 2",
    "Locations": "locations 1",
    "Location": "sourceIndex 1, ranges 2",
    "Range": "start 1, end 2",
    "Position": "line 1, character 2",
    "SourceInfo": "filename 1, data 2, definition 3, language 4",
}
ENUMS = {
    "NetMode": "UNSET 0, HOST 1, NONE 2",
    "SecurityMode": "SANDBOX 0, INSECURE 1",
    "MountType": "BIND 0, SECRET 1, SSH 2, CACHE 3, TMPFS 4",
    "CacheSharingOpt": "SHARED 0, PRIVATE 1, LOCKED 2",
    "MountContentCache": "DEFAULT 0, ON 1, OFF 2",
}


def read(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in re.findall(r"(\w+) (\d+)", text)}


def test_every_message_is_listed() -> None:
    assert pb.DESCRIPTOR.package == "pb"
    assert set(pb.DESCRIPTOR.message_types_by_name) == FIELDS.keys()
    assert set(pb.DESCRIPTOR.enum_types_by_name) == ENUMS.keys()


@pytest.mark.parametrize("name", FIELDS)
def test_fields_have_their_numbers(name: str) -> None:
    fields = pb.DESCRIPTOR.message_types_by_name[name].fields
    assert {field.name: field.number for field in fields} == read(FIELDS[name])


@pytest.mark.parametrize("name", ENUMS)
def test_constants_have_their_numbers(name: str) -> None:
    values = pb.DESCRIPTOR.enum_types_by_name[name].values
    assert {value.name: value.number for value in values} == read(ENUMS[name])

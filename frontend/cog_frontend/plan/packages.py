"""The layers that Python packages come from: one that resolves them, one per group of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cog_frontend.errors import Span
from cog_frontend.plan import credentials, keep, layout, uv
from cog_frontend.plan.credentials import LOGIN, Login
from cog_frontend.plan.cuda import TOOLCHAIN, Compiling
from cog_frontend.plan.groups import Group, group
from cog_frontend.plan.lock import Lock, lock_text
from cog_frontend.plan.locked import PROJECT_FILE, UV_LOCK, LockFile
from cog_frontend.plan.model import Bind, Cache, Download, Exec, File, Files, Layer, Mount, Ssh
from cog_frontend.plan.relock import Relock
from cog_frontend.plan.requirements import OWN_PACKAGES, PACKAGES_FILE, Requirements

LOCK = "lock"
STAGE = "packages"

Env = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installing:
    """How packages get into an image.

    ``span`` are the lines of cog.yaml that want them, ``env`` the user's environment, ``options``
    those of uv that stand for options in the requirement files, ``system`` the layer of system
    packages (empty: there is none); ``compiling``: some are compiled with nvcc; ``agent`` is the id
    of the SSH agent for packages from git (empty: none); ``logins`` are the credentials of indexes;
    ``keeps_files``: fetched files are states of the build; ``git`` is the layer with git, for
    packages from repositories (empty: there are none).
    """

    span: Span | None
    env: Env = ()
    options: tuple[str, ...] = ()
    system: str = ""
    compiling: Compiling | None = None
    agent: str = ""
    logins: tuple[Login, ...] = ()
    keeps_files: bool = False
    git: str = ""


# What of the user's environment has a part in fetching and unpacking a wheel.
_FETCHING = ("PIP_", "UV_", "SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
# With one of them, a package is built with what is installed beside it.
_SHARED_BUILDS = ("UV_NO_BUILD_ISOLATION", "PIP_NO_BUILD_ISOLATION")
# Packages that no other may bring either: the image's own SDK is the only one.
_EXCLUDED = ".cogkit/excluded.txt"
_LOCK_FILE = "pylock.toml"
_TITLE_PACKAGES = 5

# uv's answer goes to a file; what it says on the way is seen by the user.
_RESOLVE = f"""\
{LOGIN}set -e
made=$1; shift
mkdir -p "${{made%/*}}"
"$@" > "$made"
"""
# The same where system packages may have to be there first: no answer is an answer too. uv ends
# with 1 when packages cannot be built or do not go together, with 2 for a network that fails.
_TRY = f"""\
{LOGIN}made=$1; shift
mkdir -p "${{made%/*}}" && "$@" > "$made" && exit
code=$?
test $code = 1 || exit $code
rm -f "$made"
echo "cogkit: once more, with the system packages" >&2
"""
# uv leaves its lock file, which every group would bring.
_INSTALL = f"""\
{LOGIN}set -e
"$@"
rm -f {layout.BUILD_MADE}{layout.VENV}/.lock
"""


def lock_layer(
    requirements: Requirements,
    installing: Installing,
    *,
    system_first: bool = False,
    relock: Relock | None = None,
) -> Layer:
    """The layer that works out which packages requirements mean; it holds the lock file.

    Few packages need system packages to tell what they depend on, and a resolve that does not stand
    on them is not done again for a new one. So it is first tried without them: no answer is an
    answer then. With ``system_first`` it is the end. ``relock``: versions that are to stay, if any.
    """
    files = [File(path=file.path, data=file.data) for file in requirements.files]
    files.append(File(path=_EXCLUDED, data="".join(f"{name}\n" for name in OWN_PACKAGES).encode()))
    previous = relock.previous if relock else b""
    if previous:
        files.append(File(path=_LOCK_FILE, data=previous))
    command = (
        *(layout.BUILD_UV, "pip", "compile", "--format", "pylock.toml"),
        *(*_moving(relock), "--no-header"),
        *("--python", "python3", "--excludes", _EXCLUDED),
        *(*installing.options, "--", requirements.files[0].path),
    )
    is_first_try = bool(installing.system) and not system_first
    resolve = _answer(
        _TRY if is_first_try else _RESOLVE,
        command,
        title=f"[lock] uv pip compile {_shown(requirements)}",
        installing=installing,
        files=Files(
            target=layout.BUILD_REQUIREMENTS,
            files=tuple(files),
            project=requirements.artifacts,
            writable=bool(previous),
        ),
    )
    needs = tuple(
        name for name in (installing.git, installing.system if system_first else "") if name
    )
    return Layer(name=LOCK, steps=(resolve,), needs=needs, made=layout.BUILD_MADE)


def _moving(relock: Relock | None) -> tuple[str, ...]:
    """What tells uv which versions stay: those in the file it would write, unless told otherwise.

    It writes there what it also prints, which is what counts; --quiet would leave the print out.
    """
    if relock is None or not relock.previous:
        return ("--quiet", *(("--upgrade",) if relock and relock.upgrade else ()))
    return (f"--output-file={_LOCK_FILE}", *(f"--upgrade-package={x}" for x in relock.upgrade))


def export_layer(found: LockFile, installing: Installing) -> Layer:
    """The layer that turns a uv.lock into the lock file; uv refuses one that is stale."""
    command = (
        *(layout.BUILD_UV, "export", "--format", "pylock.toml", "--locked", "--quiet"),
        *("--python", "python3", "--no-emit-project", "--no-default-groups", "--no-header"),
    )
    files = (
        File(path=UV_LOCK, data=found.data),
        File(path=PROJECT_FILE, data=found.project),
    )
    export = _answer(
        _RESOLVE,
        command,
        title=f"[lock] uv export {found.path}",
        installing=installing,
        files=Files(target=layout.BUILD_REQUIREMENTS, files=files),
    )
    return Layer(name=LOCK, steps=(export,), made=layout.BUILD_MADE)


def _answer(
    script: str, command: tuple[str, ...], *, title: str, installing: Installing, files: Files
) -> Exec:
    """A command of uv whose answer is the lock file of the image."""
    made = f"{layout.BUILD_MADE}{layout.LOCK}"
    return Exec(
        args=("/bin/sh", "-c", script, "lock", made, *command),
        title=title,
        span=installing.span,
        cwd=layout.BUILD_REQUIREMENTS,
        mounts=_mounts(replace(installing, keeps_files=False), files),
        env=_environment(installing),
    )


def group_layers(lock: Lock, installing: Installing, *, venv: str) -> tuple[Layer, ...]:
    """One layer per group of a lock's packages, the ones that are built last.

    ``venv`` is the layer of the environment. Wheels need nothing else; what is built stands on the
    system packages too, and on all other packages where builds are not isolated.
    """
    layers: list[Layer] = []
    groups = group(lock.packages)
    for each in keep.apart(groups) if installing.keeps_files else groups:
        needs: tuple[str, ...] = (venv,)
        if each.is_source:
            needs += tuple(name for name in (installing.system, installing.git) if name)
            if installing.compiling or _shares_builds(installing.env):
                needs += tuple(layer.name for layer in layers)
            layers.append(_compiled(_layer(each, installing, needs), installing.compiling))
        else:
            layers.append(_layer(each, _fetching(each, installing), needs))
    return tuple(layers)


def _shares_builds(env: Env) -> bool:
    return any(name in _SHARED_BUILDS for name, _ in env)


def _compiled(layer: Layer, how: Compiling | None) -> Layer:
    """The layer with nvcc at hand while it is built."""
    (step,) = layer.steps
    if how is None or not isinstance(step, Exec):
        return layer
    first, requirement = step.args[:-1], step.args[-1]
    step = replace(
        step,
        args=(*first, *how.options, requirement),
        mounts=(*step.mounts, *how.mounts),
        # The user's environment wins.
        env=(*how.env, *step.env),
        path=(*step.path, *how.path),
    )
    return replace(layer, steps=(step,), needs=(*layer.needs, TOOLCHAIN))


def _fetching(of: Group, installing: Installing) -> Installing:
    """What has a part in installing wheels by their URLs: little, so few edits do it again."""
    urls = [url for package in of.packages for url in package.urls]
    return replace(
        installing,
        agent="",
        env=tuple(pair for pair in installing.env if pair[0].upper().startswith(_FETCHING)),
        options=tuple(option for option in installing.options if "insecure-host" in option),
        logins=credentials.logins_for(urls, installing.logins),
    )


def _layer(of: Group, installing: Installing, needs: tuple[str, ...]) -> Layer:
    downloads: tuple[Download, ...] = ()
    if installing.keeps_files:
        of, downloads = keep.kept(of, {login.host for login in installing.logins})
    install = Exec(
        args=(
            *("/bin/sh", "-c", _INSTALL, "install"),
            *(layout.BUILD_UV, "pip", "install", "--python", layout.PYTHON),
            *("--prefix", f"{layout.BUILD_MADE}{layout.VENV}", "--no-deps", "--compile-bytecode"),
            *(*installing.options, f"--requirement={_LOCK_FILE}"),
        ),
        title=f"[packages {of.name}] uv pip install {_names(of)}",
        span=installing.span,
        path=(layout.VENV_BIN,),
        cwd=layout.BUILD_REQUIREMENTS,
        mounts=(
            *_mounts(
                installing,
                Files(
                    target=layout.BUILD_REQUIREMENTS,
                    files=(File(path=_LOCK_FILE, data=lock_text(of.packages)),),
                    project=tuple(sorted({path for each in of.packages for path in each.files})),
                ),
                builds=of.is_source,
            ),
            *downloads,
        ),
        env=_environment(installing),
    )
    return Layer(name=f"{STAGE}/{of.name}", steps=(install,), needs=needs, made=layout.BUILD_MADE)


def _environment(installing: Installing) -> Env:
    """What uv runs with. A host that git meets first is trusted: nobody is there to be asked."""
    ssh = ("GIT_SSH_COMMAND", "ssh -o StrictHostKeyChecking=accept-new")
    return (
        *((ssh,) if installing.agent else ()),
        *credentials.variables(installing.logins),
        *uv.environment(installing.env),
    )


def _mounts(installing: Installing, files: Files, *, builds: bool = False) -> tuple[Mount, ...]:
    """uv, its input, its cache: what is built on one base image may not run on another."""
    name = "cogkit/uv-builds" if builds else "cogkit/uv"
    cache = Cache(target=uv.CACHE, id=name, per_base=builds)
    return (
        Bind(target=layout.BUILD_UV, path=layout.TOOLBOX_UV),
        files,
        *(() if installing.keeps_files else (cache,)),
        *credentials.mounts(installing.logins),
        *((Ssh(id=installing.agent),) if installing.agent else ()),
    )


def _shown(requirements: Requirements) -> str:
    """What is resolved, in a few words."""
    leading = requirements.files[0]
    if leading.path != PACKAGES_FILE:
        return leading.path
    return _few(leading.data.decode().splitlines())


def _names(of: Group) -> str:
    return _few(
        [f"{each.name}=={each.version}" if each.version else each.name for each in of.packages]
    )


def _few(words: list[str]) -> str:
    more = " ..." if len(words) > _TITLE_PACKAGES else ""
    return " ".join(words[:_TITLE_PACKAGES]) + more

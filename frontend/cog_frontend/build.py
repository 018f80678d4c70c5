"""One build, from the first request to the result: reads, decides, converts, solves.

Everything goes through a ``Bridge``; the same code runs in a container and in a caller's process.
"""

from __future__ import annotations

from dataclasses import dataclass

import buildkit_llb as llb
from cog_frontend import context, plan
from cog_frontend.config import read_config
from cog_frontend.convert import Surroundings, convert, location
from cog_frontend.errors import FrontendError, Problem, ProjectError
from cog_frontend.gateway import (
    Bridge,
    CacheImport,
    Capabilities,
    Pending,
    Ref,
    Result,
    multi_image,
    single_image,
)
from cog_frontend.ignore import ignore_patterns
from cog_frontend.image import image_config
from cog_frontend.images import (
    Images,
    image_state,
    resolved_base,
    resolved_toolbox,
    start_images,
)
from cog_frontend.options import ARG_CACHE_NAMESPACE, Options
from cog_frontend.project import read_project
from cog_frontend.version import VERSION

_NO_CONFIG = "create it with `cog init`, or name it with -f"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """One platform's image: its filesystem, its config and its base's config."""

    ref: Pending[Ref | None]
    config: bytes
    base_config: bytes


class Build:
    """A build of one project, for one platform or several.

    Making it sends the first requests. ``sources`` fills with the files that were read, by name,
    so that an error can show their lines.
    """

    def __init__(self, bridge: Bridge, options: Options) -> None:
        self._bridge = bridge
        self._options = options
        self._definition = context.start(bridge, context.definition_source(options))
        self._files = context.ProjectFiles(bridge, options)
        self._config_data = b""

    @property
    def sources(self) -> dict[str, bytes]:
        """The files read so far, by the names that problems use."""
        return {**self._files.seen, self._options.filename: self._config_data}

    def run(self) -> Result:
        """Solve the project and return what the exporter needs.

        Raises ``FrontendError`` for what the user can mend and ``RpcError`` for what the daemon
        reports itself.
        """
        _refuse_unsupported(self._options)
        ignore = self._read_definition()
        config = read_config(self._config_data, self._options.filename)
        capabilities = self._bridge.ping()
        base = plan.choose_base(config)
        images = [
            start_images(self._bridge, self._options, base, platform)
            for platform in self._platforms(capabilities)
        ]
        config_file = (self._options.filename, self._config_data)
        project = read_project(config, config_file, self._files.read)
        planned = plan.make_plan(config, project, version=VERSION)
        solved = {
            each.platform: self._solve(planned, each, ignore, capabilities) for each in images
        }
        return self._result(solved)

    def _read_definition(self) -> tuple[str, ...]:
        """Read the config; return the ignore patterns that go with it."""
        name = self._options.filename
        ref = self._definition.result()
        data = None if ref is None else self._bridge.read_file_optional(ref, name)
        if ref is None or data is None:
            problem = Problem(file=name, message="there is no such file", hint=_NO_CONFIG)
            raise ProjectError([problem])
        self._config_data = data
        ignore = self._bridge.read_file_optional(ref, f"{name}.dockerignore")
        return ignore_patterns(self._files.read(".dockerignore") if ignore is None else ignore)

    def _platforms(self, capabilities: Capabilities) -> tuple[llb.Platform, ...]:
        if self._options.platforms:
            return self._options.platforms
        if capabilities.default_platform is None:
            raise FrontendError("the daemon names no platform it builds for; pass --platform")
        return (capabilities.default_platform,)

    def _solve(
        self,
        planned: plan.Plan,
        images: Images,
        ignore: tuple[str, ...],
        capabilities: Capabilities,
    ) -> _Solved:
        options, platform = self._options, images.platform
        base = resolved_base(images, planned.base, options.filename)
        source = llb.SourceInfo(filename=options.filename, data=self._config_data, language="YAML")
        prefix = f"{platform} " if options.multi_platform else ""
        surroundings = Surroundings(
            base=image_state(
                base,
                platform,
                llb.Metadata(
                    name=f"[{prefix}base] FROM {base.ref}",
                    locations=location(source, planned.base.span),
                ),
            ),
            toolbox=image_state(
                resolved_toolbox(images),
                platform,
                llb.Metadata(name=f"[{prefix}internal] load the toolbox"),
            ),
            project=context.project_source(options, ignore),
            inputs=context.files_source(options, planned.project_files or ("cog.yaml",)),
            source=source,
            can_merge={"mergeop", "diffop"} <= capabilities.llb,
            no_cache=options.no_cache,
            network=options.network,
            proxy=_proxy(options),
            cache_namespace=options.build_arg(ARG_CACHE_NAMESPACE),
            prefix=prefix,
        )
        definition = llb.marshal(convert(planned, surroundings), platform=platform)
        ref = self._bridge.start_solve(
            definition,
            cache_imports=[
                CacheImport(cache.type, dict(cache.attributes)) for cache in options.cache_imports
            ],
        )
        config = image_config(base.config, planned.image, platform, dict(options.labels))
        return _Solved(ref=ref, config=config, base_config=base.config)

    def _result(self, solved: dict[llb.Platform, _Solved]) -> Result:
        images = {
            platform: (one.ref.result(), one.config, one.base_config)
            for platform, one in solved.items()
        }
        if self._options.multi_platform:
            return multi_image(images)
        ((platform, (ref, config, base_config)),) = images.items()
        return single_image(ref, config, platform, base_config)


def _proxy(options: Options) -> llb.ProxyEnv | None:
    proxies = options.proxies
    if not proxies:
        return None
    return llb.ProxyEnv(**{name.lower().removesuffix("_proxy"): proxies[name] for name in proxies})


def _refuse_unsupported(options: Options) -> None:
    if options.context:
        raise FrontendError(
            f"the build context {options.context} is remote: only a local folder is supported"
        )
    if options.target:
        raise FrontendError(f"there is no target {options.target!r}: cog.yaml has a single one")

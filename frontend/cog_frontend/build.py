"""One build, from the first request to the result: reads, decides, converts, solves.

Everything goes through a ``Bridge``; the same code runs in a container and in a caller's process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import buildkit_llb as llb
from cog_frontend import accounts, context, plan
from cog_frontend.compression import ARG_COMPRESSION, unheeded
from cog_frontend.config import Config, Located
from cog_frontend.convert import Surroundings, convert, convert_layer, location
from cog_frontend.errors import FrontendError, Problem
from cog_frontend.gateway import (
    Attestation,
    Bridge,
    CacheImport,
    Capabilities,
    Pending,
    Ref,
    Result,
    multi_image,
    platform_id,
    single_image,
)
from cog_frontend.image import base_labels, image_config
from cog_frontend.images import (
    Found,
    Images,
    resolved_base,
    resolved_other,
    resolved_toolbox,
    start_images,
    start_others,
)
from cog_frontend.locking import Locking, lock_tree
from cog_frontend.option_values import OptionError
from cog_frontend.options import ARG_CACHE_NAMESPACE, Options
from cog_frontend.project import describe_project
from cog_frontend.reading import Reading
from cog_frontend.targets import file_tree, find_target
from cog_frontend.version import VERSION
from cog_frontend.warning import show_idle_arguments, show_problems
from cog_frontend.weighing import Weighing, start_weighing

RESOURCES_CAP = "exec.meta.linux.resources"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Started:
    """One platform's build, once its base is known; its project waits for the packages."""

    config: Config
    images: Images
    base: Found
    around: Surroundings
    target: plan.Target
    project: Pending[plan.Project]
    planner: Callable[[plan.Project], plan.Plan]
    describe: Callable[[plan.Project, bytes], plan.Project]
    secrets: Pending[Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """One platform's image: its filesystem, its config, its base's config, what states it."""

    ref: Pending[Ref | None]
    config: bytes
    base_config: bytes
    sbom: Pending[Attestation] | None


class Build:
    """A build of one project, for one platform or several.

    ``sources`` fills with the files that were read, by name, so that an error can show their lines.
    """

    def __init__(self, bridge: Bridge, options: Options, opened: context.Opened) -> None:
        self._bridge = bridge
        self._options = options
        self._opened = opened
        self._reading = Reading(options, opened)
        self._files = self._reading.files
        self._filename = self._reading.filename
        self._target = find_target(options.target)
        self._user: Located | None = None
        self._weighing: Weighing | None = None

    @property
    def sources(self) -> dict[str, bytes]:
        """The files read so far, by the names that problems use."""
        return self._reading.sources

    def run(self) -> Result:
        """Solve the project and return what the exporter needs.

        Raises ``FrontendError`` for what the user can mend and ``RpcError`` for what the daemon
        reports itself.
        """
        self._refuse_unsupported()
        config, problems, warnings = self._reading.examine()
        self._options = self._options.for_platforms(
            [platform.text for platform in config.build.platforms]
        )
        images = () if problems else self._start_images(config)
        if not problems:
            self._reading.start(config)
        self._user = config.build.user
        target = self._target
        project = self._reading.project(config, problems, relock=target.is_lock)
        if target.is_lock:
            project = replace(project, relock=self._relock(config))
        self._warn(config, (*warnings, *project.warnings), relock=project.relock)
        if self._reading.check:
            from cog_frontend.lint_request import refuse  # noqa: PLC0415 - few builds ask

            refuse(self._reading, config, project, warnings)
        if not target.needs_packages(project):
            planned = plan.make_plan(config, project, version=VERSION)
            return self._file({each.platform: planned for each in images})
        ignore = self._reading.ignore()
        if target.has_project:
            source = self._source_info()
            sources = replace(self._opened.sources, options=self._options)
            self._weighing = start_weighing(self._bridge, sources, config, source, ignore)
        builds = [self._start(config, project, each, ignore) for each in images]
        if target.is_lock:
            return self._lock(config, project, builds)
        if target.file:
            return self._file({each.images.platform: self._planned(each) for each in builds})
        return self._result({each.images.platform: self._solve(each) for each in builds})

    def _warn(
        self, config: Config, found: tuple[Problem, ...], *, relock: plan.Relock | None
    ) -> None:
        told = self._options.build_arg(ARG_COMPRESSION)
        advice = unheeded(config.build.compression, told, self._filename)
        digest = self._opened.definition.head
        assert digest is not None  # it has been solved
        show_problems(
            self._bridge, digest, (*found, *(relock.warnings if relock else advice)), self.sources
        )
        show_idle_arguments(self._bridge, digest, self._options)

    def _relock(self, config: Config) -> plan.Relock:
        """What the new lock file starts from; an upgrade is resolved anew."""
        upgrade = self._options.build_arg(plan.ARG_UPGRADE)
        relock = plan.read_relock(config, self._filename, self._files.read, upgrade=upgrade)
        if relock.upgrade:
            again = self._options.no_cache_layers | {plan.LOCK}
            self._options = replace(self._options, no_cache_layers=again)
        return relock

    def _lock(self, config: Config, project: plan.Project, builds: list[_Started]) -> Result:
        """The lock file of all platforms, and nothing else."""
        state = lock_tree(
            config,
            project,
            {each.target: each.project.result().lock for each in builds},
            self._filename,
        )
        return Result(ref=self._start_solve(state, builds[0].images.platform).result())

    def _file(self, plans: dict[llb.Platform, plan.Plan]) -> Result:
        """The only file of the target, for the first platform's exporter."""
        state = file_tree(self._target, plans)
        return Result(ref=self._start_solve(state, next(iter(plans))).result())

    def _refuse_unsupported(self) -> None:
        able = self._bridge.ping()
        if self._options.sandbox.resources and RESOURCES_CAP not in able.llb:
            raise OptionError("the builder is too old for limits of memory and processors")
        self._options.attestations.check(able)

    def _start_images(self, config: Config) -> tuple[Images, ...]:
        base = plan.choose_base(config)
        return tuple(
            start_images(self._bridge, self._options, base, platform)
            for platform in self._platforms(self._bridge.ping())
        )

    def _platforms(self, capabilities: Capabilities) -> tuple[llb.Platform, ...]:
        if self._options.platforms:
            return self._options.platforms
        if capabilities.default_platform is None:
            raise FrontendError("the daemon names no platform it builds for; pass --platform")
        return (capabilities.default_platform,)

    def _start(
        self, config: Config, project: plan.Project, images: Images, ignore: tuple[str, ...]
    ) -> _Started:
        """Start what one platform's layers have to be known from."""

        def planner(project: plan.Project) -> plan.Plan:
            return plan.make_plan(config, project, version=VERSION)

        def solve(state: llb.State, *, run: bool) -> Pending[Ref | None]:
            return self._start_solve(state, images.platform, run=run)

        first = planner(project)
        base = resolved_base(images, first.base, self._filename)
        around = self._surroundings(first, images, base, ignore)
        platform = images.platform
        target = plan.target(config.python_minor, platform.architecture, platform.variant)
        locking = Locking(
            bridge=self._bridge,
            project=project,
            target=target,
            around=around,
            planner=planner,
            solve=solve,
        )
        return _Started(
            config=config,
            images=images,
            base=base,
            around=around,
            target=target,
            project=locking.start(),
            planner=planner,
            describe=partial(describe_project, config, self._files.read),
            secrets=self._start_secrets(first, around, platform),
        )

    def _start_secrets(
        self, planned: plan.Plan, around: Surroundings, platform: llb.Platform
    ) -> Pending[Mapping[str, str]]:
        """Ask for digests of the secrets that commands use; a file of facts runs no command."""
        if not self._target.is_image or not planned.stage(plan.SECRETS):
            return Pending(dict)
        solving = self._start_solve(convert_layer(planned, around, plan.SECRETS), platform)

        def read() -> Mapping[str, str]:
            ref = solving.result()
            assert ref is not None  # the layer has a step
            return plan.read_digests(self._bridge.read_file(ref, plan.SECRETS_FILE))

        return Pending(read)

    def _solve(self, started: _Started) -> _Solved:
        """Start the solve of one platform's image."""
        platform = started.images.platform
        planned = self._planned(started)
        ref = self._start_solve(convert(planned, started.around), platform)
        if checked := self._target.checked:
            tried = convert_layer(planned, started.around, checked)
            self._start_solve(tried, platform, run=True).result()
        base = started.base
        named = {} if base.tree else base_labels(base.pinned)
        labels = named | dict(self._options.labels)
        image = image_config(started.base.config, planned.image, platform, labels)
        sbom = self._start_sbom(started, planned) if self._options.attestations.sbom else None
        return _Solved(ref=ref, config=image, base_config=started.base.config, sbom=sbom)

    def _start_sbom(self, started: _Started, planned: plan.Plan) -> Pending[Attestation]:
        from cog_frontend.attesting import Attesting, ImageFacts  # noqa: PLC0415 - few builds ask

        platform = started.images.platform
        facts = ImageFacts(
            plan=planned,
            lock=started.project.result().lock,
            base=started.base.pinned,
            platform=platform_id(platform),
            cogkit=VERSION,
            epoch=self._options.epoch,
        )
        return Attesting(
            bridge=self._bridge,
            facts=facts,
            around=started.around,
            solve=lambda state: self._start_solve(state, platform),
        ).start()

    def _planned(self, started: _Started) -> plan.Plan:
        """The target's plan, everything known."""
        project = self._described(started)
        return self._target.change(started.planner(project), started.config, project)

    def _described(self, started: _Started) -> plan.Project:
        """Return the project with its schema, run for it where its source does not tell."""
        project = replace(started.project.result(), secrets=started.secrets.result())
        if self._weighing:
            project = replace(project, known=self._weighing.known())
        if not project.describe or not self._target.has_project:
            return project
        state = convert_layer(started.planner(project), started.around, plan.DESCRIBED)
        ref = self._start_solve(state, started.images.platform).result()
        assert ref is not None  # the layer has a step
        return started.describe(project, self._bridge.read_file(ref, plan.DESCRIBED_FILE))

    def _start_solve(
        self, state: llb.State, platform: llb.Platform, *, run: bool = False
    ) -> Pending[Ref | None]:
        return self._bridge.start_solve(
            llb.marshal(state, platform=platform),
            cache_imports=[
                CacheImport(cache.type, dict(cache.attributes))
                for cache in self._options.cache_imports
            ],
            evaluate=run,
        )

    def _source_info(self) -> llb.SourceInfo:
        return llb.SourceInfo(filename=self._filename, data=self._reading.data, language="YAML")

    def _surroundings(
        self,
        planned: plan.Plan,
        images: Images,
        base: Found,
        ignore: tuple[str, ...],
    ) -> Surroundings:
        options, platform, sources = self._options, images.platform, self._opened.sources
        source = self._source_info()
        weights = self._weighing.tree if self._weighing else None
        prefix = f"{platform} " if options.multi_platform else ""
        base_metadata = llb.Metadata(
            name=f"[{prefix}base] FROM {base.ref}", locations=location(source, planned.base.span)
        )
        toolbox_metadata = llb.Metadata(name=f"[{prefix}internal] load the toolbox")
        others = start_others(self._bridge, options, planned.images, platform)
        return Surroundings(
            base=base.state(platform, base_metadata),
            toolbox=resolved_toolbox(images).state(platform, toolbox_metadata),
            project=sources.project(ignore),
            inputs=sources.files(planned.project_files or ("cog.yaml",)),
            source=source,
            can_merge={"mergeop", "diffop"} <= self._bridge.ping().llb,
            no_cache=options.no_cache,
            no_cache_layers=options.no_cache_layers | {plan.SECRETS},
            sandbox=options.sandbox,
            cache_namespace=options.build_arg(ARG_CACHE_NAMESPACE),
            base_key=base.pinned,
            images=({plan.WEIGHTS: weights} if weights else {})
            | {
                image.name: resolved_other(image, others[image.name], self._filename).state(
                    platform,
                    llb.Metadata(
                        name=f"[{prefix}{image.name}] FROM {image.ref}",
                        locations=location(source, image.span),
                    ),
                )
                for image in planned.images
            },
            prefix=prefix,
        )

    def _result(self, solved: dict[llb.Platform, _Solved]) -> Result:
        images = {
            platform: (one.ref.result(), one.config, one.base_config)
            for platform, one in solved.items()
        }
        for ref, _, _ in images.values():
            accounts.check(self._bridge, ref, self._user, self._filename)
        if self._options.multi_platform:
            result = multi_image(images, epoch=self._options.epoch)
        else:
            ((platform, (ref, config, base_config)),) = images.items()
            result = single_image(ref, config, platform, base_config, epoch=self._options.epoch)
        stated = {
            platform_id(platform): (one.sbom.result(),)
            for platform, one in solved.items()
            if one.sbom
        }
        return replace(result, attestations=stated)

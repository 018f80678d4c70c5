"""The choice of a CUDA for a project that uses a GPU: the part that asks the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cog_compat.cuda import driver_floor, resolve_image
from cog_compat.errors import NoMatch
from cog_compat.frameworks import FRAMEWORKS, resolve_framework
from cog_compat.libraries import cuda_needs, library_folders
from cog_compat.packages import COMPILED_WITH_NVCC, TORCH_FAMILY
from cog_compat.torch import TorchBuild, resolve_torch
from cog_compat.versions import minor
from cog_frontend.errors import Problem, Span
from cog_frontend.plan.model import Decision, Image
from cog_frontend.plan.requirement_lines import archive_version
from cog_frontend.plan.stack import (
    Compiled,
    Facts,
    Outcome,
    Source,
    Stack,
    Toolkit,
    decide,
    own_index,
    torch_index,
)
from cog_frontend.plan.wanted import Wanted

# The name by which steps take files from NVIDIA's image.
IMAGE = "cuda"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """CUDA libraries that something loads.

    ``in_wheels``: wheels bring them, if the requirements ``adds`` are added. ``finds_them``: it
    looks for them where wheels have them.
    """

    source: Source
    cuda: str
    cudnn: str = ""
    adds: tuple[str, ...] = ()
    in_wheels: bool = False
    finds_them: bool = False


@dataclass(slots=True)
class _Said:
    """What the tables had to say: refusals and what they could not confirm."""

    facts: Facts
    problems: list[Problem]
    warnings: list[Problem]

    def refused(self, source: Source, refusal: NoMatch) -> None:
        """Keep a refusal; an index of the project's own may have what nobody else has."""
        kept = self.warnings if self.facts.own_index else self.problems
        kept.append(Problem(file=source.file, span=source.span, message=str(refusal)))

    def note(self, source: Source, text: str) -> None:
        """Keep a note; an empty one is none."""
        if text:
            self.warnings.append(Problem(file=source.file, span=source.span, message=text))

    def on(self, stack: Stack) -> Stack:
        """Return the stack with all that was said."""
        return replace(stack, problems=tuple(self.problems), warnings=tuple(self.warnings))


def check_cpu_torch(facts: Facts, torch: Wanted, stack: Stack) -> Stack:
    """Return the stack with what the tables say of a torch without CUDA."""
    said, source = _Said(facts, [], []), facts.source(torch)
    try:
        build = resolve_torch(torch.specifier, python=facts.python, cpu=True)
        said.note(source, build.note)
    except NoMatch as refusal:
        said.refused(source, refusal)
    return said.on(stack)


def for_gpu(facts: Facts) -> Stack:
    """Return what a project gets that uses a GPU."""
    said = _Said(facts, [], [])
    wanted = facts.listing.find("torch") or facts.listing.find(*TORCH_FAMILY)
    torch = _torch(facts, wanted, said)
    needs = _needs(facts, torch, said)
    if facts.cuda and wanted is None and not needs:
        needs = [_Need(source=_key(facts), cuda=facts.cuda, cudnn=facts.cudnn)]
    stack = _outcome(facts, facts.source(wanted) if torch and wanted else None, torch, needs, said)
    return said.on(
        replace(
            stack,
            backend="" if facts.own_index or facts.listing.hashed or not torch else torch.backend,
            adds=_adds(facts, needs),
            decisions=(*stack.decisions, *_driver(stack.cuda), _index(facts, wanted, torch)),
        )
    )


def _torch(facts: Facts, wanted: Wanted | None, said: _Said) -> TorchBuild | None:
    if wanted is None or wanted.target:
        return None
    source = facts.source(wanted)
    specifier = wanted.specifier if wanted.name == "torch" else ""
    try:
        build = resolve_torch(specifier, python=facts.python, cuda=facts.cuda)
    except NoMatch as refusal:
        said.refused(source, refusal)
        return None
    said.note(source, build.note)
    return build


def _needs(facts: Facts, torch: TorchBuild | None, said: _Said) -> list[_Need]:
    """Return what everything but torch loads of CUDA."""
    found = []
    shared = torch.cuda or "" if torch else ""
    for wanted in facts.listing.packages:
        if wanted.name in FRAMEWORKS:
            need = _framework(facts, wanted, facts.cuda or shared, said)
        else:
            need = _loader(facts, wanted)
        if need and shared and not need.adds and minor(shared)[0] == minor(need.cuda)[0]:
            # torch's wheels bring the same libraries.
            need = replace(need, cuda=shared, in_wheels=True)
        found += [need] if need else []
    return found


def _loader(facts: Facts, wanted: Wanted) -> _Need | None:
    needs = cuda_needs(wanted.name, wanted.specifier)
    if needs is None:
        return None
    return _Need(
        source=facts.source(wanted),
        cuda=needs.cuda,
        cudnn=needs.cudnn,
        adds=needs.wheels,
        in_wheels=bool(needs.wheels),
    )


def _framework(facts: Facts, wanted: Wanted, cuda: str, said: _Said) -> _Need | None:
    source = facts.source(wanted)
    try:
        build = resolve_framework(wanted.name, wanted.specifier, python=facts.python, cuda=cuda)
    except NoMatch as refusal:
        said.refused(source, refusal)
        return None
    said.note(source, build.note)
    has_extra = any("cuda" in extra for extra in wanted.extras)
    adds = () if has_extra or not build.extras else (f"{wanted.name}[{','.join(build.extras)}]",)
    return _Need(
        source=source,
        cuda=build.cuda,
        cudnn=build.cudnn,
        adds=adds,
        in_wheels=has_extra or bool(build.extras),
        finds_them=wanted.name == "jax",
    )


def _outcome(
    facts: Facts,
    torch_source: Source | None,
    torch: TorchBuild | None,
    needs: Sequence[_Need],
    said: _Said,
) -> Stack:
    compiled = [each for each in facts.listing.packages if _is_compiled(each)]
    missing = [need for need in needs if not need.in_wheels]
    cuda = (torch.cuda if torch else "") or (needs[0].cuda if needs else "")
    try:
        if compiled and not facts.config.build.base:
            return _builder(facts, compiled, cuda)
        if missing:
            return _libraries(facts, missing[0])
    except NoMatch as refusal:
        source = facts.source(compiled[0]) if compiled else missing[0].source
        said.refused(source, refusal)
        return Stack()
    return _wheels(torch_source, needs, cuda)


def _is_compiled(wanted: Wanted) -> bool:
    return wanted.name in COMPILED_WITH_NVCC and not wanted.target.endswith(".whl")


def _builder(facts: Facts, compiled: Sequence[Wanted], cuda: str) -> Stack:
    source = facts.source(compiled[0])
    cuda = cuda or facts.cuda or resolve_torch("", python=facts.python).cuda or ""
    row = resolve_image(cuda)
    ref = row.reference("devel")
    names = " and ".join(each.name for each in compiled)
    reason = f"nvcc compiles {names}; {ref} is mounted for that and is in no layer"
    return Stack(
        outcome=Outcome.BUILDER,
        cuda=cuda,
        toolkit=Toolkit(
            image=Image(name=IMAGE, ref=ref, span=_own_span(facts, source)),
            cuda=row.minor,
            compiled=tuple(
                Compiled(
                    name=each.name,
                    requires=COMPILED_WITH_NVCC[each.name],
                    version=archive_version(each.target) if each.target else "",
                )
                for each in compiled
            ),
        ),
        decisions=(decide("cuda", f"{cuda} (toolkit)", reason, source),),
    )


def _libraries(facts: Facts, need: _Need) -> Stack:
    """CUDA's libraries from NVIDIA's runtime image, on a base with the right Python."""
    cuda, cudnn = facts.cuda or need.cuda, facts.cudnn or need.cudnn
    if facts.config.build.base:
        reason = f"build.base has to bring what {need.source.what} loads"
        return Stack(cuda=cuda, decisions=(decide("cuda", cuda, reason, need.source),))
    row = resolve_image(cuda, cudnn)
    ref = row.reference("runtime")
    reason = f"no wheel brings what {need.source.what} loads: it is copied from {ref}"
    return Stack(
        outcome=Outcome.LIBRARIES,
        cuda=row.minor,
        cudnn=row.cudnn,
        toolkit=Toolkit(
            image=Image(name=IMAGE, ref=ref, span=_own_span(facts, need.source)), cuda=row.minor
        ),
        decisions=(decide("cuda", f"{row.cuda} (libraries)", reason, need.source),),
    )


def _wheels(torch: Source | None, needs: Sequence[_Need], cuda: str) -> Stack:
    source = torch or (needs[0].source if needs else None)
    if source is None:
        reason = "nothing that is listed loads CUDA beside its wheels; build.cuda adds it"
        return Stack(decisions=(decide("cuda", "none", reason),))
    reason = f"the wheels of {source.what} bring it"
    if added := [each for need in needs for each in need.adds]:
        reason = f"wheels bring it: {' and '.join(added)}"
    told = [need.cuda for need in needs if not need.finds_them]
    return Stack(
        outcome=Outcome.WHEELS if told else Outcome.SLIM,
        cuda=cuda,
        libraries=library_folders(told[0]) if told else (),
        decisions=(decide("cuda", f"{cuda} (wheels)", reason, source),),
    )


def _adds(facts: Facts, needs: Sequence[_Need]) -> tuple[str, ...]:
    """Requirements that bring CUDA; nothing can be added to hashed ones."""
    if facts.listing.hashed:
        return ()
    return tuple(dict.fromkeys(each for need in needs if need.in_wheels for each in need.adds))


def _driver(cuda: str) -> tuple[Decision, ...]:
    floor = driver_floor(cuda) if cuda else None
    if floor is None:
        return ()
    reason = f"the oldest driver that runs programs for CUDA {minor(cuda)[0]}"
    return (decide("driver", f"{floor} or newer", reason),)


def _index(facts: Facts, wanted: Wanted | None, torch: TorchBuild | None) -> Decision:
    if facts.own_index or facts.listing.hashed:
        return own_index(facts)
    if torch is None or wanted is None:
        return torch_index("", "nothing asks for another one", None)
    what = f"torch {torch.version} for CUDA {torch.cuda}"
    why = what if torch.backend else f"its own wheels are {what}"
    return torch_index(torch.backend, why, facts.source(wanted))


def _key(facts: Facts) -> Source:
    """Where the config asks for a CUDA."""
    cuda = facts.config.build.cuda
    return Source(file=facts.filename, span=cuda.span if cuda else None, what="build.cuda")


def _own_span(facts: Facts, source: Source) -> Span | None:
    """The lines of the config; of another file: none."""
    return source.span if source.file == facts.filename else None

"""Cached builds side by side: cogkit's frontend, the built-in one, and an empty container.

    python -m benchmarks.build [--rounds N] [--traced N] [--frontend IMAGE] [--output json]

Each round builds every variant once, in random order, one process at a time. What the numbers
mean, and how the floor is worked out, stands in ``benchmarks.samples``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import phases, samples
from benchmarks.dockerfile import dockerfile
from benchmarks.report import Report
from cog_frontend import plan
from cog_frontend.config import read_config
from cog_frontend.project import read_project
from cog_frontend.trace import KEY
from cog_frontend.version import VERSION
from integration.demo import with_syntax
from integration.engine import EngineError, EngineInfo, ensure_engine
from integration.frontend_images import ROOT, Images, push_images, run_docker
from integration.model import image_config

PROJECT = ROOT / "examples/hello"
WARM_UPS = 2

# What both images must agree on; the order of variables means nothing.
SAME_SETTINGS = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "WorkingDir")

EMPTY_PROGRAM = "int main(void) { return 0; }\n"
EMPTY_IMAGE = """\
FROM scratch
COPY program /program
LABEL moby.buildkit.frontend.network.none="true"
ENTRYPOINT ["/program"]
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A build to time: its arguments and, where it fails by design, what it then says."""

    name: str
    arguments: tuple[str, ...]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Bench:
    """An engine, and a folder with the project and everything else that is built."""

    engine: EngineInfo
    images: Images
    folder: Path

    def prepare(self) -> list[Variant]:
        """Make the variants and build each often enough to have it cached."""
        project = with_syntax(PROJECT, self.folder / "project", self.images.frontend)
        planned = _plan(project)
        variants = [
            Variant(samples.FRONTEND, ("-f", "cog.yaml", "-t", _tag(samples.FRONTEND))),
            self._variant(
                samples.DOCKERFILE, dockerfile(planned, self.images.toolbox(planned.base.python))
            ),
            self._variant(samples.CONTAINER, f"# syntax={self._empty_image()}\n", "no result"),
            self._variant(samples.PARSE_ERROR, "FROM scratch\nSPEED\n", "unknown instruction"),
        ]
        for variant in variants * WARM_UPS:
            self._run(variant)
        self._compare_images()
        return variants

    def round(self, variants: Sequence[Variant], order: random.Random) -> dict[str, float]:
        """Build every variant once, in an order drawn from ``order``; return the seconds."""
        return {
            variant.name: self._run(variant) for variant in order.sample(variants, len(variants))
        }

    def traced(self) -> phases.Build:
        """Build with our frontend once more and return the record of it."""
        metadata = self.folder / "metadata.json"
        began = time.time()
        done = self._docker(
            *("--progress=rawjson", "--build-arg", "COGKIT_TRACE=1"),
            *("--metadata-file", str(metadata), "-f", "cog.yaml", "-t", _tag(samples.FRONTEND)),
        )
        ended = time.time()
        if done.returncode:
            raise RuntimeError(done.stderr)
        trace = json.loads(metadata.read_text()).get(KEY)
        if trace is None:
            raise phases.IncompleteTrace(f"{self.images.frontend} returned no trace")
        return phases.Build(began=began, ended=ended, progress=done.stderr, trace=trace)

    def clean(self) -> None:
        """Remove the tags of the images that were built; the build cache stays."""
        for name in (samples.FRONTEND, samples.DOCKERFILE):
            run_docker(self.engine, "image", "rm", "--force", _tag(name))

    def _variant(self, name: str, text: str, failure: str = "") -> Variant:
        file = self.folder / name
        file.write_text(text)
        return Variant(name, ("-f", str(file), "-t", _tag(name)), failure)

    def _run(self, variant: Variant) -> float:
        began = time.perf_counter()
        done = self._docker("--progress=quiet", *variant.arguments)
        seconds = time.perf_counter() - began
        if bool(done.returncode) != bool(variant.failure) or variant.failure not in done.stderr:
            raise RuntimeError(f"{variant.name}: unexpected end of the build\n{done.stderr}")
        return seconds

    def _docker(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "buildx", "build", *arguments, "."],
            cwd=self.folder / "project",
            env=dict(self.engine.env),
            text=True,
            capture_output=True,
            check=False,
        )

    def _empty_image(self) -> str:
        """Build and push the frontend that only exits; return its reference."""
        folder = self.folder / "empty"
        folder.mkdir()
        _compile(EMPTY_PROGRAM, folder / "program")
        (folder / "Dockerfile").write_text(EMPTY_IMAGE)
        reference = f"{self.engine.registry}/cogkit/bench-empty:dev"
        build = ("buildx", "build", "--quiet", "--provenance=false", "--load")
        run_docker(self.engine, *build, "--tag", reference, ".", cwd=folder)
        run_docker(self.engine, "push", "--quiet", reference)
        return reference

    def _compare_images(self) -> None:
        """Two builds are only worth comparing when they make the same image."""
        ours, theirs = (
            _settings(image_config(self.engine, _tag(name)))
            for name in (samples.FRONTEND, samples.DOCKERFILE)
        )
        if ours != theirs:
            raise RuntimeError(f"the images differ:\n{ours}\n{theirs}")


def measure(bench: Bench, rounds: int, traced: int) -> Report:
    """Run the whole benchmark: ``rounds`` of every variant, then ``traced`` builds of ours."""
    variants = bench.prepare()
    # The same orders in every run: runs differ by the machine's weather alone.
    order = random.Random(0)
    before = os.getloadavg()[0]
    timed = []
    for number in range(1, rounds + 1):
        timed.append(bench.round(variants, order))
        _say(f"round {number} of {rounds}")
    builds = [bench.traced() for _ in range(traced)]
    return Report(
        engine=bench.engine.version,
        load=(before, os.getloadavg()[0]),
        rounds=timed,
        phases=phases.median_phases([phases.phases(build) for build in builds]),
        rpcs=phases.median_rpcs([phases.rpcs(build) for build in builds]),
        processor=phases.median_phases([phases.processor(build) for build in builds]),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print what it found; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        engine = ensure_engine(options.suite, options.store)
        images = _images(engine, options.frontend)
        with tempfile.TemporaryDirectory(prefix="cogkit-bench-") as folder:
            bench = Bench(engine, images, Path(folder))
            report = measure(bench, options.rounds, options.traced)
            bench.clean()
    except (EngineError, RuntimeError, phases.IncompleteTrace) as error:
        _say(str(error))
        return 1
    print(report.json() if options.output == "json" else report.text())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=_positive, default=15, help="builds of each variant")
    parser.add_argument("--traced", type=_positive, default=9, help="builds for the phases")
    parser.add_argument("--frontend", help="frontend image; its toolboxes are IMAGE-toolbox-X.Y")
    parser.add_argument("--suite", default="sid", help="engine, where one has to be started")
    parser.add_argument("--store", default="containerd", help="its image store")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    return parser


def _compile(source: str, program: Path) -> None:
    """Make a program that needs nothing else in its image."""
    command = ("gcc", "-x", "c", "-static", "-Os", "-s", "-o", str(program), "-")
    try:
        subprocess.run(command, input=source, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise RuntimeError(
            f"the empty frontend needs gcc and a static C library: {error}"
        ) from error


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be 1 or more")
    return number


def _images(engine: EngineInfo, frontend: str | None) -> Images:
    if frontend:
        return Images(frontend=frontend)
    return push_images(engine, _say)


def _plan(project: Path) -> plan.Plan:
    def read(path: str) -> bytes | None:
        file = project / path
        return file.read_bytes() if file.is_file() else None

    data = (project / "cog.yaml").read_bytes()
    config = read_config(data)
    facts = read_project(config, ("cog.yaml", data), read)
    return plan.make_plan(config, facts, version=VERSION)


def _settings(config: Mapping[str, Any]) -> dict[str, object]:
    settings = {name: config.get(name) for name in SAME_SETTINGS}
    # Only we write down what the base was; it costs the other frontend nothing to leave it out.
    labels = {
        name: value
        for name, value in (config.get("Labels") or {}).items()
        if not name.startswith("org.opencontainers.image.base.")
    }
    return settings | {"Env": sorted(config.get("Env") or ()), "Labels": labels}


def _tag(variant: str) -> str:
    return f"cogkit-bench-{variant}"


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")


if __name__ == "__main__":
    sys.exit(main())

"""`cog build` in its own process: the same image as over buildx, and everything around it."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from integration.command import COG, cog
from integration.conftest import Workplace
from integration.engine.process import runs_with
from integration.frontend_images import ROOT, run_docker
from integration.layers import manifest
from integration.relay import relayed
from tests.waiting import until

EXAMPLES = ROOT / "examples"
PREDICTOR = "def run(a: int) -> int:\n    return a\n"


def digest(place: Workplace, folder: Path, *words: str, **env: str) -> str:
    """Build without what makes every build unlike the others; the image's digest."""
    words = ("-t", place.tag(), "--provenance", "false", "--output", "json", *words)
    done = cog(place, folder, "build", *words, **env)
    assert done.returncode == 0, done.stderr
    found: str = json.loads(done.stdout)["digest"]
    assert found.startswith("sha256:")
    return found


def project(
    place: Workplace, run: str = "", files: Mapping[str, str | bytes] | None = None
) -> Path:
    steps = f"  run:\n{run}" if run else ""
    config = f'build:\n  python_version: "3.12"\n{steps}run: run.py:run\n'
    return place.project({"cog.yaml": config, "run.py": PREDICTOR, **(files or {})})


def test_both_roads_give_the_same_image(place: Workplace) -> None:
    folder = place.copy(EXAMPLES / "hello")
    assert digest(place, folder) == digest(place, folder, "--via", "buildx")


def test_files_are_chosen_and_sent_as_buildx_does(place: Workplace) -> None:
    ignore = "# all but\n*\n!*.py\n!/cog.yaml\n!data/**/keep*\ndata/b/keep.not\n!naïve*\n"
    folder = project(
        place,
        files={
            ".dockerignore": ignore,
            "data/a/keep.txt": "1",
            "data/a/other": "2",
            "data/b/keep.not": "3",
            "naïve fïle.txt": "4",
            "big": b"0" * 1_000_000,
        },
    )
    (folder / "link.py").symlink_to("run.py")
    (folder / "same.py").hardlink_to(folder / "run.py")
    (folder / "run.py").chmod(0o755)
    # Each road has to send the files itself: neither may find what the other one sent.
    first = digest(place, folder)
    (folder / "data/a/keep.txt").write_text("changed")
    changed = digest(place, folder)
    assert changed != first
    assert changed == digest(place, folder, "--via", "buildx")
    listed = run_docker(
        place.engine, "run", "--rm", "--entrypoint", "find", place.last_tag, "/src", "-type", "f"
    )
    names = {line.removeprefix("/src/") for line in listed.splitlines()}
    assert {"data/a/keep.txt", "naïve fïle.txt", "run.py", "same.py"} <= names
    assert not names & {"data/a/other", "data/b/keep.not", "big", ".dockerignore"}


def test_a_failing_step_shows_the_same_lines_as_through_buildx(place: Workplace) -> None:
    folder = project(place, "    - echo fine\n    - echo said >&2; exit 3\n")

    def told(*words: str) -> list[str]:
        done = cog(place, folder, "build", "-t", place.tag(), "--progress", "plain", *words)
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        start = next(n for n, line in enumerate(lines) if line.startswith("cog.yaml:"))
        ours = [line for line in lines[start:] if line.startswith((" ", "cog", "---"))]
        assert any("exit code: 3" in line for line in lines[start:])
        assert any(line.endswith(" said") for line in lines)
        return ours

    shown = told()
    assert any(">>>     - echo said >&2; exit 3" in line for line in shown)
    assert shown == told("--via", "buildx")


def test_secrets(one_place: Workplace, tmp_path: Path) -> None:
    run = "    - command: grep -q hidden /run/secrets/word\n"
    run += "      mounts: [{type: secret, id: word, target: /run/secrets/word}]\n"
    folder = project(one_place, run)
    words = ("build", "--no-cache", "-t", one_place.tag())
    assert "secret word" in cog(one_place, folder, *words).stderr
    (tmp_path / "word").write_text("hidden")
    for secret in (f"id=word,src={tmp_path}/word", "id=word,env=WORD"):
        done = cog(one_place, folder, *words, "--secret", secret, WORD="hidden")
        assert done.returncode == 0, done.stderr


def test_outputs_are_files_of_this_machine(one_place: Workplace, tmp_path: Path) -> None:
    folder = one_place.copy(EXAMPLES / "hello")
    for output in ("type=local,dest=out", "type=tar,dest=out.tar", "type=oci,dest=oci.tar"):
        done = cog(one_place, folder, "build", "-o", output)
        assert done.returncode == 0, done.stderr
    assert (folder / "out" / "src" / "run.py").read_bytes() == (folder / "run.py").read_bytes()
    with tarfile.open(folder / "out.tar") as tar:
        assert "src/run.py" in {name.removeprefix("./") for name in tar.getnames()}
    with tarfile.open(folder / "oci.tar") as tar:
        assert "index.json" in tar.getnames()


def test_push_with_caches_and_annotations(one_place: Workplace, tmp_path: Path) -> None:
    folder = one_place.copy(EXAMPLES / "hello")
    repository = f"{one_place.engine.registry}/cogkit-test/builders-{os.getpid()}"
    metadata = tmp_path / "metadata.json"
    done = cog(
        one_place,
        folder,
        *("build", "-t", f"{repository}:1", "--push", "--metadata-file", str(metadata)),
        *("--cache-to", f"type=registry,ref={repository}:cache,mode=max"),
        *("--annotation", "org.example=note", "--provenance", "false"),
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(metadata.read_text())
    assert told["image.name"] == f"{repository}:1"
    shown = run_docker(
        one_place.engine, "buildx", "imagetools", "inspect", "--raw", f"{repository}:1"
    )
    assert json.loads(shown)["annotations"]["org.example"] == "note"
    again = cog(
        one_place,
        folder,
        *("build", "-t", one_place.tag(), "--progress", "plain"),
        *("--cache-from", f"{repository}:cache"),
    )
    assert again.returncode == 0, again.stderr
    assert f"importing cache manifest from {repository}:cache" in again.stderr


def test_the_layers_are_compressed_as_the_project_advises(
    one_place: Workplace, tmp_path: Path
) -> None:
    """In the registry, over both roads; an image that is loaded and then pushed has them too."""
    config = "build:\n  python_version: '3.12'\n  compression: {advice}\nrun: run.py:run\n"
    repository = f"{one_place.engine.registry}/cogkit-test/compressed-{os.getpid()}"

    def kinds(tag: str, advice: str, *words: str) -> list[str]:
        # Code of its own: a layer that the builder has as gzip stays gzip unless it is forced.
        files = {"cog.yaml": config.format(advice=advice), "run.py": f"{PREDICTOR}# {tag}\n"}
        folder = one_place.project(files)
        words = ("build", "-t", f"{repository}:{tag}", "--provenance", "false", *words)
        done = cog(one_place, folder, *words)
        assert done.returncode == 0, done.stderr
        assert "build.compression" not in done.stderr
        if "--push" not in words:
            run_docker(one_place.engine, "push", "--quiet", f"{repository}:{tag}")
            run_docker(one_place.engine, "image", "rm", f"{repository}:{tag}")
        found = manifest(one_place.engine.registry, repository.partition("/")[2], tag)
        return [each["mediaType"].rpartition("+")[2] for each in found["layers"]]

    assert set(kinds("pushed", "zstd", "--push")) == {"zstd"}
    assert set(kinds("loaded", "zstd")) == {"zstd"}
    assert set(kinds("buildx", "{type: zstd, level: 9}", "--push", "--via", "buildx")) == {"zstd"}
    mixed = kinds("mixed", "{type: zstd, force: false}", "--push")
    assert (mixed[0], mixed[-1]) == ("gzip", "zstd")
    _, reminded = one_place.build(
        one_place.project({"cog.yaml": config.format(advice="zstd"), "run.py": PREDICTOR})
    )
    assert "cog.yaml:4:16: build.compression: zstd is for the client to choose" in reminded.output


def test_another_frontend_runs_in_its_container(one_place: Workplace) -> None:
    folder = one_place.copy(EXAMPLES / "hello")
    words = ("--frontend", one_place.images.frontend)
    assert digest(one_place, folder, *words) == digest(one_place, folder)


def test_ctrl_c_leaves_nothing_running(one_place: Workplace) -> None:
    seconds = f"9{os.getpid()}"
    folder = project(one_place, f"    - sleep {seconds}\n")
    sleeping = f"sleep {seconds}"
    # Programs of a shell's background jobs ignore Ctrl-C, and so do those that they start.
    heeding = ("env", "--default-signal=INT")
    with subprocess.Popen(
        [*heeding, COG, "build", "-t", one_place.tag(), "--progress", "plain"],
        cwd=folder,
        env={**one_place.engine.env, "COGKIT_FRONTEND": one_place.images.frontend},
        stderr=subprocess.PIPE,
    ) as child:
        try:
            until(lambda: runs_with(sleeping) or child.poll() is not None, "the step begins", 120)
            child.send_signal(signal.SIGINT)
            _, stderr = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 130, stderr.decode()
    assert b"Traceback" not in stderr
    until(lambda: not runs_with(sleeping), "the step ends")


def test_no_builder_says_how_to_get_one(one_place: Workplace, tmp_path: Path) -> None:
    folder = one_place.copy(EXAMPLES / "hello")
    nowhere = f"unix://{tmp_path}/none.sock"
    for env in ({"DOCKER_HOST": nowhere}, {"BUILDKIT_HOST": nowhere}):
        done = cog(one_place, folder, "build", **env)
        assert done.returncode == 1
        assert "none.sock" in done.stderr
        for way in ("start Docker", "BUILDKIT_HOST", "docker buildx create"):
            assert way in done.stderr
        assert "Traceback" not in done.stderr


def test_a_buildkitd_behind_a_socket(
    one_place: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its image is loaded into the engine; through the relay that is the same engine."""
    folder = one_place.copy(EXAMPLES / "hello")
    monkeypatch.chdir(tmp_path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("buildkitd.sock")
    listener.listen()
    with relayed(one_place.engine, listener):
        host = f"unix://{tmp_path}/buildkitd.sock"
        done = cog(one_place, folder, "build", "-t", one_place.tag(), BUILDKIT_HOST=host)
    assert done.returncode == 0, done.stderr
    with one_place.serve(one_place.last_tag) as model:
        assert model.predict(text="you")["status"] == "succeeded"


def test_a_buildkitd_behind_tls(one_place: Workplace, tmp_path: Path) -> None:
    folder = one_place.copy(EXAMPLES / "hello")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=builder"),
            *("-addext", "subjectAltName=DNS:builder"),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(certificate, key)
    env = {
        "BUILDKIT_TLS_CA_CERT": str(certificate),
        "BUILDKIT_TLS_CERT": str(certificate),
        "BUILDKIT_TLS_KEY": str(key),
        "BUILDKIT_TLS_SERVER_NAME": "builder",
    }
    listener = socket.create_server(("127.0.0.1", 0))
    with relayed(one_place.engine, listener, tls):
        host = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        words = ("build", "-o", "type=local,dest=out")
        done = cog(one_place, folder, *words, BUILDKIT_HOST=host, **env)
        stranger = cog(one_place, folder, *words, BUILDKIT_HOST=host)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "src" / "run.py").exists()
    assert stranger.returncode == 1

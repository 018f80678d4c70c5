"""Keys of cog.yaml on the real engine: what they promise is seen in the build and in the image."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.conftest import Workplace
from integration.frontend_images import run_docker
from integration.model import image_config

READ = """\
from pathlib import Path


def run(path: str) -> str:
    return Path(path).read_text().strip()
"""


def config(*build: str) -> str:
    lines = "".join(f"  {line}\n" for line in "\n".join(build).splitlines())
    return f"build:\n  python_version: '3.12'\n{lines}run: predict.py:run\n"


def layers_with(place: Workplace, tag: str, path: str) -> int:
    """Count the layers of an image that hold a file."""
    saved = place.scratch(f"{tag}.tar")
    run_docker(place.engine, "save", "--output", str(saved), tag)
    with tarfile.open(saved) as image:
        manifest = image.extractfile("manifest.json")
        assert manifest is not None
        count = 0
        for name in json.load(manifest)[0]["Layers"]:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                count += path in {member.name.removeprefix("./") for member in layer}
    saved.unlink()
    return count


def test_files_that_run_needs_are_there_and_stand_in_one_layer(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": config(
                """\
copy:
  - setup.sh
  - pkg
  - {source: vendor, target: /opt/vendor}
  - {source: vendor/a.txt, target: /opt/one.txt}
run:
  - sh /src/setup.sh
  - pip install --no-index --no-build-isolation --no-deps /src/pkg""",
                "python_packages: [setuptools]",
            ),
            "setup.sh": "cat /opt/vendor/a.txt /opt/one.txt /opt/vendor/deep/b.txt > /made.txt\n"
            "echo built > /src/built.txt\n",
            "vendor/a.txt": "a\n",
            "vendor/deep/b.txt": "b\n",
            "pkg/pyproject.toml": "[project]\nname = 'own'\nversion = '1'\n"
            "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n",
            "pkg/own.py": "WORD = 'own'\n",
            "predict.py": READ + "\n\nimport own\n\nassert own.WORD == 'own'\n",
        }
    )
    tag = place.image(project)
    with place.serve(tag) as model:
        assert model.predict(path="/made.txt")["output"] == "a\na\nb"
        assert model.predict(path="/src/built.txt")["output"] == "built"
        assert model.predict(path="/opt/vendor/deep/b.txt")["output"] == "b"
    # Without MergeOp the copies are in the chain.
    merged = place.kind.endswith("containerd")
    assert layers_with(place, tag, "src/setup.sh") == (1 if merged else 2)
    # An edit of another file leaves the commands alone.
    (project / "predict.py").write_text(READ + "\n# edited\n")
    _, again = place.build(project)
    assert "sh /src/setup.sh\n" in again.output
    assert steps(again.output, "[run 1/2]") == ["CACHED"]
    (project / "setup.sh").unlink()
    _, missing = place.build(project)
    assert missing.code
    assert "setup.sh" in missing.output
    assert ">>>     - setup.sh" in missing.output


def steps(output: str, title: str) -> list[str]:
    """How each step with a title ended: the words after its number."""
    numbers = {line.split()[0] for line in output.splitlines() if title in line}
    return [
        line.split()[1]
        for line in output.splitlines()
        if line.split()[:1] and line.split()[0] in numbers and line.split()[1] in {"CACHED", "DONE"}
    ]


@contextmanager
def ssh_agent(folder: Path) -> Iterator[str]:
    """An agent with one key whose comment is ``cogkit-test``; yields its socket."""
    folder.mkdir()
    key, socket = folder / "key", folder / "agent"
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cogkit-test", "-f", str(key)]
    subprocess.run(command, check=True)
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert agent.poll() is None
        env = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", str(key)], env=env, check=True)
        yield str(socket)
    finally:
        agent.terminate()
        agent.wait()


# SSH_AGENTC_REQUEST_IDENTITIES of draft-miller-ssh-agent: the answer holds the keys' comments.
ASK_AGENT = """\
import os
import socket

agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ["SSH_AUTH_SOCK"])
agent.sendall(b"\\0\\0\\0\\1\\x0b")
answer = agent.makefile("rb")
ANSWER = b"cogkit-test" in answer.read(int.from_bytes(answer.read(4), "big"))
print(ANSWER)
"""


@pytest.mark.parametrize(
    ("keys", "option"),
    [
        ("ssh: default\nrun: ['python /src/ask.py > /asked.txt']", "default"),
        (
            "run: [{command: 'python /src/ask.py > /asked.txt', mounts: [{type: ssh, id: key}]}]",
            "key",
        ),
    ],
)
def test_a_command_uses_an_ssh_agent(place: Workplace, keys: str, option: str) -> None:
    files = {
        "cog.yaml": config("copy: [ask.py]", keys),
        "ask.py": ASK_AGENT,
        "predict.py": READ,
    }
    project = place.project(files)
    with ssh_agent(place.scratch(f"agent-{option}")) as agent:
        tag = place.image(project, "--ssh", f"{option}={agent}")
    with place.serve(tag) as model:
        assert model.predict(path="/asked.txt")["output"] == "True"
        assert "SSH_AUTH_SOCK" not in model.run("env")
    _, refused = place.build(project, "--no-cache-filter", "run")
    assert refused.code
    assert f"unset ssh forward key {option}" in refused.output
    assert ">>> " in refused.output


BACKEND = """\
import runpy
import zipfile


def build_wheel(folder, config=None, metadata=None):
    name = "asked-1.0-py3-none-any.whl"
    info = "asked-1.0.dist-info"
    files = {
        "asked.py": f"ANSWER = {runpy.run_path('ask.py')['ANSWER']}\\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\\nName: asked\\nVersion: 1.0\\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    return name
"""


def test_packages_that_are_fetched_and_built_use_the_agent(place: Workplace) -> None:
    sdist = io.BytesIO()
    with tarfile.open(fileobj=sdist, mode="w:gz") as archive:
        for name, text in {
            "PKG-INFO": "Metadata-Version: 2.1\nName: asked\nVersion: 1.0\n",
            "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\n"
            "backend-path = ['.']\n",
            "backend.py": BACKEND,
            "ask.py": ASK_AGENT,
        }.items():
            member = tarfile.TarInfo(f"asked-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    files: dict[str, str | bytes] = {
        "cog.yaml": config("ssh: default", "python_requirements: requirements.txt"),
        "requirements.txt": "./asked-1.0.tar.gz\n",
        "asked-1.0.tar.gz": sdist.getvalue(),
        "predict.py": "import asked\n\n\ndef run() -> str:\n    return str(asked.ANSWER)\n",
    }
    project = place.project(files)
    with ssh_agent(place.scratch("agent-packages")) as agent:
        tag = place.image(project, "--ssh", f"default={agent}")
    with place.serve(tag) as model:
        assert model.predict()["output"] == "True"
    _, refused = place.build(project, "--no-cache")
    assert refused.code
    assert "unset ssh forward key default" in refused.output


WHO = """\
import os
from pathlib import Path


def run() -> str:
    Path.home().joinpath("cache").write_text("x")
    try:
        Path("/src/mine").write_text("x")
    except PermissionError:
        return f"{os.getuid()} {os.getgid()} {Path.home()}"
    return "the source can be written to"
"""


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("user: 1234", "1234 0 /home/cog"),
        ("user: '1234:100'", "1234 100 /home/cog"),
        ("user: model\nrun: [useradd --create-home --uid 77 --gid 9 model]", "77 9 /home/model"),
    ],
)
def test_the_model_runs_as_a_user(place: Workplace, keys: str, expected: str) -> None:
    files = {"cog.yaml": config(keys), "predict.py": WHO}
    tag = place.image(place.project(files))
    with place.serve(tag, KUBERNETES_SERVICE_HOST="10.0.0.1") as model:
        answer = model.predict()
        assert answer.get("output") == expected, answer
        assert "the source can be written to" not in model.logs()


def test_a_user_that_the_image_lacks_is_refused_at_its_line(place: Workplace) -> None:
    _, result = place.build(
        place.project({"cog.yaml": config("user: nobody-here"), "predict.py": READ})
    )
    assert result.code
    assert "build.user: 'nobody-here' is not in /etc/passwd of the image" in result.output
    assert "user: nobody-here" in result.output


def push(place: Workplace, project: Path, reference: str, *options: str) -> None:
    command = ["docker", "buildx", "build", "--provenance=false", "-f", "cog.yaml", *options]
    output = f"type=image,name={reference},push=true"
    subprocess.run(
        [*command, "--output", output, "."], cwd=project, env=dict(place.engine.env), check=True
    )


def test_the_platforms_of_the_config_are_built(one_place: Workplace) -> None:
    # The machine runs both without emulation; the stand-in for the base has one for all.
    files = {
        "cog.yaml": config("platforms: [linux/amd64, linux/386]", "run: ['echo x > /x.txt']"),
        "predict.py": READ,
    }
    project = one_place.project(files)
    reference = f"{one_place.engine.registry}/cogkit/platforms:{os.getpid()}"
    push(one_place, project, reference)
    raw = run_docker(one_place.engine, "buildx", "imagetools", "inspect", "--raw", reference)
    platforms = {each["platform"]["architecture"] for each in json.loads(raw)["manifests"]}
    assert {"amd64", "386"} <= platforms
    # What the command names wins.
    reference += "-one"
    push(one_place, project, reference, "--platform", "linux/amd64")
    raw = run_docker(one_place.engine, "buildx", "imagetools", "inspect", "--raw", reference)
    assert "manifests" not in json.loads(raw)


# A server with a certificate of the company's authority, and a client that trusts as usual.
TALK = """\
import http.server
import ssl
import sys
import threading
import urllib.request


def talk() -> str:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/src/server.pem")
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}/server.pem"
    with urllib.request.urlopen(url) as answer:
        return str(answer.status)


def run() -> str:
    return talk()


if __name__ == "__main__":
    print(talk())
"""


def company(folder: Path) -> tuple[str, str]:
    """An authority's certificate, and a server's certificate and key made with it, as PEM."""
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl(*new, "-subj", "/CN=Company", "-keyout", "ca.key", "-out", "ca.pem")
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key")
    openssl(*new, *names, *signed, "-keyout", "server.key", "-out", "server.crt")
    server = (folder / "server.crt").read_text() + (folder / "server.key").read_text()
    return (folder / "ca.pem").read_text(), server


def test_a_companys_authority_is_trusted_by_every_step_and_the_image(place: Workplace) -> None:
    authority, server = company(place.scratch("company"))
    files = {
        "cog.yaml": config(
            "system_packages: [tree]",
            "python_packages: [six]",
            "copy: [server.pem, predict.py]",
            "run: ['cd /src && python predict.py']",
        ),
        "server.pem": server,
        "ca/company.pem": authority,
        "predict.py": TALK,
    }
    project = place.project(files)
    _, without = place.build(project)
    assert without.code
    assert "CERTIFICATE_VERIFY_FAILED" in without.output
    for value in (authority, "ca/company.pem"):
        tag = place.image(project, "--build-arg", f"COG_CA_CERT={value}")
        with place.serve(tag) as model:
            assert model.predict()["output"] == "200"
            assert model.run("sh", "-c", "ls -l /etc/ssl/certs/*.0 | grep -c cog-ca-cert") == "1"
    _, wrong = place.build(project, "--build-arg", "COG_CA_CERT=/etc/company.pem")
    assert wrong.code
    assert "COG_CA_CERT=/etc/company.pem is neither a PEM certificate" in wrong.output


def test_commands_of_several_lines_and_proxies(place: Workplace) -> None:
    project = place.project(
        {
            "cog.yaml": config(
                """\
run:
  - |
    test "$HTTPS_PROXY" = http://proxy.example.com:3128
    test "$https_proxy" = "$HTTPS_PROXY"
    printf '%s' "$GREETING" > /said.txt
  - false; true""",
                "labels: {org.example.team: vision, run: 7}",
            )
            + "environment: ['GREETING=a  b \"c\" $d']\n",
            "predict.py": READ,
        }
    )
    proxy = ("--build-arg", "HTTPS_PROXY=http://proxy.example.com:3128")
    tag = place.image(project, *proxy, "--label", "run=8")
    found = image_config(place.engine, tag)
    assert not [entry for entry in found["Env"] if "PROXY" in entry.upper()]
    assert found["Labels"]["org.example.team"] == "vision"
    assert found["Labels"]["run"] == "8"
    with place.serve(tag) as model:
        assert model.predict(path="/said.txt")["output"] == 'a  b "c" $d'
    _, failed = place.build(
        place.project({"cog.yaml": config("run:\n  - |\n    false\n    true"), "predict.py": READ})
    )
    assert failed.code
    assert ">>>     - |" in failed.output


def test_a_system_package_of_a_version(place: Workplace) -> None:
    script = "run: ['dpkg-query -W -f \"\\${Version}\" tree > /version.txt']"
    files = {"cog.yaml": config("system_packages: [tree]", script), "predict.py": READ}
    with place.serve(place.image(place.project(files))) as model:
        version = model.predict(path="/version.txt")["output"]
    pinned = {"cog.yaml": config(f"system_packages: ['tree={version}']"), "predict.py": READ}
    place.image(place.project(pinned))
    wrong = {"cog.yaml": config("system_packages: [tree=0.0-gone]"), "predict.py": READ}
    _, result = place.build(place.project(wrong))
    assert result.code
    assert "Version '0.0-gone' for 'tree' was not found" in result.output
    assert ">>>   system_packages: [tree=0.0-gone]" in result.output


def test_deprecated_keys_are_said_by_the_build(one_place: Workplace) -> None:
    text = "build: {pre_install: ['true']}\npredict: predict.py:run\n"
    _, result = one_place.build(one_place.project({"cog.yaml": text, "predict.py": READ}))
    assert result.code == 0, result.output
    assert 'cog.yaml:3:1: deprecated field "predict" (use "run" instead)' in result.output

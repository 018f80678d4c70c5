"""``make demo``: from cog.yaml to a right answer, on every example, step by step.

Brings up an engine where there is none, pushes the frontend image of this checkout to the registry
the engine reads, and then does what a user does: build with buildx, run, ask.
"""

from __future__ import annotations

import base64
import json
import shutil
import sys
import tempfile
from pathlib import Path

from integration.engine import EngineError, EngineInfo, ensure_engine
from integration.frontend_images import ROOT, Images, push_images
from integration.model import Model, build, running, wait_for_health

EXAMPLES = ROOT / "examples"
PYTHONS = ("3.11", "3.12")  # those of the examples
SYNTAX = "# syntax=localhost:5000/cogkit/frontend:dev"


def say(text: str) -> None:
    """Show one step."""
    sys.stdout.write(f"demo: {text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the demo; return the exit status."""
    try:
        engine = ensure_engine()
        say(f"Docker Engine {engine.version}, registry {engine.registry}")
        images = push_images(engine, say, PYTHONS)
        show(engine, images, "hello", [({"text": "cogkit"}, "hello cogkit")])
        show(engine, images, "digits", [({"image": picture(n)}, n) for n in (2, 5, 7)])
    except (EngineError, RuntimeError, TimeoutError) as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    return 0


def picture(digit: int) -> str:
    """Return a sample of the digits example as a data URL."""
    content = (EXAMPLES / f"digits/samples/{digit}.png").read_bytes()
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def show(
    engine: EngineInfo, images: Images, name: str, cases: list[tuple[dict[str, str], object]]
) -> None:
    """Build one example, run it, and check its answer to each input."""
    with tempfile.TemporaryDirectory() as folder:
        project = with_syntax(EXAMPLES / name, Path(folder) / name, images.frontend)
        tag = f"cogkit-demo-{name}"
        say(f"cd examples/{name} && docker buildx build -f cog.yaml -t {tag} .")
        built = build(engine, project, tag)
    if built.code:
        raise RuntimeError(built.output)
    say(f"docker run -d -p 127.0.0.1::5000 {tag}")
    with running(engine, tag) as model:
        say(f"GET {model.url}/health-check -> {wait_for_health(model)['status']}")
        for inputs, expected in cases:
            ask(model, inputs, expected)


def ask(model: Model, inputs: dict[str, str], expected: object) -> None:
    """Show one prediction; RuntimeError where the answer is not the expected one."""
    shown = {key: value if len(value) < 60 else f"{value[:57]}..." for key, value in inputs.items()}
    say(f"POST {model.url}/predictions {json.dumps({'input': shown})}")
    answer = model.predict(**inputs)
    output = answer.get("output")
    say(f"  -> {json.dumps(output)}")
    label = output.get("label") if isinstance(output, dict) else output
    if answer["status"] != "succeeded" or label != expected:
        raise RuntimeError(f"expected {expected!r}, got {json.dumps(answer)}")


def with_syntax(project: Path, folder: Path, frontend: str) -> Path:
    """Copy a project; its syntax line names the frontend image where the registry really is."""
    shutil.copytree(project, folder)
    config = folder / "cog.yaml"
    config.write_text(config.read_text().replace(SYNTAX, f"# syntax={frontend}"))
    return folder


if __name__ == "__main__":
    sys.exit(main())

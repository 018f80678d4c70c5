"""The step that asks the project's own code what its handlers take and give.

Only for a project whose source does not tell: see ``schema``.
"""

from __future__ import annotations

from cog_frontend.errors import Span
from cog_frontend.plan import layout
from cog_frontend.plan.model import Exec, Layer

DESCRIBED = "described"
DESCRIBED_FILE = "described.json"

WORKER = f"{layout.RUNTIME_PACKAGES}/cog/worker/__main__.py"


def described_layer(
    handlers: tuple[tuple[str, str, Span], ...],
    env: tuple[tuple[str, str], ...],
    *,
    needs: tuple[str, ...],
) -> Layer | None:
    """The layer that holds the descriptions alone, None where none is wanted.

    ``handlers`` are mode, reference and the lines of cog.yaml; the image has no part of it.
    """
    if not handlers:
        return None
    references = [f"{mode}={reference}" for mode, reference, _ in handlers]
    step = Exec(
        args=(
            layout.PYTHON,
            WORKER,
            "describe",
            f"{layout.BUILD_MADE}/{DESCRIBED_FILE}",
            *references,
        ),
        title=f"[schema] import {' and '.join(reference for _, reference, _ in handlers)}",
        span=handlers[0][2],
        env=env,
        path=(layout.VENV_BIN,),
        cwd=layout.SOURCE,
    )
    return Layer(name=DESCRIBED, steps=(step,), needs=needs, made=layout.BUILD_MADE, kept=False)

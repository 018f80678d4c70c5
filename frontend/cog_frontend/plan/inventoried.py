"""The step that writes down what a finished image holds, for its SBOM; the image has no part of it.

The script stands in the toolbox, so that it is not in the image either.
"""

from __future__ import annotations

from dataclasses import replace

from cog_frontend.plan import layout
from cog_frontend.plan.model import Bind, Exec, Layer, LayerTree, Plan
from cog_frontend.plan.weights import STAGE

INVENTORY = "sbom"
INVENTORY_FILE = "inventory.json"
_WEIGHTS = "/run/cogkit/weights"


def inventoried(planned: Plan) -> Plan:
    """Return the plan with the layer that holds the inventory of its image alone."""
    weights = {
        layer.name: LayerTree(target=f"{_WEIGHTS}/{number}", layer=layer.name)
        for number, layer in enumerate(planned.stage(STAGE))
    }
    step = Exec(
        args=(
            # -I and -S: nothing that the project installed has a part in it.
            *(layout.PYTHON, "-I", "-S", layout.BUILD_INVENTORY),
            *("/", f"{layout.BUILD_MADE}/{INVENTORY_FILE}"),
            *(f"{name}={tree.target}" for name, tree in weights.items()),
        ),
        title="[sbom] list what is installed",
        mounts=(
            Bind(target=layout.BUILD_INVENTORY, path=layout.TOOLBOX_INVENTORY),
            *weights.values(),
        ),
    )
    needs = tuple(layer.name for layer in planned.layers if layer.kept)
    layer = Layer(name=INVENTORY, steps=(step,), needs=needs, made=layout.BUILD_MADE, kept=False)
    return replace(planned, layers=(*planned.layers, layer))

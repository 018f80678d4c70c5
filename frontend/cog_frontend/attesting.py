"""The SBOM of an image: a step lists what the image holds, and a file of the build says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import buildkit_llb as llb
from cog_frontend import plan
from cog_frontend.convert import Surroundings, convert_layer
from cog_frontend.errors import FrontendError
from cog_frontend.gateway import Attestation, Bridge, Pending, Ref
from cog_frontend.sbom import (
    PREDICATE_TYPE,
    BadInventory,
    ImageFacts,
    document_json,
    read_inventory,
)

__all__ = ["Attesting", "ImageFacts"]

_FILE = "sbom.spdx.json"

Solve = Callable[[llb.State], Pending[Ref | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attesting:
    """The SBOM of one platform's image, to be made; ``solve`` starts to solve a state for it."""

    bridge: Bridge
    facts: ImageFacts
    around: Surroundings
    solve: Solve

    def start(self) -> Pending[Attestation]:
        """Have the image listed; the document is written when it is asked for."""
        listed = plan.inventoried(self.facts.plan)
        state = convert_layer(listed, self.around, plan.INVENTORY)
        ref = self.solve(state).result()
        assert ref is not None  # the layer has a step
        reading = self.bridge.start_read_file(ref, plan.INVENTORY_FILE)
        return Pending(lambda: self._attestation(reading.result()))

    def _attestation(self, inventory: bytes) -> Attestation:
        try:
            data = document_json(self.facts, read_inventory(inventory))
        except BadInventory as error:
            raise FrontendError(
                f"the image was not listed: the toolbox is not of this version of cogkit ({error})"
            ) from error
        metadata = llb.Metadata(name=f"[{self.around.prefix}sbom] write {_FILE}")
        state = llb.scratch().file(llb.mkfile(f"/{_FILE}", data), metadata=metadata)
        ref = self.solve(state).result()
        assert ref is not None  # the tree has a file
        return Attestation(ref=ref, path=f"/{_FILE}", predicate_type=PREDICATE_TYPE, reason="sbom")

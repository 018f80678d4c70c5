"""What an image holds, as an SPDX document: pure functions from facts to bytes."""

from cog_frontend.sbom.document import PREDICATE_TYPE, ImageFacts, document, document_json
from cog_frontend.sbom.inventory import BadInventory, Inventory, read_inventory

__all__ = [
    "PREDICATE_TYPE",
    "BadInventory",
    "ImageFacts",
    "Inventory",
    "document",
    "document_json",
    "read_inventory",
]

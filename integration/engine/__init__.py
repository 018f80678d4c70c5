"""A real Docker Engine and a local registry for tests and demos, wherever they run.

A daemon that the machine already offers is used as it is. Only where none answers, and the
machine is a Debian one with root, an own engine comes up from Debian's packages inside one
cache folder.
"""

from integration.engine.engine import Engine, EngineInfo, EngineStatus, ensure_engine
from integration.engine.errors import EngineError
from integration.engine.layout import Kind

__all__ = ["Engine", "EngineError", "EngineInfo", "EngineStatus", "Kind", "ensure_engine"]

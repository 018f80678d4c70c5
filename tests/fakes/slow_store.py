"""A store that answers later, as one on a disk or across a network does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cog.server.store import MemoryStore, Page, Record


class SlowStore(MemoryStore):
    """A `MemoryStore` whose every answer takes a turn of the loop on its way there and back."""

    async def add(self, record: Record, replacing: Record | None = None) -> Record | None:
        await asyncio.sleep(0)
        known = await super().add(record, replacing)
        await asyncio.sleep(0)
        return known

    async def remove(self, record: Record) -> None:
        await asyncio.sleep(0)
        await super().remove(record)
        await asyncio.sleep(0)

    async def find(self, record_id: str) -> Record | None:
        await asyncio.sleep(0)
        record = await super().find(record_id)
        await asyncio.sleep(0)
        return record

    async def page(self, cursor: str | None, limit: int) -> Page:
        await asyncio.sleep(0)
        page = await super().page(cursor, limit)
        await asyncio.sleep(0)
        return page

    def end(self, record: Record, then: Callable[[], None]) -> None:
        loop, keep = asyncio.get_running_loop(), super().end

        def kept() -> None:
            loop.call_soon(then)

        loop.call_soon(keep, record, kept)

"""An open file whose reads and writes pass through the simulated disk."""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.world import World

Write = Callable[[str, Any, Callable[[Any], int]], int]
"""Writes to a place in the log, some bytes, by a call."""


class CountedFile(io.FileIO):
    """An open file whose calls are counted."""

    def bind(self, world: "World", write: Write, place: str) -> None:
        """Tells who counts, who writes, and what the file is called in the log."""
        self._world: World | None = world
        self._write, self._place = write, place

    def write(self, block: Any, /) -> int:  # noqa: ANN401  as io has it
        return self._write(self._place, block, super().write)

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401  as io has it
        return self._counted("read", super().readinto, buffer)

    def readall(self) -> bytes:
        return self._counted("read", super().readall)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._counted("read", super().read, -1 if size is None else size)

    def truncate(self, size: int | None = None, /) -> int:
        return self._counted("truncate", super().truncate, *(() if size is None else (size,)))

    def _counted(self, kind: str, do: Callable[..., Any], *args: Any) -> Any:  # noqa: ANN401  passed on
        assert self._world is not None
        return self._world.perform(kind, self._place, do, *args)

    def close(self) -> None:
        if self.closed:
            return
        world, writes = getattr(self, "_world", None), self.writable()
        super().close()
        if world is not None and writes:
            world.call("close", self._place)

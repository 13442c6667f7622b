"""Work on a GPU that is recorded once and replayed: one launch in place of dozens.

A training step of small models is some thirty kernels of a few microseconds each, and starting one from Python takes
as long. A CUDA graph starts them all at once. What is recorded reads and writes the same memory every time, and does
nothing that depends on numbers on the host: counters live on the device.
"""

from collections.abc import Callable

import torch

WARM_UPS = 3
"""How often the work is done as it comes before it is recorded: libraries set themselves up, buffers come to be."""


class Replayed:
    """Does some work; on a GPU, after a few times, by replaying its recording.

    It does not hold the work: whose memory it is must be free as soon as nobody else holds it.

    Args:
        device: where the work is done.
    """

    def __init__(self, device: torch.device) -> None:
        self._records = device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._done = 0

    @property
    def is_recorded(self) -> bool:
        """Returns whether the next call replays."""
        return self._graph is not None

    def __call__(self, work: Callable[[], None]) -> None:
        """Does the work once: the same kernels on the same memory each time."""
        if self._graph is not None:
            self._graph.replay()
        elif self._records and self._done >= WARM_UPS:
            self._record(work)
        else:
            work()
            self._done += 1

    def _record(self, work: Callable[[], None]) -> None:
        """Records the work, which does not do it, and replays it; does it as it comes where that fails."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                work()
        except RuntimeError:  # memory for a second set of buffers, or a kernel that cannot be recorded
            self._records = False
            torch.cuda.synchronize()
            work()
        else:
            self._graph = graph
            graph.replay()

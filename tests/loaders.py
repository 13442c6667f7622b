"""Datasets and tasks for workers in other processes, which import this module to open them."""

import multiprocessing
import os
import signal
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

from small_data import make_dataset

from mnistfaces.config import DataConfig
from mnistfaces.datasets.base import Dataset


def load(_: DataConfig) -> Dataset:
    return make_dataset((30, 30, 30))


def load_and_die_elsewhere(form: DataConfig) -> Dataset:
    if multiprocessing.parent_process() is not None:
        os.kill(os.getpid(), signal.SIGKILL)
    return load(form)


def die_answering(_: Callable[[float], None]) -> None:
    """Dies as the system ends a process that writes what it came to: with the first bytes of many in the pipe."""
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals and frame.f_back is not None:
        frame = frame.f_back
    pipe = frame.f_locals["result_queue"]._writer.fileno()
    os.write(pipe, struct.pack("!i", 1_000_000) + b"the first bytes")
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True)
class OtherElsewhere:
    """Another content where it is opened in another process."""

    home: int

    def __call__(self, form: DataConfig) -> Dataset:
        dataset = load(form)
        return dataset if os.getpid() == self.home else replace(dataset, fingerprint="f" * 64)

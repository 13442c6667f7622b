"""What of a dataset's images is computed with, and how they lie in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.batches import Batch, Storage, load_whole, pieces_of
from mnistfaces.engine.draws import is_full_batch
from mnistfaces.engine.models import model_class
from mnistfaces.engine.sparse import SPARSE_DENSITY, SPARSE_IMAGES, pays_off
from mnistfaces.engine.tiles import count_blocks


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """The images of a dataset as the models of a stack take them.

    Attributes:
        dataset: where they are.
        dtype: of the numbers.
        device: where to compute.
        columns: which inputs are computed with; None is all.
        storage: of sets that are measured.
        training_storage: of the training images.
        mean: whether training images weigh 1/n each, where a step takes them all, not 1.
    """

    dataset: Dataset
    dtype: str
    device: torch.device
    columns: NDArray[np.int64] | None
    storage: Storage
    training_storage: Storage
    mean: bool

    @classmethod
    def of(cls, dataset: Dataset, config: TrainConfig, train: NDArray[np.int64], device: torch.device) -> Self:
        """Returns what a configuration computes with.

        Full batches of a model that starts from zero never move the weights of inputs that are zero in every training
        image: these inputs are left out. Images that are mostly zero even so are compressed; a few that go through
        twice a step are kept in both orders.
        """
        full = is_full_batch(config, len(train))
        columns = _used_columns(dataset, train) if full and model_class(config).starts_at_zero else None
        sparse = columns is not None and _is_mostly_zero(dataset, train, len(columns), device)
        few = full and count_blocks(len(train)) > 1 and len(train) < SPARSE_IMAGES
        storage: Storage = "sparse" if sparse else "rows"
        return cls(
            dataset=dataset,
            dtype=config.dtype,
            device=device,
            columns=columns,
            storage=storage,
            training_storage="two ways" if few and not sparse else storage,
            mean=full and config.reduction == "mean",
        )

    @property
    def inputs(self) -> int:
        """Returns D, how many inputs are computed with."""
        return self.dataset.inputs.shape[1] if self.columns is None else len(self.columns)

    def load(self, images: NDArray[np.int64]) -> Batch:
        """Returns images at these positions, each weighing 1."""
        return load_whole(self.dataset, images, self.dtype, self.device, columns=self.columns, storage=self.storage)

    def load_training(self, images: NDArray[np.int64]) -> Batch:
        """Returns training images, which may be a full batch."""
        how: dict[str, Any] = {"columns": self.columns, "mean": self.mean, "storage": self.training_storage}
        return load_whole(self.dataset, images, self.dtype, self.device, **how)

    def spread(self, weights: NDArray[Any]) -> NDArray[Any]:
        """Returns first weights (R, D) over all inputs of the dataset: those left out are 0."""
        if self.columns is None:
            return weights
        whole = np.zeros((len(weights), self.dataset.inputs.shape[1]), weights.dtype)
        whole[:, self.columns] = weights
        return whole


def _used_columns(dataset: Dataset, train: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the inputs that some training image uses: the softmax model's other weights stay zero for good."""
    return np.flatnonzero(np.any([rows.any(axis=0) for rows in _rows(dataset, train)], axis=0))


def _is_mostly_zero(dataset: Dataset, train: NDArray[np.int64], columns: int, device: torch.device) -> bool:
    """Returns whether the training images, of which so many inputs are used, are faster compressed."""
    nonzero = sum(int(np.count_nonzero(rows)) for rows in _rows(dataset, train))
    return pays_off(len(train), device) and nonzero < SPARSE_DENSITY * len(train) * columns


def _rows(dataset: Dataset, train: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    """Yields the training images in pieces."""
    yield from (dataset.inputs[piece] for piece in pieces_of(dataset, train))

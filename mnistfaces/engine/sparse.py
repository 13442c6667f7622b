"""Images that are mostly zero, as compressed rows: their products skip the zeros.

Legend: J blocks of B images, D inputs, M models, R rows of a model (classes).

Four fifths of a digit are background. A product of ten rows, too few to keep the processor busy on dense images,
takes a third of the time. Models are multiplied one by one, so their bits do not depend on one another.
"""

import functools
import warnings
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from mnistfaces.engine.operations import Operation

LANES = 16  # numbers; products of rows that fill them are faster
SPARSE_IMAGES = 8192  # fewer are as fast dense, several models at a time
SPARSE_DENSITY = 0.3  # of nonzero inputs, below which it is so


class SparseImages:
    """Blocks of images, (J, B, D), by rows for the logits and by columns for the gradient.

    Args:
        blocks: both forms of every block: its rows (B, D) and its columns (D, B).

    Attributes:
        shape: J, B and D.
    """

    def __init__(self, blocks: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.shape = torch.Size((len(blocks), *blocks[0][0].shape))
        self._blocks = blocks

    @classmethod
    def of(cls, dense: Iterable[Tensor]) -> "SparseImages":
        """Compresses blocks of dense rows, (B, D) each; they are read one at a time."""
        return cls([(_compressed(block), _compressed(block.T)) for block in dense])

    def __getitem__(self, blocks: slice) -> "SparseImages":
        """Returns some of the blocks, which are not copied."""
        return SparseImages(self._blocks[blocks])

    def projection(self, weight: Tensor, out: Tensor) -> Operation:
        """Returns what writes weight @ block.T, the same weights for every block, into `out`.

        Args:
            weight: (J, M, R, D), alike for all blocks.
            out: (J, M, R, B).
        """
        return functools.partial(self._project, weight, out)

    def correlation(self, residual: Tensor, out: Tensor) -> Operation:
        """Returns what writes residual @ block of every block and model into `out`.

        Args:
            residual: (J, M, R, B).
            out: (J, M, R, D).
        """
        return functools.partial(self._correlate, residual, out)

    def _project(self, weight: Tensor, out: Tensor) -> None:
        for column, model in enumerate(weight[0]):
            by_input = pad(model.T, (0, -len(model) % LANES))  # (D, R), R padded
            for block, (rows, _) in enumerate(self._blocks):
                out[block, column].copy_(_product(rows, by_input).T[: len(model)])

    def _correlate(self, residual: Tensor, out: Tensor) -> None:
        count = residual.shape[2]
        by_image = pad(residual.transpose(2, 3), (0, -count % LANES))  # (J, M, B, R), R padded
        for block, (_, columns) in enumerate(self._blocks):
            for column, one in enumerate(by_image[block]):
                out[block, column].copy_(_product(columns, one).T[:count])


def _product(compressed: Tensor, dense: Tensor) -> Tensor:
    """Returns compressed @ dense; written as an operator, it would be added to zeros that are copied before."""
    return dense.new_empty(len(compressed), dense.shape[1]).addmm_(compressed, dense, beta=0)


def pays_off(images: int, device: torch.device) -> bool:
    """Returns whether so many images, mostly zero, are faster compressed; MKL has the products."""
    able = bool(torch.backends.mkl.is_available())  # type: ignore[no-untyped-call]
    return able and device.type == "cpu" and images >= SPARSE_IMAGES


def _compressed(rows: Tensor) -> Tensor:
    """Returns rows in the compressed form with the indices that MKL takes as they are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse ", UserWarning)
        wide = rows.to_sparse_csr()
        starts, inputs = (index.to(torch.int32) for index in (wide.crow_indices(), wide.col_indices()))
        return torch.sparse_csr_tensor(starts, inputs, wide.values(), wide.shape, check_invariants=False)

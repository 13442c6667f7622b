"""Penalised least squares on one-hot targets: one eigendecomposition for every penalty, and for what is left out.

Legend: n training images, D inputs, C classes, r eigenvalues. Image i weighs w_i, and q is the vector of sqrt(w_i),
which scales the rows of inputs X and targets Y: least squares of scaled rows is weighted least squares.

With eigenvalues s, and f = 1 / (s + decay), the residuals of the scaled rows are R Y up to a factor, where

- in the primal form (D < n) X'X = V s V', Z = X V, and R = I - Z f Z', the factor being 1;
- in the dual form the n x n kernel matrix, X X' or another, is U s U', and R = U f U', the factor being the decay.

An intercept, which bears no penalty, is the same on centred inputs and targets; it takes the part along q out of R. In
the dual form q is made an eigenvector of its own, of a value apart from the others, so that it can be taken out.

A group's scores without that group are found without fitting again: its left-out residuals are R_gg^-1 (R Y)_g.

Sources: Rifkin and Lippert, "Notes on regularized least squares" (2007), for the path and single images; An, Liu and
Venkatesh, "Fast cross-validation algorithms for least squares support vector machine and kernel ridge regression"
(2007), for groups.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PIECE_BYTES = 64 << 20
"""Rows go through in pieces of about so many bytes."""

BLOCK = 512  # rows and columns that are transposed at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Smoother:
    """An eigendecomposition, and what it tells of every penalty.

    Attributes:
        values: s, (r,), at least 0.
        rows: Z or U for some images by their places, (m, r).
        targets: Y of scaled rows, less their mean where there is an intercept, (n, C).
        projected: Z'Y or U'Y, (r, C).
        roots: q, (n,).
        primal: which of the two forms it is.
        constant: in the dual form with an intercept, the eigenvalue of q.
        intercept: whether there is one.
    """

    values: Tensor
    rows: Callable[[Tensor], Tensor]
    targets: Tensor
    projected: Tensor
    roots: Tensor
    primal: bool
    intercept: bool
    constant: float = 0.0

    @classmethod
    def dual(
        cls, values: Tensor, vectors: Tensor, targets: Tensor, roots: Tensor, *, constant: float | None = None
    ) -> Self:
        """Returns the dual form, its eigenvectors of images, (n, r); `constant` where there is an intercept."""
        return cls(
            values=values,
            rows=lambda at: vectors[at],
            targets=targets,
            projected=vectors.T @ targets,
            roots=roots,
            primal=False,
            intercept=constant is not None,
            constant=constant or 0.0,
        )

    def shrunk(self, decay: float) -> Tensor:
        """Returns f Z'Y or f U'Y, (r, C): V times the first are weights, U times the second the dual ones."""
        return self.projected / (self.values + decay)[:, None]

    def left_out(self, decays: list[float], groups: NDArray[np.int64]) -> list[Tensor]:
        """Returns for each penalty what every image's target exceeds its score by, had its group not trained, (n, C).

        Args:
            decays: the penalties.
            groups: of the images, (n,).
        """
        found = [torch.empty_like(self.targets) for _ in decays]
        for places in self._pieces(groups):  # (k, m): k groups of m images
            at = places.flatten()
            rows = self.rows(at).view(*places.shape, -1)  # (k, m, r)
            roots, targets = self.roots[places], self.targets[at].view(*places.shape, -1)
            for decay, missed in zip(decays, found, strict=True):
                residuals = rows @ self.shrunk(decay)  # (k, m, C)
                if self.primal:
                    residuals = targets - residuals
                alone = torch.linalg.solve(self._blocks(rows, roots, decay), residuals)
                missed[at] = (alone / roots.unsqueeze(-1)).flatten(0, 1)
        return found

    def _blocks(self, rows: Tensor, roots: Tensor, decay: float) -> Tensor:
        """Returns R_gg of k groups of m images, (k, m, m)."""
        inside = (rows / (self.values + decay)) @ rows.transpose(1, 2)
        if self.primal:
            inside = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device) - inside
        if not self.intercept:
            return inside
        share = 1.0 if self.primal else 1 / (self.constant + decay)
        return inside - roots.unsqueeze(2) * roots.unsqueeze(1) * (share / self.roots.square().sum())

    def _pieces(self, groups: NDArray[np.int64]) -> Iterator[Tensor]:
        """Yields the places of images, (k, m), of k groups that have m images each."""
        _, number, counts = np.unique(groups, return_inverse=True, return_counts=True)
        ordered = np.argsort(number, kind="stable")
        starts = np.cumsum(counts) - counts
        for size in np.unique(counts):
            of_size = starts[counts == size][:, None] + np.arange(size)
            together = max(1, rows_at_once(len(self.values)) // int(size))
            for first in range(0, len(of_size), together):
                places = ordered[of_size[first : first + together]]
                yield torch.from_numpy(places).to(self.values.device)


def rows_at_once(width: int) -> int:
    """Returns how many rows of a width go through together."""
    return max(1, PIECE_BYTES // (8 * max(1, width)))


def decompose(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Returns eigenvalues, not below 0, and eigenvectors of a symmetric matrix without negative ones.

    On the processor the eigenvectors take the matrix's place, without a copy of either: LAPACK wants columns.
    """
    if matrix.device.type == "cpu":
        _transpose(matrix)
        values, vectors = matrix.new_empty(len(matrix)), matrix.mT
        torch.linalg.eigh(vectors, out=(values, vectors))
    else:
        values, vectors = torch.linalg.eigh(matrix)
    return values.clamp_(min=0), vectors


def _transpose(matrix: Tensor) -> None:
    """Transposes a square matrix where it stands: rounding may tell its halves apart."""
    for first in range(0, len(matrix), BLOCK):
        rows = slice(first, first + BLOCK)
        for other in range(0, first + 1, BLOCK):
            columns = slice(other, other + BLOCK)
            below, above = matrix[rows, columns].clone(), matrix[columns, rows].clone()
            matrix[rows, columns], matrix[columns, rows] = above.mT, below.mT

"""How large a model in closed form may be: known before anything is computed, and without torch."""

from mnistfaces.config import CLOSED, TrainConfig
from mnistfaces.errors import DataError

MOST_SIDE = 10_000
"""Rows of the largest matrix that is decomposed: as float64, with its workspace, it takes 2.4 GB."""

BYTES_PER_ELEMENT = 24  # the matrix, which its eigenvectors replace, and twice as much to work in

FLOPS_PER_CUBE = 10  # of an eigendecomposition with all vectors: Golub and Van Loan, "Matrix computations", 8.3


def side_of(config: TrainConfig, images: int, inputs: int) -> int:
    """Returns how many rows the matrix has that a model in closed form decomposes."""
    return images if config.model == "kernel" else min(images, inputs)


def matrix_size(config: TrainConfig, images: int, inputs: int) -> str:
    """Returns in words what a model in closed form decomposes, and the memory that it takes."""
    side = side_of(config, images, inputs)
    megabytes = BYTES_PER_ELEMENT * side**2 / 1e6
    return f"a matrix of {side:,} x {side:,} ({f'{megabytes:,.0f} MB' if megabytes >= 1 else 'less than 1 MB'})"


def require_size(config: TrainConfig, images: int, inputs: int) -> None:
    """Raises DataError where a model in closed form would decompose too large a matrix."""
    if config.model not in CLOSED or side_of(config, images, inputs) <= MOST_SIDE:
        return
    raise DataError(
        f"--model {config.model} would decompose {matrix_size(config, images, inputs)}: it takes at most "
        f"{MOST_SIDE:,} training images{'' if config.model == 'kernel' else ' or inputs'}; "
        "give a smaller --train-per-class, or --model softmax"
    )


def count_flops(config: TrainConfig, images: int, inputs: int) -> int:
    """Returns about how many operations a model in closed form takes, for all its weight decays together."""
    side = side_of(config, images, inputs)
    return FLOPS_PER_CUBE * side**3 + 4 * images * inputs * side

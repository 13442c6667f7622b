"""The 5,000 MNIST images that come with the package, 400 per digit to train and 100 to test."""

from importlib import resources

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.store import open_dataset


def load_sample() -> Dataset:
    """Returns the dataset `digits-sample`.

    Raises:
        DataError: the installation is damaged.
    """
    with resources.as_file(resources.files("mnistfaces.assets") / "digits-sample.npz") as path:
        return open_dataset(path)

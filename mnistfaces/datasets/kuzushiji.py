"""Kuzushiji-MNIST: cursive characters from old Japanese books, one of each row of hiragana, in MNIST's own form.

Source: Clanuwat and others, Deep learning for classical Japanese literature
(2018). The packed files are pinned by the sizes and SHA-256 under which they are published;
they are those of torchvision's MD5 sums.
"""

from pathlib import Path

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.digits import Edition, load_digits

KUZUSHIJI = Edition(
    word="kuzushiji",
    name="kuzushiji",
    title="Kuzushiji-MNIST",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    licence="CC BY-SA 4.0 (KMNIST Dataset by CODH, adapted from the Kuzushiji Dataset by NIJL and others)",
    mirrors=(
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "https://storage.googleapis.com/kuzushiji-mnist/",
    ),
    packed={
        "train-images-idx3-ubyte": (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        "train-labels-idx1-ubyte": (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        "t10k-images-idx3-ubyte": (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        "t10k-labels-idx1-ubyte": (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    },
    arrays={
        **{f"train{label}": (6000, None) for label in range(10)},
        **{f"test{label}": (1000, None) for label in range(10)},
    },
)


def load_named(_: str, data_dir: Path) -> Dataset:
    """Returns Kuzushiji-MNIST.

    Raises:
        DataError: it was not fetched, or its file is no longer what was fetched.
    """
    return load_digits(data_dir, KUZUSHIJI)

"""Fashion-MNIST: articles of clothing, in MNIST's own form.

Source: Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms
(2017). The packed files are pinned by the sizes and SHA-256 under which they are published;
they are those of torchvision's MD5 sums.
"""

from pathlib import Path

from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.digits import Edition, load_digits

FASHION = Edition(
    word="fashion",
    name="fashion",
    title="Fashion-MNIST",
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    licence="MIT (Zalando SE; H. Xiao, K. Rasul, R. Vollgraf)",
    mirrors=(
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    ),
    packed={
        "train-images-idx3-ubyte": (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        "train-labels-idx1-ubyte": (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        "t10k-images-idx3-ubyte": (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        "t10k-labels-idx1-ubyte": (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    },
    arrays={
        **{f"train{label}": (6000, None) for label in range(10)},
        **{f"test{label}": (1000, None) for label in range(10)},
    },
)


def load_named(_: str, data_dir: Path) -> Dataset:
    """Returns Fashion-MNIST.

    Raises:
        DataError: it was not fetched, or its file is no longer what was fetched.
    """
    return load_digits(data_dir, FASHION)

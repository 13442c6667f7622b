"""Which numbers stand for an image."""

from dataclasses import dataclass

from mnistfaces.config.checks import require, require_bounded, require_known_names
from mnistfaces.config.data import MAX_RES
from mnistfaces.config.names import BackboneName, DeviceName, FeatureDtypeName, PreprocessName
from mnistfaces.options import option

NETWORK_RES = 227


@dataclass(frozen=True, kw_only=True)
class ExtractConfig:
    """Which numbers stand for an image.

    Attributes:
        backbone: the network, torchvision's; or `pixels`, the dataset as it is.
        layer: of the network, by name (`conv2`) or by torchvision's (`features.3`); `features` is all convolutions.
        weights: `imagenet`, `random`, or a file: .pth, .safetensors or .npz.
        preprocess: `course` (minus the image's mean, over its largest absolute value), `imagenet` (channel means
            and deviations) or `caffe` (BGR of 0 to 255 minus channel means); None is what torchvision's weights were
            trained with.
        res: pixels per side of what the network sees, or of the pixels; None is 227, for pixels 32.
        color: RGB (True) or gray (False), of pixels.
        dtype: of the network's arithmetic; features are stored as float32.
        batch_size: images that go through the network together.
        threads: that decode images in this process; None is one per core.
        device: where the network runs.
        seed: of `random` weights.
    """

    backbone: BackboneName = option("alexnet", "The network; pixels writes the dataset as it is.")
    layer: str = option("features", "conv1 to conv5, relu1.., pool1.. (fire2 to fire9), avgpool, or features.N.")
    weights: str = option("imagenet", "imagenet, random, or a file: .pth, .safetensors or .npz.")
    preprocess: PreprocessName | None = option(
        None,
        "course: each image minus its mean, over its largest absolute value; imagenet: channels minus their means, "
        "over their deviations; caffe: BGR of 0 to 255 minus its means, for weights that come from Caffe",
        unset="what the weights were trained with: imagenet",
    )
    res: int | None = option(None, "Pixels per side.", unset="227; pixels 32")
    color: bool | None = option(
        None, "Channels of --backbone pixels.", flags="--color/--gray", unset="gray up to 64 pixels"
    )
    dtype: FeatureDtypeName = option("float32", "Of the network's arithmetic; features are kept as float32.")
    batch_size: int = option(32, "Images at once.")
    threads: int | None = None
    device: DeviceName = option("auto", "Where the network runs.")
    seed: int = option(0, "Of random weights.")

    def __post_init__(self) -> None:
        """Raises UsageError for values that no extraction can have."""
        require_known_names(self)
        require_bounded(self)
        require(self.res is None or 1 <= self.res <= MAX_RES, f"--res must be from 1 to {MAX_RES}")
        require(self.batch_size >= 1, "--batch-size must be at least 1")
        require(self.threads is None or self.threads >= 1, "threads must be at least 1")
        require(self.color is None or self.backbone == "pixels", "--color and --gray are for --backbone pixels")

    @property
    def side(self) -> int:
        """Pixels per side of what the network sees."""
        return NETWORK_RES if self.res is None else self.res

"""Which numbers stand for an image."""

from dataclasses import dataclass

from mnistfaces.config.checks import require, require_bounded, require_known_names
from mnistfaces.config.data import MAX_RES
from mnistfaces.config.names import BackboneName, DeviceName, FeatureDtypeName, PreprocessName

NETWORK_RES = 227


@dataclass(frozen=True, kw_only=True)
class ExtractConfig:
    """Which numbers stand for an image.

    Attributes:
        backbone: the network, torchvision's; or `pixels`, the dataset as it is.
        layer: of the network, by name (`conv2`) or by torchvision's (`features.3`); `features` is all convolutions.
        weights: `imagenet`, `random`, or a file: .pth, .safetensors or .npz.
        preprocess: `course` (minus the image's mean, over its largest absolute value) or `imagenet` (channel means
            and deviations); None is what the weights were trained with.
        res: pixels per side of what the network sees, or of the pixels; None is 227, for pixels 32.
        color: RGB (True) or gray (False), of pixels.
        dtype: of the network's arithmetic; features are stored as float32.
        batch_size: images that go through the network together.
        jobs: threads that decode images; None is one a core.
        device: where the network runs.
        seed: of `random` weights.
    """

    backbone: BackboneName = "alexnet"
    layer: str = "features"
    weights: str = "imagenet"
    preprocess: PreprocessName | None = None
    res: int | None = None
    color: bool | None = None
    dtype: FeatureDtypeName = "float32"
    batch_size: int = 32
    jobs: int | None = None
    device: DeviceName = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises UsageError for values that no extraction can have."""
        require_known_names(self)
        require_bounded(self)
        require(self.res is None or 1 <= self.res <= MAX_RES, f"--res must be from 1 to {MAX_RES}")
        require(self.batch_size >= 1, "--batch-size must be at least 1")
        require(self.jobs is None or self.jobs >= 1, "--jobs must be at least 1")
        require(self.color is None or self.backbone == "pixels", "--color and --gray are for --backbone pixels")

    @property
    def side(self) -> int:
        """Pixels per side of what the network sees."""
        return NETWORK_RES if self.res is None else self.res

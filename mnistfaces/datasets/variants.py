"""The forms in which a set of images is kept: pixels per side, and channels."""

from dataclasses import dataclass

from mnistfaces.config import FACES_RES

GRAY_UP_TO = 64


@dataclass(frozen=True, order=True)
class Variant:
    """One form of the crops: pixels per side, and RGB or gray."""

    res: int
    color: bool

    @property
    def label(self) -> str:
        """Returns what tells it from others, for file names and notes."""
        return f"{self.res}-{'rgb' if self.color else 'gray'}"

    @property
    def shape(self) -> tuple[int, ...]:
        """Returns the shape of one crop."""
        return (self.res, self.res, 3) if self.color else (self.res, self.res)


def variant_of(res: int | None = None, color: bool | None = None) -> Variant:
    """Returns the variant meant: 32 pixels unless told, gray up to 64 pixels and RGB above unless told."""
    side = FACES_RES if res is None else res
    return Variant(side, side > GRAY_UP_TO if color is None else color)


def options_of(variant: Variant) -> str:
    """Returns the options of `mnf fetch faces` that ask for a variant."""
    flag = "" if variant == variant_of(variant.res) else " --color" if variant.color else " --gray"
    return f"--res {variant.res}{flag}"

"""Small pictures on the disk, drawn from a seed: two classes, with a file that is none among them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def draw_picture(seed: int, side: int = 40) -> NDArray[np.uint8]:
    """Returns smooth random colours, (side, side, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def make_folder(folder: Path, per_class: int = 5, *, broken: bool = True) -> Path:
    """Writes `cats` and `dogs`, as PNG and JPEG, one of each class broken off in the middle; returns the folder."""
    for label, name in enumerate(("cats", "dogs")):
        (folder / name).mkdir(parents=True)
        for index in range(per_class):
            picture = Image.fromarray(draw_picture(100 * label + index))
            picture.save(folder / name / f"{index:03}.{'png' if index % 2 else 'jpg'}")
    if broken:
        whole = (folder / "cats" / "001.png").read_bytes()
        (folder / "cats" / "zz.png").write_bytes(whole[: len(whole) // 2])
    return folder

"""From the bytes of a photograph to a small array: decode within limits, crop, luma, resize; and near-duplicates.

H height, W width in stored pixels, S side of a crop, N photographs.
"""

import io
import re
import warnings
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from mnistfaces.errors import DataError

MAX_PIXELS = 50_000_000
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
LUMA = (0.2989, 0.5870, 0.1140)
"""Weights of R, G and B in a gray value; a white pixel is 0.9999 x 255, which rounds to 255."""

SEVERAL = ("PNG", "GIF", "WEBP", "TIFF")
"""Formats whose files may hold several images worth looking at. (A JPEG's second image is a preview or a depth map.)"""

PHONE_BRANDS = re.compile(rb"....ftyp(heic|heix|heim|heis|hevc|mif1|msf1|avif|avis)", re.DOTALL)
"""Opens a file as phones write them: ISO/IEC 23008-12, the brands of HEIF and AVIF."""

ORIENTATION = 0x0112  # the EXIF tag

ROWS_AT_ONCE = 256
_LUMA_10000 = np.array([round(weight * 10_000) for weight in LUMA], np.float32)

RESAMPLING = "lanczos"
"""The filter of `resize`: Lanczos with three lobes, widened when shrinking so that nothing aliases."""

THUMBNAIL = 32
"""Side of the gray thumbnails that near-duplicates are told by."""

_HASH_SIDE = 8

Box = tuple[int, int, int, int]

warnings.filterwarnings("error", category=Image.DecompressionBombWarning)  # an error that decode() names


class Undecodable(DataError):  # noqa: N818  it names an outcome among others
    """Bytes that no image can be made of."""


class BadBox(DataError):  # noqa: N818  likewise
    """A box that is empty or leaves its image."""


def decode(content: bytes, max_pixels: int = MAX_PIXELS, *, upright: bool = True) -> NDArray[np.uint8]:
    """Returns the first image of a file, (H, W, 3).

    Gray and palette images become RGB, CMYK is converted, 16 bits become 8, and what is transparent is laid on
    white.

    Args:
        content: of a JPEG, PNG, GIF, WebP, BMP, TIFF, PGM or PPM file.
        max_pixels: cap on H x W, checked before anything is decoded.
        upright: turns and mirrors the image as its EXIF orientation says; False leaves the pixels as they are stored.

    Raises:
        Undecodable: the bytes are no such image, are cut off, or hold too many pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise Undecodable(f"{image.width} x {image.height} pixels, more than {max_pixels}")
            pixels = _rgb(image)
            return _turned(pixels, image.getexif().get(ORIENTATION, 1)) if upright else pixels
    except (Undecodable, MemoryError):  # no fault of the bytes
        raise
    except UnidentifiedImageError:
        if PHONE_BRANDS.match(content):
            raise Undecodable("HEIC and AVIF are not read: convert it to JPEG or PNG") from None
        raise Undecodable(f"cannot be decoded: no image in any of the formats {', '.join(FORMATS)}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Undecodable(f"more than {max_pixels} pixels") from None
    except Exception as error:  # noqa: BLE001  a damaged file makes Pillow raise almost anything
        raise Undecodable(f"cannot be decoded: {type(error).__name__}: {error}"[:200]) from None


def holds_several(content: bytes) -> bool:
    """Returns whether a file that `decode` reads holds pages or frames after the first, which it leaves out."""
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        return image.format in SEVERAL and bool(getattr(image, "is_animated", False))


def _rgb(image: ImageFile.ImageFile) -> NDArray[np.uint8]:
    """Returns an opened image as (H, W, 3)."""
    if image.mode.startswith("I"):  # 16 bits a pixel, or 32 that hold 16
        deep = np.asarray(image).astype(np.int64)
        if deep.min(initial=0) < 0 or deep.max(initial=0) > 0xFFFF:  # noqa: PLR2004  the largest of 16 bits
            raise Undecodable("more than 16 bits a pixel")
        gray = ((deep + 128) // 257).astype(np.uint8)
        return np.repeat(gray[:, :, np.newaxis], 3, axis=2)  # (H, W, 3)
    if image.mode == "F":
        raise Undecodable("pixels are floating-point numbers of unknown range")
    if image.has_transparency_data:
        whole = image.convert("RGBA")
        paper = Image.new("RGBA", whole.size, "white")
        return np.asarray(Image.alpha_composite(paper, whole).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _turned(pixels: NDArray[np.uint8], orientation: object) -> NDArray[np.uint8]:
    """Returns pixels as a viewer shows them that heeds an EXIF orientation, 1 to 8; other values change nothing.

    Source: Exif 2.32, table 4, tag 274: which row and column of the stored image are the top and left of the scene.
    """
    if orientation not in range(2, 9):
        return pixels
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def crop(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Returns the pixels inside a box, (y2 - y1, x2 - x1, 3): a view.

    Raises:
        BadBox: the box is empty or leaves the image.
    """
    height, width = pixels.shape[:2]
    x1, y1, x2, y2 = box
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise BadBox(f"box {x1},{y1},{x2},{y2} does not fit into {width} x {height} pixels")
    return pixels[y1:y2, x1:x2]


def centre_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the largest square in the middle of an image, (S, S, 3): a view."""
    height, width = pixels.shape[:2]
    edge = min(height, width)
    left, top = (width - edge) // 2, (height - edge) // 2
    return crop(pixels, (left, top, left + edge, top + edge))


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the gray values of RGB pixels, (H, W): 0.2989 R + 0.5870 G + 0.1140 B, rounded half up."""
    gray = np.empty(pixels.shape[:2], np.uint8)
    for top in range(0, len(pixels), ROWS_AT_ONCE):
        block = pixels[top : top + ROWS_AT_ONCE].astype(np.float32) @ _LUMA_10000  # (h, W, 3) -> (h, W)
        block += 5000  # whole numbers below 2^24, which float32 holds: nothing is rounded before the last step
        block /= 10000
        gray[top : top + ROWS_AT_ONCE] = block
    return gray


def resize(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Returns the pixels, (H, W) or (H, W, 3), brought to `side` x `side` by an antialiased Lanczos filter.

    Those that have this size already come back as they are.
    """
    whole = np.ascontiguousarray(pixels)
    if whole.shape[:2] == (side, side):
        return whole
    small = Image.fromarray(whole).resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)


def photo_hash(pixels: NDArray[np.uint8]) -> int:
    """Returns 64 bits that near-identical photographs share but for a few: signs of the lowest frequencies.

    The image is brought to 32 x 32 gray pixels, and the 8 x 8 lowest frequencies of its cosine transform but the
    mean are compared with their median (Zauner, Implementation and Benchmarking of Perceptual Image Hash
    Functions, 2010).
    """
    small = luma(resize(pixels, THUMBNAIL)).astype(np.float64)
    points = (np.arange(THUMBNAIL) + 0.5) * np.pi / THUMBNAIL
    waves = np.cos(np.outer(np.arange(_HASH_SIDE), points))  # (8, 32)
    low = (waves @ small @ waves.T).ravel()  # (64,)
    bits = low > np.median(low[1:])
    bits[0] = False
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def joined(count: int, pairs: Iterable[tuple[int, int]]) -> NDArray[np.int64]:
    """Returns a group number for each of `count` items, (count,): those that pairs connect share one."""
    leader = list(range(count))

    def find(item: int) -> int:
        while leader[item] != item:
            leader[item] = leader[leader[item]]
            item = leader[item]
        return item

    for first, second in pairs:
        low, high = sorted((find(first), find(second)))
        leader[high] = low
    return np.unique([find(item) for item in range(count)], return_inverse=True)[1].astype(np.int64)

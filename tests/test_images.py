import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mnistfaces import images

RGB = np.random.default_rng(0).integers(0, 256, (23, 31, 3), dtype=np.uint8)


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_rgb_pixels_come_back_as_they_were_stored() -> None:
    assert np.array_equal(images.decode(saved(Image.fromarray(RGB))), RGB)
    assert np.array_equal(images.decode(saved(Image.fromarray(RGB), "BMP")), RGB)
    assert np.array_equal(images.decode(saved(Image.fromarray(RGB), "TIFF")), RGB)
    assert np.array_equal(images.decode(saved(Image.fromarray(RGB), "WEBP", lossless=True)), RGB)


HUGE = """
import io, struct, sys, zlib
from PIL import Image
from mnistfaces import images
file = io.BytesIO()
Image.new("L", (1, 1)).save(file, "PNG")
head = b"IHDR" + struct.pack(">2I", 10_000, 10_000) + file.getvalue()[24:29]  # more than Pillow likes, too
content = file.getvalue()[:12] + head + struct.pack(">I", zlib.crc32(head)) + file.getvalue()[33:]
try:
    images.decode(content)
except images.Undecodable as error:
    print(error)
"""


def test_an_image_that_claims_too_many_pixels_is_refused_and_a_library_says_nothing_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (f"more than {images.MAX_PIXELS} pixels\n", "")


def test_gray_and_two_valued_images_become_rgb() -> None:
    gray = RGB[:, :, 0]
    assert np.array_equal(images.decode(saved(Image.fromarray(gray))), np.stack([gray] * 3, axis=2))
    black_white = Image.fromarray(gray > 127)
    assert np.array_equal(images.decode(saved(black_white))[:, :, 1], np.where(gray > 127, 255, 0))


def test_a_palette_image_has_the_colours_of_its_palette() -> None:
    colours = np.array([[255, 0, 0], [0, 128, 0], [3, 2, 1]], np.uint8)
    index = RGB[:, :, 0] % 3
    image = Image.fromarray(index, "L")
    palette = Image.new("P", image.size)
    palette.putpalette(colours.ravel().tolist())
    palette.putdata(index.ravel().tolist())
    assert np.array_equal(images.decode(saved(palette)), colours[index])
    assert np.array_equal(images.decode(saved(palette, "GIF")), colours[index])


def test_what_is_transparent_lies_on_white() -> None:
    alpha = np.full(RGB.shape[:2], 255, np.uint8)
    alpha[:5] = 0
    whole = Image.fromarray(np.dstack([RGB, alpha]))
    expected = RGB.copy()
    expected[:5] = 255
    assert np.array_equal(images.decode(saved(whole)), expected)
    gray = Image.fromarray(np.dstack([RGB[:, :, 0], alpha]), "LA")
    assert np.array_equal(images.decode(saved(gray))[:, :, 2], np.where(alpha == 0, 255, RGB[:, :, 0]))


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    pixel = np.array([[[100, 200, 0, 128]]], np.uint8)
    mixed = images.decode(saved(Image.fromarray(pixel)))[0, 0]
    assert np.abs(mixed - (np.array([100, 200, 0]) * 128 + 255 * 127) / 255).max() <= 1


def test_a_transparent_colour_of_a_palette_lies_on_white() -> None:
    palette = Image.new("P", (4, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putdata([0, 1, 0, 1])
    decoded = images.decode(saved(palette, transparency=1))
    assert decoded[0].tolist() == [[10, 20, 30], [255, 255, 255]] * 2


def test_cmyk_is_subtracted_from_white() -> None:
    inks = np.zeros((16, 16, 4), np.uint8)
    inks[:8, :, 0] = 255  # cyan above, black below
    inks[8:, :, 3] = 255
    decoded = images.decode(saved(Image.fromarray(inks, "CMYK"), "JPEG", quality=100))
    assert np.abs(decoded[2, 2].astype(int) - [0, 255, 255]).max() < 12
    assert decoded[13, 13].max() < 12


def test_sixteen_bits_of_gray_become_eight() -> None:
    deep = np.array([[0, 257, 65535, 32896, 128, 129]], np.uint16)
    assert images.decode(saved(Image.fromarray(deep)))[0, :, 0].tolist() == [0, 1, 255, 128, 0, 1]


@pytest.mark.parametrize("orientation", range(10))
def test_an_image_is_turned_as_its_exif_orientation_says_unless_stored_pixels_are_asked_for(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = saved(Image.fromarray(RGB), "PNG", exif=exif)
    with Image.open(io.BytesIO(stored)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(images.decode(stored), expected)
    assert np.array_equal(images.decode(stored, upright=False), RGB)


@pytest.mark.parametrize("kind", ["L", "RGB"])
def test_pgm_and_ppm_are_read(kind: str) -> None:
    image = Image.fromarray(RGB).convert(kind)
    assert np.array_equal(images.decode(saved(image, "PPM")), np.asarray(image.convert("RGB")))


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7072, 12_000, 60_000, 2**31 - 1])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(side: int) -> None:
    with pytest.raises(images.Undecodable, match="more than"):
        images.decode(png_header(side, side))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an image",
        saved(Image.fromarray(RGB))[:-80],
        saved(Image.fromarray(RGB), "JPEG")[:300],
        png_header(0, 5),
    ],
)
def test_what_is_no_whole_image_cannot_be_decoded(content: bytes) -> None:
    with pytest.raises(images.Undecodable):
        images.decode(content)


def test_formats_that_run_programs_or_read_files_are_not_opened() -> None:
    with pytest.raises(images.Undecodable, match="no image in any of the formats"):
        images.decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_mutated_images_are_decoded_or_refused(form: str) -> None:
    mutate(form, 60)


@pytest.mark.long
@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM"])
def test_many_mutated_images_are_decoded_or_refused(form: str) -> None:
    mutate(form, 4200)


def mutate(form: str, count: int) -> None:
    rng = np.random.default_rng(1)
    whole = saved(Image.fromarray(RGB), form)
    for _ in range(count):
        damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else whole)
        for position in rng.integers(0, len(damaged), rng.integers(1, 8)):
            damaged[position] = rng.integers(0, 256)
        try:
            decoded = images.decode(bytes(damaged), max_pixels=1_000_000)
        except images.Undecodable:
            continue
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3


EDGES = st.integers(-3, 40)


@given(EDGES, EDGES, EDGES, EDGES)
def test_a_box_is_cut_exactly_or_refused_when_it_leaves_the_image(x1: int, y1: int, x2: int, y2: int) -> None:
    inside = [(x, y) for y in range(y1, y2) for x in range(x1, x2)]
    fits = bool(inside) and all(0 <= x < 31 and 0 <= y < 23 for x, y in inside)
    if not fits:
        with pytest.raises(images.BadBox):
            images.crop(RGB, (x1, y1, x2, y2))
        return
    cut = images.crop(RGB, (x1, y1, x2, y2))
    assert cut.shape == (y2 - y1, x2 - x1, 3)
    assert all(np.array_equal(cut[y - y1, x - x1], RGB[y, x]) for x, y in inside)


def test_luma_is_the_weighted_sum_rounded() -> None:
    every = np.random.default_rng(2).integers(0, 256, (700, 300, 3), dtype=np.uint8)
    reference = np.floor(every[..., 0] * 0.2989 + every[..., 1] * 0.5870 + every[..., 2] * 0.1140 + 0.5 + 1e-9)
    assert np.array_equal(images.luma(every), reference.astype(np.uint8))
    assert images.luma(np.full((1, 1, 3), 255, np.uint8)) == 255


def test_luma_of_every_colour_is_that_of_whole_numbers() -> None:
    green, blue = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8), indexing="ij")
    for red in range(256):
        colours = np.stack([np.full_like(green, red), green, blue], axis=-1)  # (256, 256, 3)
        exact = (colours @ np.array([2989, 5870, 1140], np.uint32) + 5000) // 10000
        assert np.array_equal(images.luma(colours), exact)


def test_an_image_that_has_the_size_already_is_what_the_filter_makes_of_it() -> None:
    photo = np.random.default_rng(3).integers(0, 256, (21, 30, 3), dtype=np.uint8)
    square = images.centre_square(photo)
    filtered = np.asarray(Image.fromarray(np.ascontiguousarray(square)).resize((21, 21), Image.Resampling.LANCZOS))
    same = images.resize(square, 21)
    assert np.array_equal(same, filtered)
    assert not np.shares_memory(same, photo)  # a crop must not keep its photograph in memory


def test_resizing_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (256, 128))
    assert np.abs(images.resize(stripes, 32).astype(int) - 127.5).max() < 8  # nearest pixels would be 127.5 off


def test_resizing_keeps_a_constant_and_the_shape_of_colours() -> None:
    flat = np.full((50, 70, 3), [10, 200, 90], np.uint8)
    small = images.resize(flat, 32)
    assert small.shape == (32, 32, 3)
    assert np.array_equal(np.unique(small.reshape(-1, 3), axis=0), [[10, 200, 90]])


def smooth(seed: int, side: int = 90) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def test_groups_join_what_chains_of_pairs_connect() -> None:
    groups = images.joined(7, [(0, 3), (3, 5), (6, 1)])
    assert groups.tolist() == [0, 1, 2, 0, 3, 0, 1]


def test_memory_that_runs_out_is_no_fault_of_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(images, "_rgb", none_left)
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG")
    with pytest.raises(MemoryError):
        images.decode(stream.getvalue())


@pytest.mark.parametrize(
    ("height", "width", "top", "left"), [(4, 13, 0, 4), (13, 4, 4, 0), (4, 12, 0, 4), (5, 5, 0, 0)]
)
def test_the_square_in_the_middle_has_as_much_on_either_side_or_one_less_before_it(
    height: int, width: int, top: int, left: int
) -> None:
    pixels = np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)
    edge = min(height, width)
    assert np.array_equal(images.centre_square(pixels), pixels[top : top + edge, left : left + edge])

"""Arrays in `.npz` files: written whole, and read without trusting the file.

An `.npz` is a zip archive with one `.npy` member an array. What lies uncompressed is mapped, not read;
pickled objects are refused. Memory is taken only after a header's claims were held against the bytes there.
"""

import io
import math
import mmap
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnistfaces.errors import DataError, FileError
from mnistfaces.files import sha256_of_open, write_whole

ALIGNMENT = 64
DIRECTORY_LIMIT = 1 << 18
"""Most bytes of a zip directory, thousands of members: its entries grow twentyfold in memory."""
INFLATED_FREE = 64 << 20
INFLATED_RATIO = 20
"""All compressed members together may take INFLATED_FREE bytes and INFLATED_RATIO times the file's size."""

BLOCK_BYTES = 1 << 24
DEFLATE_LEVEL = 6
"""Level 9 takes 4 to 20 times as long for the answers of a sweep (6.4 s against 0.3 s), and saves 5 to 8 % of them."""
LOCAL_HEADER = 30
HEADER_LIMIT = 10_000
ENCRYPTED = 0x1
UTF8_NAME = 0x800
EPOCH = (1980, 1, 1, 0, 0, 0)
LAST_CODE_POINT = 0x10FFFF
SURROGATES = (0xD800, 0xE000)

_NPY_HEADER = re.compile(
    rb"\{'descr': '([^']{1,40})', 'fortran_order': (True|False), "
    rb"'shape': \((|\d{1,12},|\d{1,12}(?:, \d{1,12}){1,31})\), \} *\n"
)
_NPY_DTYPE = re.compile(r"[<>|](?:b1|[iu][1248]|f[248]|U[1-9]\d{0,5})")
_MALFORMED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


class _BoundedFile(io.FileIO):
    """A file that refuses to be read in large pieces, as a directory of a lying size asks for."""

    def read(self, size: int | None = -1) -> bytes:
        """Returns at most DIRECTORY_LIMIT bytes; more is a ValueError."""
        if size is not None and size > DIRECTORY_LIMIT:
            raise ValueError(f"a directory of {size} bytes")
        return super().read(DIRECTORY_LIMIT if size is None or size < 0 else size)


class Rows:
    """An array that is read a slice of rows at a time, so that it never need be in memory as a whole.

    Attributes:
        shape: of the whole.
        dtype: little-endian.
        ndim: number of axes, at least one.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    ndim: int

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        raise NotImplementedError


def write_npz(path: Path, arrays: "Mapping[str, ArrayLike | Rows]", *, compressed: bool = False) -> str:
    """Writes arrays as an `.npz`, whole or not at all; returns its SHA-256. Equal arrays always give equal bytes.

    Args:
        path: the file; an older one is replaced.
        arrays: by name; booleans, integers, floats and strings; what stands in `Rows` is read piece by piece.
        compressed: small rather than ready to be mapped. (The bytes then also depend on the version of zlib.)

    Raises:
        FileError: the folder or the disk refuses.
        TypeError: an array holds something else, such as objects.
    """
    plain = {name: _plain(name, values) for name, values in arrays.items()}
    with write_whole(path) as file:
        _write_members(file, plain, compressed=compressed)
        sha256 = sha256_of_open(file)
    return sha256  # noqa: RET504  mypy takes a block that may swallow errors to end without a result


def _write_members(file: IO[bytes], plain: "Mapping[str, NDArray[Any] | Rows]", *, compressed: bool) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in plain.items():
            info = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            info.create_system = 3  # the same on Windows as elsewhere
            info.external_attr = 0o644 << 16
            header = io.BytesIO()
            described = {"descr": array.dtype.str, "fortran_order": False, "shape": tuple(array.shape)}
            np.lib.format.write_array_header_1_0(header, described)
            if compressed:
                content = b"".join(block.tobytes() for block in row_blocks(array))
                archive.writestr(info, header.getvalue() + content, zipfile.ZIP_DEFLATED, DEFLATE_LEVEL)
                continue
            info.extra = _padding(file.tell() + LOCAL_HEADER + len(info.filename.encode()))
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(header.getvalue())  # a multiple of ALIGNMENT
                for block in row_blocks(array):
                    member.write(block.reshape(-1).view(np.uint8).data)


def row_blocks(array: "NDArray[Any] | Rows") -> Iterator[NDArray[Any]]:
    """Yields an array's rows in order, BLOCK_BYTES or a single row at a time, each block in one piece of memory."""
    if array.ndim == 0:
        yield np.asarray(array)
        return
    row_bytes = max(1, math.prod(array.shape[1:]) * array.dtype.itemsize)
    at_once = max(1, BLOCK_BYTES // row_bytes)
    for start in range(0, len(array), at_once):
        yield np.ascontiguousarray(array[start : start + at_once])


def _plain(name: str, values: "ArrayLike | Rows") -> "NDArray[Any] | Rows":
    if isinstance(values, Rows):
        return values
    array = np.asarray(values, order="C")
    if array.dtype.kind not in "biufU":
        raise TypeError(f"{name}: arrays of {array.dtype} are not written")
    return array.astype(array.dtype.newbyteorder("<"), copy=False)


def _padding(position: int) -> bytes:
    """Returns the zip extra field after which, and after the 64-bit sizes, a member's content is aligned."""
    sizes_64 = 20
    empty = -(position + sizes_64 + 4) % ALIGNMENT
    return struct.pack("<HH", 0xD935, empty) + bytes(empty)


def read_npz(path: Path, only: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Returns the arrays of an `.npz`, read-only; those that lie uncompressed are mapped from the file.

    Every member's checksum is verified.

    Args:
        path: of the file.
        only: names of arrays, of which no more are read; none means all.

    Raises:
        DataError: no such file, or one that is damaged or not made of plain arrays.
        FileError: it may be sound, but cannot be read now.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"{path} is not a file")
        with _BoundedFile(path) as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            with zipfile.ZipFile(file) as archive:
                return _read_members(memoryview(content), archive, only)
    except _MALFORMED as error:
        raise DataError(f"{path} is damaged or not an .npz of plain arrays: {error}") from error
    except FileNotFoundError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror or error}") from error


def _read_members(content: memoryview, archive: zipfile.ZipFile, only: Collection[str]) -> dict[str, NDArray[Any]]:
    members = sorted(archive.infolist(), key=lambda info: info.header_offset)
    compressed = [info for info in members if info.compress_type != zipfile.ZIP_STORED]
    inflated = sum(info.file_size for info in compressed)
    if inflated > INFLATED_FREE + INFLATED_RATIO * len(content):
        raise ValueError(f"it would unpack to {inflated} bytes, from {len(content)}")
    arrays: dict[str, NDArray[Any]] = {}
    starts = [info.header_offset for info in members] + [archive.start_dir]
    for info, end in zip(members, starts[1:], strict=True):
        name = info.filename.removesuffix(".npy")
        if name == info.filename or name in arrays:
            raise ValueError(f"its member {info.filename!r} is no array or comes twice")
        if only and name not in only:
            continue
        try:
            arrays[name] = _array(_member(content, info, end))
        except (ValueError, zlib.error) as error:
            raise ValueError(f"array {name!r}: {error}") from error
    return arrays


def _member(content: memoryview, info: zipfile.ZipInfo, end: int) -> bytes | memoryview:
    """Returns the bytes of a member, which must lie before `end`, as its local header says too."""
    local = bytes(content[info.header_offset : info.header_offset + LOCAL_HEADER])
    if len(local) < LOCAL_HEADER or local[:4] != b"PK\x03\x04":
        raise ValueError("it is not where the directory says")
    name_length, extra_length = struct.unpack_from("<HH", local, 26)
    name_start = info.header_offset + LOCAL_HEADER
    name = bytes(content[name_start : name_start + name_length])
    if name != info.orig_filename.encode("utf-8" if info.flag_bits & UTF8_NAME else "cp437"):
        raise ValueError("it has two names")
    start = name_start + name_length + extra_length
    if start + info.compress_size > end:
        raise ValueError("it reaches into what follows")
    packed = content[start : start + info.compress_size]
    whole = packed if info.compress_type == zipfile.ZIP_STORED else _inflate(packed, info)
    if len(whole) != info.file_size or zlib.crc32(whole) != info.CRC:
        raise ValueError("its bytes are not those that were written")
    return whole


def _inflate(packed: memoryview, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & ENCRYPTED:
        raise ValueError("it is packed in a way that is not read")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    return inflater.decompress(packed, info.file_size + 1)  # at most one byte more than was claimed


def _array(member: bytes | memoryview) -> NDArray[Any]:
    """Returns a `.npy` as a read-only view of its bytes."""
    view = memoryview(member)
    magic = bytes(view[:8])
    wide = magic[6:7] in {b"\x02", b"\x03"}
    prefix = 12 if wide else 10
    if len(view) < prefix or magic[:6] != b"\x93NUMPY" or magic[6] not in {1, 2, 3}:
        raise ValueError("it is not in the .npy format")
    (length,) = struct.unpack_from("<I" if wide else "<H", view, 8)
    header = _NPY_HEADER.fullmatch(bytes(view[prefix : prefix + min(length, HEADER_LIMIT)]))
    if header is None:
        raise ValueError("its header is not that of a plain array")
    kind = header[1].decode("latin-1")
    if _NPY_DTYPE.fullmatch(kind) is None:
        text = "; of texts, save y.astype(str)" if kind[1:2] in ("O", "S") else ""
        raise ValueError(f"values of type {kind!r} are not read{text}")
    dtype = np.dtype(kind)
    shape = tuple(int(size) for size in header[3].replace(b",", b" ").split())
    size = len(view) - prefix - length
    if math.prod(shape) * dtype.itemsize != size:
        raise ValueError(f"its header claims {shape} values of {dtype}, there are {max(0, size)} bytes")
    if size == 0:
        return np.empty(shape, dtype)
    order: Literal["F", "C"] = "F" if header[2] == b"True" else "C"
    array = np.frombuffer(view, dtype, offset=prefix + length).reshape(shape, order=order)
    array = array.astype(dtype.newbyteorder("<"), copy=False)
    _require_sound_values(array)
    return array if array.flags.aligned else array.copy()


def _require_sound_values(array: NDArray[Any]) -> None:
    """Raises ValueError for truth values other than 0 and 1 and for characters that are none."""
    if array.dtype.kind == "b" and array.view(np.uint8).max() > 1:
        raise ValueError("a truth value is neither 0 nor 1")
    if array.dtype.kind == "U":
        codes = np.frombuffer(array.tobytes(order="A"), "<u4")
        first, behind = SURROGATES
        highest = int(codes.max())
        if highest >= first and (highest > LAST_CODE_POINT or ((first <= codes) & (codes < behind)).any()):
            raise ValueError("a text holds something that is no character")

"""Faces cut out of verified photographs: the datasets `faces`, one file a resolution and colour.

N faces, S side of a crop.
"""

import re
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.cache import open_verified
from mnistfaces.datasets.duplicates import near_duplicates
from mnistfaces.datasets.store import data_dir as data_folder
from mnistfaces.datasets.store import fingerprint_of, save_dataset
from mnistfaces.datasets.variants import Variant, options_of, variant_of
from mnistfaces.errors import DataError
from mnistfaces.files import hash_of

REPORT_ACTORS = ("Alec Baldwin", "Lorraine Bracco", "Peri Gilpin", "Angie Harmon", "Bill Hader", "Steve Carell")
DECODERS = 2
RECIPE = 1
"""Raised whenever the same photograph and box would give other pixels than before."""

CropState = Literal["ok", "undecodable", "bad_box", "not_tried"]


@dataclass(frozen=True, kw_only=True)
class Face:
    """One face of a photograph: who, which number on the list, where; `key` is the hash of all that."""

    name: str
    face_id: int
    sha256: str
    box: images.Box
    key: str


def faces_path(folder: Path, variant: Variant) -> Path:
    """Returns where a data folder keeps a variant of the faces."""
    return folder / "faces" / f"faces-{variant.label}.npz"


def forms_kept(folder: Path, name: str) -> list[Variant]:
    """Returns the sizes and channels in which a data folder keeps `faces` or `faces-synthetic`."""
    found = (re.fullmatch(rf"{name}-(\d+)-(rgb|gray)\.npz", path.name) for path in (folder / "faces").glob("*.npz"))
    return sorted(Variant(int(match[1]), match[2] == "rgb") for match in found if match)


def load_named(name: str, data_dir: Path, res: int | None, color: bool | None) -> Dataset:  # noqa: ARG001  it has one name
    """Returns what `load_faces` does, as the registry of datasets calls it."""
    return load_faces(data_dir, res, color)


def load_faces(data_dir: Path | None = None, res: int | None = None, color: bool | None = None) -> Dataset:
    """Returns the faces that were fetched, ready to train on.

    Raises:
        DataError: there are none of this resolution and colour; the message says how to get them.
    """
    variant = variant_of(res, color)
    folder = data_folder(data_dir)
    path = faces_path(folder, variant)
    if not path.exists():
        raise DataError(
            f"no faces of {variant.label} pixels in {path.parent}: type mnf fetch faces {options_of(variant)}"
        )
    return open_verified(path, folder)


@dataclass(frozen=True, kw_only=True, eq=False)
class Crop:
    """What became of one face.

    Attributes:
        face: which.
        state: `ok`, or why there is no crop.
        detail: for people.
        pixels: by variant; only until they are put into an array of all.
        thumbnail: (32, 32) gray, to find near-duplicates.
        photo_hash: of the whole photograph.
    """

    face: Face
    state: CropState = "ok"
    detail: str = ""
    pixels: Mapping[Variant, NDArray[np.uint8]] = field(default_factory=dict)
    thumbnail: NDArray[np.uint8] | None = None
    photo_hash: int = 0


def cut_crops(
    faces: Iterable[Face], read: Callable[[str], bytes | None], variants: Sequence[Variant]
) -> Iterator[Crop]:
    """Yields what became of each face, photograph by photograph; a few are decoded at once.

    Args:
        faces: in any order; those of one photograph are cut from one decoding.
        read: returns the verified bytes of a photograph by SHA-256, or None.
        variants: the forms wanted.
    """
    by_photo: dict[str, list[Face]] = {}
    for face in faces:
        by_photo.setdefault(face.sha256, []).append(face)
    under_way: deque[Future[list[Crop]]] = deque()
    with ThreadPoolExecutor(DECODERS) as pool:
        for sha256, of_photo in by_photo.items():
            under_way.append(pool.submit(_cut_photo, of_photo, read, sha256, variants))
            if len(under_way) > DECODERS:
                yield from under_way.popleft().result()
        for future in under_way:
            yield from future.result()


def _cut_photo(
    faces: Sequence[Face], read: Callable[[str], bytes | None], sha256: str, variants: Sequence[Variant]
) -> list[Crop]:
    content = read(sha256)
    if content is None:
        detail = "its file was missing or damaged: fetch again"
        return [Crop(face=face, state="not_tried", detail=detail) for face in faces]
    try:
        photo = images.decode(content, upright=False)  # boxes are in stored pixels
    except images.Undecodable as error:
        return [Crop(face=face, state="undecodable", detail=str(error)) for face in faces]
    photo_hash = images.photo_hash(photo)
    return [_cut_face(face, photo, photo_hash, variants) for face in faces]


def _cut_face(face: Face, photo: NDArray[np.uint8], photo_hash: int, variants: Sequence[Variant]) -> Crop:
    try:
        colored = images.crop(photo, face.box)
    except images.BadBox as error:
        return Crop(face=face, state="bad_box", detail=str(error))
    gray = images.luma(colored)
    pixels = {one: images.resize(colored if one.color else gray, one.res) for one in variants}
    thumbnail = images.resize(gray, images.THUMBNAIL)
    return Crop(face=face, pixels=pixels, thumbnail=thumbnail, photo_hash=photo_hash)


def recipe_of(faces: Iterable[Face], variant: Variant) -> str:
    """Returns a hash of what decides the pixels of a dataset of faces."""
    return hash_of([RECIPE, variant.label, [face.key for face in faces]])


def face_ids(faces: Sequence[Face]) -> list[str]:
    """Returns a distinct name for each face that a person can read: `baldwin-1862`."""
    plain = [f"{_slug(face.name.split()[-1])}-{face.face_id}" for face in faces]
    seen = Counter(plain)
    return [name if seen[name] == 1 else f"{name}-{face.key[:8]}" for name, face in zip(plain, faces, strict=True)]


def _slug(word: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "", ascii_only) or "face"


def groups_of(crops: Sequence[Crop]) -> tuple[NDArray[np.int64], int]:
    """Returns groups that no split may divide, (N,), and how many pairs of photographs are near-identical.

    One group holds the faces of one photograph, and those of photographs that look the same.
    """
    thumbnails = np.array([crop.thumbnail for crop in crops]).reshape(len(crops), images.THUMBNAIL, -1)
    pairs = near_duplicates(thumbnails, [crop.photo_hash for crop in crops])
    photos = [crop.face.sha256 for crop in crops]
    first = {sha256: number for number, sha256 in reversed(list(enumerate(photos)))}
    distinct = {(photos[i], photos[j]) for i, j in pairs if photos[i] != photos[j]}
    same_photo = [(first[sha256], number) for number, sha256 in enumerate(photos)]
    return images.joined(len(crops), [*pairs, *same_photo]), len(distinct)


def in_order(faces: Iterable[Face], classes: Sequence[str]) -> list[Face]:
    """Returns faces as a dataset has them: in class order, then by number on the list."""
    number_of = {name: number for number, name in enumerate(classes)}
    return sorted(faces, key=lambda face: (number_of[face.name], face.face_id, face.key))


def assemble(crops: Sequence[Crop], inputs: NDArray[np.uint8], variant: Variant, meta: Mapping[str, Any]) -> Dataset:
    """Returns the dataset of one variant.

    Args:
        crops: of the faces, as `in_order` has them.
        inputs: (N, D) their pixels; taken over, not copied.
        variant: of these pixels.
        meta: where they came from; `classes` are the names in class order.
    """
    faces = [crop.face for crop in crops]
    classes = tuple(meta["classes"])
    groups, pairs = groups_of(crops)
    own = {
        "res": variant.res,
        "color": variant.color,
        "resampling": images.RESAMPLING,
        "luma": list(images.LUMA),
        "near_duplicate_pairs": pairs,
        "units": [face.key for face in faces],
        "photo_hashes": [f"{crop.photo_hash:016x}" for crop in crops],
    }
    dataset = Dataset(
        name="faces",
        kind="faces",
        inputs=inputs,
        labels=np.array([classes.index(face.name) for face in faces], np.int64),
        classes=classes,
        ids=np.array(face_ids(faces)),
        shape=variant.shape,
        groups=groups,
        given_test=np.zeros(len(faces), bool),
        fingerprint="",
        meta={**meta, **own},
        sha256=np.array([face.sha256 for face in faces]),
    )
    return replace(dataset, fingerprint=fingerprint_of(dataset))


def save_faces(folder: Path, dataset: Dataset) -> Path:
    """Writes a dataset of faces where `load_faces` finds it; returns the path."""
    path = faces_path(folder, Variant(dataset.meta["res"], dataset.meta["color"]))
    save_dataset(path, dataset)
    return path

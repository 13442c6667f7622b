"""From the rows whose photographs are here to the datasets of crops: only what is missing is made."""

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnistfaces import images
from mnistfaces.datasets.base import Dataset
from mnistfaces.datasets.faces import (
    Crop,
    CropState,
    Face,
    assemble,
    cut_crops,
    faces_path,
    in_order,
    recipe_of,
    save_faces,
)
from mnistfaces.datasets.store import open_dataset
from mnistfaces.datasets.variants import Variant
from mnistfaces.errors import DataError, FileError
from mnistfaces.fetching.faces.entries import Entry, Selection
from mnistfaces.fetching.faces.originals import Originals, free_name
from mnistfaces.files import write_whole

SOURCE = "FaceScrub (Ng and Winkler, A data-driven approach to cleaning large face datasets, 2014)"
REPLACED = "replaced"


@dataclass
class CropPlan:
    """Which crops are wanted, which are here, and what became of each face.

    A dataset never loses a face by being made anew: what has no photograph any more is taken from the old one.

    Attributes:
        folder: the data folder.
        classes: in class order.
        faces: whose photograph or crop is here, in the order of a dataset.
        originals: the photographs.
        variants: wanted.
        old: datasets that were here before, by variant.
        aside: copies that `save` made of old files that held what the new ones lack.
    """

    folder: Path
    classes: tuple[str, ...]
    faces: tuple[Face, ...]
    originals: Originals
    variants: tuple[Variant, ...]
    old: Mapping[Variant, Dataset]
    aside: list[Path] = field(default_factory=list)
    _crops: dict[str, Crop] = field(default_factory=dict)
    _sheets: dict[Variant, NDArray[np.uint8]] = field(default_factory=dict)
    _filled: dict[Variant, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Works out what each old dataset holds."""
        self._position = {face.key: position for position, face in enumerate(self.faces)}
        self._taken = {variant: _positions(dataset) for variant, dataset in self.old.items()}
        self._states = {unit: said for dataset in self.old.values() for unit, said in _refused(dataset).items()}
        self._held = {variant: _units(dataset) for variant, dataset in self.old.items()}

    def has(self, key: str) -> bool:
        """Returns whether every variant of a face is in its dataset, or is said there to be refused."""
        return all(key in self._held.get(variant, ()) for variant in self.variants)

    def wanted(self) -> list[Variant]:
        """Returns the variants whose dataset is not what it would be made into."""
        return [
            variant
            for variant in self.variants
            if variant not in self.old
            or self.old[variant].meta.get("recipe") != recipe_of(self._faces_of(variant), variant)
        ]

    def _faces_of(self, variant: Variant) -> list[Face]:
        held = self._held.get(variant, set())
        return [face for face in self.faces if face.sha256 in self.originals or face.key in held]

    def cut(self) -> Iterator[Crop]:
        """Yields what became of every face, unless all datasets are as they should be.

        Raises:
            FileError: a photograph is here but cannot be read.
        """
        wanted = self.wanted()
        if not wanted:
            return
        for variant in wanted:
            self._sheets[variant] = np.empty((len(self.faces), int(np.prod(variant.shape))), np.uint8)
            self._filled[variant] = set()
        here = [face for face in self.faces if face.sha256 in self.originals]
        for crop in cut_crops(here, self.originals.read, wanted):
            yield self._take(self._old_crop(crop.face) or crop if crop.state == "not_tried" else crop)
        for face in self.faces:
            if face.key not in self._crops and (old := self._old_crop(face)) is not None:
                yield self._take(old)

    def save(self) -> tuple[Dataset, ...]:
        """Writes the datasets that `cut` made; returns all that hold a face."""
        made = [self._crops[face.key] for face in self.faces if face.key in self._crops]
        refused = {crop.face.key: [crop.state, crop.detail] for crop in made if crop.state not in ("ok", "not_tried")}
        datasets = {
            variant: self.old[variant]
            for variant in self.variants
            if variant not in self._sheets and variant in self.old
        }
        for variant, sheet in self._sheets.items():
            kept = [crop for crop in made if crop.face.key in self._filled[variant]]
            if kept:
                settled = self._filled[variant] | refused.keys()
                meta = {
                    "source": SOURCE,
                    "classes": self.classes,
                    "refused": refused,
                    "recipe": recipe_of((crop.face for crop in made if crop.face.key in settled), variant),
                }
                datasets[variant] = assemble(kept, self._compacted(sheet, kept), variant, meta)
                self._spare_old(variant, settled)
                save_faces(self.folder, datasets[variant])
                self._held[variant] = settled
        return tuple(datasets[variant] for variant in self.variants if variant in datasets)

    def _spare_old(self, variant: Variant, settled: Collection[str]) -> None:
        """Copies the old file aside if it holds, or may hold, a crop that nothing here could make again."""
        path = faces_path(self.folder, variant)
        if not path.exists():
            return
        if variant in self.old:  # else it is damaged, and nobody knows what it holds
            photos = self.old[variant].sha256
            lost = [
                unit
                for unit, position in self._taken[variant].items()
                if unit not in settled and (photos is None or photos[position] not in self.originals)
            ]
            if not lost:
                return
        try:
            target = free_name(path, path.parent / REPLACED)
            with path.open("rb") as old, write_whole(target) as copy:
                shutil.copyfileobj(old, copy)
        except OSError as error:
            raise FileError(f"cannot keep a copy of {path}: {error.strerror or error}") from error
        self.aside.append(target)

    def _take(self, crop: Crop) -> Crop:
        """Puts the pixels of a crop into their place and remembers the rest."""
        for variant, pixels in crop.pixels.items():
            if variant in self._sheets:
                self._sheets[variant][self._position[crop.face.key]] = pixels.ravel()
                self._filled[variant].add(crop.face.key)
        self._states[crop.face.key] = (crop.state, crop.detail)
        self._crops[crop.face.key] = replace(crop, pixels={})
        return crop

    def _compacted(self, sheet: NDArray[np.uint8], kept: Sequence[Crop]) -> NDArray[np.uint8]:
        """Returns the rows of the faces that have a crop, moved together in place."""
        for target, crop in enumerate(kept):
            position = self._position[crop.face.key]
            if position != target:
                sheet[target] = sheet[position]
        return sheet[: len(kept)]

    def state_of(self, row: Entry) -> tuple[CropState, str]:
        """Returns what became of a row whose photograph or crop is here."""
        return self._states.get(row.key, ("ok", ""))

    def _old_crop(self, face: Face) -> Crop | None:
        """Returns a crop without its photograph, from the datasets that hold it; None if none does."""
        state, detail = self._states.get(face.key, ("ok", ""))
        if state != "ok":
            return Crop(face=face, state=state, detail=detail)
        pixels = {
            variant: self.old[variant].inputs[taken[face.key]].reshape(variant.shape)
            for variant, taken in self._taken.items()
            if face.key in taken
        }
        if not pixels:
            return None
        variant = next(iter(pixels))
        image = np.asarray(pixels[variant])
        gray = images.luma(image) if variant.color else image
        hashes = self.old[variant].meta["photo_hashes"]
        return Crop(
            face=face,
            pixels=pixels,
            thumbnail=images.resize(gray, images.THUMBNAIL),
            photo_hash=int(hashes[self._taken[variant][face.key]], 16),
        )


def _positions(dataset: Dataset) -> dict[str, int]:
    return {unit: position for position, unit in enumerate(dataset.meta.get("units", []))}


def _refused(dataset: Dataset) -> dict[str, tuple[CropState, str]]:
    return {unit: (said[0], said[1]) for unit, said in dataset.meta.get("refused", {}).items()}


def _units(dataset: Dataset) -> set[str]:
    """Returns the faces that a dataset settles: those that it holds, and those that it says were refused."""
    return {*_positions(dataset), *_refused(dataset)}


def plan_crops(folder: Path, selection: Selection, originals: Originals, variants: tuple[Variant, ...]) -> CropPlan:
    """Returns what there is to crop of the rows asked for, in a data folder.

    Raises:
        FileError: an old dataset is here but cannot be read.
    """
    old = {variant: found for variant in variants if (found := _open(faces_path(folder, variant))) is not None}
    held = set().union(*(_units(dataset) for dataset in old.values()))
    faces = [
        Face(name=row.name, face_id=row.face_id, sha256=row.sha256, box=row.box, key=row.key)
        for row in selection.rows
        if row.sha256 in originals or row.key in held
    ]
    ordered = tuple(in_order(faces, selection.actors))
    return CropPlan(folder, selection.actors, ordered, originals, variants, old)


def _open(path: Path) -> Dataset | None:
    """Returns a dataset that is there and sound; a damaged one is made anew."""
    try:
        dataset = open_dataset(path)
    except DataError:
        return None
    whole = len(_positions(dataset)) == len(dataset) == len(dataset.meta.get("photo_hashes", []))
    return dataset if whole else None

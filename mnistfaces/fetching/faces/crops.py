"""From the rows whose photographs are here to the datasets of crops: only what is missing is made."""

from collections.abc import Iterator, Mapping, Sequence
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
from mnistfaces.errors import DataError
from mnistfaces.fetching.faces.originals import Originals
from mnistfaces.fetching.faces.rows import Row, Selection

SOURCE = "FaceScrub (Ng and Winkler, A data-driven approach to cleaning large face datasets, 2014)"


@dataclass
class CropPlan:
    """Which crops are wanted, which are here, and what became of each face.

    Attributes:
        folder: the data folder.
        classes: in class order.
        faces: whose photograph or crop is here, in the order of a dataset.
        originals: the photographs.
        variants: wanted.
        old: datasets that were here before, by variant.
    """

    folder: Path
    classes: tuple[str, ...]
    faces: tuple[Face, ...]
    originals: Originals
    variants: tuple[Variant, ...]
    old: Mapping[Variant, Dataset]
    _crops: dict[str, Crop] = field(default_factory=dict)
    _sheets: dict[Variant, NDArray[np.uint8]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Works out what each old dataset holds."""
        self._position = {face.unit: position for position, face in enumerate(self.faces)}
        self._taken = {variant: _positions(dataset) for variant, dataset in self.old.items()}
        self._states = {unit: said for dataset in self.old.values() for unit, said in _refused(dataset).items()}

    def has(self, row: Row) -> bool:
        """Returns whether every variant of a row's crop is here already, or was refused."""
        return row.unit in self._position

    def wanted(self) -> list[Variant]:
        """Returns the variants whose dataset is not what it would be made into."""
        return [
            variant
            for variant in self.variants
            if variant not in self.old or self.old[variant].meta.get("recipe") != recipe_of(self.faces, variant)
        ]

    def cut(self) -> Iterator[Crop]:
        """Yields what became of every face, unless all datasets are as they should be."""
        wanted = self.wanted()
        if not wanted:
            return
        for variant in wanted:
            self._sheets[variant] = np.empty((len(self.faces), int(np.prod(variant.shape))), np.uint8)
        here = [face for face in self.faces if face.sha256 in self.originals]
        for crop in cut_crops(here, self.originals.read, wanted):
            yield self._take(crop)
        for face in self.faces:
            if face.unit not in self._crops:
                yield self._take(self._old_crop(face))

    def save(self) -> tuple[Dataset, ...]:
        """Writes the datasets that `cut` made; returns all that hold a face."""
        made = [self._crops[face.unit] for face in self.faces if face.unit in self._crops]
        made = [crop for crop in made if crop.state != "not_tried"]
        kept = [crop for crop in made if crop.state == "ok"]
        refused = {crop.face.unit: [crop.state, crop.detail] for crop in made if crop.state != "ok"}
        datasets = {
            variant: self.old[variant]
            for variant in self.variants
            if variant not in self._sheets and variant in self.old
        }
        for variant, sheet in self._sheets.items():
            if kept:
                meta = {
                    "source": SOURCE,
                    "classes": self.classes,
                    "refused": refused,
                    "recipe": recipe_of((crop.face for crop in made), variant),
                }
                datasets[variant] = assemble(kept, self._compacted(sheet, kept), variant, meta)
                save_faces(self.folder, datasets[variant])
        return tuple(datasets[variant] for variant in self.variants if variant in datasets)

    def _take(self, crop: Crop) -> Crop:
        """Puts the pixels of a crop into their place and remembers the rest."""
        for variant, pixels in crop.pixels.items():
            if variant in self._sheets:
                self._sheets[variant][self._position[crop.face.unit]] = pixels.ravel()
        self._states[crop.face.unit] = (crop.state, crop.detail)
        self._crops[crop.face.unit] = replace(crop, pixels={})
        return crop

    def _compacted(self, sheet: NDArray[np.uint8], kept: Sequence[Crop]) -> NDArray[np.uint8]:
        """Returns the rows of the faces that have a crop, moved together in place."""
        for target, crop in enumerate(kept):
            position = self._position[crop.face.unit]
            if position != target:
                sheet[target] = sheet[position]
        return sheet[: len(kept)]

    def state_of(self, row: Row) -> tuple[CropState, str]:
        """Returns what became of a row whose photograph or crop is here."""
        return self._states.get(row.unit, ("ok", ""))

    def _old_crop(self, face: Face) -> Crop:
        """Returns a crop whose photograph was not kept, from the datasets that hold it."""
        state, detail = self._states.get(face.unit, ("ok", ""))
        if state != "ok":
            return Crop(face=face, state=state, detail=detail)
        pixels = {
            variant: self.old[variant].inputs[taken[face.unit]].reshape(variant.shape)
            for variant, taken in self._taken.items()
            if face.unit in taken
        }
        variant = next(iter(pixels))
        image = np.asarray(pixels[variant])
        gray = images.luma(image) if variant.color else image
        hashes = self.old[variant].meta["photo_hashes"]
        return Crop(
            face=face,
            pixels=pixels,
            thumbnail=images.resize(gray, images.THUMBNAIL),
            photo_hash=int(hashes[self._taken[variant][face.unit]], 16),
        )


def _positions(dataset: Dataset) -> dict[str, int]:
    return {unit: position for position, unit in enumerate(dataset.meta.get("units", []))}


def _refused(dataset: Dataset) -> dict[str, tuple[CropState, str]]:
    return {unit: (said[0], said[1]) for unit, said in dataset.meta.get("refused", {}).items()}


def plan_crops(folder: Path, selection: Selection, originals: Originals, variants: tuple[Variant, ...]) -> CropPlan:
    """Returns what there is to crop of the rows asked for, in a data folder."""
    old = {variant: found for variant in variants if (found := _open(faces_path(folder, variant))) is not None}
    held = [{*_positions(dataset), *_refused(dataset)} for dataset in old.values()]
    faces = [
        Face(name=row.name, face_id=row.face_id, sha256=row.sha256, box=row.box, unit=row.unit)
        for row in selection.rows
        if row.sha256 in originals or (len(held) == len(variants) and all(row.unit in units for units in held))
    ]
    ordered = tuple(in_order(faces, selection.actors))
    return CropPlan(folder, selection.actors, ordered, originals, variants, old)


def _open(path: Path) -> Dataset | None:
    """Returns a dataset that is there and sound; a damaged one is made anew."""
    try:
        return open_dataset(path) if path.exists() else None
    except DataError:
        return None

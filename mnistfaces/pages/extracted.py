"""The page of a file of features: the recipe that made them, and of which images they are."""

from pathlib import Path

import numpy as np

from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.base import Dataset
from mnistfaces.pages.page import Section
from mnistfaces.pages.parts import Cell, cannot, facts, number, shown, table, tiles

LISTED_CLASSES = 500


def load_features(path: Path, data_dir: Path | None = None) -> Dataset:
    """Returns the dataset in a file.

    Raises:
        MnistFacesError: there is none, or it is none.
    """
    return load_dataset(path, data_dir=data_dir)


def title_of(dataset: Dataset) -> str:
    """Returns what a page of features is called."""
    return f"Features of {len(dataset):,} images: {Path(dataset.name).name}"


def lead_of(dataset: Dataset) -> str:
    """Returns the numbers that come first."""
    return tiles(
        {
            "images": f"{len(dataset):,}",
            "numbers per image": f"{int(np.prod(dataset.shape)):,}",
            "classes": f"{len(dataset.classes):,}",
            "groups of near-duplicates": f"{len(np.unique(dataset.groups)):,}",
        }
    )


def extracted_sections(dataset: Dataset) -> list[Section]:
    """Returns the sections of the page of a file of features."""
    return [
        Section(title="The recipe", inside=_recipe(dataset), name="recipe"),
        Section(title="The classes", inside=_classes(dataset), name="classes"),
    ]


def _recipe(dataset: Dataset) -> str:
    recipe = dataset.meta.get("recipe")
    told = {name: shown(value) for name, value in dataset.meta.items() if isinstance(value, str | int | float)}
    told["fingerprint"] = f"<code>{shown(dataset.fingerprint)}</code>"
    if not isinstance(recipe, dict):
        return cannot("The recipe", "the features came without one: no image can be added to them") + facts(told)
    steps = {name: shown("none" if value is None else value) for name, value in recipe.items() if name != "versions"}
    versions = ", ".join(f"{name} {value}" for name, value in recipe.get("versions", {}).items())
    return facts({**steps, **({"versions": shown(versions)} if versions else {}), **told})


def _classes(dataset: Dataset) -> str:
    counts = np.bincount(dataset.labels, minlength=len(dataset.classes))
    tested = np.bincount(dataset.labels[dataset.given_test], minlength=len(dataset.classes))
    rows = (
        [Cell(name, name), Cell.of(int(count)), Cell.of(int(test))]
        for name, count, test in list(zip(dataset.classes, counts, tested, strict=True))[:LISTED_CLASSES]
    )
    more = len(dataset.classes) - LISTED_CLASSES
    said = f"<p>The first {LISTED_CLASSES} classes; {number(more)} more.</p>" if more > 0 else ""
    return said + table("Images of each class", ("class", "images", "of its own test set"), rows, sortable=True)

"""How features were made, and what is kept of it: so that what is there already is known without the network."""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self, get_args

from mnistfaces.config import BackboneName, ExtractConfig, FeatureDtypeName, PreprocessName
from mnistfaces.datasets.store import read_meta
from mnistfaces.errors import DataError
from mnistfaces.features.published import published
from mnistfaces.files import hash_of, sha256_of_file

ARITHMETIC = 1
"""Raised whenever the same recipe would give other numbers than before."""

TRAINED_WITH: PreprocessName = "imagenet"
"""What all of torchvision's weights were trained with, and a file under its names is taken to be."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides the features of an image, as `meta` keeps it.

    Attributes:
        backbone: the network.
        layer: whose output the features are.
        weights: `imagenet`, `random`, or the path of a file.
        seed: of `random`.
        weights_sha256: of the file of weights; None for `random`.
        parameters_sha256: of the weights themselves, in whatever file they came.
        preprocess: of the pixels.
        res: pixels per side.
        dtype: of the arithmetic.
    """

    backbone: BackboneName
    layer: str
    weights: str
    seed: int
    weights_sha256: str | None
    parameters_sha256: str
    preprocess: PreprocessName
    res: int
    dtype: FeatureDtypeName

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> Self:
        """Returns the recipe that a dataset's `meta` carries.

        Raises:
            DataError: it carries none that can be followed.
        """
        fields = dict(meta.get("recipe") or {})
        fields.pop("versions", None)
        try:
            recipe = cls(**fields)
        except TypeError as error:
            raise DataError("the features came without the recipe that made them: no image can be added") from error
        closed = (
            (recipe.backbone, BackboneName),
            (recipe.preprocess, PreprocessName),
            (recipe.dtype, FeatureDtypeName),
        )
        for value, names in closed:
            if value not in get_args(names):
                raise DataError(f"the recipe of the features names {value!r}, which is not known here")
        return recipe

    @property
    def key(self) -> str:
        """Returns the hash of what decides the numbers; where the weights came from does not."""
        decisive = {**asdict(self), "weights": "", "seed": 0, "weights_sha256": ""}
        return hash_of([ARITHMETIC, decisive])


def versions() -> dict[str, str]:
    """Returns the versions of what computes."""
    found: dict[str, str] = {}
    for package in ("mnistfaces", "torch", "torchvision", "numpy", "pillow"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found


def asked_of(config: ExtractConfig) -> dict[str, Any]:
    """Returns the fields of a recipe that a configuration decides, whatever the weights."""
    fields = {name: getattr(config, name) for name in ("backbone", "layer", "dtype")}
    return {**fields, "preprocess": config.preprocess or TRAINED_WITH, "res": config.side}


def find_recipe(config: ExtractConfig, files: Iterable[Path]) -> Recipe | None:
    """Returns the recipe that a configuration comes to, where some features were made by it; None where none were.

    Weights are known by the bytes of their file, or by the seed and the torch that draw them.

    Args:
        config: what is asked for.
        files: that may hold features.

    Raises:
        OSError: the weights cannot be read.
    """
    asked, weights = asked_of(config), None
    for file in files:
        meta = read_meta(file)
        try:
            recipe = Recipe.of(meta)
        except DataError:
            continue
        if any(getattr(recipe, name) != value for name, value in asked.items()):
            continue
        weights = weights or _weights_of(config)
        if weights == _weights_kept(recipe, meta["recipe"].get("versions", {})):
            return recipe
    return None


def _weights_of(config: ExtractConfig) -> tuple[Any, ...]:
    """Returns what a configuration's weights are known by."""
    if config.weights == "random":
        return "random", config.seed, versions()["torch"]
    if config.weights == "imagenet":
        return (published(config.backbone).weights.sha256,)
    path = Path(config.weights)
    return (sha256_of_file(path) if path.is_file() else "no file",)


def _weights_kept(recipe: Recipe, versions: Mapping[str, str]) -> tuple[Any, ...]:
    """Returns what the weights of some features are known by."""
    if recipe.weights == "random":
        return "random", recipe.seed, versions.get("torch")
    return (recipe.weights_sha256,)

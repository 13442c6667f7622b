"""Surfaces on disk: one `.npz` from which everything is drawn, and descended on, without model or data."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.config import Reduction
from mnistfaces.errors import DataError, UsageError
from mnistfaces.landscape.pair import Pair, Weight
from mnistfaces.landscape.plane import Plane
from mnistfaces.landscape.result import Method, Origin, Surface

KIND = "surface"


def save_surface(path: Path, surface: Surface) -> str:
    """Writes a surface as `.npz`: `w1` (X,), `w2` (Y,), `loss` (Y, X), the trained point, and its plane.

    Returns:
        The file's SHA-256.

    Raises:
        FileError: the folder or the disk refuses; an older file stays as it was.
    """
    plane = surface.plane
    meta = {
        "kind": KIND,
        "weights": [dataclasses.asdict(weight) for weight in (surface.pair.first, surface.pair.second)],
        "images": plane.images,
        "reduction": surface.reduction,
        "method": surface.method,
        "error": surface.error,
        "checked": surface.checked,
        "nodes": surface.nodes,
        "notes": surface.notes,
        "seconds": surface.seconds,
        "origin": dataclasses.asdict(surface.origin),
    }
    return write_npz(
        path,
        {
            "w1": surface.w1,
            "w2": surface.w2,
            "loss": surface.loss,
            "trained": np.array([*surface.trained, surface.trained_loss]),
            "pixels": plane.pixels,
            "offsets": plane.offsets,
            "target": plane.target,
            "constant": np.array(plane.constant),
            "meta": np.array(json.dumps(meta, allow_nan=False)),
        },
    )


def load_surface(path: Path) -> Surface:
    """Returns a surface that `save_surface` wrote; large arrays stay on the disk until they are used.

    Raises:
        DataError: no such file, a damaged one, or one that is no surface.
    """
    arrays = read_npz(path)
    try:
        return _surface(arrays)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, UsageError) as error:
        raise DataError(f"{path} is no surface that mnf contour wrote: {error}") from error


def _surface(arrays: Mapping[str, NDArray[Any]]) -> Surface:
    meta = _meta(arrays)
    w1, w2, loss = (_floats(arrays, name) for name in ("w1", "w2", "loss"))
    _require(w1.ndim == w2.ndim == 1 and min(len(w1), len(w2)) > 0, "its axes are no axes")
    _require(bool((np.diff(w1) > 0).all() and (np.diff(w2) > 0).all()), "its axes are not sorted")
    _require(loss.shape == (len(w2), len(w1)), "its values do not match its axes")
    trained = _floats(arrays, "trained")
    _require(trained.shape == (3,), "its trained point is no point")
    method, reduction = meta["method"], meta["reduction"]
    _require(method in get_args(Method) and reduction in get_args(Reduction), "its method or reduction is unknown")
    first, second = (_weight(fields) for fields in meta["weights"])
    across, down = (int(count) for count in meta["nodes"])
    return Surface(
        pair=Pair(first, second),
        w1=w1,
        w2=w2,
        loss=loss,
        trained=(float(trained[0]), float(trained[1])),
        trained_loss=float(trained[2]),
        plane=_plane(arrays, int(meta["images"])),
        reduction=reduction,
        method=method,
        error=float(meta["error"]),
        checked=int(meta["checked"]),
        nodes=(across, down),
        notes=tuple(map(str, meta["notes"])),
        seconds=float(meta["seconds"]),
        origin=_origin(meta["origin"]),
    )


def _meta(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    text = arrays["meta"]
    _require(text.shape == () and text.dtype.kind == "U", "its description is no text")
    meta = json.loads(str(text))
    _require(isinstance(meta, dict) and meta.get("kind") == KIND, "its description is of something else")
    return dict(meta)


def _plane(arrays: Mapping[str, NDArray[Any]], images: int) -> Plane:
    pixels, offsets, constant = (_floats(arrays, name) for name in ("pixels", "offsets", "constant"))
    target = arrays["target"]
    _require(target.dtype == np.int8 and target.ndim == 1, "its targets are no class numbers")
    _require(pixels.shape == (len(target), 2), "its pixels do not match its targets")
    _require(offsets.shape in ((len(target), 1), (len(target), 2)), "its offsets do not match its targets")
    _require(bool(((target >= 0) & (target <= offsets.shape[1])).all()), "its targets are no class numbers")
    _require(constant.shape == () and images >= max(1, len(target)), "its image count is wrong")
    return Plane(pixels=pixels, offsets=offsets, target=target, constant=float(constant), images=images)


def _weight(fields: Mapping[str, Any]) -> Weight:
    return Weight(
        class_number=int(fields["class_number"]),
        class_name=str(fields["class_name"]),
        position=tuple(int(place) for place in fields["position"]),
        index=int(fields["index"]),
    )


def _origin(fields: Mapping[str, Any]) -> Origin:
    names = {name: fields[name] for name in ("run", "checksum", "dataset", "fingerprint")}
    _require(all(isinstance(value, (str, type(None))) for value in names.values()), "its origin is unreadable")
    return Origin(**names, split=dict(fields["split"]))


def _floats(arrays: Mapping[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    values = arrays[name]
    _require(values.dtype == np.float64, f"its {name} are not float64")
    _require(bool(np.isfinite(values).all()), f"its {name} are not finite")
    return values


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)

"""The parameters of a backbone: from a file that nobody need trust, from torchvision's server, or by chance."""

import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mnistfaces.arrays import read_npz
from mnistfaces.datasets.store import data_dir as data_folder
from mnistfaces.errors import DataError, FileError
from mnistfaces.features.backbones import PREFIX, Backbone
from mnistfaces.features.published import published
from mnistfaces.fetching.weights import fetch_weights, find_weights
from mnistfaces.files import sha256_of_file
from mnistfaces.progress import Advanced, Stage

NAMED = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """Parameters that fit a backbone.

    Attributes:
        parameters: float32, by torchvision's names; of the convolutional part alone.
        origin: `imagenet`, `random`, or the path of a file.
        file_sha256: of that file, or of the downloaded one.
        sha256: of the parameters' names, shapes and values, in whatever file they came.
    """

    parameters: Mapping[str, Tensor]
    origin: str
    file_sha256: str | None
    sha256: str


def load_weights(
    backbone: Backbone, choice: str, *, seed: int = 0, data_dir: Path | None = None
) -> Generator[Stage | Advanced, None, Weights]:
    """Returns parameters for a backbone; yields how far a download is, where one is needed.

    Args:
        backbone: what they must fit.
        choice: `imagenet`, `random`, or the path of a .pth, .safetensors or .npz file of torchvision's names.
        seed: of `random`.
        data_dir: where downloads are kept, in the folder `weights`; None is the usual data folder.

    Raises:
        FileError: there is no such file, or it holds no weights that can be read without running code.
        DataError: parameters are missing, unknown, of another shape, or not finite; they are named.
        FetchError: the network did not give them.
    """
    if choice == "random":
        return _weights(backbone.random(seed), choice, None)
    if choice != "imagenet":
        path = Path(choice)
        parameters = _fitting(read_parameters(path), backbone, path)
        return _weights(parameters, str(path.resolve()), sha256_of_file(path))
    weights = published(backbone.name).weights
    folder = data_folder(data_dir) / "weights"
    found = find_weights(weights, folder, Path(torch.hub.get_dir()) / "checkpoints")
    if found is None:
        yield Stage(name=f"download {weights.file_name}", total=weights.size)
        for count in fetch_weights(weights, folder):
            yield Advanced(amount=count)
        found = folder / weights.file_name
    parameters = _fitting(read_parameters(found), backbone, found)
    return _weights(parameters, choice, weights.sha256)


def _weights(parameters: Mapping[str, Tensor], origin: str, file_sha256: str | None) -> Weights:
    digest = hashlib.sha256()
    for name in sorted(parameters):
        values = parameters[name].numpy()
        digest.update(f"{name} {values.shape}\n".encode())
        digest.update(values.data)
    return Weights(parameters=parameters, origin=origin, file_sha256=file_sha256, sha256=digest.hexdigest())


def read_parameters(path: Path) -> dict[str, Tensor]:
    """Returns the named tensors of a .pth, .safetensors or .npz file; no code in it is run.

    Raises:
        FileError: no such file, or nothing in it can be read so.
        DataError: an .npz is damaged.
    """
    readers = {".npz": _read_npz, ".safetensors": _read_safetensors, ".pth": _read_pth, ".pt": _read_pth}
    if path.suffix.lower() not in readers:
        raise FileError(f"--weights {path}: give imagenet, random, or a file that ends in .pth, .safetensors or .npz")
    if not path.is_file():
        raise FileError(f"there is no file {path}: give --weights the path of a file, imagenet, or random")
    return readers[path.suffix.lower()](path)


def _read_npz(path: Path) -> dict[str, Tensor]:
    return {name: torch.tensor(values) for name, values in read_npz(path).items() if values.dtype.kind != "U"}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise FileError(f"{path} is damaged or not in the safetensors format: {error}") from error


def _read_pth(path: Path) -> dict[str, Tensor]:
    """Returns the state dict that `torch.save` wrote; a pickle that would call anything else is refused."""
    try:
        if zipfile.is_zipfile(path):
            _require_whole(path)
        with warnings.catch_warnings(action="ignore"):  # on old formats: they are read, or refused below
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes the reader raise almost anything
        pickled = isinstance(error, pickle.UnpicklingError)
        reason = "its pickle is damaged, or asks for more than tensors" if pickled else _first_sentence(error)
        raise FileError(f"{path} is damaged or no state dict of tensors, and was not run: {reason}") from error
    if not isinstance(loaded, dict) or not all(isinstance(values, Tensor) for values in loaded.values()):
        raise FileError(f"{path} holds no state dict: save model.state_dict(), not the model or a training state")
    return {str(name): values for name, values in loaded.items()}


def _require_whole(path: Path) -> None:
    """Raises ValueError for a zip that torch.save did not write: compressed, as a bomb must be, or altered since."""
    with zipfile.ZipFile(path) as archive:
        if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
            raise ValueError("its members are compressed, which torch.save does not do")
        altered = archive.testzip()
        if altered is not None:
            raise ValueError(f"its member {altered} is not what was written (CRC-32)")


def _first_sentence(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].split(". ")[0][:200].rstrip(": ")


def _fitting(found: Mapping[str, Tensor], backbone: Backbone, path: Path) -> dict[str, Tensor]:
    """Returns the parameters of the convolutional part as float32.

    A classifier may be there or not, and be anyone's: it is not used.
    """
    shapes = backbone.shapes
    there = {name: values for name, values in found.items() if name.startswith(PREFIX)}
    problems = {
        "missing": [name for name in shapes if name not in there],
        "unknown": [name for name in found if name not in backbone.known],
        "misshapen": [
            f"{name} {tuple(values.shape)} instead of {shapes[name]}"
            for name, values in there.items()
            if name in shapes and tuple(values.shape) != shapes[name]
        ],
        "not dense floats": [name for name in shapes if name in there and not _is_dense(there[name])],
    }
    _require_none(problems, backbone, path)
    floats = {name: there[name].detach().to(torch.float32).contiguous() for name in shapes}
    infinite = [name for name, values in floats.items() if not values.isfinite().all()]
    _require_none({"not finite": infinite}, backbone, path)
    return floats


def _is_dense(values: Tensor) -> bool:
    return values.is_floating_point() and values.layout == torch.strided and values.device.type == "cpu"


def _require_none(problems: Mapping[str, list[str]], backbone: Backbone, path: Path) -> None:
    told = [f"{kind}: {_listed(names)}" for kind, names in problems.items() if names]
    if told:
        raise DataError(f"{path} does not hold the weights of torchvision's {backbone.name}: {'; '.join(told)}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return ", ".join(every[:NAMED]) + more

"""Features that are there already are known without the network, by the bytes of its weights."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from pictures import make_folder

import mnistfaces
from mnistfaces.arrays import read_npz, write_npz
from mnistfaces.config import ExtractConfig
from mnistfaces.datasets.store import open_dataset, save_dataset
from mnistfaces.errors import FileError
from mnistfaces.features import recipe
from mnistfaces.features.backbones import build_backbone
from mnistfaces.features.published import published
from mnistfaces.features.recipe import Recipe, find_recipe
from mnistfaces.features.target import Extracted

CONFIG = ExtractConfig(backbone="squeezenet1_1", layer="fire2", res=32, batch_size=4, threads=1, device="cpu")


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images and weights, in which the command works."""
    monkeypatch.chdir(tmp_path)
    make_folder(tmp_path / "pets", broken=False)
    weights = build_backbone("squeezenet1_1", "fire2").random(3)
    write_npz(tmp_path / "w.npz", {name: values.numpy() for name, values in weights.items()})
    return tmp_path


def extract(config: ExtractConfig, out: Path | None = None, *, force: bool = False) -> Extracted:
    *_, last = mnistfaces.extract_features("pets", out, config, force=force)
    assert isinstance(last, Extracted)
    return last


def refuse(*_: object, **__: object) -> NoReturn:
    pytest.fail("a network was loaded")


@pytest.mark.parametrize("weights", ["random", "w.npz"])
@pytest.mark.parametrize("out", [None, Path("mine.npz")])
def test_what_is_there_is_shown_again_without_the_network(
    there: Path, weights: str, out: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(CONFIG, weights=weights)
    first = extract(config, out)
    with monkeypatch.context() as patch:
        patch.setattr("mnistfaces.features.network.load_network", refuse)
        assert extract(config, out) == replace(first, images_per_second=None)
    (there / "elsewhere").mkdir()
    (there / "w.npz").rename(there / "elsewhere" / "w.npz")
    if weights == "w.npz":  # the same weights at another place
        monkeypatch.setattr("mnistfaces.features.network.load_network", refuse)
        assert extract(replace(config, weights="elsewhere/w.npz"), out).images_per_second is None


def test_weights_that_changed_under_the_same_name_are_noticed(there: Path) -> None:
    config = replace(CONFIG, weights="w.npz")
    first = extract(config)
    values = {name: array.copy() for name, array in read_npz(there / "w.npz").items()}
    values["features.0.bias"][0] += 1
    write_npz(there / "w.npz", values)
    second = extract(config)
    assert second.file != first.file
    assert second.images_per_second is not None
    ours, theirs = (open_dataset(Path(each.file)).inputs for each in (first, second))
    assert np.abs(ours - theirs).max() > 0.1
    extract(replace(CONFIG, weights="random"), there / "mine.npz")
    with pytest.raises(FileError, match="holds something else"):
        extract(config, there / "mine.npz")


@pytest.mark.parametrize(
    "change", [{"layer": "conv1"}, {"res": 40}, {"preprocess": "course"}, {"dtype": "bfloat16"}, {"seed": 1}]
)
@pytest.mark.usefixtures("there")
def test_another_request_is_not_taken_for_what_is_there(change: dict[str, object]) -> None:
    config = replace(CONFIG, weights="random")
    first = extract(config)
    assert find_recipe(config, [Path(first.file)]) == Recipe.of(open_dataset(Path(first.file)).meta)
    other = replace(config, **change)  # type: ignore[arg-type]
    assert find_recipe(other, [Path(first.file)]) is None
    assert extract(other).file != first.file


@pytest.mark.usefixtures("there")
def test_random_weights_are_those_of_the_torch_that_drew_them(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, weights="random")
    file = Path(extract(config).file)
    known = recipe.versions()
    monkeypatch.setattr(recipe, "versions", lambda: {**known, "torch": "9.0"})
    assert find_recipe(config, [file]) is None


def test_published_weights_are_known_by_their_hash_and_need_not_be_there(there: Path) -> None:
    """Nobody need fetch 244 MB to be shown what they made."""
    file = Path(extract(replace(CONFIG, weights="w.npz")).file)
    assert find_recipe(CONFIG, [file]) is None
    dataset, told = open_dataset(file), {"weights_sha256": published("squeezenet1_1").weights.sha256}
    save_dataset(there / "p.npz", replace(dataset, meta={**dataset.meta, "recipe": dataset.meta["recipe"] | told}))
    found = find_recipe(CONFIG, [file, there / "p.npz"])
    assert found is not None
    assert found.parameters_sha256 == dataset.meta["recipe"]["parameters_sha256"]


def test_neither_torch_nor_torchvision_is_imported_to_look() -> None:
    line = "import sys, mnistfaces.features.extraction; sys.exit(bool({'torch', 'torchvision'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", line], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no archive"])
def test_what_is_no_dataset_is_passed_over(there: Path, content: bytes) -> None:
    (there / "x.npz").write_bytes(content)
    write_npz(there / "y.npz", {"meta": np.array("{")})
    write_npz(there / "z.npz", {"features": np.zeros((2, 2))})
    files = [there / name for name in ("x.npz", "y.npz", "z.npz", "none.npz")]
    assert find_recipe(replace(CONFIG, weights="random"), files) is None

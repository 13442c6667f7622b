"""The networks against torchvision's own, on tensors that plain NumPy prepared."""

import math
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pictures import draw_picture
from torchvision import models
from torchvision.models.feature_extraction import create_feature_extractor

from mnistfaces.config import BackboneName, ExtractConfig
from mnistfaces.errors import DataError, UsageError
from mnistfaces.features.backbones import build_backbone
from mnistfaces.features.network import Network, load_network, rebuild_network
from mnistfaces.features.preprocessing import preprocess
from mnistfaces.features.published import layer_names
from mnistfaces.features.recipe import Recipe

T = TypeVar("T")

TOLERANCE = 1e-5
"""Of an image's largest absolute feature."""


def returned(events: Generator[object, None, T]) -> T:
    """Returns what a generator returns."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            value: T = end.value
            return value


def network_of(**fields: object) -> Network:
    return returned(load_network(replace(ExtractConfig(device="cpu"), **fields)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def alexnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    """torchvision's AlexNet with its own random weights, and the file of its state dict."""
    torch.manual_seed(1)
    model = models.alexnet(num_classes=2).eval()
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    torch.save(model.state_dict(), path)
    return model, path


@pytest.fixture(scope="module")
def squeezenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[torch.nn.Module, Path]:
    torch.manual_seed(2)
    model = models.squeezenet1_1().eval()
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(model.state_dict(), path)
    return model, path


def pictures(count: int, side: int) -> NDArray[np.uint8]:
    return np.stack([draw_picture(seed, side) for seed in range(count)])


def course_input(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Returns one image as the report prepared it, but upright, (3, S, S)."""
    values = pixels.astype(np.float64)
    values -= values.mean()
    values /= np.abs(values).max()
    return values.transpose(2, 0, 1)


def relative_error(ours: NDArray[np.float32], theirs: torch.Tensor) -> float:
    """Returns the largest difference, in keys of each image's largest absolute feature."""
    reference = theirs.detach().flatten(1).numpy()
    return float((np.abs(ours - reference).max(axis=1) / np.abs(reference).max(axis=1)).max())


@pytest.mark.parametrize("side", [224, 227])
def test_alexnet_features_equal_torchvision_fed_the_same_tensors(
    alexnet: tuple[torch.nn.Module, Path], side: int
) -> None:
    model, path = alexnet
    seen = pictures(3, side)
    fed = torch.from_numpy(np.stack([course_input(pixels) for pixels in seen])).float()
    network = network_of(weights=str(path), preprocess="course", res=side)
    ours = network.features(seen)
    assert ours.shape == (3, 256 * 6 * 6)
    assert relative_error(ours, model.avgpool(model.features(fed))) < TOLERANCE


@pytest.mark.parametrize(
    ("layer", "node"),
    [("conv2", "features.3"), ("conv4", "features.8"), ("relu3", "features.7"), ("features.5", "features.5")],
)
def test_alexnet_layers_are_those_of_torchvision(alexnet: tuple[torch.nn.Module, Path], layer: str, node: str) -> None:
    model, path = alexnet
    seen = pictures(2, 99)
    fed = torch.from_numpy(np.stack([course_input(pixels) for pixels in seen])).float()
    theirs = create_feature_extractor(model, {node: "maps"})(fed)["maps"]
    ours = network_of(weights=str(path), preprocess="course", res=99, layer=layer).features(seen)
    assert relative_error(ours, theirs) < TOLERANCE


@pytest.mark.parametrize(("layer", "node"), [("features", "features.12"), ("fire4", "features.6")])
def test_squeezenet_layers_are_those_of_torchvision(
    squeezenet: tuple[torch.nn.Module, Path], layer: str, node: str
) -> None:
    model, path = squeezenet
    seen = pictures(2, 67)
    fed = torch.from_numpy(np.stack([course_input(pixels) for pixels in seen])).float()
    theirs = create_feature_extractor(model, {node: "maps"})(fed)["maps"]
    config = {"backbone": "squeezenet1_1", "weights": str(path), "preprocess": "course", "res": 67}
    assert relative_error(network_of(layer=layer, **config).features(seen), theirs) < TOLERANCE


def test_the_size_of_a_batch_changes_nothing_beyond_rounding(alexnet: tuple[torch.nn.Module, Path]) -> None:
    network = network_of(weights=str(alexnet[1]))
    seen = pictures(7, 227)
    together = network.features(seen)
    alone = np.concatenate([network.features(seen[i : i + 1]) for i in range(7)])
    assert relative_error(together, torch.from_numpy(alone)) < TOLERANCE


def test_bfloat16_differs_by_less_than_a_few_percent(alexnet: tuple[torch.nn.Module, Path]) -> None:
    seen = pictures(2, 227)
    exact = network_of(weights=str(alexnet[1])).features(seen)
    rough = network_of(weights=str(alexnet[1]), dtype="bfloat16").features(seen)
    assert rough.dtype == np.float32
    assert 0 < relative_error(rough, torch.from_numpy(exact)) < 0.05


@pytest.mark.parametrize(("backbone", "layer"), [("alexnet", "features"), ("squeezenet1_1", "avgpool")])
def test_bfloat16_by_float32_gives_what_bfloat16_gives(
    monkeypatch: pytest.MonkeyPatch, backbone: BackboneName, layer: str
) -> None:
    seen = pictures(3, 227)
    found = {}
    for fast in (True, False):
        monkeypatch.setattr("mnistfaces.features.network.multiplies_fast", lambda _, fast=fast: fast)
        found[fast] = network_of(weights="random", dtype="bfloat16", backbone=backbone, layer=layer).features(seen)
    exact = network_of(weights="random", backbone=backbone, layer=layer).features(seen)
    rounding = relative_error(found[True], torch.from_numpy(exact))
    # each rounds by itself, and processors with matrix keys of bfloat16 add up in another order
    assert relative_error(found[False], torch.from_numpy(found[True])) < 2 * rounding
    assert np.array_equal(found[False], torch.from_numpy(found[False]).to(torch.bfloat16).float().numpy())


def test_threads_that_share_the_cores_give_them_back() -> None:
    before = torch.get_num_threads()
    small = network_of(weights="random", res=64)
    seen = pictures(2, 64)
    with small.shared_by(2) as prepare_thread, ThreadPoolExecutor(2, initializer=prepare_thread) as pool:
        threads = set(pool.map(lambda _: torch.get_num_threads(), range(8)))
        together = list(pool.map(lambda _: small.features(seen), range(4)))
    assert threads == {max(1, before // 2)}
    assert torch.get_num_threads() == before
    assert all(relative_error(features, torch.from_numpy(small.features(seen))) < TOLERANCE for features in together)


def test_course_preprocessing_is_the_published_formula_and_upright() -> None:
    seen = pictures(3, 20)
    seen[0, :10], seen[0, 10:] = 200, 10  # light above, dark below
    ours = preprocess(torch.from_numpy(seen), "course").numpy()
    np.testing.assert_allclose(ours, np.stack([course_input(pixels) for pixels in seen]), atol=1e-6)
    assert (ours[0, :, :10] > 0).all()
    assert (ours[0, :, 10:] < 0).all()


def test_a_constant_image_becomes_zero_and_not_nan() -> None:
    assert (preprocess(torch.full((1, 8, 8, 3), 77, dtype=torch.uint8), "course") == 0).all()


def test_imagenet_preprocessing_equals_torchvisions_transform() -> None:
    seen = torch.from_numpy(pictures(2, 20))
    published = models.AlexNet_Weights.IMAGENET1K_V1.transforms()
    scaled = seen.permute(0, 3, 1, 2).float() / 255
    theirs = (scaled - torch.tensor(published.mean).view(3, 1, 1)) / torch.tensor(published.std).view(3, 1, 1)
    torch.testing.assert_close(preprocess(seen, "imagenet"), theirs, rtol=1e-6, atol=2e-6)


def test_caffe_preprocessing_of_a_pixel_worked_by_hand() -> None:
    seen = torch.tensor([[10, 20, 30], [0, 255, 128]], dtype=torch.uint8).view(1, 1, 2, 3)  # two pixels: R, G, B
    ours = preprocess(seen, "caffe")[0, :, 0].T  # (2, 3)
    blue_green_red = [
        [30 - 104.00698793, 20 - 116.66876762, 10 - 122.67891434],
        [128 - 104.00698793, 255 - 116.66876762, 0 - 122.67891434],
    ]
    torch.testing.assert_close(ours, torch.tensor(blue_green_red), rtol=0, atol=1e-5)


def test_random_weights_come_from_the_seed_alone() -> None:
    state = torch.random.get_rng_state()
    one, again, other = (
        network_of(weights="random", seed=seed, backbone="squeezenet1_1").recipe.parameters_sha256 for seed in (3, 3, 4)
    )
    assert one == again != other
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("backbone", "layer"), [("alexnet", "conv6"), ("squeezenet1_1", "features.13"), ("alexnet", "")]
)
def test_a_layer_that_is_not_there_is_answered_with_those_that_are(backbone: BackboneName, layer: str) -> None:
    with pytest.raises(UsageError, match=r"features\.0 to features\.12"):
        build_backbone(backbone, layer)


@pytest.mark.parametrize("backbone", ["alexnet", "squeezenet1_1"])
def test_the_length_of_every_layer_is_foretold(backbone: BackboneName) -> None:
    whole = build_backbone(backbone, "features")
    parameters = whole.random(0)
    for layer in layer_names(backbone):
        built = build_backbone(backbone, layer)
        maps = built.fill(parameters)(torch.zeros(1, 3, 70, 70))
        assert math.prod(build_backbone(backbone, layer).output_shape(70)) == maps.numel()


def test_images_too_small_for_the_network_are_wrong_usage() -> None:
    with pytest.raises(UsageError, match="--res 20"):
        network_of(weights="random", res=20)


def test_a_recipe_gives_the_same_network_again_and_notices_other_weights(
    alexnet: tuple[torch.nn.Module, Path], tmp_path: Path
) -> None:
    network = network_of(weights=str(alexnet[1]), layer="conv1", res=64)
    meta = {"recipe": {**vars(network.recipe), "versions": {"torch": "any"}}}
    seen = pictures(2, 64)
    again = rebuild_network(Recipe.of(meta), device="cpu")
    np.testing.assert_array_equal(again.features(seen), network.features(seen))
    changed = {name: values + 1 for name, values in alexnet[0].state_dict().items()}
    torch.save(changed, tmp_path / "other.pth")
    with pytest.raises(DataError, match="not those that the features were made with"):
        rebuild_network(Recipe.of(meta), weights=str(tmp_path / "other.pth"), device="cpu")


@pytest.mark.parametrize("recipe", [None, {}, {"backbone": "alexnet"}, {"unknown": 1}])
def test_features_without_a_recipe_take_no_new_images(recipe: object) -> None:
    with pytest.raises(DataError, match="recipe"):
        Recipe.of({"recipe": recipe})

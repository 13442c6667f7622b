"""Changed copies of training images, against NumPy's flips, SciPy's rotations, and torch on a set enlarged by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from small_data import draw, sample_of

from mnistfaces.config import DATASET_DEFAULTS, TrainConfig, read_augment
from mnistfaces.datasets.augmentation import CHANGES, notes_on, warp, with_copies
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine.training import fit
from mnistfaces.errors import UsageError

Pixels = NDArray[np.uint8]

HALF_A_LEVEL = 0.5001


def pictures(*shape: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def changed(images: Pixels, text: str, seed: int = 0) -> Pixels:
    ((name, most),) = read_augment(text)
    return warp(images, CHANGES[name](len(images), most, np.random.default_rng(seed)))


@pytest.mark.parametrize("shape", [(3, 9, 9), (3, 7, 12), (3, 8, 5, 3)])
def test_a_mirrored_image_is_numpys_flip_to_the_last_bit(shape: tuple[int, ...]) -> None:
    images = pictures(*shape)
    assert (changed(images, "mirror") == np.flip(images, 2)).all()


@pytest.mark.parametrize("shape", [(6, 9, 9), (6, 7, 12), (6, 8, 5, 3)])
def test_a_turned_image_is_scipys_rotation_up_to_rounding(shape: tuple[int, ...]) -> None:
    images = pictures(*shape)
    angles = np.random.default_rng(5).uniform(-30, 30, len(images))  # as the seed draws them
    assert angles.min() < -5
    assert angles.max() > 5
    for image, ours, angle in zip(images, changed(images, "rotate:30", seed=5), angles, strict=True):
        how = {"reshape": False, "order": 1, "mode": "nearest", "output": np.float64}
        theirs = ndimage.rotate(image, angle, axes=(1, 0), **how)
        assert np.abs(ours - theirs).max() <= HALF_A_LEVEL


@pytest.mark.parametrize("shape", [(40, 9, 9), (40, 7, 12, 3)])
def test_a_shifted_image_is_moved_by_whole_pixels_up_to_the_most_and_its_edge_goes_on(shape: tuple[int, ...]) -> None:
    images, most = pictures(*shape), 2
    padding = ((0, 0), (most, most), (most, most), (0, 0))[: len(shape)]
    around = np.pad(images, padding, mode="edge")
    height, width = shape[1:3]
    moves = {
        (down, across): around[:, down : down + height, across : across + width]
        for down in range(2 * most + 1)
        for across in range(2 * most + 1)
    }
    found = [
        next(move for move, there in moves.items() if (there[number] == ours).all())
        for number, ours in enumerate(changed(images, f"shift:{most}"))
    ]
    assert {down for down, _ in found} == {across for _, across in found} == set(range(2 * most + 1))


def test_copies_stand_behind_the_images_with_the_labels_and_groups_of_theirs() -> None:
    digits = sample_of(20)
    train = draw(digits).split.train
    more, (rows,) = with_copies(digits, "mirror,shift:1,rotate:9", [(train, 3)])
    assert (more.inputs[: len(digits)] == digits.inputs).all()
    assert (rows[: len(train)] == train).all()
    assert len(rows) == 4 * len(train)
    for name in ("labels", "groups", "given_test"):
        assert (getattr(more, name)[rows] == np.tile(getattr(digits, name)[train], 4)).all()
    mirrored = more.images(rows[len(train) : 2 * len(train)])
    assert (mirrored == np.flip(digits.images(train), 2)).all()
    assert not set(rows) & {*draw(digits).split.val, *draw(digits).split.test}


def test_an_image_has_the_copies_of_its_seed_in_any_training_set_and_beside_any_draw() -> None:
    digits = sample_of(20)
    train = draw(digits).split.train
    augment = "rotate:20,shift:2"
    whole, (rows,) = with_copies(digits, augment, [(train, 3)])
    fewer, (_, of_three, of_four) = with_copies(digits, augment, [(train[5:], 7), (train[::2], 3), (train[::2], 4)])
    copies = whole.inputs[rows].reshape(3, len(train), -1)[1:, ::2]
    assert (fewer.inputs[of_three].reshape(3, len(train[::2]), -1)[1:] == copies).all()
    assert (fewer.inputs[of_four].reshape(3, len(train[::2]), -1)[1:] != copies).any(axis=2).all()


def test_a_softmax_regression_with_mirrored_images_is_torchs_on_the_doubled_set() -> None:
    digits = sample_of(20)
    drawn = draw(digits)
    config = TrainConfig(epochs=60, lr=1e-3, augment="mirror", dtype="float64")
    (measure,) = list(fit(digits, [config], [drawn]))[-1].measures
    images = digits.images(drawn.split.train)
    inputs = torch.from_numpy(np.concatenate([images, np.flip(images, 2)]).reshape(-1, 784) / 255)
    labels = torch.from_numpy(np.tile(digits.labels[drawn.split.train], 2))
    layer = torch.nn.Linear(784, 10, dtype=torch.float64)
    with torch.no_grad():
        _ = [part.zero_() for part in layer.parameters()]
    descent = torch.optim.SGD(layer.parameters(), lr=1e-3)
    for _ in range(60):
        descent.zero_grad()
        torch.nn.functional.cross_entropy(layer(inputs), labels, reduction="sum").backward()
        descent.step()
    assert measure.weights is not None
    assert measure.train is not None
    np.testing.assert_allclose(measure.weights["0.weight"], layer.weight.detach().numpy(), atol=1e-9)
    loss = torch.nn.functional.cross_entropy(layer(inputs), labels).item()
    assert measure.train.loss == pytest.approx(loss, abs=1e-9)  # over the copies, too


@pytest.mark.parametrize("size", [8, None])
def test_a_model_has_the_same_bits_in_a_stack_and_alone(size: int | None) -> None:
    digits = sample_of(20)
    config = TrainConfig(model="mlp", hidden=5, epochs=4, lr=1e-2, batch_size=size, augment="mirror,rotate:15,shift:1")
    cells = [config, config.with_(lr=1e-3)]
    draws = [draw(digits, seed) for seed in range(3 if size else 1)]
    together = list(fit(digits, cells, draws))[-1].measures
    alone = [list(fit(digits, [cell], [one]))[-1].measures[0] for cell in cells for one in draws]
    for ours, theirs in zip(together, alone, strict=True):
        assert ours.weights is not None
        assert theirs.weights is not None
        assert all((ours.weights[name] == theirs.weights[name]).all() for name in ours.weights)
        assert ours.test is not None
        assert len(ours.test.predicted) == len(draws[0].split.test)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flip", "'flip' is not one of mirror, shift:PIXELS"),
        ("mirror,", "'' is not one of"),
        ("mirror:2", "a mirror has no size"),
        ("shift", "takes a whole number from 1"),
        ("shift:1.5", "takes a whole number from 1"),
        ("shift:-1", "takes a whole number from 1"),
        ("rotate:0", "above 0"),
        ("rotate:181", "to 180"),
        ("rotate:nan", "above 0"),
        ("rotate:1e999", "above 0"),
        (",".join(["mirror"] * 17), "names 17 changes: 16 at most"),
    ],
)
def test_a_change_that_cannot_be_meant_is_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TrainConfig(augment=text)


def features(digits: Dataset) -> Dataset:
    return replace(digits, inputs=digits.inputs.astype(np.float32), shape=(784,))


def test_features_are_not_changed_and_images_not_moved_out_of_sight() -> None:
    digits = sample_of(20)
    with pytest.raises(UsageError, match="holds 784 features per image"):
        list(fit(features(digits), [TrainConfig(epochs=1, augment="mirror")], [draw(digits)]))
    with pytest.raises(UsageError, match="moves images of 28 pixels out of sight"):
        list(fit(digits, [TrainConfig(epochs=1, augment="shift:28")], [draw(digits)]))


def test_nothing_is_changed_unless_asked_and_the_hash_of_such_a_training_is_as_before() -> None:
    assert {training.augment for training, _ in DATASET_DEFAULTS.values()} == {None}
    assert "augment" not in TrainConfig().to_dict()
    assert TrainConfig(augment=" mirror, rotate:10.0").to_dict()["augment"] == "mirror,rotate:10"


def test_mirrored_digits_are_said_to_be_none_and_other_images_are_not() -> None:
    digits = sample_of(20)
    clothes = replace(digits, classes=("shirt", *digits.classes[1:]))
    assert len(notes_on(digits, "shift:2,mirror")) == 1
    assert notes_on(digits, "rotate:10") == notes_on(clothes, "mirror") == notes_on(digits, None) == []

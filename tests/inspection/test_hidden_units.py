from pathlib import Path

import numpy as np
import pytest
import torch
from kept_runs import MLP, SOFTMAX, keep_run, save_shapes

from mnistfaces.config import Activation, SplitConfig
from mnistfaces.datasets import load_dataset
from mnistfaces.datasets.sample import load_sample
from mnistfaces.errors import DataError, UsageError
from mnistfaces.inspection.hidden_units import UnitsRequest, draw_weights
from mnistfaces.runs.models import split_of
from mnistfaces.runs.runs import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return keep_run(tmp_path_factory.mktemp("kept") / "run")


def torch_layers(run: Run) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    return tuple(
        torch.from_numpy(run.weights()[name].copy()).double() for name in ("0.weight", "0.bias", "2.weight", "2.bias")
    )


def test_activation_is_measured_on_the_training_images_of_the_class(run: Run) -> None:
    drawn = draw_weights(run, UnitsRequest(classes=("4",), top=12, criterion="activation"))
    weight, bias, output, _ = torch_layers(run)
    sample = load_sample()
    train = split_of(run, sample).train
    own = train[sample.labels[train] == 4]
    hidden = torch.relu(torch.from_numpy(sample.inputs[own] / 255) @ weight.T + bias)
    expected = (output[4] * hidden.mean(0)).numpy()
    assert {image.unit: image.score for image in drawn.images} == pytest.approx(dict(enumerate(expected)))
    magnitudes = [abs(image.score) for image in drawn.images]
    assert magnitudes == sorted(magnitudes, reverse=True)
    assert [image.sign for image in drawn.images] == [
        "-" if image.score < 0 else "+" if image.score else "0" for image in drawn.images
    ]
    assert "training images of digits-sample" in drawn.notes[0]


def test_ablation_is_the_validation_recall_lost_when_torch_zeroes_the_unit(run: Run) -> None:
    drawn = draw_weights(run, UnitsRequest(classes=("4", "9"), top=12, criterion="ablation"))
    weight, bias, output, last = torch_layers(run)
    sample = load_sample()
    val = split_of(run, sample).val
    for digit in (4, 9):
        own = val[sample.labels[val] == digit]
        hidden = torch.relu(torch.from_numpy(sample.inputs[own] / 255) @ weight.T + bias)
        recall = ((hidden @ output.T + last).argmax(1) == digit).double().mean()
        for image in drawn.images:
            if image.class_name == str(digit):
                without = hidden.clone()
                without[:, image.unit] = 0
                lost = recall - ((without @ output.T + last).argmax(1) == digit).double().mean()
                assert image.score == pytest.approx(float(lost), abs=1e-12)
    assert "validation images" in drawn.notes[0]


def test_without_validation_images_ablation_takes_those_that_trained(tmp_path: Path) -> None:
    split = SplitConfig(train_per_class=10, validation=False)
    run = keep_run(tmp_path / "run", MLP.with_(epochs=1), split=split)
    assert "training images" in draw_weights(run, UnitsRequest(criterion="ablation")).notes[0]


def test_a_units_image_is_its_row_of_first_layer_weights_in_the_shape_of_the_input(tmp_path: Path) -> None:
    for color, shape in ((False, (8, 8)), (True, (8, 8, 3))):
        dataset = load_dataset(save_shapes(tmp_path / "a"), res=8, color=color)
        run = keep_run(tmp_path / f"{color}", MLP.with_(epochs=1), dataset, SplitConfig(test_per_class=3))
        for image in draw_weights(run, UnitsRequest(top=2)).images:
            assert image.weights.shape == shape
            assert np.array_equal(image.weights.ravel(), run.weights()["0.weight"][image.unit])


def test_classes_are_taken_by_name_or_number_once_and_all_by_default(run: Run) -> None:
    drawn = draw_weights(run, UnitsRequest(classes=("9", "2", "9"), top=1))
    assert [image.class_name for image in drawn.images] == ["9", "2"]
    everything = draw_weights(run, UnitsRequest())
    assert [image.class_name for image in everything.images] == [str(digit) for digit in range(10) for _ in range(4)]
    assert len(draw_weights(run, UnitsRequest(classes=("1",), top=99)).images) == 12


def test_a_unit_that_several_classes_share_is_told_with_its_signs(run: Run) -> None:
    drawn = draw_weights(run, UnitsRequest(classes=("0", "1"), top=12))
    output = run.weights()["2.weight"]
    assert all(image.shared == ("1" if image.class_name == "0" else "0",) for image in drawn.images)
    signs = ["-" if output[digit, 5] < 0 else "+" for digit in (0, 1)]
    assert f"unit 5 is among the top 12 of 0 ({signs[0]}) and 1 ({signs[1]})" in drawn.notes


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_of_several_hidden_layers_the_first_is_drawn_by_the_recall_lost_when_torch_zeroes_a_unit(
    tmp_path: Path, activation: Activation
) -> None:
    run = keep_run(tmp_path / "run", MLP.with_(hidden="12x9", activation=activation))
    drawn = draw_weights(run, UnitsRequest(classes=("4",), top=12))
    middle = torch.nn.ReLU if activation == "relu" else torch.nn.Tanh
    peer = torch.nn.Sequential(
        *(torch.nn.Linear(784, 12), middle(), torch.nn.Linear(12, 9), middle(), torch.nn.Linear(9, 10))
    ).double()
    peer.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in run.weights().items()})
    sample = load_sample()
    val = split_of(run, sample).val
    inputs = torch.from_numpy(sample.inputs[val[sample.labels[val] == 4]] / 255)
    recall = (peer(inputs).argmax(1) == 4).double().mean()
    assert sorted(image.unit or 0 for image in drawn.images) == list(range(12))
    for image in drawn.images:
        units = peer[:2](inputs).clone()
        units[:, image.unit] = 0
        lost = recall - (peer[2:](units).argmax(1) == 4).double().mean()
        assert image.score == pytest.approx(float(lost), abs=1e-12)
        assert np.array_equal(image.weights.ravel(), run.weights()["0.weight"][image.unit])
        assert image.sign is None
        assert image.title == f"4\nunit {image.unit}: recall {-image.score:+.3f}"
    assert any(image.score for image in drawn.images)
    assert drawn.notes[:2] == (
        "ablation on the validation images of digits-sample",
        "drawn are units of the first of 2 hidden layers: those of the others see no image",
    )
    for criterion in ("weight", "activation"):
        with pytest.raises(UsageError, match=f"--criterion {criterion} looks at the weights from units into classes"):
            draw_weights(run, UnitsRequest(criterion=criterion))  # type: ignore[arg-type]


def test_a_softmax_regression_has_no_hidden_units_and_features_are_no_images(run: Run, tmp_path: Path) -> None:
    softmax = keep_run(tmp_path / "run", SOFTMAX.with_(epochs=1))
    with pytest.raises(UsageError, match="softmax regression"):
        draw_weights(softmax, UnitsRequest(top=3))
    features = {**run.config, "dataset": {**run.config["dataset"], "shape": [784]}}
    with pytest.raises(DataError, match="features, not images"):
        draw_weights(Run(path=run.path, config=features), UnitsRequest())

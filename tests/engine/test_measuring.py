"""All models of a stack measured at once: against torch, with the bits of one at a time, within bounded memory."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from small_data import draw, make_dataset
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from mnistfaces.config import TrainConfig
from mnistfaces.datasets.base import Dataset
from mnistfaces.engine import measuring, passes, transfer
from mnistfaces.engine.draws import Draw, cell_and_draw, model_of
from mnistfaces.engine.largest import first_largest
from mnistfaces.engine.measuring import SIDES, Sets, finite_models, log_probs
from mnistfaces.engine.records import Measure
from mnistfaces.engine.stack import Stack
from mnistfaces.engine.tiles import pieces
from mnistfaces.engine.training import fit

CPU = torch.device("cpu")
FACE = TrainConfig(model="mlp", optimizer="adam", batch_size=16, reduction="mean", lr=1e-3, epochs=3)
FULL = TrainConfig(lr=1e-3, epochs=3)
KINDS = (FACE, FACE.with_(batch_size=300), FACE.with_(batch_size=None), FULL, FULL.with_(dtype="float64"))
"""Minibatches, minibatches in blocks, and full batches in blocks, of both models."""


def in_blocks(config: TrainConfig) -> tuple[Dataset, list[Draw]]:
    """Returns images of which 450 train and 300 validate, two blocks each, some of them mislabelled.

    Full batches take one draw.
    """
    dataset = make_dataset((300, 300, 300), inputs=37)
    rng = np.random.default_rng(7)
    dataset.labels[:] = np.where(rng.random(900) < 0.4, rng.integers(0, 3, 900), dataset.labels)
    draws = [draw(dataset, seed, train_per_class=150, val_per_class=100, test_per_class=9) for seed in (1, 2)]
    return dataset, draws[: 1 if config.batch_size is None else 2]


def told(measure: Measure) -> list[object]:
    """Returns everything that a measure says, so that two of them can be compared to the last bit."""
    scores = [measure.train, measure.val, measure.test]
    shown: list[object] = [(one.loss, one.accuracy, one.predicted.tobytes()) if one else None for one in scores]
    return [*shown, measure.status, {name: values.tobytes() for name, values in (measure.weights or {}).items()}]


def all_told(config: TrainConfig, **options: Any) -> list[list[object]]:  # noqa: ANN401  fit's own
    dataset, draws = in_blocks(config)
    cells = [config.with_(lr=config.lr * factor) for factor in (0.1, 1, 3, 10)]
    return [told(measure) for epoch in fit(dataset, cells, draws, **options) for measure in epoch.measures]


@pytest.mark.parametrize("config", KINDS)
def test_parameters_that_are_handed_over_are_measured_as_torch_would(config: TrainConfig) -> None:
    """They are others than the stack's own, which neither change nor are measured."""
    dataset, draws = in_blocks(config)
    config = config.with_(dtype="float64")
    made = Stack(dataset, [config, config.with_(lr=0.5)], draws, CPU)
    generator = torch.Generator().manual_seed(5)
    other = [
        torch.where(part != 0, torch.rand(part.shape, generator=generator).double(), part) for part in made.parameters
    ]
    if config.model == "softmax":  # it starts from zero, padding included
        other[0][:, :, : made.source.inputs] = torch.rand(other[0][:, :, : made.source.inputs].shape).double()
    before = [part.clone() for part in made.parameters]
    measured = Sets(made).measure(other, weights=True)
    assert all(torch.equal(one, two) for one, two in zip(before, made.parameters, strict=True))
    for k, side in itertools.product(range(made.count), SIDES):
        weights = made.weights(k, measured.parameters)
        layers = [nn.Linear(37, 20), nn.ReLU(), nn.Linear(20, 3)] if config.model == "mlp" else [nn.Linear(37, 3)]
        peer = nn.Sequential(*layers).double()
        peer.load_state_dict({name: torch.from_numpy(values) for name, values in weights.items()})
        images = getattr(draws[cell_and_draw(k, len(draws))[1]].split, side)
        logits = peer(torch.from_numpy(dataset.inputs[images] / 255)).detach()
        score = measured.scores[side][k]
        assert score is not None
        assert score.loss == pytest.approx(
            nn.functional.cross_entropy(logits, torch.from_numpy(dataset.labels[images])).item(), rel=1e-12
        )
        assert np.array_equal(score.predicted, logits.argmax(1).numpy())
        assert score.accuracy == np.mean(score.predicted == dataset.labels[images])


@pytest.mark.parametrize("few", [8192, 1])
@pytest.mark.parametrize("config", KINDS)
def test_the_best_weights_are_measured_with_the_bits_that_they_had_on_their_way(
    config: TrainConfig, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of full batches in blocks, too, whose training images are measured a tile of models at a time.

    Where there are many of them they are kept as rows alone, whose products have other bits in narrower tiles.
    """
    monkeypatch.setattr("mnistfaces.engine.source.SPARSE_IMAGES", few)
    config = config.with_(lr=0.1, epochs=12)
    plain = all_told(config, checkpoints=range(1, 13))
    best = all_told(config.with_(select="best"), checkpoints=range(1, 13))
    models = len(best) // 12
    for k in range(models):
        history = plain[k::models]
        lowest = 0
        for epoch, measure in enumerate(history):
            if measure[1][0] < history[lowest][1][0]:  # type: ignore[index]
                lowest = epoch
            assert best[epoch * models + k] == history[lowest]
    assert any(best[-models + k] != plain[-models + k] for k in range(models))


@pytest.mark.parametrize("config", [*KINDS, FULL.with_(select="best"), FACE.with_(select="best", batch_size=None)])
def test_images_that_go_through_in_pieces_have_the_same_bits(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnistfaces.engine.tiles.BLOCK_IMAGES", 64)
    whole = all_told(config, every=1)
    monkeypatch.setitem(passes.PIECE_BYTES, "cpu", 1)
    assert all_told(config, every=1) == whole
    monkeypatch.setattr(passes, "KEPT_BYTES", 0)
    assert all_told(config, every=1) == whole


@pytest.mark.parametrize(("blocks", "at_once"), [(1, 1), (2, 1), (7, 1), (7, 2), (7, 3), (24, 5), (5, 100)])
def test_a_piece_is_two_blocks_or_all_there_are(blocks: int, at_once: int) -> None:
    cut = pieces(blocks, at_once)
    assert [block for piece in cut for block in range(piece.start, piece.stop)] == list(range(blocks))
    sizes = {piece.stop - piece.start for piece in cut}
    assert min(sizes) >= min(2, blocks)
    assert max(sizes) < 2 * max(2, at_once)


@pytest.mark.parametrize("classes", [1, 2, 64, 65, 79, 80, 81, 200])
@pytest.mark.parametrize("values", [2, 1000])
def test_the_first_of_classes_that_are_as_likely_is_predicted(classes: int, values: int) -> None:
    generator = torch.Generator().manual_seed(classes)
    likely = torch.randint(0, values, (2, 3, classes, 40), generator=generator).float()
    first = first_largest(likely)[:, :, 0]
    assert np.array_equal(first.numpy(), likely.numpy().argmax(2))  # numpy's is the first


class Watch(TorchDispatchMode):
    """Counts torch's operations, and remembers the largest tensor that one of them made."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.largest = 0

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401  torch's own
        made = op(*args, **kwargs or {})
        self.count[op.__name__] += 1
        for tensor in made if isinstance(made, tuple | list) else [made]:
            if isinstance(tensor, Tensor) and not op.is_view:
                self.largest = max(self.largest, tensor.numel() * tensor.element_size())
        return made


def test_measuring_more_models_takes_more_products_but_not_more_of_anything_else() -> None:
    dataset, draws = in_blocks(FACE)
    found = []
    for factors in ((1, 2), range(1, 21)):
        made = Stack(dataset, [FACE.with_(lr=1e-5 * factor) for factor in factors], draws, CPU)
        sets = Sets(made)
        with Watch() as watch:
            sets.measure(made.parameters, weights=True)
        found.append(watch.count)
    few, many = found
    each = {name for name in many if many[name] > few[name]}
    assert {"bmm.out", "sum.IntList_out"} <= each
    for once in ("log_softmax.int_out", "gather.default", "amax.default", "eq.Tensor", "masked_fill_.Scalar"):
        assert few[once]
        assert once not in each


def test_a_checkpoint_is_one_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a GPU, whose every transfer waits for it: what comes over is packed, and measures are the same."""
    calls: list[int] = []

    def packed(tensors: Sequence[Tensor]) -> list[np.ndarray]:
        calls.append(len(tensors))
        return transfer.unpack(transfer.pack(tensors), tensors)

    for config in (FACE, FULL.with_(select="best")):
        plain = all_told(config)
        with monkeypatch.context() as patch:
            patch.setattr(measuring, "to_host", packed)
            calls.clear()
            assert all_told(config) == plain
        assert len(calls) == 1


def test_packed_tensors_come_out_as_they_went_in() -> None:
    tensors = [
        torch.tensor([True, False, True]),
        torch.rand(3, 5, dtype=torch.float64)[:, ::2],
        torch.arange(7, dtype=torch.uint8),
        torch.rand(0, 4),
        torch.arange(-3, 3),
    ]
    for tensor, array in zip(tensors, transfer.unpack(transfer.pack(tensors), tensors), strict=True):
        assert array.dtype == tensor.numpy().dtype
        assert np.array_equal(array, tensor.numpy())


def test_models_are_numbered_cell_by_cell() -> None:
    assert [cell_and_draw(k, 3) for k in range(6)] == list(itertools.product(range(2), range(3)))
    assert [model_of(cell, number, 3) for cell, number in itertools.product(range(2), range(3))] == list(range(6))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_is_found_in_any_parameter(bad: float) -> None:
    dataset, draws = in_blocks(FACE)
    made = Stack(dataset, [FACE, FACE.with_(lr=0.5)], draws, CPU)
    for number, (k, part) in enumerate(itertools.product(range(made.count), made.parameters)):
        assert finite_models(made, made.parameters).all()
        place = made.arrangement.place(k)
        kept = part[place].clone()
        part[place].view(-1)[number % 3] = bad
        assert finite_models(made, made.parameters).tolist() == [other != k for other in range(made.count)]
        part[place] = kept


def many_classes() -> tuple[Dataset, Draw]:
    """Returns 600 classes of images of one input: 2,400 to train on, in two blocks."""
    dataset = make_dataset((6,) * 600, inputs=1)
    dataset.inputs[:] = np.random.default_rng(0).integers(0, 256, dataset.inputs.shape)
    return dataset, draw(dataset, 0, train_per_class=4, val_per_class=1, test_per_class=1)


@pytest.mark.parametrize("config", [FACE, FULL])
def test_many_classes_take_the_memory_of_some_blocks_of_images(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never of all images and classes at once, in training, loading and measuring."""
    monkeypatch.setattr("mnistfaces.engine.tiles.BLOCK_IMAGES", 128)
    monkeypatch.setitem(passes.PIECE_BYTES, "cpu", 1 << 20)
    monkeypatch.setattr(passes, "KEPT_BYTES", 0)
    dataset, made = many_classes()
    with Watch() as watch:
        list(fit(dataset, [config.with_(epochs=1)], [made]))
    everything = 2400 * 600 * 4
    assert watch.largest < everything / 2


def test_many_models_of_many_classes_are_measured_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnistfaces.engine.tiles.BLOCK_IMAGES", 128)
    monkeypatch.setitem(passes.PIECE_BYTES, "cpu", 1 << 20)
    monkeypatch.setattr(passes, "KEPT_BYTES", 0)
    dataset, made = many_classes()
    stack = Stack(dataset, [FULL.with_(lr=1e-3 * factor) for factor in range(1, 17)], [made], CPU)
    batch = stack.source.load(made.split.train)
    largest, models = 0, 0
    for some, blocks in log_probs(stack, stack.parameters, 0, batch):
        models += some.stop - some.start
        largest = max(largest, *(part.numel() * part.element_size() for _, part in blocks))
    assert models == 16
    assert 0 < largest < 2 << 20  # a piece has fewer than twice the blocks that fit


@pytest.mark.parametrize("config", KINDS[1:4])
def test_losses_are_means_by_what_images_count_and_choose_the_epoch_so(config: TrainConfig) -> None:
    dataset, draws = in_blocks(config)
    dataset = replace(dataset, weights=np.random.default_rng(3).exponential(1, 900) ** 3)
    config = config.with_(dtype="float64", select="best", epochs=12, lr=0.02, reduction="mean", optimizer="adam")
    _, *records, last = fit(dataset, [config], draws, every=1)
    for number, one in enumerate(draws):
        chosen = last.measures[number]
        losses = [record.measures[number].val.loss for record in records]
        assert chosen.best_epoch in (1 + int(np.argmin(losses)), 12)
        weights = chosen.weights
        layers = [torch.from_numpy(weights[name]) for name in weights]
        for side in SIDES:
            images = getattr(one.split, side)
            seen = torch.from_numpy(dataset.values(images, "float64"))
            for matrix, bias in zip(layers[::2], layers[1::2], strict=True):
                seen = seen @ matrix.T + bias
                seen = seen.relu() if len(matrix) != 3 else seen
            losses = nn.functional.cross_entropy(seen, torch.from_numpy(dataset.labels[images]), reduction="none")
            told = getattr(chosen, side).loss
            assert told == pytest.approx(np.average(losses, weights=dataset.weights[images]), rel=1e-9)
            assert told != pytest.approx(float(losses.mean()), rel=1e-3)

"""How features are usually extracted with PyTorch, written down plainly: from image files to `.npz`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.transforms import functional

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
LAST_NODE = "features.12"


def load_image(path: Path) -> Tensor:
    """Returns an image as torchvision's weights expect it, (3, S, S)."""
    with Image.open(path) as image:
        return functional.normalize(functional.to_tensor(image.convert("RGB")), MEAN, DEVIATION)


def torch_loop(model: nn.Module, paths: Sequence[Path], out: Path) -> None:
    """Writes the features of images, one after the other, as a tutorial has it."""
    rows: list[np.ndarray] = []
    with torch.no_grad():
        for path in paths:
            maps = model.features(load_image(path).unsqueeze(0))  # type: ignore[operator]
            rows.append(maps.flatten().numpy())
    np.savez(out, features=np.stack(rows), names=np.array([str(path) for path in paths]))


class Images(Dataset[Tensor]):
    """Image files for a DataLoader."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        return load_image(self.paths[index])


def feature_extractor(model: nn.Module, paths: Sequence[Path], out: Path, batch_size: int, workers: int) -> None:
    """Writes the features of images by torchvision's own means: its extractor behind a DataLoader."""
    extractor = create_feature_extractor(model, {LAST_NODE: "maps"})
    rows: list[np.ndarray] = []
    with torch.inference_mode():
        for batch in DataLoader(Images(paths), batch_size=batch_size, num_workers=workers):
            rows.append(extractor(batch)["maps"].flatten(1).numpy())  # noqa: PERF401  as tutorials have it
    np.savez(out, features=np.concatenate(rows), names=np.array([str(path) for path in paths]))


def train_classifier(
    features: np.ndarray, labels: np.ndarray, seed: int, *, hidden: int = 20, batch_size: int = 128, epochs: int = 1000
) -> nn.Module:
    """Returns a network of one hidden layer, trained by Adam at 1e-4 as PyTorch's tutorials write it.

    Args:
        features: (N, D) float32.
        labels: (N,) class numbers.
        seed: of the initial weights and the minibatches.
        hidden: units.
        batch_size: images per step.
        epochs: passes over the images.
    """
    torch.manual_seed(seed)
    inputs, targets = torch.from_numpy(features), torch.from_numpy(labels)
    model = nn.Sequential(nn.Linear(features.shape[1], hidden), nn.ReLU(), nn.Linear(hidden, int(labels.max()) + 1))
    cost, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), lr=1e-4)
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs)).split(batch_size):
            optimizer.zero_grad()
            cost(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
    return model


def classify(model: nn.Module, features: np.ndarray) -> np.ndarray:
    """Returns the likeliest class of each row, (N,)."""
    with torch.no_grad():
        classes: np.ndarray = model(torch.from_numpy(features)).argmax(dim=1).numpy()
    return classes

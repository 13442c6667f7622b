"""From pixels to what a network was trained on. B images per batch, S pixels per side."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mnistfaces.config import PreprocessName

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Of the R, G and B of ImageNet's training images, in [0, 1], as torchvision's weights expect them."""

CAFFE_MEAN = (104.00698793, 116.66876762, 122.67891434)
"""Of the B, G and R of ImageNet's training images, 0 to 255: the mean over the pixels of the mean image that Caffe
brings along for its AlexNet, CaffeNet and, rounded, SqueezeNet (`ilsvrc_2012_mean.npy`)."""


def preprocess(pixels: Tensor, name: PreprocessName, dtype: torch.dtype = torch.float32) -> Tensor:
    """Returns a batch as a network takes it, (B, 3, S, S), channels last in memory.

    Args:
        pixels: (B, S, S, 3) uint8; rows are the image's height.
        name: `course`: each image minus its own mean, over its own largest absolute value (0 for a constant image);
            `imagenet`: each channel of [0, 1] minus its mean over ImageNet, over its deviation; `caffe`: B, G, R of
            0 to 255, each minus its mean over ImageNet.
        dtype: of the result; the arithmetic is float32.
    """
    values = pixels.to(torch.float32)
    PREPROCESSINGS[name](values, pixels)
    return values.to(dtype).permute(0, 3, 1, 2)  # (B, 3, S, S)


def _centre(values: Tensor, pixels: Tensor) -> None:
    """Takes each image's mean off `values`, and divides by the largest absolute value left.

    The mean is exact: a row of at most MAX_RES pixels adds up to less than 2^24, which float32 holds.
    """
    flat = pixels.flatten(1)  # (B, 3 S S)
    mean = values.flatten(2).sum(2).to(torch.float64).sum(1) / flat.shape[1]
    low, high = flat.amin(1), flat.amax(1)
    largest = torch.maximum(high - mean, mean - low)
    largest[high == low] = 1  # a constant image becomes zero
    rows = values.view(len(values), -1)  # (B, 3 S S)
    rows.sub_(mean.to(torch.float32)[:, None]).div_(largest.to(torch.float32)[:, None])


def _standardise(values: Tensor, pixels: Tensor) -> None:
    """Takes ImageNet's mean off each channel of `values`, and divides by its deviation over ImageNet."""
    mean, deviation = (_row_of(pixels, channels) * 255 for channels in (IMAGENET_MEAN, IMAGENET_DEVIATION))
    values.view(-1, len(mean)).sub_(mean).div_(deviation)  # (B S, 3 S)


def _reverse(values: Tensor, pixels: Tensor) -> None:
    """Puts the channels of `values` in the order that Caffe reads files in, and takes ImageNet's mean off each."""
    values.copy_(pixels.flip(3))  # (B, S, S, 3): B, G, R
    mean = _row_of(pixels, CAFFE_MEAN)
    values.view(-1, len(mean)).sub_(mean)  # (B S, 3 S)


def _row_of(pixels: Tensor, channels: tuple[float, ...]) -> Tensor:
    """Returns three numbers over and over, as many as a row of pixels has, (3 S,): long runs are fast."""
    return torch.tensor(channels, device=pixels.device).repeat(pixels.shape[2])


PREPROCESSINGS: Mapping[PreprocessName, Callable[[Tensor, Tensor], None]] = {
    "course": _centre,
    "imagenet": _standardise,
    "caffe": _reverse,
}
"""What each of them does to the pixels as floats, (B, S, S, 3), in place, and from the pixels as bytes."""

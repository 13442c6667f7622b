"""A model as an ONNX graph, from pixels to probabilities.

Legend: N images, D inputs, C classes; n training images, of a kernel.
"""

import json
from collections.abc import Collection, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistfaces.config import Activation
from mnistfaces.errors import UsageError
from mnistfaces.files import write_bytes
from mnistfaces.runs.models import answering_of, classes_of, normalisation_of, shape_of, takes_pixels
from mnistfaces.runs.network import members_of
from mnistfaces.runs.runs import Run

OPSET, IR_VERSION = 13, 8
"""Old enough for every runtime of the last years: 13 is the first in which Softmax means what it should."""

ACTIVATIONS: Mapping[Activation, str] = {"relu": "Relu", "tanh": "Tanh"}


def export(run: Run, path: Path, data_dir: Path | None = None) -> list[Path]:  # noqa: ARG001  as every target
    """Writes a model as an ONNX graph.

    Its input `images` is (N, H, W) or (N, H, W, 3) uint8, or (N, F) floats for features; its outputs are
    `probabilities` (N, C), of an ensemble their mean over its models, and `class` (N,) int64, the number of the
    likeliest. The division by 255 is part of the graph. Names of classes, the form of the images and the run stand in
    the graph's metadata.

    Raises:
        UsageError: the package `onnx` is not installed.
        RunError: the run keeps no model.
        FileError: the disk refuses.
    """
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise UsageError('--to onnx needs the package onnx: pip install "mnistfaces[onnx]"') from error
    answering_of(run)  # refuses what is no model
    model = onnx.helper.make_model(
        _graph(run),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="mnistfaces",
        producer_version=metadata.version("mnistfaces"),
    )
    told = {
        "classes": json.dumps(classes_of(run), ensure_ascii=False),
        "normalisation": normalisation_of(run),
        "run": run.path.name,
    }
    onnx.helper.set_model_props(model, told)
    onnx.checker.check_model(model, full_check=True)
    write_bytes(path, model.SerializeToString(deterministic=True))
    return [path]


def _graph(run: Run) -> Any:  # noqa: ANN401  onnx brings no types
    """Returns the graph: a cast and a division for pixels, a kernel or none, each model, their mean, its argmax."""
    from onnx import TensorProto, helper, numpy_helper

    weights = run.all_weights()
    members = (
        {"": weights} if run.training.ensemble == 1 else {f"{n}.": own for n, own in enumerate(members_of(weights))}
    )
    kind = helper.np_dtype_to_tensor_dtype(next(iter(weights.values())).dtype)
    constants = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    nodes, seen = [helper.make_node("Cast", ["images"], ["values"], to=kind)], "values"
    if takes_pixels(run):
        constants.append(helper.make_tensor("full_intensity", kind, [], [255]))
        nodes.append(helper.make_node("Div", [seen, "full_intensity"], ["scaled"]))
        seen = "scaled"
    nodes.append(helper.make_node("Flatten", [seen], ["inputs"], axis=1))
    seen = "inputs"
    if "0.centers" in weights:
        constants += [numpy_helper.from_array(values, name) for name, values in _of_kernel(weights).items()]
        nodes += _kernel_nodes(seen)
        seen = "kernel"
    for prefix, names in members.items():
        nodes += _layer_nodes(seen, names, prefix, ACTIVATIONS[run.training.activation])
    constants.append(helper.make_tensor("ensemble", kind, [], [len(members)]))
    nodes.append(helper.make_node("Sum", [f"{prefix}odds" for prefix in members], ["together"]))  # Mean is float32 only
    nodes.append(helper.make_node("Div", ["together", "ensemble"], ["probabilities"]))
    nodes.append(helper.make_node("ArgMax", ["probabilities"], ["class"], axis=1, keepdims=0))
    taken = TensorProto.UINT8 if takes_pixels(run) else kind
    return helper.make_graph(
        nodes,
        "mnistfaces",
        [helper.make_tensor_value_info("images", taken, ["N", *shape_of(run)])],
        [
            helper.make_tensor_value_info("probabilities", kind, ["N", len(classes_of(run))]),
            helper.make_tensor_value_info("class", TensorProto.INT64, ["N"]),
        ],
        constants,
    )


def _layer_nodes(seen: str, names: Collection[str], prefix: str, activation: str) -> list[Any]:
    """Returns one model from what its first layer sees to its probabilities: layer after layer, softmax.

    Args:
        seen: what the first layer takes.
        names: of the model's parameters.
        prefix: what stands before them in the graph.
        activation: of the hidden units, an operator.
    """
    from onnx import helper

    nodes = []
    matrices = sorted((name.removesuffix(".weight") for name in names if name.endswith(".weight")), key=int)
    for number, name in enumerate(matrices):
        sums, units = f"{prefix}sums{number}", f"{prefix}units{number}"
        layer = [f"{prefix}{name}.weight", f"{prefix}{name}.bias"]
        nodes.append(helper.make_node("Gemm", [seen, *layer], [sums], transB=1))
        seen = sums
        if number < len(matrices) - 1:
            nodes.append(helper.make_node(activation, [sums], [units]))
            seen = units
    nodes.append(helper.make_node("Softmax", [seen], [f"{prefix}odds"], axis=1))
    return nodes


def _of_kernel(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Returns what the kernel's part of a graph needs beside the weights."""
    centers, gamma = weights["0.centers"], weights["0.gamma"]
    squares = (centers.astype(np.float64) ** 2).sum(axis=1).astype(centers.dtype)
    return {"squared_centers": squares, "minus_gamma": -gamma, "row": np.array([1])}


def _kernel_nodes(seen: str) -> list[Any]:
    """Returns the kernel exp(-gamma |x - x_i|^2) between inputs and the training images, (N, n)."""
    from onnx import helper

    return [
        helper.make_node("Mul", [seen, seen], ["squares"]),
        helper.make_node("ReduceSum", ["squares", "row"], ["squared_inputs"], keepdims=1),
        helper.make_node("Gemm", [seen, "0.centers", "squared_centers"], ["less_products"], alpha=-2.0, transB=1),
        helper.make_node("Add", ["less_products", "squared_inputs"], ["distances"]),
        helper.make_node("Relu", ["distances"], ["squared_distances"]),
        helper.make_node("Mul", ["squared_distances", "minus_gamma"], ["exponents"]),
        helper.make_node("Exp", ["exponents"], ["kernel"]),
    ]

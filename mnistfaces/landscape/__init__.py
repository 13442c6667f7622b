"""The cost over two weights of a model: its surface, and the paths that descend across it."""

from mnistfaces.landscape.build import Problem, SurfaceConfig, surface, window
from mnistfaces.landscape.pair import Axis, Pair, Weight, parse_weight
from mnistfaces.landscape.paths import Descent, DescentPath, Mode, projected_path, restricted_path
from mnistfaces.landscape.plane import Plane
from mnistfaces.landscape.result import Box, Method, Origin, Surface, Window
from mnistfaces.landscape.softmax import SoftmaxProblem, softmax_problem
from mnistfaces.landscape.store import load_surface, save_surface

__all__ = [
    "Axis",
    "Box",
    "Descent",
    "DescentPath",
    "Method",
    "Mode",
    "Origin",
    "Pair",
    "Plane",
    "Problem",
    "SoftmaxProblem",
    "Surface",
    "SurfaceConfig",
    "Weight",
    "Window",
    "load_surface",
    "parse_weight",
    "projected_path",
    "restricted_path",
    "save_surface",
    "softmax_problem",
    "surface",
    "window",
]

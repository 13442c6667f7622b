"""What back-propagation saves: a gradient computed in three ways, counted and timed, and how the costs grow."""

from mnistfaces.inspection.backprop.gradients import (
    Counted,
    ForwardPass,
    Tally,
    counted,
    draw_forward,
    gradient_by_backpropagation,
    gradient_by_passes,
    gradient_by_paths,
    run_forward,
)
from mnistfaces.inspection.backprop.growth import GradientCost, Growth, Law, Method, Quantity, fit_growth, measure

__all__ = [
    "Counted",
    "ForwardPass",
    "GradientCost",
    "Growth",
    "Law",
    "Method",
    "Quantity",
    "Tally",
    "counted",
    "draw_forward",
    "fit_growth",
    "gradient_by_backpropagation",
    "gradient_by_passes",
    "gradient_by_paths",
    "measure",
    "run_forward",
]

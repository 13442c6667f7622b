"""Closed names: each has one registry, whose keys a test compares with it."""

from typing import Literal

IterativeName = Literal["softmax", "mlp"]
ClosedName = Literal["ridge", "kernel"]
ModelName = Literal[IterativeName, ClosedName]
StepName = Literal["gd", "nesterov", "rmsprop", "adagrad", "adam", "adamw"]
OptimizerName = Literal[StepName, "lbfgs"]
Reduction = Literal["sum", "mean"]
Activation = Literal["relu", "tanh"]
Selection = Literal["last", "best"]
ChangeName = Literal["mirror", "shift", "rotate"]
DeviceName = Literal["auto", "cpu", "cuda", "mps"]
DtypeName = Literal["float32", "float64"]
DatasetKind = Literal["digits", "faces", "images", "arrays", "features"]
SideName = Literal["train", "val", "test"]
LayoutName = Literal["classes", "splits", "metadata"]
ReadAs = Literal["image", "features"]
Criterion = Literal["weight", "activation", "ablation"]
Status = Literal["ok", "stopped", "early", "collapsed", "diverged", "failed"]
BackboneName = Literal["alexnet", "squeezenet1_1", "pixels"]
PreprocessName = Literal["course", "imagenet", "caffe"]
FeatureDtypeName = Literal["float32", "bfloat16"]
NormalisationName = Literal["mnist", "square"]
Scale = Literal["quick", "full"]
Protocol = Literal["corrected", "published"]
TargetName = Literal["onnx", "npz", "croissant"]

STATUS_SEVERITY: tuple[Status, ...] = ("ok", "stopped", "early", "collapsed", "diverged", "failed")
"""From harmless to grave: a cell's status is the gravest of its trials'."""

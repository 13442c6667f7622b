"""Claims: features of a pretrained network tell real faces apart as a plain PyTorch loop does, and better than pixels.

1. AlexNet features of 388 faces, 20 redrawn splits with 15 test images per actor, Part 10's defaults: a mean test
   accuracy of at least 90 %, and a paired 95 % interval of the difference from the loop, which learns from and answers
   the very same images, that contains 0.
2. SqueezeNet features against 32 x 32 pixels on the faces that were fetched, one grid of models for both, each chosen
   by validation, 5 grouped folds: the features are better.

The first needs `data/features/alexnet_features.npz` in `../shared` or in `$MNF_SHARED`, the second SqueezeNet's weights
in `data/weights` there, and the faces of `mnf fetch faces --res 32,227`. What is not there is skipped, and said.

    python benchmarks/bench_faces.py [--quick]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from features_peers import classify, train_classifier

from mnistfaces import load_dataset, load_run
from mnistfaces.config import SplitConfig
from mnistfaces.datasets.splits import draw_split
from mnistfaces.errors import DataError
from mnistfaces.statistics.intervals import paired_difference
from mnistfaces.statistics.scores import TrialScores

SHARED = Path(os.environ.get("MNF_SHARED", Path(__file__).resolve().parents[2] / "shared")) / "data"
FEATURES = SHARED / "features" / "alexnet_features.npz"
WEIGHTS = SHARED / "weights" / "squeezenet1_1_features_torchvision_names.npz"
LEAST_ACCURACY = 0.90
TESTED = 15
GRID = ("--model", "mlp,softmax", "--optimizer", "adam", "--lr", "1e-3,1e-4,1e-5")


def mnf(*words: object) -> str:
    """Runs the command, and returns what it says on stdout."""
    line = [sys.executable, "-m", "mnistfaces", *map(str, words)]
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603  ours


def against_the_loop(folder: Path, splits: int, epochs: int) -> bool:
    """Prints the accuracies of both on the same splits, and returns whether the claim holds."""
    options = ["--seeds", splits, "--test-per-class", TESTED, "--epochs", epochs, "--out", folder / "alexnet"]
    mnf("sweep", FEATURES, *options)
    answers, dataset = load_run(folder / "alexnet").predictions(), load_dataset(str(FEATURES))
    features = np.load(FEATURES)["features"].astype(np.float32)
    ours: list[TrialScores] = []
    theirs: list[TrialScores] = []
    for seed, trial in enumerate(answers.trials.tolist()):
        split, scores = draw_split(dataset, SplitConfig(test_per_class=TESTED), seed), answers.scores(trial)
        if scores is None or set(scores.ids.tolist()) != set(dataset.ids[split.test].tolist()):
            raise SystemExit(f"split {seed} is not the one that the run was tested on")
        model = train_classifier(features[split.train], dataset.labels[split.train], seed, epochs=epochs)
        correct = classify(model, features[split.test]) == dataset.labels[split.test]
        theirs.append(
            TrialScores(
                correct=correct,
                ids=dataset.ids[split.test],
                groups=dataset.groups[split.test],
                train_n=len(split.train),
            ),
        )
        ours.append(scores)
    means = [float(np.mean([trial.correct.mean() for trial in side])) for side in (ours, theirs)]
    found = paired_difference(ours, theirs)
    print(f"AlexNet features of {len(dataset)} faces, {splits} redrawn splits, {len(ours[0].ids)} test images\n")
    print("| mnf | torch-loop | difference [95 %] | p |\n|---:|---:|---:|---:|")
    interval = f"{found.difference:+.2%} [{found.low:.2%}, {found.high:.2%}]"
    print(f"| {means[0]:.1%} | {means[1]:.1%} | {interval} | {found.p:.2g} |\n")
    return means[0] >= LEAST_ACCURACY and found.low <= 0 <= found.high


def against_pixels(folder: Path, epochs: int) -> bool:
    """Prints what features and pixels of the same faces come to, and returns whether the features are better."""
    backbone = ["--backbone", "squeezenet1_1", "--layer", "avgpool", "--weights", WEIGHTS]
    mnf("extract-features", "faces", *backbone, "--out", folder / "squeezenet.npz")
    for data, out in ((folder / "squeezenet.npz", "features"), ("faces", "pixels")):
        table = mnf("sweep", data, "--folds", 5, *GRID, "--epochs", epochs, "--format", "md", "--out", folder / out)
        print(f"{out}\n\n{table}")
    print(mnf("compare", folder / "features", folder / "pixels", "--format", "md"))
    (row,) = map(json.loads, mnf("compare", folder / "features", folder / "pixels").splitlines())
    return bool(row["low"] > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="3 splits instead of 20, 100 epochs instead of 1,000 and 300"
    )
    options = parser.parse_args()
    splits, epochs, fewer = (3, 100, 100) if options.quick else (20, 1000, 300)
    held: list[bool] = []
    with tempfile.TemporaryDirectory() as name:
        if FEATURES.is_file():
            held.append(against_the_loop(Path(name), splits, epochs))
        else:
            print(f"skipped: there is no {FEATURES}")
        try:
            for res in (32, 227):
                load_dataset("faces", res=res, color=res > 64)  # noqa: PLR2004  larger crops are in colour
            if not WEIGHTS.is_file():
                raise DataError(f"there is no {WEIGHTS}")
        except DataError as error:
            print(f"skipped: {error}")
        else:
            held.append(against_pixels(Path(name), fewer))
    if not all(held):
        raise SystemExit("a claim does not hold")


if __name__ == "__main__":
    main()

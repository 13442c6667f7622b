"""What was meant is guessed: commands, options, values, datasets, lists and runs that were mistyped."""

from pathlib import Path

import pytest
from kept_surface import complaint, mnf_here

from mnistfaces.text import nearest

GUESSES = (
    ("help", "mnf --help"),
    ("help train", "mnf train --help"),
    ("trian", "did you mean mnf train?"),
    ("eval last", "did you mean mnf evaluate?"),
    ("download digits", "did you mean mnf fetch?"),
    ("visualise-weights last", "did you mean mnf visualize-weights?"),
    ("visualize_weights", "did you mean mnf visualize-weights?"),
    ("contuor", "did you mean mnf contour?"),
    ("fetch mnist", "did you mean mnf fetch digits?"),
    ("fetch facescrub", "did you mean mnf fetch faces?"),
    ("fetch fashion-mnist", "did you mean mnf fetch fashion?"),
    ("digits", "a command comes before its dataset: mnf train digits"),
    ("version", "did you mean mnf --version?"),
    ("versoin", "did you mean mnf --version?"),
    ("install", "did you mean mnf --install-completion?"),
    ("--lr 0.1 train", "options come after the command, as in mnf train --lr"),
    ("train mnist", "did you mean digits?"),
    ("train Digits", "did you mean digits?"),
    ("train digits_sample", "did you mean digits-sample?"),
    ("train digits-smaple", "did you mean digits-sample?"),
    ("sweep kmnist", "did you mean kuzushiji?"),
    ("samples facescrub", "did you mean faces?"),
    ("train --lr", "requires an argument (see mnf train --help)"),
    ("fetch faces --res", "requires an argument (see mnf fetch faces --help)"),
    ("train --learning-rate 0.1", "did you mean --lr?"),
    ("train --learning_rate 0.1", "did you mean --lr?"),
    ("train -lr 0.1", "did you mean --lr?"),
    ("train --lrate 0.1", "did you mean --lr?"),
    ("train --epoch 10", "did you mean --epochs?"),
    ("train --layers 3", "did you mean --hidden?"),
    ("train --optimiser adam", "did you mean --optimizer?"),
    ("train --outdir x", "did you mean --out?"),
    ("train -o x", "did you mean --out?"),
    ("train --seeds 5", "did you mean --seed? --seeds is an option of mnf sweep and mnf plan"),
    ("contour --weights 5,13,14", "did you mean --weight? --weights is an option of"),
    ("sweep --batch 32", "did you mean --batch-size?"),
    ("sweep --n-jobs 2", "did you mean --jobs?"),
    ("sweep --random-state 1", "did you mean --seed?"),
    ("sweep --cv 5", "did you mean --folds?"),
    ("samples --perclass 3", "did you mean --per-class?"),
    ("env --json", "did you mean --format json?"),
    ("train --model MLP", "did you mean mlp?"),
    ("train --model nn", "did you mean mlp?"),
    ("train --optimizer sgd", "did you mean gd?"),
    ("train --optimizer admaw", "did you mean adamw?"),
    ("train --activation Relu", "did you mean relu?"),
    ("train --reduction average", "did you mean mean?"),
    ("train --format jsonl", "did you mean ndjson?"),
    ("train --device gpu", "did you mean cuda?"),
    ("train --device cuda:0", "did you mean cuda?"),
    ("train --model mpl", "did you mean mlp?"),
    ("train --model rbf", "did you mean kernel?"),
    ("train --optimizer momentum", "did you mean gd?"),
    ("train --dataset digits", "as in mnf train digits"),
    ("evaluate --run=runs/one", "as in mnf evaluate runs/one"),
    ("train digits lr=0.1", "lr=0.1: did you mean --lr 0.1?"),
    ("train digits learning_rate=0.1", "did you mean --lr 0.1?"),
    ("sweep --lr [0.1,0.01]", "a list is 0.1,0.01, without brackets"),
    ("sweep --lr 1e-5:1e-1:5", "log:FIRST:LAST:COUNT"),
    ("schema trian", "did you mean train?"),
    ("fetch faces --synthetic --actor hanks", "--actor: counts only without --synthetic"),
    ("fetch faces --synthetic --source wayback", "--source: counts only without --synthetic"),
    ("contour --weight 5,1,1", "give it for each of the two weights, not 1 time"),
    ("train --lr 0.1 0.01", "--lr 0.1 0.01: a list is 0.1,0.01"),
    ("train digits --lr 0.1 0.01", "--lr 0.1 0.01: a list is 0.1,0.01"),
    ("sweep --lr 0.1, 0.01", "a list is 0.1,0.01"),
    ("sweep digits --model mlp --hidden 10 50 100", "a list is 10,50,100"),
    ("contour --lr 1,2", "'1,2' is not a number; it takes one, no list"),
    ("sweep --jobs two", "'two' is not a whole number"),
    ("train digits --hidden 50", "counts only with --model mlp"),
    ("train digits --hidden 10,50", "counts only with --model mlp"),
    ("train digits --model mlp --hidden 10,50", "`mnf train` trains one: use `mnf sweep`"),
    ("mnist", "a command comes before its dataset: mnf train digits"),
    ("train --model mlp --hidden 300-100", "two layers are 300x100, two networks 300,100"),
    ("train --model mlp --hidden 300*100", "two layers are 300x100"),
    ("train --model mlp --hidden [300,100]", "two layers are 300x100"),
    ("train --hidden-layer-sizes 100", "did you mean --hidden?"),
    ("train --learning-rate-init 0.1", "did you mean --lr?"),
    ("train --validation-split 0.2", "did you mean --val-fraction?"),
    ("train --val-split 0.2", "did you mean --val-fraction?"),
    ("train --test-size 9", "did you mean --test-per-class?"),
    ("train --target-size 32", "did you mean --res?"),
    ("train --label y", "did you mean --label-column?"),
    ("train --hlep", "did you mean --help?"),
    ("train -e 10", "did you mean --epochs?"),
    ("train -lr=0.1", "did you mean --lr?"),
    ("train --nesterov", "did you mean --optimizer nesterov?"),
    ("train --relu", "did you mean --activation relu?"),
    ("train --cpu", "did you mean --device cpu?"),
    ("reproduce --quick", "did you mean --scale quick?"),
    ("export last --format onnx", "did you mean --to onnx?"),
    ("runs --delete", "did you mean --prune?"),
    ("samples --n 5", "did you mean --per-class?"),
    ("train --dtype double", "did you mean float64?"),
    ("train --model LogisticRegression", "did you mean softmax?"),
    ("train --model MLPClassifier", "did you mean mlp?"),
    ("train lr=0.1", "lr=0.1: did you mean --lr 0.1?"),
    ("train --lr = 0.1", "no blank stands beside an equals sign: --lr 0.1"),
    ("train --lr= 0.1", "no blank stands beside an equals sign: --lr 0.1"),
    ("train --lr --epochs 3", "--lr has no value: --epochs stands behind it"),
    ("train --verbose 1", "--verbose takes no value: leave '1' out"),
    ("train \u2014lr 0.1", "\u2014lr begins with a dash, not with two hyphens: type --lr"),
    ("train \u2013-lr 0.1", "type --lr"),
    ("train --lr 1e\u22123", "a minus is a hyphen"),
    ("train --lr 0,01", "a fraction is typed with a point, as in --lr 0.01"),
    ("train --weight-decay=0,5", "as in --weight-decay 0.5"),
    ("contour --momentum 0,9", "as in --momentum 0.9"),
    ("plan --accuracy 0,85", "as in --accuracy 0.85"),
    ("plan --accuracy 85%", "a hundredth is 0.01"),
    ("train --lr 10^-3", "a thousandth is 1e-3"),
    ("train --lr 1/10", "a tenth is 0.1"),
    ("sweep --lr 0.1;0.01", "a list is 0.1,0.01"),
    ("sweep --seed 1-5", "lin:FIRST:LAST:COUNT"),
    ("sweep --seed 1..5", "lin:FIRST:LAST:COUNT"),
    ("train --epochs 1.000", "'1.000' can mean 1000 or 1"),
    ("samples --per-class 0", "must be at least 1"),
    ("train digits faces", "mnf train takes no more than [DATASET]: 'faces' is too much"),
    ("train C:\\me\\faces", "a path with backslashes stands in quotes"),
    ("train ~/faces", "~ is your home only where it stands without quotes"),
    ("train faces/*.png", "a dataset is one folder or file, not a pattern"),
)
NO_GUESS = (
    "mnf",
    "train --zebra 4",
    "train --dtype float16",
    "train --model svm",
    "train --model cnn",
    "train --activation gelu",
    "train nothing.npz",
    "train --dropout 0.5",
    "train --C 1",
    "train --class 3",
    "train --loss mse",
    "train --callbacks x",
)


@pytest.mark.parametrize(("line", "meant"), GUESSES)
def test_what_was_meant_is_said_in_the_one_line(tmp_path: Path, line: str, meant: str) -> None:
    assert meant in complaint(mnf_here(*line.split(), cwd=tmp_path), 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", NO_GUESS)
def test_what_nobody_can_guess_is_not_guessed(tmp_path: Path, line: str) -> None:
    said = complaint(mnf_here(*line.split(), cwd=tmp_path), 2)
    assert "did you mean" not in said
    assert "Value error" not in said


def test_a_run_that_was_mistyped_is_guessed(tmp_path: Path) -> None:
    made = ("train", "digits-sample", "--train-per-class", "5", "--epochs", "3")
    mnf_here(*made, cwd=tmp_path)
    (run,) = [path.parent.name for path in tmp_path.glob("runs/*/config.json")]
    assert "did you mean last?" in complaint(mnf_here("evaluate", "lst", cwd=tmp_path), 1)
    assert f"did you mean runs/{run}?" in complaint(mnf_here("evaluate", f"runs/{run[:-1]}", cwd=tmp_path), 1)
    assert "did you mean" not in complaint(mnf_here("evaluate", "elsewhere/x", cwd=tmp_path), 1)


def test_nearest_prefers_what_is_spelled_alike_and_never_offers_what_is_not_there() -> None:
    assert nearest("trian", ["train", "plan"]) == "train"
    assert nearest("fit", ["train"], {"fit": "train"}) == "train"
    assert nearest("fit", ["sweep"], {"fit": "train"}) is None
    assert nearest("xyz", ["train", "plan"]) is None
    assert nearest("extract", ["evaluate", "extract-features"]) == "extract-features"

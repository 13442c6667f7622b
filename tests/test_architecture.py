"""The layers and the fences, read off the source: who may import whom, and which room may use which package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mnistfaces"

LAYERS = """
errors  progress
config  files
arrays  images  scores  proportions
datasets  models  optim  statistics
fetching  batches  evaluation  inference  environment  choosing
stack  runs
training
trials  kept  features  weights  gradcheck  backprop  landscape
lines  single  grid  results  comparing  evaluating  predicting  hidden_units
sweeping  surface_models
contours
trajectories
plots
plots_*  page
reproduce
cli
"""
"""A room imports only from lines above its own; files of one folder are one room, `plots_*` are several."""

FENCES = {
    "typer": ("cli",),
    "rich": ("cli",),
    "matplotlib": ("plots", "plots_*"),
    "requests": ("fetching",),
    "urllib3": ("fetching",),
    "torchvision": ("features",),
    "scipy": ("proportions", "statistics", "datasets/mat_process"),
    "safetensors": ("runs", "features"),
    "sklearn": (),
    "mlxtend": (),
}
"""Who may import a package, at any depth of a function; packages that are not listed are free."""

DOORS = ("__init__", "__main__")  # the promised names and `python -m mnistfaces` stand outside the layers


def sources(package: Path) -> Iterator[tuple[str, ast.Module]]:
    """Yields every module by its path without ending, such as `datasets/base`."""
    for path in sorted(package.rglob("*.py")):
        yield path.relative_to(package).with_suffix("").as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module, name: str) -> Iterator[str]:
    """Yields the full name of all that a module imports, at its top, in its functions, and for types only."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = ["mnistfaces", *name.split("/")][: -node.level] if node.level else []
            base = ".".join([*inside, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def line_of(room: str) -> int | None:
    """Returns how far down a room stands, or None where it stands nowhere."""
    found = [number for number, rooms in enumerate(LAYERS.split("\n")) if any(map(Path(room).match, rooms.split()))]
    return found[0] if found else None


def breaches(package: Path) -> list[str]:
    """Returns every import that the layers or the fences forbid, in words."""
    found = []
    for name, tree in sources(package):
        room = name.split("/")[0]
        if room in DOORS:
            continue
        line = line_of(room)
        if line is None:
            found.append(f"{name} is in no layer")
            continue
        for target in imported(tree, name):
            top, _, rest = target.partition(".")
            if top == "mnistfaces":
                other = rest.split(".")[0]
                below = line_of(other)
                if other != room and (below is None or below >= line):
                    found.append(f"{name} imports {target}")
            elif top in FENCES and not any(Path(name).match(home) or room == home for home in FENCES[top]):
                found.append(f"{name} imports {top}")
    return found


def test_every_module_imports_only_from_layers_above_it_and_packages_stay_in_their_rooms() -> None:
    assert breaches(PACKAGE) == []


def test_no_module_bears_a_promised_name() -> None:
    promised = {"load_dataset", "fit", "sweep", "surface", "extract_features", "load_run"}
    outside_cli = {name.split("/")[-1] for name, _ in sources(PACKAGE) if not name.startswith("cli/")}
    assert promised & outside_cli == set()


@pytest.mark.parametrize(
    ("name", "line", "breach"),
    [
        ("config", "from mnistfaces.files import write_text", "config imports mnistfaces.files.write_text"),
        ("files", "from mnistfaces.runs import Run", "files imports mnistfaces.runs.Run"),
        ("files", "def late():\n    from mnistfaces import grid", "files imports mnistfaces.grid"),
        ("models/mlp", "from ..stack import Stack", "models/mlp imports mnistfaces.stack.Stack"),
        ("grid", "from mnistfaces.cli._output import Row", "grid imports mnistfaces.cli._output.Row"),
        ("grid", "import rich.console", "grid imports rich"),
        ("training", "from matplotlib import pyplot", "training imports matplotlib"),
        ("datasets/base", "from scipy.io import loadmat", "datasets/base imports scipy"),
        ("cli/train", "import requests", "cli/train imports requests"),
        ("helpers", "", "helpers is in no layer"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, name: str, line: str, breach: str) -> None:
    path = (tmp_path / name).with_suffix(".py")
    path.parent.mkdir(exist_ok=True)
    path.write_text(line)
    assert breaches(tmp_path) == [breach]


def test_allowed_imports_pass(tmp_path: Path) -> None:
    (tmp_path / "plots_landscape.py").write_text(
        "from matplotlib.figure import Figure\nfrom mnistfaces import landscape"
    )
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "train.py").write_text(
        "import typer\nfrom mnistfaces import runs\nfrom mnistfaces.cli import _x"
    )
    assert breaches(tmp_path) == []

"""The layers and the fences, read off the source: who may import whom, and which room may use which package."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnistfaces

PACKAGE = Path(__file__).parents[1] / "mnistfaces"

README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")

LAYERS = """
errors  progress  text  options  display
config  files  images  statistics  isolation
devices  arrays
datasets
fetching  engine  runs  environment  execution
features  experiments  inspection
evaluation  export  landscape  sklearn
plots
pages
reproduce  notebook
cli
"""
"""A room imports only from lines above its own; the files and folders of one folder are one room."""

FENCES = {
    "typer": ("cli",),
    "rich": ("cli",),
    "matplotlib": ("plots",),
    "requests": ("fetching",),
    "urllib3": ("fetching",),
    "torchvision": ("features",),
    "scipy": ("statistics", "datasets/mat_process"),
    "safetensors": ("runs", "features"),
    "dask": ("execution",),
    "distributed": ("execution",),
    "sklearn": ("sklearn/*",),
    "mlxtend": (),
    "onnx": ("export",),
}
"""Who may import a package, at any depth of a function; packages that are not listed are free."""

MOST_LOOSE_MODULES = 10

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
    found = [number for number, rooms in enumerate(LAYERS.split("\n")) if room in rooms.split()]
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


def test_no_module_at_the_root_bears_a_promised_name() -> None:
    assert set(mnistfaces.__all__) & {name.split("/")[0] for name, _ in sources(PACKAGE)} == set()


def test_few_modules_lie_loose_at_the_root() -> None:
    loose = {name for name, _ in sources(PACKAGE) if "/" not in name} - set(DOORS)
    assert len(loose) <= MOST_LOOSE_MODULES, sorted(loose)


def circles(package: Path) -> list[list[str]]:
    """Returns every group of modules that import each other, at their top or in their functions."""
    imports: dict[str, set[str]] = {}
    for name, tree in sources(package):
        inside = [
            target.removeprefix("mnistfaces.") for target in imported(tree, name) if target.startswith("mnistfaces.")
        ]
        paths = {path for target in inside for path in (target, target.rpartition(".")[0])}
        imports[name.replace("/", ".")] = paths
    modules = set(imports)
    graph = {module: (targets & modules) - {module} for module, targets in imports.items()}
    while leaves := {module for module, targets in graph.items() if not targets & graph.keys()}:
        for leaf in leaves:
            del graph[leaf]
    return [sorted(graph)] if graph else []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(PACKAGE) == []


def test_the_tree_of_the_readme_names_every_room() -> None:
    tree = README[README.index("mnistfaces/\n") :].split("```")[0]
    rooms = {name.split("/")[0] for name, _ in sources(PACKAGE)} - set(DOORS)
    assert [room for room in sorted(rooms) if room not in re.split(r"[\s/]+", tree)] == []


@pytest.mark.parametrize(
    ("name", "line", "breach"),
    [
        ("config", "from mnistfaces.files import write_text", "config imports mnistfaces.files.write_text"),
        ("files", "from mnistfaces.runs.runs import Run", "files imports mnistfaces.runs.runs.Run"),
        ("files", "def late():\n    from mnistfaces import engine", "files imports mnistfaces.engine"),
        ("datasets/base", "from ..engine.stack import Stack", "datasets/base imports mnistfaces.engine.stack.Stack"),
        (
            "experiments/plan",
            "from mnistfaces.cli._output import Row",
            "experiments/plan imports mnistfaces.cli._output.Row",
        ),
        ("experiments/plan", "import rich.console", "experiments/plan imports rich"),
        ("engine/training", "from matplotlib import pyplot", "engine/training imports matplotlib"),
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
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "landscape.py").write_text(
        "from matplotlib.figure import Figure\nfrom mnistfaces import landscape"
    )
    (tmp_path / "cli").mkdir()
    (tmp_path / "cli" / "train.py").write_text(
        "import typer\nfrom mnistfaces import runs\nfrom mnistfaces.cli import _x"
    )
    assert breaches(tmp_path) == []


def test_every_folder_of_the_package_is_installed() -> None:
    listed = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]
    folders = {
        path.parent.relative_to(PACKAGE.parent)
        for path in PACKAGE.rglob("*")
        if path.suffix in (".py", ".html", ".csv")
    }
    assert set(listed) == {".".join(folder.parts) for folder in folders} | {"mnistfaces.assets"}

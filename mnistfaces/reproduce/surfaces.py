"""Part 6: the cost over two weights, and the paths across it."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from mnistfaces.errors import UsageError
from mnistfaces.experiments.commands import train_line
from mnistfaces.files import write_text
from mnistfaces.landscape import DescentPath, models, parse_weight
from mnistfaces.landscape.contours import Contour, ContourRequest, contour, pair_of
from mnistfaces.landscape.trajectories import TrajectoryRequest, trajectories
from mnistfaces.pages.playground import REPORT_SETTINGS, playground_part
from mnistfaces.plots import figures
from mnistfaces.plots.landscape import contour_figure, paths_figure
from mnistfaces.progress import Event, result_of
from mnistfaces.reproduce.digits import PUBLISHED_CURVE
from mnistfaces.reproduce.models import train_model
from mnistfaces.reproduce.published import published_at
from mnistfaces.reproduce.records import FigureFile, Finding, Found, Listing, Part, Piece, Playground, Remark, Setup

Names = tuple[str, str]

TRUE_PAIR: Names = ("5,13,14", "5,15,14")
CODED_PAIR: Names = ("5,6,14", "5,7,14")
FLAT_PAIR: Names = ("1,0,0", "1,1,0")
DIGIT_1_PAIR: Names = ("1,3,14", "1,3,15")
CODED_DIGIT_1_PAIR: Names = ("1,1,14", "1,1,17")
RATES, MOMENTA = (0.001, 0.003), (0.0, 0.9, 0.99)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A pair of weights whose surface is drawn: which, under which name, and what stands below it."""

    names: Names
    file: str
    caption: str


def build_surface(setup: Setup, names: Names) -> Generator[Event, None, Contour]:
    """Computes the surface of two weights of Part 6's model, or finds it; returns it.

    Raises:
        DataError: the digits are not here.
    """
    dataset = setup.load("digits")
    trial = models.ModelRequest().trial(dataset.kind)
    model = yield from result_of(models.train_model(dataset, trial, setup.device))
    return (yield from result_of(contour(dataset, model, ContourRequest(pair=pair_of(dataset, names)))))


def draw_surface(setup: Setup, scene: Scene) -> Generator[Event | Found, None, Contour]:
    """Yields the contours of a scene; returns its surface."""
    found = yield from build_surface(setup, scene.names)
    figures.save(contour_figure(found.surface), setup.figures / scene.file)
    loss, w1, w2 = found.surface.minimum()
    flat = "The surface is flat: no image uses these pixels." if found.surface.plane.is_flat else ""
    yield FigureFile(
        file=scene.file,
        caption=scene.caption,
        alt=flat or f"Contours of the cost over two weights; its lowest grid point is {loss:.6g} at ({w1:g}, {w2:g}).",
        line=f"{_contour_line(setup, scene.names)} --plot contour.png",
    )
    return found


def draw_paths(
    setup: Setup, scene: Scene, found: Contour, settings: Sequence[tuple[float, float]]
) -> Generator[Event | Found, None, list[DescentPath]]:
    """Yields a figure of the vanilla and the momentum path of some settings; returns all paths of the grid."""
    request = TrajectoryRequest(lrs=RATES, momenta=MOMENTA)
    paths = yield from result_of(trajectories(found, request, data_dir=setup.data_dir))
    wanted = {(lr, beta) for lr, momentum in settings for beta in (0.0, momentum)}
    chosen = [path for path in paths if (path.descent.lr, path.descent.momentum) in wanted]
    figures.save(paths_figure(found.surface, chosen), setup.figures / scene.file)
    ends = "; ".join(f"lr {p.descent.lr:g}, momentum {p.descent.momentum:g} ends at {p.loss[-1]:.6g}" for p in chosen)
    rates = ",".join(f"{lr:g}" for lr in dict.fromkeys(lr for lr, _ in settings))
    betas = ",".join(f"{beta:g}" for beta in sorted({beta for _, beta in wanted}))
    yield FigureFile(
        file=scene.file,
        caption=scene.caption,
        alt=f"Descent paths over the contours: {ends}.",
        line=f"mnf trajectory {found.path.as_posix()} --lr {rates} --momentum {betas} --plot paths.png",
    )
    return paths


def study_figure_14(setup: Setup) -> Iterator[Event | Found]:
    """Yields the surface of the true pair, its seconds, its trained weights, and its playground (Figure 14)."""
    scene = Scene(names=TRUE_PAIR, file="contour.png", caption="Figure 14: digit 5, pixels (13,14) and (15,14).")
    found = yield from draw_surface(setup, scene)
    line = _contour_line(setup, TRUE_PAIR)
    figure = published_at(6, "Figure 14", "seconds", "2000 x 2000 points")
    yield Finding(figure=figure, value=found.surface.seconds, line=line)
    yield Remark(
        text=f"Figure 14: the largest relative error at {found.surface.checked:,} checked points of the surface is "
        f"{found.surface.error:.1e}."
    )
    yield from _trained_weights(setup)
    try:
        part = playground_part(found.surface, source=found.path.as_posix())
    except UsageError as error:
        yield Remark(text=f"There is nothing to play with: {error}")
    else:
        write_text(setup.figures / "playground.part.html", part)
        yield Playground(file="playground.part.html", caption="Descend on the surface of Figure 14.")


def _trained_weights(setup: Setup) -> Iterator[Event | Found]:
    """Yields the two weights of Part 4's model of the full training set."""
    run = yield from train_model(setup, "digits", PUBLISHED_CURVE)
    dataset = setup.load("digits")
    weight = run.weights()["0.weight"]
    line = train_line(PUBLISHED_CURVE, setup.name("digits"), dataset.kind, 0)
    for name, coded in zip(TRUE_PAIR, CODED_PAIR, strict=True):
        ours, theirs = (parse_weight(each, dataset.classes, dataset.shape) for each in (name, coded))
        yield Finding(
            figure=published_at(6, "Figure 14", "trained_weight", f"weight {name}"),
            value=float(weight[ours.class_number, ours.index]),
            note=f"At {coded}, which the published code read: {weight[theirs.class_number, theirs.index]:.4f}.",
            line=line,
        )


def study_coded_pair(setup: Setup) -> Iterator[Event | Found]:
    """Yields the surface that the published code drew."""
    caption = "What the published code drew as Figure 14: 13 x 14 and 15 x 14 are the pixels (6,14) and (7,14)."
    yield from draw_surface(setup, Scene(names=CODED_PAIR, file="contour-coded.png", caption=caption))


def study_paths(setup: Setup) -> Iterator[Event | Found]:
    """Yields the paths of Figures 15 to 17, and where they end."""
    found = yield from build_surface(setup, TRUE_PAIR)
    paths: list[DescentPath] = []
    for number, setting in enumerate(REPORT_SETTINGS, 15):
        caption = f"Figure {number}: 30 steps from (-5.5, 5) at lr {setting[0]:g}, vanilla and momentum {setting[1]:g}."
        scene = Scene(names=TRUE_PAIR, file=f"paths-{number}.png", caption=caption)
        paths = yield from draw_paths(setup, scene, found, [setting])
    yield _ends("Digit 5, pixels (13,14) and (15,14)", paths)


def study_digit_1(setup: Setup) -> Iterator[Event | Found]:
    """Yields the flat pair, and those where momentum is said not to help (Figures 18 and 19)."""
    flat = Scene(
        names=FLAT_PAIR, file="contour-flat.png", caption="Digit 1, pixels (0,0) and (1,0): no image uses them."
    )
    yield from draw_surface(setup, flat)
    true = Scene(
        names=DIGIT_1_PAIR, file="contour-digit-1.png", caption="Figure 18: digit 1, pixels (3,14) and (3,15)."
    )
    found = yield from draw_surface(setup, true)
    yield Finding(
        figure=published_at(6, "Figure 18", "trained_cost", "summed, nats"),
        value=found.surface.trained_loss,
        line=_contour_line(setup, DIGIT_1_PAIR),
    )
    settings = [(lr, momentum) for lr in RATES for momentum in MOMENTA[1:]]
    zoom = Scene(names=DIGIT_1_PAIR, file="paths-19.png", caption="Figure 19: paths at (3,14) and (3,15), zoomed.")
    yield _ends("Digit 1, pixels (3,14) and (3,15)", (yield from draw_paths(setup, zoom, found, settings)))
    coded = yield from build_surface(setup, CODED_DIGIT_1_PAIR)
    caption = "The same at (1,14) and (1,17), which the published code probably read: a handful of images use them."
    scene = Scene(names=CODED_DIGIT_1_PAIR, file="paths-coded.png", caption=caption)
    yield _ends("Digit 1, pixels (1,14) and (1,17)", (yield from draw_paths(setup, scene, coded, settings)))


def _ends(title: str, paths: Sequence[DescentPath]) -> Listing:
    """Returns the cost at the end of every path, and whether momentum helped."""
    vanilla = {path.descent.lr: path.loss[-1] for path in paths if not path.descent.momentum}
    rows = []
    for path in paths:
        if path.descent.momentum:
            plain, end = vanilla[path.descent.lr], path.loss[-1]
            same = abs(end - plain) <= 1e-6 * abs(plain)
            rows.append(
                {
                    "lr": f"{path.descent.lr:g}",
                    "momentum": f"{path.descent.momentum:g}",
                    "vanilla ends at": f"{plain:.6g}",
                    "momentum ends at": f"{end:.6g}",
                    "so momentum": "changes nothing" if same else "helps" if end < plain else "does harm",
                }
            )
    return Listing(title=f"{title}: cost after {paths[0].descent.steps} steps", rows=tuple(rows))


def _contour_line(setup: Setup, names: Names) -> str:
    pair = "" if names == TRUE_PAIR else "".join(f" --weight {name}" for name in names)
    return f"mnf contour {setup.name('digits')}{pair}"


PART = Part(
    number=6,
    title="The cost over two weights",
    method="All weights but two are held at their values after 3,000 iterations on 400 images per digit, and the "
    "summed cost is drawn over the two, at 2000 x 2000 points. The values are interpolated from a few exact ones and "
    "checked at random points; descent paths move the two weights alone, so they lie on what is drawn.",
    corrections=(
        "The published code wrote 13 x 14 and 15 x 14 for the pixels (13,14) and (15,14): it drew (6,14) and (7,14).",
        "It drew the absolute difference from the trained cost, which folds the surface wherever the cost is lower.",
        "Its paths moved every weight, so they do not lie on the surface that is drawn below them.",
    ),
    roles=("digits",),
    steps=(
        Piece(name="Figure 14", seconds=22, quick=14, work=study_figure_14, tables=("Figure 14",)),
        Piece(name="Figure 14 as coded", seconds=3, quick=0.6, work=study_coded_pair),
        Piece(name="Figures 15 to 17", seconds=3, quick=1.2, work=study_paths),
        Piece(name="Figures 18 and 19", seconds=5, quick=1.8, work=study_digit_1, tables=("Figure 18",)),
    ),
)

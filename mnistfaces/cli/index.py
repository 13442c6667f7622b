"""The index of commands."""

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mnistfaces.cli import (
    clear_cache,
    compare,
    contour,
    env,
    evaluate,
    export,
    extract_features,
    fetch_digits,
    fetch_faces,
    fetch_fashion,
    fetch_kuzushiji,
    gradcheck,
    plan,
    predict,
    report,
    reproduce,
    runs,
    samples,
    schema,
    sweep,
    train,
    trajectory,
    visualize_weights,
)
from mnistfaces.cli._help import Command, take_as_typed

FIRST = ("reproduce", "fetch")
"""Where a newcomer begins."""


class Index(TyperGroup):
    """The commands in the order in which they are added, but for the first."""

    context_class = Command.context_class

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  Click's context, which Typer brings along
        """Reads a command line."""
        if ctx.resilient_parsing:
            take_as_typed(self.get_params(ctx))
        left: list[str] = super().parse_args(ctx, args)
        return left

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401  likewise
        """Returns the names in the order shown."""
        rank = {name: place for place, name in enumerate(FIRST)}
        return sorted(super().list_commands(ctx), key=lambda name: rank.get(name, len(FIRST)))


app = typer.Typer(
    name="mnf",
    cls=Index,
    invoke_without_command=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "default_map": {"help": False, "fetch": {"help": False}},  # else Typer imports pydantic to read "no help"
    },
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        print(f"mnf {metadata.version('mnistfaces')}")
        raise typer.Exit


@app.callback()
def mnf(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """\b
    $ mnf reproduce
    $ mnf train digits --plot curve.png

    Train, sweep, map and explain small classifiers of digits and faces.
    5,000 digits come along; `mnf fetch digits` gets all of MNIST, `mnf fetch faces --res 32` the faces.
    Results go to stdout, everything else to stderr.
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


def _add(group: typer.Typer, name: str, command: Callable[..., None]) -> None:
    """Adds a command; the index shows the first sentence below its two lines to copy."""
    text = " ".join((command.__doc__ or "").split("\n\n")[1].split())
    group.command(name, cls=Command, short_help=text.split(". ")[0].rstrip("."))(command)


fetch = typer.Typer(cls=Index, rich_markup_mode=None, invoke_without_command=True)
fetch.callback()(clear_cache.clear_cache)
_add(fetch, "digits", fetch_digits.digits)
_add(fetch, "fashion", fetch_fashion.fashion)
_add(fetch, "kuzushiji", fetch_kuzushiji.kuzushiji)
_add(fetch, "faces", fetch_faces.faces)
app.add_typer(fetch, name="fetch", short_help="Get data, and prove what they are")
_add(app, "samples", samples.samples)
_add(app, "gradcheck", gradcheck.gradcheck)
_add(app, "train", train.train)
_add(app, "sweep", sweep.sweep)
_add(app, "compare", compare.compare)
_add(app, "plan", plan.plan)
_add(app, "runs", runs.runs)
_add(app, "evaluate", evaluate.evaluate)
_add(app, "predict", predict.predict)
_add(app, "export", export.export)
_add(app, "report", report.report)
_add(app, "contour", contour.contour)
_add(app, "trajectory", trajectory.trajectory)
_add(app, "visualize-weights", visualize_weights.visualize_weights)
_add(app, "extract-features", extract_features.extract_features)
_add(app, "reproduce", reproduce.reproduce)
_add(app, "schema", schema.schema)
_add(app, "env", env.env)

"""What `mnf fetch faces` is asked for, as it is typed."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from mnistfaces.cli._lists import read_integers
from mnistfaces.cli._options import Tokens

if TYPE_CHECKING:
    from mnistfaces.fetching.faces.fetch import FacesRequest


OF_DRAWN = ("res", "color")
"""The options that `--synthetic` takes, too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacesOptions:
    """Which crops, of whom, from where, and how patiently."""

    res: Annotated[
        Tokens,
        typer.Option("--res", metavar="LIST", help="Pixels per side of crops, several side by side [default: 32]."),
    ] = None
    color: Annotated[
        bool | None,
        typer.Option("--color/--gray", help="Channels of the crops [default: gray up to 64 pixels]."),
    ] = None
    source: Annotated[
        Tokens,
        typer.Option(
            "--source",
            metavar="LIST",
            help="Asked in turn: live, wayback, a folder, a URL with {sha256}, {url} or {face_id} [default: live].",
        ),
    ] = None
    lists: Annotated[
        Tokens,
        typer.Option("--list", metavar="FILE_OR_URL", help="List of faces, may be repeated [default: public copies]."),
    ] = None
    actor: Annotated[
        Tokens, typer.Option("--actor", metavar="NAME", help="May be repeated [default: the report's six].")
    ] = None
    limit: Annotated[int | None, typer.Option("--limit", help="The largest number of rows per actor.")] = None
    retry: Annotated[
        Tokens, typer.Option("--retry", metavar="LIST", help="Ask again what ended so: all, or dns,timeout,…")
    ] = None
    jobs: Annotated[int, typer.Option("--jobs", help="Hosts asked at once.")] = 64
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds of silence that are waited out.")] = 5.0
    archive_url: Annotated[str, typer.Option("--archive-url", help="Base of the archive.")] = (
        "https://web.archive.org/web/"
    )
    archive_interval: Annotated[
        float, typer.Option("--archive-interval", help="Seconds between two requests to the archive.")
    ] = 1.0
    min_per_actor: Annotated[int, typer.Option("--min-per-actor", help="Fewer faces of an actor: exit 3.")] = 0
    keep_originals: Annotated[
        bool, typer.Option("--keep-originals/--no-keep-originals", help="For other resolutions later.")
    ] = True
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Connect to addresses that are not public, too.")
    ] = False

    def refuse_with_synthetic(self) -> None:
        """Refuses what faces that are drawn have no use for.

        Raises:
            typer.BadParameter: names the first such option that was given.
        """
        for field in dataclasses.fields(self):
            if field.name not in OF_DRAWN and getattr(self, field.name) != field.default:
                option = f"--{'list' if field.name == 'lists' else field.name.replace('_', '-')}"
                raise typer.BadParameter("counts only without --synthetic: those faces are drawn", param_hint=option)

    def request(self, *, dry_run: bool) -> "FacesRequest":
        """Returns what is asked for.

        Raises:
            typer.BadParameter: names the first bad token of a list.
            UsageError: a value cannot be meant.
        """
        from mnistfaces.datasets.variants import variant_of
        from mnistfaces.fetching.faces.fetch import FacesRequest

        return FacesRequest(
            lists=self.lists or (),
            actors=self.actor or (),
            limit=self.limit,
            sources=self.source or ("live",),
            archive_url=self.archive_url,
            archive_interval_s=self.archive_interval,
            retry=self.retry or (),
            variants=tuple(variant_of(res, self.color) for res in read_integers(self.res or ["32"], "--res")),
            jobs=self.jobs,
            timeout_s=self.timeout,
            keep_originals=self.keep_originals,
            allow_private=self.allow_private,
            min_per_actor=self.min_per_actor,
            dry_run=dry_run,
        )

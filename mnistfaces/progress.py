"""What long work tells on its way, stage by stage; its result comes last, a record of its own kind."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of the work begins: what it is, and how much there is to do (rows, images, or bytes)."""

    name: str
    total: int


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """So much more of the stage is done.

    Attributes:
        amount: of the stage's total.
        kept: how much of it came to something; None in a stage in which nothing is lost.
        size: bytes that came with it.
    """

    amount: int
    kept: int | None = None
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something that the person should know; a `detail` only who asks for more with `--verbose`."""

    message: str
    detail: bool = False


Event = Stage | Advanced | Note

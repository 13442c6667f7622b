"""What came of one seed, and of many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one seed.

    Attributes:
        name: of the scenario.
        seed: that gives the same again.
        step: that was disturbed.
        happened: the faults that did.
        wrong: what must not be.
        story: what was run, and how it ended.
    """

    name: str
    seed: int
    step: int
    happened: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.name}, step {self.step + 1}: replay with --only '{self.name}' --seed {self.seed}", *self.story]
        return "\n  ".join([*lines, *(f"WRONG: {one}" for one in self.wrong)])


def tally(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Returns how often each effect happened at each kind of call."""
    found: Counter[str] = Counter()
    for verdict in verdicts:
        for one in verdict.happened:
            effect, at, rest = one.partition(" at ")
            found[f"{rest.split()[0]} {effect}" if at else one] += 1
    return found

"""Scenarios in one nursery: what each step comes to when nothing disturbs it, and how its processes are run."""

import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simulator.nursery import Ended, Nursery, Run
from simulator.remains import rows_of, state_of
from simulator.scenarios import SCENARIOS, Scenario


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a step comes to when nothing disturbs it.

    Attributes:
        codes: exit codes of its processes.
        rows: that they print.
        counts: of their calls.
        state: of the folder afterwards.
        before: a copy of the folder as it is before the step.
        after: a copy of it after the step.
    """

    codes: list[int | None]
    rows: list[list[Any]]
    counts: list[dict[str, int]]
    state: dict[str, str]
    before: Path
    after: Path


class Campaign:
    """Scenarios in one nursery.

    Attributes:
        nursery: where they run.
        planted: bugs that the program has.
        effects: of faults that may happen; None allows all.
        kinds: of calls that may fail where effects are given; none allows all.
    """

    def __init__(
        self,
        nursery: Nursery,
        planted: Sequence[str] = (),
        effects: Container[str] | None = None,
        kinds: Sequence[str] = (),
    ) -> None:
        self.nursery, self.planted, self.effects, self.kinds = nursery, tuple(planted), effects, tuple(kinds)

    def reference(self, name: str, step: int) -> Reference:
        """Returns what a step comes to, found out once."""
        if (name, step) not in self.nursery.references:
            scenario = SCENARIOS[name]
            if step:
                self.return_to(self.reference(name, step - 1).after)
            else:
                _empty(self.nursery.root)
                scenario.prepare(self.nursery.root)
            scenario.steps[step].before(self.nursery.root)
            before, after = (self.nursery.folder / "saved" / name / f"{step} {when}" for when in ("before", "after"))
            shutil.copytree(self.nursery.root, before)
            sound = Campaign(self.nursery)
            ended = sound.run(scenario, [Run(words=words) for words in scenario.steps[step].processes])
            settled = sound.settle(scenario, step)
            wrong = [one for each in (*ended, *settled) for one in (*each.wrong, *each.crashes())]
            if wrong or any(each.code not in (0, 3) for each in ended):
                raise AssertionError(f"{name}, step {step + 1}, undisturbed: {wrong} {ended}")
            shutil.copytree(self.nursery.root, after)
            self.nursery.references[name, step] = Reference(
                codes=[each.code for each in ended],
                rows=[rows_of(each.stdout, scenario.apart) for each in ended],
                counts=[each.counts for each in ended],
                state=state_of(self.nursery.root, scenario.apart),
                before=before,
                after=after,
            )
        return self.nursery.references[name, step]

    def settle(self, scenario: Scenario, step: int, *, locks: bool = True) -> list[Ended]:
        """Runs what comes after a step."""
        words = scenario.steps[step].settle
        return self.run(scenario, [Run(words=words, locks=locks)]) if words else []

    def run(self, scenario: Scenario, runs: Sequence[Run], turns: int = 0) -> list[Ended]:
        """Runs processes at the same time."""
        same = {"pace": scenario.pace, "web": scenario.web, "planted": self.planted}
        return self.nursery.run(*(replace(run, **same) for run in runs), turns=turns)

    def return_to(self, saved: Path) -> None:
        """Makes the folder what it was once."""
        _empty(self.nursery.root)
        shutil.copytree(saved, self.nursery.root, dirs_exist_ok=True)
        for file in self.nursery.shadow.iterdir():
            file.unlink()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()

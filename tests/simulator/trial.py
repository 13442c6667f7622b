"""One scenario under one seed: disturbed, then run again until it is done, then held against an undisturbed one."""

import random
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.campaign import Campaign, Reference
from simulator.clock import CORES
from simulator.faults import EFFECTS, NETWORK, WORKERS, draw_faults
from simulator.inside import AT_ONCE
from simulator.misled import is_misled, odd_fates
from simulator.nursery import Ended, Nursery, Run
from simulator.planted import Bug
from simulator.remains import differences, done_twice, rows_of, state_of, unproven
from simulator.scenarios import SCENARIOS, TELL_CHANGES, Scenario, Words
from simulator.verdict import Verdict
from simulator.world import KILLED

KINDS = tuple(kind for kind in EFFECTS if kind not in NETWORK)
FEW = 0.65
"""How often, where there are a network or workers, they and nothing else fail."""

CONTRACT = {0, 1, 3, 130, 143}
"""Exit codes that a disturbed command may have; 2 is for what a person typed."""

STDOUT_CLOSED = 141
STOPPED = {"SIGINT": 130, "SIGTERM": 143}


def judge(campaign: Campaign, name: str, seed: int) -> Verdict:
    """Disturbs one step of a scenario as a seed draws it."""
    scenario, rng = SCENARIOS[name], random.Random(f"{name} {seed}")  # noqa: S311  faults, not secrets
    step = rng.randrange(len(scenario.steps))
    trial = _Trial(campaign, name, seed, step, rng)
    trial.run(scenario, campaign.reference(name, step))
    return trial.verdict


def finds(nursery: Nursery, bug: Bug) -> bool:
    """Returns whether a bug makes a seed go wrong under which nothing is wrong without it."""
    sound, planted = (Campaign(nursery, plants, bug.effects, bug.kinds) for plants in ((), (bug.name,)))
    return not judge(sound, bug.scenario, bug.seed).wrong and bool(judge(planted, bug.scenario, bug.seed).wrong)


class _Trial:
    """One seed."""

    def __init__(self, campaign: Campaign, name: str, seed: int, step: int, rng: random.Random) -> None:
        self._campaign, self._rng = campaign, rng
        self.verdict = Verdict(name=name, seed=seed, step=step)
        self._units, self._spare, self._misled = 0, 0, False

    def run(self, scenario: Scenario, right: Reference) -> None:
        verdict, rng = self.verdict, self._rng
        self._campaign.return_to(right.before)
        locks = rng.random() < 0.9
        words = scenario.steps[verdict.step].processes
        for _ in range(rng.choice((1, 1, 2, 3))):
            runs = [
                Run(words=line, faults=tuple(self._faults(right, place)), seed=rng.getrandbits(32), locks=locks)
                for place, line in enumerate(words)
            ]
            self._once(scenario, runs, right, final=False)
            if verdict.wrong:
                return
        lost = any("power" in one or "crashed" in one for one in verdict.happened)
        again = self._finally(scenario, words, right, locks=locks, lost=lost)
        if again:
            self._check_end(scenario, words, right, locks=locks, lost=lost)

    def _faults(self, right: Reference, place: int) -> list[Any]:
        if place and self._rng.random() < 0.7:
            return []
        there = right.counts[place]
        effects = self._campaign.effects
        kinds = (self._campaign.kinds or tuple(EFFECTS)) if effects is not None else KINDS
        for few in (NETWORK, WORKERS):
            if effects is None and any(map(there.get, few)) and self._rng.random() < FEW:
                kinds = few
        return draw_faults(self._rng, there, kinds, effects)

    def _rows(self, ended: Ended) -> list[Any]:
        return rows_of(ended.stdout, SCENARIOS[self.verdict.name].apart)

    def _differ(self, ended: Ended, rows: Sequence[Any]) -> bool:
        words = SCENARIOS[self.verdict.name].steps[self.verdict.step].processes[0]
        told = any(option in words for option in TELL_CHANGES) or "could not be read this time" in ended.stderr
        return not told and self._rows(ended) != rows

    def _once(self, scenario: Scenario, runs: Sequence[Run], right: Reference, *, final: bool) -> list[Ended]:
        before = self._campaign.nursery.folder / "before"
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(self._campaign.nursery.root, before)
        ended = self._campaign.run(scenario, runs, turns=self._rng.getrandbits(32))
        disturbed = any(each.happened for each in ended)
        self._last = ended
        for place, each in enumerate(ended):
            self.verdict.happened.extend(each.happened)
            self._units += _units_in(each.counts)
            if each.code != right.codes[place]:
                self._spare += len(runs) * _jobs(runs[place].words)
            self._spare += 2 * sum(one.startswith("dies") for one in each.happened)
            self._tell(runs[place].words, each)
            self._check_ended(each, right, place, disturbed=disturbed, final=final)
        if not any("power" in one or "crashed" in one for one in self.verdict.happened):
            self._wrong(done_twice(before, self._campaign.nursery.root, right.after))
        return ended

    def _tell(self, words: Words, ended: Ended) -> None:
        last = ended.stderr.strip().splitlines()[-1:] or [""]
        told = ", ".join(ended.happened) or "nothing"
        self.verdict.story.append(f"mnf {' '.join(words)}: {told}; exit {ended.code}: {last[0][:300]}")

    def _wrong(self, found: Sequence[str]) -> None:
        self.verdict.wrong.extend(found)

    def _check_ended(self, ended: Ended, right: Reference, place: int, *, disturbed: bool, final: bool) -> None:
        self._wrong(ended.wrong)
        self._wrong(ended.crashes())
        killed = any(" kill" in f" {one}" or "torn" in one or "power" in one for one in ended.happened)
        allowed = CONTRACT | ({KILLED} if killed or "crashed" in str(ended.happened) else set())
        if any(one.startswith("closed at std") for one in ended.happened):
            allowed = allowed | {STDOUT_CLOSED}
        if ended.code not in allowed:
            self._wrong([f"exit code {ended.code}"])
        befell = {one.split()[0] for one in ended.happened if one != AT_ONCE}
        if len(befell) == 1 and (code := STOPPED.get(*befell)) is not None and ended.code != code:
            self._wrong([f"exit code {ended.code} of what {befell} stopped"])
        complaints = [line for line in ended.stderr.splitlines() if line.startswith("mnf: ")]
        cut = AT_ONCE in ended.happened or " at stderr " in str(ended.happened)  # so is what it says
        if ended.code in (1, 130, 143) and len(complaints) != 1 and not cut:
            self._wrong([f"{len(complaints)} lines of complaint: {ended.stderr[-500:]!r}"])
        self._misled = self._misled or is_misled(ended)
        if self._misled and not final:
            if ended.code in (0, 3):
                self._wrong(odd_fates(ended, self._rows(ended), self._campaign.nursery.root))
        elif ended.code in (0, 3) and (ended.code != right.codes[place] or self._differ(ended, right.rows[place])):
            self._wrong([f"exit code {ended.code} with other rows: {ended.stdout[:1000]} {ended.stderr[-500:]}"])
        if not disturbed and final and ended.code != right.codes[place]:
            self._wrong([f"exit code {ended.code} though nothing was disturbed: {ended.stderr[-700:]}"])

    def _finally(
        self, scenario: Scenario, words: Sequence[Words], right: Reference, *, locks: bool, lost: bool
    ) -> bool:
        """Runs the same commands until they are done; with --force where the program says so after a crash."""
        more: Words = ()
        for attempt in range(3):
            again = (*scenario.again, *more)
            runs = [Run(words=(*line, *again), locks=locks, seed=attempt) for line in words]
            last = attempt == 2 or not lost
            ended = self._once(scenario, runs, right, final=last)
            if self.verdict.wrong:
                return False
            if all(each.code == code for each, code in zip(ended, right.codes, strict=True)):
                return True
            if any("--force" in each.stderr for each in ended):
                more = ("--force",)
        self._wrong(["it is never done"])
        return False

    def _check_end(
        self, scenario: Scenario, words: Sequence[Words], right: Reference, *, locks: bool, lost: bool
    ) -> None:
        root = self._campaign.nursery.root
        for ended in self._campaign.settle(scenario, self.verdict.step, locks=locks):
            if ended.code or ended.crashes():
                self._wrong([f"exit code {ended.code} of what comes after: {ended.stderr[-500:]}"])
        self._wrong(differences(right.state, state_of(root, scenario.apart), aside=lost or self._misled))
        self._wrong(unproven(root))
        whole = sum(map(_units_in, right.counts))
        if not lost and "--force" not in str(words) and self._units > whole + self._spare:
            self._wrong([f"{self._units} units were done where {whole} are enough, and {self._spare} may be lost"])


def _units_in(counts: Mapping[str, int]) -> int:
    """Returns how many units were done, here and on workers."""
    return counts.get("unit", 0) + counts.get("worker", 0)


def _jobs(words: Words) -> int:
    """Returns how many units a command has in hand at a time."""
    if "--jobs" in words:
        return int(words[words.index("--jobs") + 1])
    return CORES if "--engine" in words or words[0] == "extract-features" else 1

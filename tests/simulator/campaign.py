"""One scenario under one seed: disturbed, then run again until it is done, then held against an undisturbed one."""

import random
import shutil
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from simulator.faults import EFFECTS, NETWORK, draw_faults
from simulator.nursery import Ended, Nursery, Run
from simulator.remains import differences, done_twice, requests_of, rows_of, state_of, unproven
from simulator.scenarios import SCENARIOS, Scenario, Words
from simulator.world import KILLED

KINDS = tuple(kind for kind in EFFECTS if kind not in NETWORK)
CONTRACT = {0, 1, 3, 130, 143}
"""Exit codes that a disturbed command may have; 2 is for what a person typed."""


LISTED = {"https://host4.example/moved/3.jpg": "http://host3.example/3.jpg"}
"""What the list calls an address that another one leads to."""

AGAIN = ("ok", "http_error", "html")
"""What an address gives when it is asked again."""

STATES_AFTER: dict[str, tuple[str, ...]] = {
    "garbage": ("bad_response",),
    "page": ("html",),
    "other": ("other_image",),
    "empty": ("empty",),
    "endless": ("too_large",),
    "bomb": ("too_large",),
    "404": ("http_error",),
    "opted out": ("opted_out",),
    "loop": ("redirects",),
    "private": ("private_address",),
    "reset": ("reset", *AGAIN),
    "short": ("truncated", "bad_response", "empty", *AGAIN),
    "silence": ("timeout", *AGAIN),
    "slow": ("timeout", "http_error", *AGAIN),
    "503": AGAIN,
    "429": AGAIN,
}
"""The states that an address may be in after a host did this once."""


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


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one seed.

    Attributes:
        name: of the scenario.
        seed: that gives the same again.
        step: that was disturbed.
        happened: the faults that did.
        wrong: what must not be.
        runs: processes that ran.
        story: what was run, and how it ended.
    """

    name: str
    seed: int
    step: int
    happened: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    runs: int = 0
    story: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{self.name}, step {self.step + 1}: replay with --only '{self.name}' --seed {self.seed}", *self.story]
        return "\n  ".join([*lines, *(f"WRONG: {one}" for one in self.wrong)])


class Campaign:
    """Scenarios in one nursery.

    Attributes:
        nursery: where they run.
        planted: bugs that the program has.
        effects: of faults that may happen; None allows all.
    """

    def __init__(self, nursery: Nursery, planted: Sequence[str] = (), effects: Container[str] | None = None) -> None:
        self.nursery, self.planted, self.effects = nursery, tuple(planted), effects

    def judge(self, name: str, seed: int) -> Verdict:
        """Disturbs one step of a scenario as a seed draws it."""
        scenario, rng = SCENARIOS[name], random.Random(f"{name} {seed}")  # noqa: S311  faults, not secrets
        step = rng.randrange(len(scenario.steps))
        verdict = _Trial(self, name, seed, step, rng)
        verdict.run(scenario, self.reference(name, step))
        return verdict.verdict

    def reference(self, name: str, step: int) -> Reference:
        """Returns what a step comes to, found out once."""
        if (name, step) not in self.nursery.references:
            scenario = SCENARIOS[name]
            if step:
                self.return_to(self.reference(name, step - 1).after)
            else:
                _empty(self.nursery.root)
                scenario.prepare(self.nursery.root)
            before, after = (self.nursery.folder / "saved" / name / f"{step} {when}" for when in ("before", "after"))
            shutil.copytree(self.nursery.root, before)
            sound = Campaign(self.nursery)
            ended = sound.run(scenario, [Run(words=words) for words in scenario.steps[step].processes])
            settled = sound.settle(scenario, step)
            wrong = [one for each in (*ended, *settled) for one in (*each.wrong, *_traceback(each))]
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


class _Trial:
    """One seed."""

    def __init__(self, campaign: Campaign, name: str, seed: int, step: int, rng: random.Random) -> None:
        self._campaign, self._rng = campaign, rng
        self.verdict = Verdict(name=name, seed=seed, step=step)
        self._units, self._unfinished, self._misled = 0, 0, False

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
        network = there.get("resolve") and self._rng.random() < 0.5
        effects = self._campaign.effects
        kinds = tuple(EFFECTS) if effects is not None else NETWORK if network else KINDS
        return draw_faults(self._rng, there, kinds, effects)

    def _rows(self, ended: Ended) -> list[Any]:
        return rows_of(ended.stdout, SCENARIOS[self.verdict.name].apart)

    def _once(self, scenario: Scenario, runs: Sequence[Run], right: Reference, *, final: bool) -> list[Ended]:
        before = self._campaign.nursery.folder / "before"
        shutil.rmtree(before, ignore_errors=True)
        shutil.copytree(self._campaign.nursery.root, before)
        ended = self._campaign.run(scenario, runs, turns=self._rng.getrandbits(32))
        disturbed = any(each.happened for each in ended)
        self._last = ended
        for place, each in enumerate(ended):
            self.verdict.happened.extend(each.happened)
            self._units += each.counts.get("unit", 0)
            self._unfinished += each.code != right.codes[place]
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
        self._wrong(_traceback(ended))
        killed = any(" kill" in f" {one}" or "torn" in one or "power" in one for one in ended.happened)
        allowed = CONTRACT | ({KILLED} if killed or "crashed" in str(ended.happened) else set())
        if ended.code not in allowed:
            self._wrong([f"exit code {ended.code}"])
        complaints = [line for line in ended.stderr.splitlines() if line.startswith("mnf: ")]
        if ended.code in (1, 130, 143) and len(complaints) != 1:
            self._wrong([f"{len(complaints)} lines of complaint: {ended.stderr[-500:]!r}"])
        self._misled = self._misled or _network(ended)
        if self._misled and not final:
            self._check_fetched(ended)
        elif ended.code in (0, 3) and (ended.code != right.codes[place] or self._rows(ended) != right.rows[place]):
            self._wrong([f"exit code {ended.code} with other rows: {ended.stdout[:1000]} {ended.stderr[-500:]}"])
        if not disturbed and final and ended.code != right.codes[place]:
            self._wrong([f"exit code {ended.code} though nothing was disturbed: {ended.stderr[-700:]}"])

    def _check_fetched(self, ended: Ended) -> None:
        """Checks what a web that misbehaved led to: every row in one state, and in the one that it should be in."""
        if ended.code not in (0, 3):
            return
        for row in self._rows(ended):
            states = [value for name, value in row.items() if isinstance(value, int) and name not in ("listed", "kept")]
            if "listed" in row and sum(states) != row["listed"]:
                self._wrong([f"the states do not add up: {row}"])
        found = requests_of(self._campaign.nursery.root)
        asked = Counter(one.rpartition(" (")[2].rstrip(")") for one in ended.happened if " at get " in one)
        for one in ended.happened:
            effect, url = one.partition(" at ")[0], one.rpartition(" (")[2].rstrip(")")
            url = LISTED.get(url, url)
            if asked[url] == 1 and effect in STATES_AFTER and found.get(url, "") not in (*STATES_AFTER[effect], ""):
                self._wrong([f"{url} is {found[url]!r} after {one}"])

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
            if ended.code or _traceback(ended):
                self._wrong([f"exit code {ended.code} of what comes after: {ended.stderr[-500:]}"])
        self._wrong(differences(right.state, state_of(root, scenario.apart), aside=lost))
        self._wrong(unproven(root))
        whole = sum(counts.get("unit", 0) for counts in right.counts)
        if not lost and "--force" not in str(words) and self._units > whole + self._unfinished * len(words):
            self._wrong([f"{self._units} units were done where {whole} are enough, {self._unfinished} runs unfinished"])


def _network(*ended: Ended) -> bool:
    """Returns whether the network misbehaved."""
    return any(f" at {kind} " in one for each in ended for one in each.happened for kind in NETWORK)


def _traceback(ended: Ended) -> list[str]:
    if ended.code is None:
        return ["it hangs"]
    return [f"a traceback: {ended.stderr[-1500:]}"] if "Traceback (most recent" in ended.stderr else []


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def tally(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Returns how often each effect happened at each kind of call."""
    found: Counter[str] = Counter()
    for verdict in verdicts:
        for one in verdict.happened:
            effect, at, rest = one.partition(" at ")
            found[f"{rest.split()[0]} {effect}" if at else one] += 1
    return found

"""The long tier: new seeds until the time is over, or one seed again; or the bugs that are known."""

import argparse
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from simulator.campaign import Campaign
from simulator.nursery import Nursery
from simulator.planted import BUGS
from simulator.scenarios import SCENARIOS
from simulator.trial import finds, judge
from simulator.verdict import Verdict, tally


def main() -> int:
    """Returns how many seeds found something wrong, or how many known bugs were not found; 100 at most."""
    asked = _read()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="mnf-simulator-") as folder, Nursery(Path(folder)) as nursery:
        if asked.plants:
            return _show_plants(nursery)
        first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**9)
        print(f"seeds from {first}", flush=True)
        verdicts: list[Verdict] = []
        try:
            _go(asked, Campaign(nursery, asked.plant, asked.effect), first, verdicts)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        _sum_up(verdicts)
        return min(sum(bool(verdict.wrong) for verdict in verdicts), 100)


def _read() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--minutes", type=float, help="how long to go on with new seeds; without, one seed [1 minute]")
    parser.add_argument("--seed", type=int, help="the only one, or the first with --minutes")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="scenarios; may be repeated")
    parser.add_argument("--plant", action="append", default=[], choices=BUGS, help="known bugs; may be repeated")
    parser.add_argument("--effect", action="append", help="of faults that may happen; may be repeated")
    parser.add_argument("--all", action="store_true", help="go on after the first thing that is wrong")
    parser.add_argument("--plants", action="store_true", help="plant each known bug, and tell which are found")
    return parser.parse_args()


def _go(asked: argparse.Namespace, campaign: Campaign, seed: int, verdicts: list[Verdict]) -> None:
    """Judges scenario after scenario, seed after seed, and prints what is wrong."""
    single = asked.seed is not None and asked.minutes is None
    end = time.monotonic() + 60 * (asked.minutes or 1.0)
    while True:
        for name in asked.only or SCENARIOS:
            verdict = judge(campaign, name, seed)
            verdicts.append(verdict)
            if verdict.wrong or single:
                print(verdict, flush=True)
            if single:
                continue
            if time.monotonic() > end or (verdict.wrong and not asked.all):
                return
        if single:
            return
        seed += 1


def _sum_up(verdicts: Sequence[Verdict]) -> None:
    counts = tally(verdicts)
    kinds: Counter[str] = Counter()
    for name, count in counts.items():
        kinds[name.split()[0]] += count
    bad = sum(bool(verdict.wrong) for verdict in verdicts)
    last = f" up to seed {verdicts[-1].seed}" if verdicts else ""
    print(f"{len(verdicts)} scenarios{last}, {sum(counts.values())} faults, {bad} went wrong")
    each = Counter(verdict.name for verdict in verdicts)
    print("by scenario:", ", ".join(f"{name} {count}" for name, count in each.items()))
    print("by kind:", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    print("by effect:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())), flush=True)


def _show_plants(nursery: Nursery) -> int:
    """Prints a line for each known bug; returns how many were not found."""
    lost = 0
    for name, bug in BUGS.items():
        found = finds(nursery, bug)
        lost += not found
        what = " or ".join(bug.effects) or "no fault at all"
        print(f"{'found    ' if found else 'NOT FOUND'}  {name} ({bug.scenario}, seed {bug.seed}: {what})", flush=True)
    print(f"{len(BUGS) - lost} of {len(BUGS)} known bugs were found")
    return lost


if __name__ == "__main__":
    sys.exit(main())

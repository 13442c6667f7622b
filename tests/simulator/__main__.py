"""The long tier: new seeds until the time is over, or one seed again."""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from simulator.campaign import Campaign
from simulator.nursery import Nursery
from simulator.scenarios import SCENARIOS
from simulator.trial import judge
from simulator.verdict import Verdict, tally


def main() -> int:
    """Returns how many seeds found something wrong, 100 at most."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, help="the only one, or the first with --minutes")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="scenarios; may be repeated")
    parser.add_argument("--plant", action="append", default=[], help="known bugs; may be repeated")
    parser.add_argument("--effect", action="append", help="of faults that may happen; may be repeated")
    parser.add_argument("--all", action="store_true", help="go on after the first thing that is wrong")
    asked = parser.parse_args()
    first = asked.seed if asked.seed is not None else random.SystemRandom().randrange(10**9)
    single = asked.seed is not None and "--minutes" not in " ".join(sys.argv)
    print(f"seeds from {first}", flush=True)
    end, bad = time.monotonic() + 60 * asked.minutes, 0
    verdicts: list[Verdict] = []
    names = asked.only or list(SCENARIOS)
    with tempfile.TemporaryDirectory(prefix="mnf-simulator-") as folder, Nursery(Path(folder)) as nursery:
        campaign = Campaign(nursery, asked.plant, asked.effect)
        seed = first
        while True:
            for name in names:
                verdict = judge(campaign, name, seed)
                verdicts.append(verdict)
                if verdict.wrong:
                    bad += 1
                if verdict.wrong or single:
                    print(verdict, flush=True)
            seed += 1
            if single or time.monotonic() > end or (bad and not asked.all):
                break
    _sum_up(verdicts, seed, bad)
    return min(bad, 100)


def _sum_up(verdicts: list[Verdict], seed: int, bad: int) -> None:
    counts = tally(verdicts)
    kinds: Counter[str] = Counter()
    for name, count in counts.items():
        kinds[name.split()[0]] += count
    print(f"{len(verdicts)} scenarios up to seed {seed - 1}, {sum(counts.values())} faults, {bad} went wrong")
    print("by kind:", ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    print("by effect:", ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())

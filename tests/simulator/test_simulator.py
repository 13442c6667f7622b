"""The fast tier: fixed seeds over every scenario; and the simulator itself, which finds bugs that are known."""

from collections.abc import Iterator

import pytest

from simulator.campaign import Campaign
from simulator.nursery import Nursery, Run
from simulator.planted import BUGS
from simulator.scenarios import SCENARIOS
from simulator.trial import finds, judge


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("simulator")) as made:
        yield made


SEEDS = {
    **dict.fromkeys(("sweep", "moved faces"), 0),
    **dict.fromkeys(("train", "fetch faces", "damaged faces", "lost faces", "runs"), 1),
    **dict.fromkeys(("two sweeps", "contour", "fetch digits", "weights", "jobs"), 2),
    **dict.fromkeys(("two contours", "extract-features", "reproduce"), 3),
    **dict.fromkeys(("damaged sweep", "shards", "results"), 4),
}
"""A seed under which something happens, and which takes little time; scenarios without one have the long tier."""


@pytest.mark.parametrize("name", SEEDS)
def test_what_is_disturbed_comes_to_what_is_not(nursery: Nursery, name: str) -> None:
    verdict = judge(Campaign(nursery), name, SEEDS[name])
    assert verdict.happened
    assert not verdict.wrong, str(verdict)


def test_the_same_seed_makes_the_same_calls_fail(nursery: Nursery) -> None:
    campaign = Campaign(nursery)
    first, second = (judge(campaign, "two sweeps", SEEDS["two sweeps"]) for _ in range(2))
    assert first.happened
    assert first.happened == second.happened
    assert [line.partition("exit")[0] for line in first.story] == [line.partition("exit")[0] for line in second.story]


def test_every_file_that_the_program_opens_is_seen(nursery: Nursery) -> None:
    """What the log says was created is what lies there, and nothing else does."""
    campaign = Campaign(nursery)
    campaign.return_to(campaign.reference("results", 0).before)
    (ended,) = nursery.run(Run(words=SCENARIOS["results"].steps[0].processes[0], trace=True))
    named = {line.partition(" ")[2] for line in ended.log if line.startswith(("rename ", "create "))}
    there = {path.relative_to(nursery.root).as_posix() for path in nursery.root.rglob("*") if path.is_file()}
    assert there
    assert there <= named


FOUND_SOON = (
    "the hash is ignored",
    "no cap on what gzip becomes",
    "time spent is not subtracted",
    "each redirect of a stream starts the deadline again",
    "private addresses are allowed",
    "the recipe of crops is ignored",
    "a rebuild drops faces",
    "no lease",
    "a ledger that does not look at what the disk took",
    "a worker's death loses its task",
    "litter stays",
)
"""Those of the known bugs that take the simulator little time; `python -m simulator --plants` plants all."""


@pytest.mark.parametrize("name", FOUND_SOON)
def test_a_bug_that_is_known_is_found(nursery: Nursery, name: str) -> None:
    assert finds(nursery, BUGS[name])

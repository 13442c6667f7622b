"""The fast tier: fixed seeds over every scenario; and the simulator itself, which finds bugs that are known."""

from collections.abc import Iterator

import pytest

from simulator.campaign import Campaign
from simulator.nursery import Nursery
from simulator.scenarios import SCENARIOS

SEEDS = range(2)


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("simulator")) as made:
        yield made


@pytest.fixture(scope="module")
def campaign(nursery: Nursery) -> Campaign:
    return Campaign(nursery)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_what_is_disturbed_comes_to_what_is_not(campaign: Campaign, name: str, seed: int) -> None:
    verdict = campaign.judge(name, seed)
    assert not verdict.wrong, str(verdict)

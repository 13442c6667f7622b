"""What a learning curve tells."""

from mnistfaces.experiments.history import lowest_val_loss


def test_the_lowest_validation_cost_is_found_at_its_first_epoch() -> None:
    def lowest(*losses: float | None) -> int | None:
        return lowest_val_loss({"epoch": [10.0 * number for number in range(len(losses))], "val_loss": losses})

    assert lowest(3, 2, 1, 1.5, 0.9, 9) == 40  # where it first rises is noise
    assert lowest(3, 2, 2, 2.5) == 10
    assert lowest(None, None) is None
    assert lowest(3, None, 4, 2) == 30

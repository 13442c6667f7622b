"""What a learning curve tells, read without what trained it."""

from collections.abc import Mapping, Sequence


def lowest_val_loss(history: Mapping[str, Sequence[float | None]]) -> int | None:
    """Returns the first epoch at which the validation cost is lowest; None where nothing was validated."""
    known = [
        (loss, int(epoch or 0))
        for epoch, loss in zip(history["epoch"], history["val_loss"], strict=True)
        if loss is not None
    ]
    return min(known)[1] if known else None

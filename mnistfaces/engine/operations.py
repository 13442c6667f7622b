"""Operations on tensors that are laid out once and done many times.

A step of small models is a dozen operations of a few microseconds, and the views of tensors that they work on take
Python as long to make. After a product that went through megabytes of images the processor has neither the code of the
one nor of the other in its caches: what takes 4 us takes 20 to 40 then. So whatever is the same in every step, which
is all but the numbers, is bound once.
"""

from collections.abc import Callable, Sequence

Operation = Callable[[], object]
"""Work on the same memory every time."""


def run(operations: Sequence[Operation]) -> None:
    """Does operations one after the other."""
    for operation in operations:
        operation()

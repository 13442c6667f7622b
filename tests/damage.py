"""Damage to text files, by a random generator that the test seeds."""

import random

NONSENSE_BYTES = (b"\0", b"[" * 2000, b"9" * 400, b"null", b"\n", b"\xff", b"NaN", b"1e999", b'"\\ud800"', b"{}", b'""')


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Returns a text with a few bytes changed, cut out, doubled, or nonsense in the middle."""
    wrong = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        place, length = rng.randrange(len(wrong) + 1), rng.randint(1, 40)
        kind = rng.randrange(5)
        if kind == 0 and place < len(wrong):
            wrong[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del wrong[place : place + length]
        elif kind == 2:
            wrong[place:place] = wrong[place : place + length]
        elif kind == 3:
            wrong[place:place] = rng.choice(NONSENSE_BYTES)
        else:
            wrong[place : place + length] = rng.randbytes(length)
    return bytes(wrong)

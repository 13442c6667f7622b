"""Checksums inside JSON text: a record carries that of everything else it says, as its last field.

A ledger line is sealed over its bytes as they stand, for thousands are read at once; an object in a file of its own is
sealed over its values, so that it may be indented for people.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mnistfaces.files import hash_of

CHECK = "check"
DIGITS = 16
"""Hexadecimal digits of a checksum: 64 bits tell damage from what was written."""

_TAIL = len(f', "{CHECK}": "{"0" * DIGITS}"}}')


def seal_line(record: Mapping[str, object]) -> bytes:
    """Returns a record of at least one field as a line of JSON that ends with its checksum."""
    body = json.dumps(record, allow_nan=False, ensure_ascii=False).encode()
    return body[:-1] + _tail_of(body) + b"\n"


def is_sealed(line: bytes) -> bool:
    """Returns whether a line ends with the checksum of all that stands before it."""
    return line[-_TAIL:] == _tail_of(line[:-_TAIL] + b"}")


def _tail_of(body: bytes) -> bytes:
    digest = hashlib.blake2b(body, digest_size=DIGITS // 2).hexdigest()
    return f', "{CHECK}": "{digest}"}}'.encode()


def seal(record: Mapping[str, object]) -> dict[str, object]:
    """Returns an object with the checksum of its values."""
    return {**record, CHECK: hash_of(record)[:DIGITS]}


def is_whole(record: Mapping[str, Any]) -> bool:
    """Returns whether an object's checksum is that of its other values."""
    rest = {name: value for name, value in record.items() if name != CHECK}
    return CHECK in record and record[CHECK] == hash_of(rest)[:DIGITS]

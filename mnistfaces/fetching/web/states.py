"""The closed set of names for how a row of the list, or a request, can end, with a sentence for each."""

from collections.abc import Mapping
from typing import Literal

State = Literal[
    "ok",
    "dns",
    "timeout",
    "refused",
    "reset",
    "tls",
    "redirects",
    "bad_response",
    "http_error",
    "html",
    "empty",
    "truncated",
    "other_image",
    "not_image",
    "too_large",
    "bad_url",
    "private_address",
    "opted_out",
    "undecodable",
    "bad_box",
    "bad_row",
    "host_left",
    "not_tried",
]

MEANINGS: Mapping[State, str] = {
    "ok": "The photograph came with the listed SHA-256, and the face was cut out of it.",
    "dns": "The host's name has no address any more.",
    "timeout": "The host did not answer in time.",
    "refused": "The host answers at its address but refuses the connection.",
    "reset": "The host dropped the connection before it had answered.",
    "tls": "The host's certificate is not one to trust, or no encrypted connection came about.",
    "redirects": "The address leads on to others without an end.",
    "bad_response": "The answer is no HTTP, or its content is encoded in a way that cannot be undone.",
    "http_error": "The host answered that it does not give the photograph, for example 404 or 403.",
    "html": "A web page came in place of the photograph.",
    "empty": "The answer has no content.",
    "truncated": "The photograph ended before its last byte.",
    "other_image": "An image came whole, but it is not the listed one: its SHA-256 is another.",
    "not_image": "What came is neither an image nor a web page.",
    "too_large": "More bytes came than any photograph of the list has.",
    "bad_url": "The listed address cannot be asked for.",
    "private_address": "The host is at an address inside a private network, which is not asked.",
    "opted_out": "The host asks in its answer that its images are not used so.",
    "undecodable": "The photograph is the listed one but cannot be decoded.",
    "bad_box": "The listed box of the face does not lie in the photograph.",
    "bad_row": "The row of the list cannot be read.",
    "host_left": "The host failed so often that its other photographs were not asked for.",
    "not_tried": "Nobody was asked for the photograph yet.",
}
"""What each state means, for people."""

STATES: tuple[State, ...] = tuple(MEANINGS)

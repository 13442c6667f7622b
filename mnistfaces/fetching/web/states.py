"""The closed set of names for how a row of the list, or a request, can end."""

from typing import Literal, get_args

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

STATES: tuple[State, ...] = get_args(State)

import hashlib
from email.utils import formatdate
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rude_server import picture

from mnistfaces.fetching.faces.fetch import FacesRequest
from mnistfaces.fetching.faces.sources import WebSource
from mnistfaces.fetching.web.policy import (
    Host,
    Outcome,
    Rules,
    host_after,
    judge,
    read_seconds,
    retry_after,
    wait_before_retry,
)
from mnistfaces.fetching.web.states import MEANINGS, STATES, State

PNG, JPEG = picture(1), picture(1, form="JPEG")
OTHER = "0" * 64
RULES = Rules()


def state_of(body: bytes, sha256: str = OTHER, status: int = 200, **headers: str) -> str:
    return judge(status, {name.replace("_", "-"): value for name, value in headers.items()}, body, sha256).state


@pytest.mark.parametrize(
    ("body", "state"),
    [
        (b"", "empty"),
        (PNG, "other_image"),
        (JPEG, "other_image"),
        (JPEG + b"<x:xmpmeta>", "other_image"),
        (picture(2, form="GIF"), "other_image"),
        (picture(2, form="WEBP"), "other_image"),
        (picture(2, form="BMP"), "other_image"),
        (picture(2, form="TIFF"), "other_image"),
        (PNG[:-20], "truncated"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (picture(2, form="GIF")[:-5], "truncated"),
        (picture(2, form="WEBP")[:-9], "truncated"),
        (picture(2, form="BMP")[:-5], "truncated"),
        (b"\xef\xbb\xbf\n <!DOCTYPE HTML><p>parked", "html"),
        (b"<!-- x --><HTML><body>", "html"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "html"),
        (b"not found", "not_image"),
        (bytes(100), "not_image"),
    ],
)
def test_bytes_with_another_sha256_are_named_by_their_content(body: bytes, state: str) -> None:
    assert state_of(body, content_type="image/jpeg") == state


def test_only_the_listed_sha256_is_ok_whatever_the_server_calls_it() -> None:
    sha256 = hashlib.sha256(PNG).hexdigest()
    assert state_of(PNG, sha256, content_type="text/html") == "ok"
    assert state_of(PNG + b"\0", sha256) == "other_image"
    assert state_of(PNG, sha256, status=404) == "http_error"


@pytest.mark.parametrize(
    "directive", ["noai", "NoImageAI", "noindex", "nofollow, noimageindex", "googlebot: noindex", "a: b, noai"]
)
def test_a_site_that_opts_out_is_honoured_even_for_the_listed_bytes(directive: str) -> None:
    assert state_of(PNG, hashlib.sha256(PNG).hexdigest(), x_robots_tag=directive) == "opted_out"


@pytest.mark.parametrize("directive", ["", "all", "nofollow", "noarchive", "unavailable_after: 25 Jun 2010 15:00:00"])
def test_other_robots_directives_are_no_opt_out(directive: str) -> None:
    assert state_of(PNG, hashlib.sha256(PNG).hexdigest(), x_robots_tag=directive) == "ok"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("7", 7), (" 120 ", 120), ("9" * 30, 999_999_999_999), ("-1", None), ("soon", None), ("1.5", None)],
)
def test_retry_after_is_read_in_seconds(value: str, seconds: float | None) -> None:
    assert retry_after(value, now=1e9) == seconds


def test_retry_after_is_read_as_a_date_and_never_lies_in_the_past() -> None:
    assert retry_after(formatdate(1e9 + 60, usegmt=True), now=1e9) == 60
    assert retry_after(formatdate(1e9 - 60, usegmt=True), now=1e9) == 0


@given(st.text())
def test_no_retry_after_breaks_its_reader(value: str) -> None:
    seconds = retry_after(value, now=1e9)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("status", [404, 410, 400, 401, 403, 451, 501])
def test_what_is_gone_or_forbidden_is_never_asked_twice(status: int) -> None:
    assert wait_before_retry(Outcome(state="http_error", status=status), 1, RULES) is None


@pytest.mark.parametrize("state", ["timeout", "reset", "refused", "dns", "truncated"])
def test_what_may_pass_is_tried_twice_more_with_growing_waits(state: str) -> None:
    waits = [wait_before_retry(Outcome(state=state), tries, RULES) for tries in (1, 2, 3)]  # type: ignore[arg-type]
    assert waits == [1.0, 4.0, None]


def test_retry_after_lengthens_a_wait_up_to_two_minutes_and_beyond_ends_it() -> None:
    def wait(asked: float) -> float | None:
        return wait_before_retry(Outcome(state="http_error", status=503, retry_after_s=asked), 1, RULES)

    assert (wait(0), wait(30), wait(120), wait(121)) == (1, 30, 120, None)


FAILED, FINE = Outcome(state="timeout"), Outcome(state="http_error", status=404)


def after(host: Host, *outcomes: Outcome, untried: bool = True) -> Host:
    for outcome in outcomes:
        host = host_after(host, outcome, 100.0, RULES, untried=untried)
    return host


def test_a_host_is_left_after_three_failures_running_but_not_after_three_in_all() -> None:
    assert after(Host(), FAILED, FAILED, FINE, FAILED, FAILED).visits == 0
    left = after(Host(), FAILED, FAILED, FAILED)
    assert (left.visits, left.given_up, left.ready_at) == (1, False, 100 + RULES.return_s[0])
    assert after(left, FAILED, FAILED, FAILED).given_up


def test_silences_are_counted_and_no_other_failure() -> None:
    assert [after(Host(), Outcome(state=state)).silences for state in ("timeout", "reset", "dns", "tls")] == [
        1,
        0,
        0,
        0,
    ]


def test_a_left_host_is_not_visited_again_for_addresses_that_were_asked_already() -> None:
    assert after(Host(), FAILED, FAILED, FAILED, untried=False).given_up


def test_a_host_that_answered_before_gets_more_visits() -> None:
    twice = after(Host(answered=True), *[FAILED] * 6)
    assert not twice.given_up
    assert after(twice, *[FAILED] * 6).given_up


def test_a_host_that_asks_for_more_than_two_minutes_is_given_up() -> None:
    assert after(Host(), Outcome(state="http_error", status=429, retry_after_s=121)).given_up
    polite = after(Host(), Outcome(state="http_error", status=429, retry_after_s=120))
    assert (polite.given_up, polite.ready_at) == (False, 220)


def test_a_refused_connection_ends_an_archive_at_once() -> None:
    rules = Rules(refusal_ends=True)
    assert host_after(Host(), Outcome(state="refused"), 0, rules, untried=True).given_up
    assert not host_after(Host(), Outcome(state="timeout"), 0, rules, untried=True).given_up


def test_a_host_that_was_silent_is_waited_for_half_as_long_but_never_too_short() -> None:
    assert [read_seconds(Host(silences=count), RULES) for count in range(4)] == [5, 2.5, 1.25, 1]
    assert read_seconds(Host(), Rules(read_s=0.5)) == 0.5


def test_every_state_has_a_sentence_of_its_own() -> None:
    assert list(MEANINGS) == list(get_args(State)) == list(STATES)
    assert len(set(MEANINGS.values())) == len(MEANINGS)
    assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in MEANINGS.values())


def test_a_host_has_a_pause_after_every_request_and_the_archive_a_second() -> None:
    live, archive = FacesRequest(sources=("live,wayback",)).read_sources()
    assert isinstance(live, WebSource)
    assert isinstance(archive, WebSource)
    for rules, least in ((live.rules, 0.2), (archive.rules, 1.0)):
        for state in ("ok", "html", "timeout"):
            assert host_after(Host(), Outcome(state=state), 100, rules, untried=True).ready_at >= 100 + least

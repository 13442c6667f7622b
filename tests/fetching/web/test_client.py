import contextlib
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from requests import PreparedRequest
from rude_server import Behaviour, RudeServer, drip, endless, picture, reply, reset, send, silence
from urllib3.connectionpool import HTTPConnectionPool

from mnistfaces.fetching.web import pinned
from mnistfaces.fetching.web.client import USER_AGENT, Client, ClientConfig
from mnistfaces.fetching.web.failures import ProxyError, RequestFailed
from mnistfaces.fetching.web.pinned import Budget, Pin, PinnedAdapter
from mnistfaces.fetching.web.urls import host_of

KIB = 1 << 10
LIMIT = 64 * KIB
DEADLINE = 0.6


@pytest.fixture
def client() -> Client:
    return Client(ClientConfig(allow_private=True, connect_s=1, read_s=5))


def failure(client: Client, url: str, deadline_s: float = 5.0) -> RequestFailed:
    with pytest.raises(RequestFailed) as caught:
        client.get(url, limit_bytes=LIMIT, deadline_s=deadline_s)
    return caught.value


def test_a_whole_reply_comes_back_with_its_headers(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = send(reply(b"hello", X_Robots_Tag="noai"))
    got = client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)
    assert (got.status, got.body, got.headers["x-robots-tag"]) == (200, b"hello", "noai")
    assert USER_AGENT.encode() in server.heads[0]


@pytest.mark.timed
@pytest.mark.parametrize(
    "behaviour",
    [
        drip(b"", b"H"),
        drip(b"HTTP/1.1 200 OK\r\n", b"a"),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"e"),
        drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        silence(),
        silence(b"HTTP/1.1 200 OK\r\n"),
        silence(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"),
    ],
    ids=["status line", "header", "body", "chunk size", "100 continue", "all", "after status", "inside the body"],
)
def test_a_server_that_drips_or_is_silent_ends_at_the_deadline(
    server: RudeServer, client: Client, behaviour: Behaviour
) -> None:
    server.routes["/a"] = behaviour
    began = time.monotonic()
    assert failure(client, server.url("/a"), DEADLINE).state == "timeout"
    assert time.monotonic() - began < DEADLINE + 0.5


@pytest.mark.timed
def test_a_silent_server_ends_after_the_silence_that_was_allowed(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = silence()
    began = time.monotonic()
    with pytest.raises(RequestFailed, match="in time"):
        client.get_once(server.url("/a"), limit_bytes=LIMIT, deadline_s=30, read_s=0.3)
    assert time.monotonic() - began < 1


@pytest.mark.timed
@pytest.mark.parametrize(
    "behaviour",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * LIMIT),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * LIMIT),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1" + b";x" * 8 * KIB + b"\r\nx\r\n"),
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 4 * LIMIT),
        send(reply(gzip.compress(bytes(4 * LIMIT)), Content_Encoding="gzip")),
        send(reply(zlib.compress(bytes(1 << 26)), Content_Encoding="deflate")),
    ],
    ids=["endless", "negative chunk", "chunk extensions", "declared", "gzip bomb", "deflate bomb"],
)
def test_a_body_over_the_limit_is_cut_off(server: RudeServer, client: Client, behaviour: Behaviour) -> None:
    server.routes["/a"] = behaviour
    began = time.monotonic()
    assert failure(client, server.url("/a"), 10).state == "too_large"
    assert time.monotonic() - began < 2


def test_headers_without_end_are_cut_off(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = endless(b"HTTP/1.1 200 OK\r\n", b"a: " + b"b" * 60 * KIB + b"\r\n")
    assert failure(client, server.url("/a")).state in ("too_large", "bad_response")


def test_a_coded_body_is_decoded_and_one_that_ends_early_is_truncated(server: RudeServer, client: Client) -> None:
    packed = gzip.compress(b"hello" * 100)
    server.routes["/a"] = send(reply(packed, Content_Encoding="gzip"))
    server.routes["/b"] = send(reply(packed[:-9], Content_Encoding="gzip"))
    server.routes["/c"] = send(reply(b"not gzip at all", Content_Encoding="gzip"))
    assert client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5).body == b"hello" * 100
    assert failure(client, server.url("/b")).state == "truncated"
    assert failure(client, server.url("/c")).state == "bad_response"


@pytest.mark.parametrize("end", [reset, send])
def test_a_reply_that_breaks_off_at_any_byte_is_never_whole(
    server: RudeServer, client: Client, end: Callable[[bytes], Behaviour]
) -> None:
    whole = reply(picture(1, (4, 4)))
    states = set()
    for offset in range(len(whole)):
        server.routes["/a"] = end(whole[:offset])
        states.add(failure(client, server.url("/a")).state)
    assert states <= {"reset", "truncated", "bad_response"}


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", "truncated"),
        (b"", "reset"),
    ],
)
def test_what_is_no_whole_http_reply_has_its_own_name(
    server: RudeServer, client: Client, content: bytes, state: str
) -> None:
    server.routes["/a"] = send(content)
    assert failure(client, server.url("/a")).state == state


def test_every_status_is_a_reply_or_a_named_failure(server: RudeServer, client: Client) -> None:
    for status in range(100, 600):
        server.routes["/a"] = send(reply(b"", f"{status} Some"))
        if status == 100:  # a promise of a reply that never comes
            assert failure(client, server.url("/a")).state == "reset"
        else:
            assert client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5).status == status


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
def test_a_request_is_over_only_when_the_server_has_hung_up(server: RudeServer, client: Client, status: str) -> None:
    def linger(connection: socket.socket) -> None:
        connection.sendall(reply(b"hello", status))
        time.sleep(0.1)

    server.routes["/a"] = linger
    for _ in range(3):
        client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)
    assert sum(server.in_flight.values()) == 0
    assert server.most_in_flight == 1


@pytest.mark.timed
def test_a_server_that_never_hangs_up_is_not_waited_for(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = silence(reply(b"hello"))
    began = time.monotonic()
    assert client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5).body == b"hello"
    assert time.monotonic() - began < 0.5


def test_the_body_of_an_error_is_left_alone(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = endless(b"HTTP/1.1 404 Not Found\r\nContent-Encoding: gzip\r\n\r\n", b"x" * LIMIT)
    got = client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)
    assert (got.status, got.body) == (404, b"")


def test_redirects_are_followed_up_to_a_limit_and_loops_end(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = send(reply(b"", "302 Found", Location="b?x=1"))
    server.routes["/b?x=1"] = send(reply(b"there"))
    server.routes["/loop"] = send(reply(b"", "301 Moved", Location="/loop"))
    assert client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5).body == b"there"
    assert failure(client, server.url("/loop")).state == "redirects"
    assert server.targets.count("/loop") == ClientConfig().max_redirects + 1


@pytest.mark.parametrize("target", ["ftp://example.com/a", "file:///etc/passwd", "http://[::1"])
def test_a_redirect_to_what_is_no_web_address_is_refused(server: RudeServer, client: Client, target: str) -> None:
    server.routes["/a"] = send(reply(b"", "302 Found", Location=target))
    assert failure(client, server.url("/a")).state == "bad_url"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "example.com/a",
        "http:///a",
        "http://a\nb/",
        "http://x:99999/",
        "http://" + "a" * 64 + ".com/",
        "http://..com/",
        "http://a/" + "b" * 9000,
        "javascript:alert(1)",
        "",
    ],
)
def test_what_cannot_be_asked_for_is_a_bad_url(client: Client, url: str) -> None:
    assert failure(client, url).state == "bad_url"


@pytest.mark.parametrize("url", ["ftp://a.example/", "file:///a", "javascript:0", "//a.example/", "a.example/"])
def test_only_http_and_https_are_asked_whatever_a_library_could_do(url: str) -> None:
    with pytest.raises(RequestFailed, match="neither http nor https"):
        host_of(url)


@pytest.mark.parametrize("sign", ["\0", "\t", "\n", "\r", "\x1b", "\x7f"])
def test_a_control_character_anywhere_in_an_address_is_refused(sign: str) -> None:
    for url in (
        f"http://a.exa{sign}mple/",
        f"http://a.example/{sign}",
        f"http://a.example/?a={sign}",
        f"{sign}http://a/",
    ):
        with pytest.raises(RequestFailed, match="control characters"):
            host_of(url)


def test_a_closed_port_is_refused_and_an_unknown_name_is_dns(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    assert failure(client, f"http://127.0.0.1:{port}/").state == "refused"
    assert failure(client, "http://no-such-host.invalid/").state == "dns"


@pytest.mark.timed
def test_a_name_that_is_looked_up_for_too_long_is_dns(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2) or [])
    began = time.monotonic()
    assert failure(client, "http://slow.example/", 0.3).state == "dns"
    assert time.monotonic() - began < 1


def test_the_checked_address_is_the_one_connected_to(server: RudeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", server.port))]]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers.pop(0))  # a second look-up would fail
    monkeypatch.setattr(pinned, "is_public", lambda _: True)
    server.routes["/a"] = send(reply(b"pinned"))
    got = Client().get("http://rebinding.example/a", limit_bytes=LIMIT, deadline_s=5)
    assert got.body == b"pinned"
    assert b"Host: rebinding.example" in server.heads[0]


def test_one_private_address_among_public_ones_refuses_the_host(
    server: RudeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, server.port)) for ip in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    assert failure(Client(), "http://two-faced.example/").state == "private_address"
    assert server.connections == 0


def test_a_proxy_of_the_environment_is_used_and_may_be_private(proxied: RudeServer) -> None:
    proxied.routes["http://far.example/a"] = send(reply(b"by proxy"))
    assert Client().get("http://far.example/a", limit_bytes=LIMIT, deadline_s=5).body == b"by proxy"


def test_a_proxy_that_refuses_a_tunnel_is_an_http_error(server: RudeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", server.url(""))
    server.routes["far.example:443"] = send(reply(b"", "502 Bad Gateway"))
    error = failure(Client(), "https://far.example/a")
    assert (error.state, error.status) == ("http_error", 502)


def test_no_password_leaves_a_netrc_file(
    server: RudeServer, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.routes["/a"] = send(reply(b"hello"))
    client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)
    assert b"uthorization" not in server.heads[0]


@pytest.fixture
def tls_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, list[str]]]:
    """A TLS server for rude.example, to which that name leads; the names that clients ask for are kept."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    names: list[str] = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                raw, _ = listener.accept()
                with context.wrap_socket(raw, server_side=True) as connection:
                    connection.recv(65536)
                    connection.sendall(reply(b"secure"))
            except ssl.SSLError:
                continue
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    )
    yield port, names
    listener.close()


CERTIFICATE = Path(__file__).with_name("rude.example.pem")


def test_tls_asks_for_the_name_and_verifies_the_certificate_against_it(
    tls_port: tuple[int, list[str]], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    port, names = tls_port
    assert client.get(f"https://rude.example:{port}/", limit_bytes=LIMIT, deadline_s=5).body == b"secure"
    assert names == ["rude.example"]
    assert failure(client, f"https://other.example:{port}/").state == "tls"


def test_a_certificate_that_nobody_signed_is_tls(tls_port: tuple[int, list[str]], client: Client) -> None:
    assert failure(client, f"https://rude.example:{tls_port[0]}/").state == "tls"


@pytest.mark.timed
def test_a_handshake_that_never_comes_ends_at_the_deadline(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began = time.monotonic()
        error = failure(client, f"https://127.0.0.1:{mute.getsockname()[1]}/", DEADLINE)
    assert error.state == "timeout"
    assert time.monotonic() - began < DEADLINE + 0.5


def test_the_unit_of_politeness_is_the_host_without_port_case_and_final_dot() -> None:
    assert {host_of(f"{url}/a") for url in ("http://A.example.", "https://a.EXAMPLE:8443", "http://me@a.example")} == {
        "a.example"
    }


def tunnel(to_port: int, wait_s: float) -> Behaviour:
    """Opens the tunnel that a client asks for, whose far end answers only after a while."""

    def behave(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", to_port)) as far:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=copy, args=(connection, far), daemon=True).start()
            time.sleep(wait_s)
            copy(far, connection)

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while block := source.recv(65536):
                target.sendall(block)

    return behave


@pytest.mark.parametrize("wait_s", [0.0, 0.3, 0.6])
def test_a_far_host_behind_a_tunnel_may_take_its_time(
    server: RudeServer, tls_port: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch, wait_s: float
) -> None:
    port, names = tls_port
    monkeypatch.undo()  # the far host is known to the proxy alone
    monkeypatch.setenv("https_proxy", server.url(""))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    server.routes["rude.example:443"] = tunnel(port, wait_s)
    assert Client().get("https://rude.example/", limit_bytes=LIMIT, deadline_s=5).body == b"secure"
    assert names == ["rude.example"]


@pytest.mark.timed
def test_a_far_host_behind_a_tunnel_that_never_answers_ends_at_the_deadline(
    server: RudeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url(""))
    with socket.create_server(("127.0.0.1", 0)) as mute:
        server.routes["rude.example:443"] = tunnel(mute.getsockname()[1], 0)
        began = time.monotonic()
        assert failure(Client(), "https://rude.example/", DEADLINE).state == "timeout"
    assert time.monotonic() - began < DEADLINE + 0.5


def test_once_a_tunnel_is_open_tls_has_the_time_of_a_connection_and_not_that_of_its_last_read() -> None:
    connection = pinned._PinnedHTTPS("far.example")
    connection.pin = Pin(budget=Budget(seconds=60, limit_bytes=1), read_s=0.2, allow_private=False, target="/")
    connection.timeout, connection._open_tunnel = 7.0, lambda: None
    with socket.socket() as connection.sock:
        connection.sock.settimeout(0.2)
        connection._tunnel()
        assert connection.sock.gettimeout() == 7.0


SPELLINGS = [
    "/%7Eaidsmyth/a.jpg",
    "/~a/%7e%2f%41.jpg",
    "/a/../b/./c//d.jpg",
    "/100%/a.jpg",
    '/a|b{c}[d]^`"<>\\.jpg',
    "/a.jpg?x=%7E&y=a%20b&z=%zz|",
    "/a.jpg;b=1,c=$d!",
    "/?",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_address_is_sent_to_the_byte_as_it_is_listed(server: RudeServer, client: Client, spelling: str) -> None:
    client.get(server.url(f"{spelling}#part"), limit_bytes=LIMIT, deadline_s=5)
    assert server.targets == [spelling.removesuffix("?")]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_proxy_gets_an_address_to_the_byte_as_it_is_listed(proxied: RudeServer, spelling: str) -> None:
    Client().get(f"http://me:secret@far.example:81{spelling}#part", limit_bytes=LIMIT, deadline_s=5)
    assert proxied.targets == [f"http://far.example:81{spelling.removesuffix('?')}"]


def test_what_no_request_can_carry_is_percent_encoded(server: RudeServer, client: Client) -> None:
    client.get(server.url("/à b.jpg?é"), limit_bytes=LIMIT, deadline_s=5)
    assert server.targets == ["/%C3%A0%20b.jpg?%C3%A9"]


def test_a_redirect_is_followed_as_it_is_spelled(server: RudeServer, client: Client) -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: /%7Eb/\xc3\xa0.jpg\r\n\r\n"
    server.routes["/a"] = send(moved)
    client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)
    assert server.targets == ["/a", "/%7Eb/%C3%A0.jpg"]


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "socks5h://127.0.0.1:1", "SOCKS4://a", "http://[::1"])
def test_a_proxy_that_cannot_be_used_ends_everything_in_one_line(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("all_proxy", proxy)
    for url in ("http://far.example/a", "https://far.example/a"):
        with pytest.raises(ProxyError, match="the environment names a"):
            Client().get(url, limit_bytes=LIMIT, deadline_s=5)


@pytest.mark.parametrize("finding", ["connection_from_url", "connection_from_host"])
def test_however_requests_finds_its_pools_their_connections_are_checked(
    server: RudeServer, monkeypatch: pytest.MonkeyPatch, finding: str
) -> None:
    def find(adapter: PinnedAdapter, request: PreparedRequest, *_: object, **__: object) -> HTTPConnectionPool:
        if finding == "connection_from_url":  # requests 2.31
            return adapter.poolmanager.connection_from_url(request.url)
        return adapter.poolmanager.connection_from_host(server.address, server.port, "http")  # requests 2.32.0

    for name in ("get_connection_with_tls_context", "get_connection", "_get_connection"):
        monkeypatch.setattr(PinnedAdapter, name, find, raising=False)
    assert failure(Client(), server.url("/a")).state == "private_address"
    assert server.connections == 0


def test_a_connection_that_was_not_checked_is_not_read_from(
    server: RudeServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PinnedAdapter, "_hold", lambda *_: None)
    server.routes["/a"] = send(reply(b"secret"))
    with pytest.raises(RuntimeError, match="past the checks"):
        client.get(server.url("/a"), limit_bytes=LIMIT, deadline_s=5)


@pytest.mark.timed
@pytest.mark.parametrize("way", ["get", "stream"])
def test_the_deadline_counts_over_all_redirects(server: RudeServer, client: Client, way: str) -> None:
    def slow_loop(connection: socket.socket) -> None:
        time.sleep(0.25)
        connection.sendall(reply(b"", "302 Found", Location="/a"))

    server.routes["/a"] = slow_loop
    began = time.monotonic()
    with pytest.raises(RequestFailed) as caught:
        any(getattr(client, way)(server.url("/a"), limit_bytes=LIMIT, deadline_s=DEADLINE))
    assert caught.value.state == "timeout"
    assert time.monotonic() - began < DEADLINE + 0.3


def test_what_a_packed_body_unpacks_to_is_bounded_while_it_is_unpacked(server: RudeServer, client: Client) -> None:
    server.routes["/a"] = send(reply(gzip.compress(bytes(200 << 20)), Content_Encoding="gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(RequestFailed, match="more than"):
            client.get(server.url("/a"), limit_bytes=1 << 20, deadline_s=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20

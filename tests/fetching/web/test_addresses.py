import socket

import pytest
from rude_server import RudeServer, reply, send

from mnistfaces.fetching.web import pinned
from mnistfaces.fetching.web.addresses import is_public
from mnistfaces.fetching.web.client import Client
from mnistfaces.fetching.web.failures import RequestFailed

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",  # noqa: S104  refused, not bound
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.1.254",
    "169.254.169.254",
    "169.254.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2002:c0a8:101::",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "100::1",
]

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "172.15.255.255",
    "172.32.0.1",
    "11.0.0.1",
    "192.167.1.1",
    "223.255.255.1",
    "126.1.1.1",
    "128.0.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
    "2002:808:808::",
    "64:ff9b::808:808",
    "2001:0:4136:e378:8000:63bf:f7f7:f7f7",  # Teredo of 8.8.8.8
]

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0x7f.0x0.0x0.0x1",
    "127.0.0.01",
    "127.00.0.1",
    "0",
    "0.0.0.0",  # noqa: S104  refused, not bound
    "0x0",
    "00",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost",
    "127.0.0.1.",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.254",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::]",
    "[0000::0001]",
    "[::FFFF:127.0.0.1]",
    "[::127.0.0.1]",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_public_internet_is_told(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_public_internet_is_told(address: str) -> None:
    assert is_public(address)


def test_no_spelling_of_the_loopback_is_connected_to(server: RudeServer) -> None:
    states = {}
    for host in LOOPBACK_SPELLINGS:
        for prefix in ("", "user@", "8.8.8.8@", "user:pass@"):
            url = f"http://{prefix}{host}:{server.port}/"
            with pytest.raises(RequestFailed) as caught:
                Client().get(url, limit_bytes=1000, deadline_s=2)
            states[url] = caught.value.state
    assert len(states) > 100
    assert set(states.values()) <= {"private_address", "dns", "bad_url"}
    assert sum(state == "private_address" for state in states.values()) > len(states) / 2
    assert server.connections == 0


def test_no_spelling_of_the_loopback_is_redirected_to(server: RudeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    other = RudeServer("127.0.0.2")
    public = (server.address,)
    monkeypatch.setattr(pinned, "is_public", lambda address: address in public)
    targets = [host for host in LOOPBACK_SPELLINGS if socket_address(host) != server.address]
    for host in [*targets, "127.0.0.2"]:
        server.routes["/a"] = send(reply(b"", "302 Found", Location=f"http://{host}:{other.port}/"))
        with pytest.raises(RequestFailed) as caught:
            Client().get(server.url("/a"), limit_bytes=1000, deadline_s=2)
        assert caught.value.state in ("private_address", "dns", "bad_url"), host
    other.close()
    assert other.connections == 0


def socket_address(host: str) -> str:
    """Returns where the resolver finds a spelling; empty if nowhere."""
    try:
        return str(socket.getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        return ""

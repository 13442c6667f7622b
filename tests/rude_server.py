"""A server on the loopback that behaves as badly as a test asks, and counts who comes."""

import io
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

Behaviour = Callable[[socket.socket], None]


def reply(body: bytes = b"", status: str = "200 OK", **headers: str) -> bytes:
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def send(content: bytes) -> Behaviour:
    return lambda connection: connection.sendall(content)


def drip(start: bytes, byte: bytes = b"x", every_s: float = 0.05) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(byte)
            time.sleep(every_s)

    return behave


def endless(start: bytes, block: bytes) -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(block)

    return behave


def silence(start: bytes = b"") -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.recv(1)  # until the client hangs up

    return behave


def reset(start: bytes = b"") -> Behaviour:
    def behave(connection: socket.socket) -> None:
        connection.sendall(start)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return behave


class RudeServer:
    """Answers a path, or a whole URL when it serves as a proxy, by what `routes` says; else by 404."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.routes: dict[str, Behaviour | list[Behaviour]] = {}
        self.targets: list[str] = []
        self.heads: list[bytes] = []
        self.times: list[float] = []
        self.connections = 0
        self.sent = 0
        self.in_flight: Counter[str] = Counter()
        self.most_in_flight = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server((address, 0))
        self.address, self.port = self._listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://{self.address}:{self.port}{path}"

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    block = connection.recv(65536)
                    if not block:
                        return
                    head += block
                self._answer(connection, head)
            except OSError:
                pass  # the client hung up, as it should

    def _answer(self, connection: socket.socket, head: bytes) -> None:
        target = head.split()[1].decode("latin-1")
        host = urlsplit(target).netloc or target
        with self._lock:
            self.targets.append(target)
            self.heads.append(head)
            self.times.append(time.monotonic())
            self.in_flight[host] += 1
            self.most_in_flight = max(self.most_in_flight, *self.in_flight.values())
        try:
            behaviour = self.routes.get(target, send(reply(b"gone", "404 Not Found")))
            if isinstance(behaviour, list):
                behaviour = behaviour.pop(0) if len(behaviour) > 1 else behaviour[0]
            behaviour(connection)
        finally:
            with self._lock:
                self.in_flight[host] -= 1


def picture(seed: int, size: tuple[int, int] = (40, 30), form: str = "PNG") -> bytes:
    """Returns a small image file of noise, another one for every seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()

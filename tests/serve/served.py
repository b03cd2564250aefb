"""Asking a server, byte by byte where need be."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from threading import Thread
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlencode

import uvicorn

from mtl_flows.serve.guard import Pass
from mtl_flows.serve.server import application, server_of
from mtl_flows.store.database import MTLStore

PATIENCE_S = 180.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass(frozen=True)
class Served:
    """A server on this machine."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, parameters: Any = (), **options: Any) -> Answer:
        asked = urlencode(parameters, doseq=True)
        return self.ask("GET", f"{path}?{asked}" if asked else path, **options)

    def api(self, path: str, **parameters: Any) -> Any:
        answer = self.get(f"/api/v1/{path}", parameters)
        assert answer.status == 200, answer.text
        return answer.json

    def ask(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, target, body, headers or {})
            return _read(connection.getresponse())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as plain:
            found = b""
            with suppress(ConnectionError):  # it may have heard enough
                plain.sendall(request)
                while more := plain.recv(65536):
                    found += more
            return found


@contextmanager
def running(
    store: MTLStore, token: str = "", every_s: float = 0.05, *, optimade: bool = False
) -> Iterator[Served]:
    """Serve a store on a free port."""
    with application(store, Pass(token), every_s=every_s, optimade=optimade) as app:
        server = server_of(app, "127.0.0.1", 0)
        thread = Thread(target=server.run)
        thread.start()
        try:
            yield _asking(server, thread)
        finally:
            server.should_exit = True
            thread.join()


def _asking(server: uvicorn.Server, thread: Thread) -> Served:
    """Wait until a server answers."""
    deadline = monotonic() + PATIENCE_S
    while not server.started:
        assert thread.is_alive()
        assert monotonic() < deadline
        sleep(0.01)
    return Served(server.servers[0].sockets[0].getsockname()[1])


def _read(response: HTTPResponse) -> Answer:
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

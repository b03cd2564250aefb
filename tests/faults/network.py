"""A network between workers and their server that can be interrupted: a proxy in a process of its own.

Run as a program it listens at its first argument, forwards to the port that is its second, and reads orders.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mtl_flows.store.mongod import free_port

PASS, CUT, SWALLOW, HOLD = "pass", "cut", "swallow", "hold"
"""Orders: forward everything; reset every connection and take none; lose what is sent from now on over connections that
are open, as a firewall that has forgotten them, and answer no new one; keep everything back until it may pass."""

_CHUNK = 1 << 16


class _Line:
    """One connection, and whether it was forgotten."""

    def __init__(self, *ends: asyncio.StreamWriter) -> None:
        self.ends = ends
        self.lost = False


class _Network:
    def __init__(self, target: int) -> None:
        self._target = target
        self._mode = PASS
        self._passing = asyncio.Event()
        self._passing.set()
        self._lines: set[_Line] = set()

    def order(self, mode: str) -> None:
        self._mode = mode
        if mode in (PASS, CUT):
            self._passing.set()
        else:
            self._passing.clear()
        for line in list(self._lines):
            line.lost |= mode == SWALLOW
            if mode == CUT:
                for end in line.ends:
                    end.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._passing.wait()
        if self._mode == CUT:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(writer, server_writer)
        self._lines.add(line)
        try:
            await asyncio.gather(
                self._forward(reader, server_writer, line), self._forward(server_reader, writer, line)
            )
        finally:
            self._lines.discard(line)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, line: _Line) -> None:
        try:
            while data := await source.read(_CHUNK):
                if self._mode == HOLD:
                    await self._passing.wait()
                if not line.lost:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass  # the other side is told by the end of this one
        finally:
            sink.close()


async def _run(port: int, target: int) -> None:
    network = _Network(target)
    server = await asyncio.start_server(network.serve, "127.0.0.1", port)
    orders = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    sys.stdout.write("\n")
    sys.stdout.flush()
    while order := (await orders.readline()).decode().strip():
        network.order(order)
        sys.stdout.write("\n")
        sys.stdout.flush()
    server.close()


class Network:
    """What stands between workers and a server; made by `network_to`."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.port = port
        self._process = process
        self._wait()

    def order(self, mode: str) -> None:
        """Interrupt the network, or let it pass again; it has happened when this returns."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{mode}\n")
        self._process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "\n", "the proxy has ended"


@contextmanager
def network_to(target: int) -> Iterator[Network]:
    """Start a proxy to a port of this machine."""
    port = free_port()
    command = [sys.executable, str(Path(__file__)), str(port), str(target)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Network(port, process)
        finally:
            process.kill()


if __name__ == "__main__":
    asyncio.run(_run(*map(int, sys.argv[1:3])))

"""What is installed somewhere, run as its users run it: away from the checkout, and as a server."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

PATIENCE_S = 120.0


def environment(**more: str) -> dict[str, str]:
    """Variables with nothing of the checkout among them."""
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return kept | {"OMP_NUM_THREADS": "1"} | more


@contextmanager
def serving(python: str | Path, folder: Path, uri: str, *options: str) -> Iterator[str]:
    """Run ``mtl serve`` over a database; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "mtl_flows", "serve", "--port", str(port), *options]
    with subprocess.Popen(command, cwd=folder, env=environment(MTL_MONGO_URI=uri)) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            until = monotonic() + PATIENCE_S
            while not answers(f"{address}/api"):
                assert server.poll() is None
                assert monotonic() < until
                sleep(0.1)
            yield address
        finally:
            server.terminate()


def answers(address: str) -> bool:
    """Whether a server answers."""
    try:
        with urlopen(address) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False

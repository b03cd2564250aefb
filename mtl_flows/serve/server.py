"""Serving: what has to be there, and the server itself."""

import secrets
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from mtl_flows.errors import ConfigurationError
from mtl_flows.extras import require
from mtl_flows.serve.answers import Answers
from mtl_flows.serve.app import application_of
from mtl_flows.serve.guard import SHORTEST_TOKEN, Gatekeeper, Pass, is_loopback
from mtl_flows.serve.tables import Tables, read_table
from mtl_flows.store.database import MTLStore

_MOST_AT_ONCE = 64
_LARGEST_HEAD = 32 * 1024


def pass_for(host: str, token: str) -> Pass:
    """Return what lets in: nothing is needed on this machine, elsewhere a token, made if none is given.

    Raises
    ------
    ConfigurationError
        If the token is too short to keep anybody out.
    """
    if token and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        raise ConfigurationError(
            f"is shorter than {SHORTEST_TOKEN} characters, or not of plain ones",
            subject="MTL_SERVE_TOKEN",
            remedy="leave it out, and one is made",
        )
    return Pass(token or ("" if is_loopback(host) else secrets.token_urlsafe(32)))


@contextmanager
def application(
    store: MTLStore, pass_: Pass, *, every_s: float = 5.0, optimade: bool = False
) -> Iterator[Gatekeeper]:
    """Return the application over a store; its table is read before anybody asks.

    Parameters
    ----------
    optimade
        Be a provider of OPTIMADE as well.
    """
    require("report", "serve", *(["optimade"] if optimade else []))
    with ThreadPoolExecutor(1, "mtl-serve-changes") as background:
        answers = Answers(store, Tables(store, background, read_table, every_s))
        answers.snapshot()
        yield application_of(answers, pass_, _provider(store, background, every_s) if optimade else None)


def _provider(store: MTLStore, background: Executor, every_s: float) -> FastAPI:
    """The provider is imported where it is wanted: its packages are an extra of their own."""
    from mtl_flows.serve.optimade.app import optimade_of
    from mtl_flows.serve.optimade.provider import Provider, read_catalogue

    catalogues = Tables(store, background, read_catalogue, every_s)
    catalogues.of(store.screenings.default())
    return optimade_of(Provider(store, catalogues))


def server_of(app: Gatekeeper, host: str, port: int) -> uvicorn.Server:
    """Return the server, yet to be run; nothing of a request is logged."""
    configured = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        limit_concurrency=_MOST_AT_ONCE,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(configured)

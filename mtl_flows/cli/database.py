"""`mtl db`: the embedded MongoDB server."""

from typing import TYPE_CHECKING

import typer

from mtl_flows.cli.console import err, out, print_json, table
from mtl_flows.cli.types import Json
from mtl_flows.errors import ConfigurationError

if TYPE_CHECKING:
    from mtl_flows.store.mongod import EmbeddedServer


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    group = typer.Typer(no_args_is_help=True, help="The embedded MongoDB server of this project folder.")
    group.command()(start)
    group.command()(stop)
    group.command()(status)
    app.add_typer(group, name="db")


def _embedded() -> "EmbeddedServer":
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import demand_project
    from mtl_flows.store.mongod import EmbeddedServer

    settings = Settings.load()
    if settings.mongo_uri is not None:
        raise ConfigurationError(
            "a server of yours is configured",
            subject="MTL_MONGO_URI",
            remedy="unset it to use the embedded one",
        )
    demand_project(settings)
    return EmbeddedServer(settings.home)


def start() -> None:
    """Start the embedded server and keep it running.

    Not required: any command starts it when needed and the last one out stops it. Started here it stays, which
    saves a second per command and lets `mongosh`, `lpad` and `rlaunch` connect.
    """
    server = _embedded().start()
    out.print(f"{server.uri}  (data in {server.folder}, process {server.pid})")


def stop() -> None:
    """Stop the embedded server cleanly. The data stay."""
    stopped = _embedded().stop()
    err.print("stopped" if stopped else "it was not running")


def status(json: Json = False) -> None:
    """Show which server is used, whether it answers, and what each collection holds."""
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore

    settings = Settings.load()
    with connection(settings) as address, MTLStore.connect(address) as store:
        counts = {
            collection.name: collection.raw.estimated_document_count() for collection in store.collections
        }
        version = store.client.server_info()["version"]
        if json:
            print_json({"server": str(address), "version": version, "collections": counts})
            return
        kind = "embedded" if settings.mongo_uri is None else "configured"
        out.print(f"{kind} MongoDB {version} at {address}")
        out.print(table("", ["collection", "documents"], list(counts.items())))

"""`mtl serve`: the pages of the report over a living store, and its JSON."""

from typing import Annotated

import typer

from mtl_flows.cli.console import out


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option("--host", help="Address to answer at; others than this machine's ask for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port to answer at.")] = 8000,
    optimade: Annotated[
        bool, typer.Option("--optimade", help="Be a provider of OPTIMADE as well, at /optimade.")
    ] = False,
) -> None:
    """Show the store in a browser, live: table, figures, every material; JSON and structures for scripts.

    Nothing is ever written: a database user with the role `read` suffices. Elsewhere than on this machine a token
    is needed: that of MTL_SERVE_TOKEN, or one that is made and printed.

    Examples: `mtl serve` · `mtl serve --host 0.0.0.0 --port 8080` · `mtl serve --optimade`
    """
    from mtl_flows.extras import require

    require("report", "serve", *(["optimade"] if optimade else []))

    from mtl_flows.serve.server import application, pass_for, server_of
    from mtl_flows.settings import Settings
    from mtl_flows.store.connection import connection
    from mtl_flows.store.database import MTLStore
    from mtl_flows.store.owner import Reader

    settings = Settings.load()
    given = settings.serve_token.get_secret_value() if settings.serve_token else ""
    pass_ = pass_for(host, given)
    name = f"[{host}]" if ":" in host else host
    with (
        connection(settings) as address,
        MTLStore.connect(address, Reader.alone()) as store,
        application(store, pass_, optimade=optimade) as app,
    ):
        if pass_.token and not given:
            out.print(f"http://{name}:{port}/login#{pass_.token}", soft_wrap=True, highlight=False)
        else:
            out.print(f"http://{name}:{port}/", soft_wrap=True, highlight=False)
        if optimade:
            out.print(f"http://{name}:{port}/optimade/v1", soft_wrap=True, highlight=False)
        out.print("Ctrl-C ends it.")
        server_of(app, host, port).run()

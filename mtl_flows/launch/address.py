"""A connection string taken apart: an address that may be shown, and what a client is told beside it.

FireWorks and maggma print the address they were given when a server does not answer. What they are given
therefore holds no user and no password; those go to the client as arguments.
"""

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus, urlsplit, urlunsplit

from mtl_flows.store.connection import Connection

if TYPE_CHECKING:
    from fireworks import LaunchPad


def address_of(pad: "LaunchPad") -> Connection:
    """Server and database of a launchpad, whoever configured it.

    Raises
    ------
    ConfigurationError
        If its address is none that can be used.
    """
    options = pad.mongoclient_kwargs or {}
    user, password = (options.get(name) or getattr(pad, name) or "" for name in ("username", "password"))
    source = f"?authSource={pad.authsource or pad.name}" if user else ""
    parts = urlsplit(pad.host if pad.uri_mode else f"mongodb://{pad.host}:{pad.port}/{source}")
    hosts = parts.netloc.rpartition("@")
    who = f"{quote_plus(user)}:{quote_plus(password)}" if user else hosts[0]
    return Connection.parse(
        urlunsplit(parts._replace(netloc="@".join(filter(None, (who, hosts[2]))), path=f"/{pad.name}")),
        pad.name,
    )


class ServerAddress(NamedTuple):
    """Where the server is, who asks, and what else a client is told where the URI does not say."""

    uri: str
    credentials: dict[str, str]
    options: dict[str, Any]

    @property
    def client_options(self) -> dict[str, Any]:
        """Arguments of a client beside the URI."""
        return {**self.options, **self.credentials}

    @classmethod
    def of(cls, connection: Connection) -> "ServerAddress":
        """Take user and password out of a connection string; its options stay."""
        parts = urlsplit(connection.uri)
        userinfo, _, hosts = parts.netloc.rpartition("@")
        uri = urlunsplit(parts._replace(netloc=hosts))
        if not userinfo:
            return cls(uri, {}, connection.client_options)
        user, separator, password = userinfo.partition(":")
        credentials = {"username": unquote_plus(user)}
        if separator:
            credentials["password"] = unquote_plus(password)
        return cls(uri, credentials, connection.client_options)

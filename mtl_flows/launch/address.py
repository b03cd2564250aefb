"""A connection string taken apart: an address that may be shown, and what a client is told beside it.

FireWorks and maggma print the address they were given when a server does not answer. What they are given
therefore holds no user and no password; those go to the client as arguments.
"""

from typing import Any, NamedTuple
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from mtl_flows.store.connection import Connection


class ServerAddress(NamedTuple):
    """Where the server is, who asks, and how writes are acknowledged where the URI does not say."""

    uri: str
    credentials: dict[str, str]
    write_concern: dict[str, Any]

    @property
    def client_options(self) -> dict[str, Any]:
        """Arguments of a client beside the URI."""
        return {**self.write_concern, **self.credentials}

    @classmethod
    def of(cls, connection: Connection) -> "ServerAddress":
        """Take user and password out of a connection string; its options stay."""
        parts = urlsplit(connection.uri)
        userinfo, _, hosts = parts.netloc.rpartition("@")
        uri = urlunsplit(parts._replace(netloc=hosts))
        if not userinfo:
            return cls(uri, {}, connection.write_concern)
        user, separator, password = userinfo.partition(":")
        credentials = {"username": unquote_plus(user)}
        if separator:
            credentials["password"] = unquote_plus(password)
        return cls(uri, credentials, connection.write_concern)

"""A connection string taken apart: an address that may be shown, and the credentials beside it.

FireWorks and maggma print the address they were given when a server does not answer. What they are given
therefore holds no user and no password; those go to the client as arguments.
"""

from typing import NamedTuple
from urllib.parse import unquote_plus, urlsplit, urlunsplit

from mtl_flows.store.connection import Connection


class ServerAddress(NamedTuple):
    """Where the server is, and who asks."""

    uri: str
    credentials: dict[str, str]

    @classmethod
    def of(cls, connection: Connection) -> "ServerAddress":
        """Take user and password out of a connection string; its options stay."""
        parts = urlsplit(connection.uri)
        userinfo, _, hosts = parts.netloc.rpartition("@")
        uri = urlunsplit(parts._replace(netloc=hosts))
        if not userinfo:
            return cls(uri, {})
        user, separator, password = userinfo.partition(":")
        credentials = {"username": unquote_plus(user)}
        if separator:
            credentials["password"] = unquote_plus(password)
        return cls(uri, credentials)

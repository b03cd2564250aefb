"""From settings to a server: one connection string, or the embedded server."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pymongo import MongoClient
from pymongo.errors import ConfigurationError as PymongoConfigurationError
from pymongo.errors import ConnectionFailure, InvalidURI, OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from mtl_flows.errors import ConfigurationError, DatabaseUnavailableError, MTLError
from mtl_flows.settings import SETTINGS_FILE, Settings, find_project_folder
from mtl_flows.store import swap
from mtl_flows.store.mongod import EmbeddedServer
from mtl_flows.store.patience import UNAUTHORIZED, patiently, why_away

_OPTIONS = {"w": "majority", "journal": True, "socketTimeoutMS": 600_000}
_DEFAULTS = {**_OPTIONS, "serverSelectionTimeoutMS": 5000}


@dataclass(frozen=True)
class Connection:
    """A MongoDB connection string that names its database.

    ``uri`` holds credentials; ``str()`` and ``repr()`` do not.

    Attributes
    ----------
    home
        Folder of the embedded server; None for a server of the user's.
    """

    uri: str
    database: str
    home: Path | None = None

    @classmethod
    def parse(cls, uri: str, database: str) -> "Connection":
        """Check `uri` and write `database` into it if it names none.

        Raises
        ------
        ConfigurationError
            If it is not a MongoDB connection string. The message never repeats the string.
        """
        try:
            parsed = parse_uri(uri, validate=True, warn=False)
        except OSError as error:
            raise _unusable(error) from None
        except (InvalidURI, PymongoConfigurationError, ValueError) as error:
            raise ConfigurationError(
                f"not a usable MongoDB connection string: {type(error).__name__}",
                subject="MTL_MONGO_URI",
                remedy="write mongodb://user:password@host:27017/database, with special characters escaped",
            ) from None
        if parsed["options"].get("w") == 0:
            raise ConfigurationError(
                "w=0 would leave writes unacknowledged",
                subject="MTL_MONGO_URI",
                remedy="leave w out, or write w=1 or more",
            )
        if parsed["options"].get("readPreference", "primary").lower() != "primary":
            raise ConfigurationError(
                "readPreference would read from servers that lag behind: jobs must see what was written",
                subject="MTL_MONGO_URI",
                remedy="leave readPreference out",
            )
        if parsed["database"] and not parsed["collection"]:
            return cls(uri, parsed["database"])
        if parsed["collection"] or not database or set(database) & set('/\\. "$\0'):
            raise ConfigurationError(
                "not a usable name of a database",
                subject="MTL_MONGO_URI" if parsed["collection"] else "MTL_DATABASE",
                remedy="use letters, digits, - and _",
            )
        parts = urlsplit(uri)._replace(path=f"/{database}")
        options = {name.lower(): value for name, value in parsed["options"].items()}
        if parsed["username"] and "authsource" not in options:
            # Naming a database must not move the place where the user is looked up.
            local = options.get("authmechanism", "SCRAM").startswith("SCRAM")
            source = f"authSource={'admin' if local else '$external'}"
            parts = parts._replace(query="&".join(filter(None, (parts.query, source))))
        return cls(urlunsplit(parts), database)

    @property
    def redacted(self) -> str:
        """The connection string without user and password."""
        parts = urlsplit(self.uri)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"Connection({self.redacted!r})"

    @property
    def client_options(self) -> dict[str, Any]:
        """What clients are told where the URI says nothing: to wait for a majority of the servers and their journals.

        ``journal`` alone would turn the server's default of a majority into one server. What is sent into a network
        that swallows it is given up after ten minutes; the driver by itself would wait for ever.
        """
        return self.unless_said(_OPTIONS)

    def unless_said(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Those options of a client of which the URI says nothing."""
        said = {name.lower() for name, _ in parse_qsl(urlsplit(self.uri).query)}
        return {name: value for name, value in options.items() if name.lower() not in said}

    def revive(self) -> None:
        """Start the embedded server again if it has ended; nothing for a server of the user's.

        Raises
        ------
        DatabaseUnavailableError
            If it does not start.
        """
        if self.home is not None:
            EmbeddedServer(self.home).revive()

    def client(self) -> MongoClient[dict[str, Any]]:
        """Open a client whose acknowledged writes survive a crash of the server and the loss of one among several.

        Where patience is in force it waits for the server.

        Raises
        ------
        DatabaseUnavailableError
            If no server answers or it refuses the credentials.
        """
        return patiently(self._open)

    def _open(self) -> MongoClient[dict[str, Any]]:
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(
                self.uri,
                **self.unless_said(_DEFAULTS),
                tz_aware=True,
                appname="mtl_flows",
            )
        except (PymongoConfigurationError, InvalidURI, OSError, ValueError, TypeError) as error:
            raise _unusable(error) from None
        try:
            database = client[self.database]
            if swap.is_under_way(database.list_collection_names()):
                swap.complete(database)  # a restore was ended while it let its collections stand
        except ConnectionFailure:
            client.close()
            raise DatabaseUnavailableError(
                "no MongoDB server answers",
                subject=self.redacted,
                remedy="start it, or unset MTL_MONGO_URI to use the embedded server; host, port, replicaSet and tls "
                "there have to be its own",
            ) from None
        except OperationFailure as error:
            client.close()
            lacks_rights = error.code == UNAUTHORIZED
            raise DatabaseUnavailableError(
                f"the server refuses: {(error.details or {}).get('codeName', 'operation failure')}",
                subject=self.redacted,
                remedy=f"give the user a role on {self.database}: read to ask, readWrite to work"
                if lacks_rights
                else "check user, password and authSource in MTL_MONGO_URI",
            ) from None
        except PymongoConfigurationError as error:  # of what is only tried when a connection is made
            client.close()
            raise _unusable(error) from None
        return client


def _unusable(error: Exception) -> ConfigurationError:
    """Error of options that cannot be honoured here; of files it names the file, never the string."""
    told = type(error).__name__
    if isinstance(error, OSError):
        told = " ".join(filter(None, (error.strerror or str(error), str(error.filename or ""))))
    return ConfigurationError(
        f"an option of the connection string cannot be honoured: {told}",
        subject="MTL_MONGO_URI",
        remedy="check the files and passwords that its tls… options name, and that the packages for compressors and "
        "authMechanism are installed",
    )


def told_by_server(error: PyMongoError) -> MTLError:
    """Error of ours for one of the driver's that nobody expected; it never repeats the address."""
    if reason := why_away(error):
        return DatabaseUnavailableError(reason, subject="MongoDB", remedy="try again when it is back")
    if isinstance(error, OperationFailure) and error.code == UNAUTHORIZED:
        asked = str((error.details or {}).get("errmsg", "")).partition(" to execute command")[0]
        return ConfigurationError(
            f"the user lacks a right: {asked}",
            subject="MTL_MONGO_URI",
            remedy="give it the role readWrite on this database; read is enough to query, explain and export",
        )
    details = getattr(error, "details", None) or {}
    told = details.get("codeName") or details.get("errmsg") or type(error).__name__
    return MTLError(
        f"the server reports {told}", subject="MongoDB", remedy="mtl doctor; --traceback shows where"
    )


def demand_project(settings: Settings) -> None:
    """Refuse to work where neither a server is configured nor a project was begun.

    Raises
    ------
    ConfigurationError
        With what can be done about it.
    """
    folder = find_project_folder()
    if settings.mongo_uri is None and not (settings.home.is_dir() or (folder / SETTINGS_FILE).is_file()):
        raise ConfigurationError(
            "no project here, nor in a folder above",
            subject=str(folder),
            remedy="go to the project's folder or name it (mtl -C FOLDER), begin one with mtl init, or set "
            "MTL_MONGO_URI to a server of yours",
        )


def revive(settings: Settings) -> None:
    """Start the project's embedded server again if it has ended; nothing where a server is configured.

    Raises
    ------
    DatabaseUnavailableError
        If it does not start.
    """
    if settings.mongo_uri is None:
        EmbeddedServer(settings.home).revive()


@contextmanager
def connection(settings: Settings, *, begin: bool = False) -> Iterator[Connection]:
    """Address of the configured server; leases the embedded one if none is configured.

    Parameters
    ----------
    begin
        Where there is neither, begin a project: an embedded server whose data are empty.

    Raises
    ------
    ConfigurationError
        If there is neither and no project is to be begun.
    """
    if settings.mongo_uri is not None:
        yield Connection.parse(settings.mongo_uri.get_secret_value(), settings.database)
        return
    if not begin:
        demand_project(settings)
    with EmbeddedServer(settings.home).lease() as server:
        address = Connection.parse(server.uri, settings.database)
        yield replace(address, home=settings.home.resolve())

"""Connection strings: completed, never shown with their credentials, and clear when nobody answers."""

import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from pymongo.uri_parser import parse_uri

from mtl_flows.errors import ConfigurationError, DatabaseUnavailableError
from mtl_flows.settings import Settings
from mtl_flows.store.connection import Connection, connection
from mtl_flows.store.database import MTLStore


@pytest.mark.parametrize(
    ("uri", "completed", "database"),
    [
        ("mongodb://host", "mongodb://host/mtl", "mtl"),
        ("mongodb://host:27017/", "mongodb://host:27017/mtl", "mtl"),
        ("mongodb://host/mine", "mongodb://host/mine", "mine"),
        ("mongodb://a,b:2/?replicaSet=r", "mongodb://a,b:2/mtl?replicaSet=r", "mtl"),
        ("mongodb://u:p@host/", "mongodb://u:p@host/mtl?authSource=admin", "mtl"),
        ("mongodb://u:p@host/?tls=true", "mongodb://u:p@host/mtl?tls=true&authSource=admin", "mtl"),
        ("mongodb://u:p@host/?authsource=users", "mongodb://u:p@host/mtl?authsource=users", "mtl"),
        ("mongodb://u:p@host/mine", "mongodb://u:p@host/mine", "mine"),
    ],
)
def test_database_is_written_in(uri: str, completed: str, database: str) -> None:
    assert Connection.parse(uri, "mtl") == Connection(completed, database)


@pytest.mark.parametrize("query", ["", "?authMechanism=PLAIN", "?authMechanism=SCRAM-SHA-256"])
def test_the_user_is_looked_up_where_the_string_says(query: str) -> None:
    """A database in the path is MongoDB's default for authSource; naming one must not change where users are."""
    options = dict(parse_uri(Connection.parse(f"mongodb://u:p@host/{query}", "mtl").uri)["options"])
    assert options["authSource"] == ("$external" if "PLAIN" in query else "admin")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "host",
        "http://host",
        "mongodb://",
        "mongodb://user:secret@@host",
        "mongodb://host:port/secret",
        "mongodb://h/a.secret",
    ],
)
def test_unusable_strings_are_refused_without_being_repeated(uri: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Connection.parse(uri, "mtl")
    assert "MTL_MONGO_URI" in str(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("database", ["", "a b", "a.b", "a/b", "a$b"])
def test_unusable_database_names(database: str) -> None:
    with pytest.raises(ConfigurationError, match="MTL_DATABASE"):
        Connection.parse("mongodb://host", database)


SECRET = st.text("abcdefXYZ0123456789", min_size=6, max_size=12).map(lambda s: f"s3{s}")


@given(SECRET, SECRET, SECRET)
def test_credentials_are_never_shown(user: str, password: str, token: str) -> None:
    address = Connection.parse(
        f"mongodb://{user}:{password}@host/mine?authMechanism=PLAIN&authMechanismProperties=SERVICE_NAME:{token}",
        "mtl",
    )
    shown = f"{address} {address!r} {address.redacted} {[address]}"
    assert not {user, password, token} & set(
        shown.replace(":", " ").replace("/", " ").replace("@", " ").split()
    )
    assert password not in shown
    assert token not in shown
    assert "host/mine" in shown
    assert pickle.loads(pickle.dumps(address)) == address


def test_nobody_answers() -> None:
    uri = "mongodb://user:" + "secret" + "@127.0.0.1:9/?serverSelectionTimeoutMS=100"
    address = Connection.parse(uri, "mtl")
    with pytest.raises(DatabaseUnavailableError, match="no MongoDB server answers") as caught:
        address.client()
    assert caught.value.subject == "mongodb://127.0.0.1:9/mtl"
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_wrong_password(mongo_uri: str) -> None:
    uri = mongo_uri.replace("mongodb://", "mongodb://nobody:secret@")
    with pytest.raises(DatabaseUnavailableError, match="the server refuses: AuthenticationFailed") as caught:
        Connection.parse(uri, "mtl").client()
    assert "secret" not in "".join(traceback.format_exception(caught.value))


def test_the_client_knows_time_zones(address: Connection) -> None:
    with address.client() as client:
        assert client.codec_options.tz_aware


def test_unacknowledged_writes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="w=0 would leave writes unacknowledged"):
        Connection.parse("mongodb://host/mine?w=0", "mtl")


def test_settings_with_an_address(mongo_uri: str, address: Connection) -> None:
    settings = Settings(mongo_uri=SecretStr(mongo_uri), database=address.database)
    with connection(settings) as found:
        assert found == address
    with MTLStore.open(settings) as store:
        assert store.structures.count() == 0


def test_settings_without_an_address_lease_the_embedded_server(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / ".mtl")
    with pytest.raises(ConfigurationError, match="no project here"), connection(settings):
        pass
    assert not (tmp_path / ".mtl").exists()
    with connection(settings, begin=True) as found:
        assert found.database == "mtl"
        with found.client() as client:
            assert client.admin.command("ping")["ok"] == 1
    assert (tmp_path / ".mtl" / "db").is_dir()

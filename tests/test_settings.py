"""Settings: where they come from, which wins, and what a broken file is answered with."""

from pathlib import Path

import pytest

from mtl_flows.errors import ConfigurationError
from mtl_flows.settings import Settings, find_project_folder

SECRET = "s3cret"


def uri_of(settings: Settings) -> str | None:
    return settings.mongo_uri and settings.mongo_uri.get_secret_value()


def test_without_anything_the_embedded_server_of_the_working_directory_is_meant(project: Path) -> None:
    settings = Settings.load()
    assert settings.mongo_uri is None
    assert settings.database == "mtl"
    assert settings.home == project / ".mtl"


def test_arguments_beat_the_environment_and_that_beats_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "mtl.yaml").write_text("mongo_uri: mongodb://file/x\ndatabase: from_file\nhome: data\n")
    assert uri_of(Settings.load()) == "mongodb://file/x"
    monkeypatch.setenv("MTL_MONGO_URI", "mongodb://environment/x")
    settings = Settings.load()
    assert uri_of(settings) == "mongodb://environment/x"
    assert (settings.database, settings.home) == ("from_file", project / "data")
    assert Settings(database="given").database == "given"
    monkeypatch.setenv("MTL_MONGO_URI", "")  # set to nothing counts as not set
    assert uri_of(Settings.load()) == "mongodb://file/x"


@pytest.mark.parametrize("mark", ["mtl.yaml", ".mtl"])
def test_folders_below_belong_to_the_nearest_project(
    project: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    outer, inner = project / "outer", project / "outer" / "inner"
    launch = inner / ".mtl" / "launches" / "launcher_1"
    launch.mkdir(parents=True)
    (outer / "mtl.yaml").write_text("database: outer\n")
    if mark == "mtl.yaml":
        (inner / "mtl.yaml").write_text("database: inner\n")
    assert find_project_folder(launch) == inner
    monkeypatch.chdir(launch)
    settings = Settings.load()
    assert settings.home == inner / ".mtl"
    assert settings.database == ("inner" if mark == "mtl.yaml" else "mtl")


def test_a_home_elsewhere_is_kept(project: Path) -> None:
    (project / "mtl.yaml").write_text("home: /somewhere/else\n")
    assert Settings.load().home == Path("/somewhere/else")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"mongo_url: mongodb://u:s3cret@h/x\n", "mongo_url"),
        (b"mongo_uri: [mongodb://u:s3cret@h/x]\n", "mongo_uri"),
        (b"mongo_uri: [mongodb://u:s3cret@h/x\n", "not valid YAML"),
        (b"\xff\xfe s3cret", "not valid YAML"),
        (b"mongodb://u:s3cret@h/x", "setting: value"),
        (b"- mongodb://u:s3cret@h/x\n", "setting: value"),
        (b"database: a/s3cret\n", "database"),
    ],
)
def test_a_broken_file_is_named_with_a_remedy_and_without_its_secrets(
    project: Path, content: bytes, told: str
) -> None:
    (project / "mtl.yaml").write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        Settings.load()
    assert told in caught.value.message
    assert caught.value.subject == str(project / "mtl.yaml")
    assert caught.value.remedy
    assert SECRET not in f"{caught.value} {caught.value!r}"


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    monkeypatch.setenv("MTL_MONGO_URI", f"mongodb://u:{SECRET}@h/x")
    settings = Settings.load()
    assert SECRET not in f"{settings} {settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_every_setting_is_described() -> None:
    assert {name for name, field in Settings.model_fields.items() if not field.description} == set()

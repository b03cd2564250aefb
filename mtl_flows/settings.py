"""Settings from one connection string.

Values come, first match wins, from arguments, environment variables (``MTL_MONGO_URI`` and so on) and the
``mtl.yaml`` of the project folder: the nearest folder, from the working directory upwards, that holds an
``mtl.yaml`` or a ``.mtl`` folder. FireWorks launches rockets in folders below it, so workers find it too.
"""

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)

from mtl_flows.errors import ConfigurationError

SETTINGS_FILE = "mtl.yaml"
EMBEDDED_FOLDER = ".mtl"


def find_project_folder(start: Path | None = None) -> Path:
    """Nearest folder from `start` upwards with an ``mtl.yaml`` or ``.mtl``; `start` itself if none has."""
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / SETTINGS_FILE).is_file() or (folder / EMBEDDED_FOLDER).is_dir():
            return folder
    return start


class NamedEngine(BaseModel):
    """An engine with its model and keyword arguments, written once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    engine: str = Field(description="as --engine takes it")
    model: str = Field("", description="as --model takes it")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="as --set and --engine-kwargs take them"
    )
    device: str = Field("auto", description="as --device takes it")


class Settings(BaseSettings):
    """Everything a deployment can set; science never reads it."""

    model_config = SettingsConfigDict(env_prefix="MTL_", env_ignore_empty=True, extra="forbid", frozen=True)

    mongo_uri: SecretStr | None = Field(
        None, description="MongoDB connection string; unset means the embedded server"
    )
    database: str = Field(
        "mtl",
        pattern=r'^[^/\\. "$]{1,63}$',
        description="database name, used where the connection string names none",
    )
    mobile_ions: str = Field(
        "",
        description="mobile ions of the project, with commas between, such as Li,Na; lithium if none are named",
    )
    device: str = Field(
        "",
        pattern=r"^(|auto|cpu|mps|cuda(:\d+)?)$",
        description="where this machine's workers evaluate potentials, whatever was asked for: cpu, cuda:1, ...",
    )
    engines: dict[str, NamedEngine] = Field(
        default_factory=dict, description="engines by names of the project's own, for --engine"
    )
    materials_project_api_key: SecretStr | None = Field(
        None, description="personal key of the Materials Project, for mtl fetch and for windows"
    )
    icsd_login: str = Field("", description="login of the ICSD's web service, for mtl fetch icsd")
    icsd_password: SecretStr | None = Field(None, description="its password")
    serve_token: SecretStr | None = Field(
        None, description="token that mtl serve asks for, of 16 characters or more"
    )
    patience_min: float = Field(
        30.0, ge=0, description="minutes that a worker waits for a database that is away, before it ends"
    )
    home: Path = Field(Path(EMBEDDED_FOLDER), description="folder of the embedded server and its data")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the project's ``mtl.yaml``."""
        yaml_file = find_project_folder() / SETTINGS_FILE
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=yaml_file)

    @classmethod
    def load(cls) -> Self:
        """Read the settings that hold in the working directory.

        Raises
        ------
        ConfigurationError
            If the file or an environment variable holds something unknown or of the wrong type.
        """
        project = find_project_folder()
        try:
            settings = cls()
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ConfigurationError(
                wrong, subject=str(project / SETTINGS_FILE), remedy="mend the file or the MTL_* variable"
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"not valid YAML: {error}", subject=str(project / SETTINGS_FILE), remedy="mend the file"
            ) from None
        except (TypeError, ValueError):
            raise ConfigurationError(
                "not a list of `setting: value`",
                subject=str(project / SETTINGS_FILE),
                remedy="mend the file",
            ) from None
        if settings.home.is_absolute():
            return settings
        return settings.model_copy(update={"home": project / settings.home})

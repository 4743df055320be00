"""The one reader of the environment. Every setting is `DIALER_<NAME>`; secrets may come from a file,
`DIALER_<NAME>_FILE`, so that they never stand in a process list or a compose file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import BadInput
from domain.i18n import _

PROJECT = Path(__file__).resolve().parent.parent

Level = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]


class Settings(BaseSettings):
    """dsn empty: a private PostgreSQL below data_dir. spool_dir: the `monitor` folder of Asterisk's spool, where
    the dialplan records; this process reads and removes there under the same path. lab_trunks: trunks that reach
    nothing but a lab."""

    model_config = SettingsConfigDict(env_prefix="DIALER_", extra="ignore")

    data_dir: Path = PROJECT / ".data"
    dsn: SecretStr | None = None
    ari_url: str = "http://127.0.0.1:8088"
    ari_user: str = "dialer"
    ari_secret: SecretStr = SecretStr("")
    ari_secret_file: Path | None = None
    ari_app: str = "dialer"
    ami_host: str = "127.0.0.1"
    ami_port: Annotated[int, Field(ge=1, le=65535)] = 5038
    ami_user: str = "dialer"
    ami_secret: SecretStr = SecretStr("")
    ami_secret_file: Path | None = None
    spool_dir: Path = Path("/var/spool/asterisk/dialer/monitor")
    recordings_dir: Path | None = None
    lab_trunks: str = ""  # names, separated by commas
    node: str = "asterisk-1"
    log_json: bool = False
    log_level: Level | None = None  # default: info for the engine, warning for other commands

    def database(self) -> str | None:
        """The DSN; None for a private server."""
        return self.dsn.get_secret_value() if self.dsn is not None else None

    def ari_password(self) -> str:
        return _secret(self.ari_secret, self.ari_secret_file)

    def ami_password(self) -> str:
        return _secret(self.ami_secret, self.ami_secret_file)

    def is_lab_trunk(self, trunk: str) -> bool:
        return trunk in {name.strip() for name in self.lab_trunks.split(",") if name.strip()}

    def archive(self) -> Path:
        return self.recordings_dir or self.data_dir / "recordings"


def read_settings(**overrides: Any) -> Settings:
    """Raises BadInput naming each wrong setting, never its value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        wrong = "; ".join(
            f"DIALER_{str(problem['loc'][0]).upper()} {what_is_wrong(problem['type'], problem.get('ctx', {}))}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise BadInput(_("Wrong settings in the environment: {wrong}.").format(wrong=wrong)) from None


def what_is_wrong(kind: str, limits: Mapping[str, Any]) -> str:
    """The rest of a sentence that begins with the value's name, for one of pydantic's kinds of error."""
    match kind:
        case "int_parsing" | "int_type" | "int_from_float":
            return _("must be a whole number")
        case "bool_parsing" | "bool_type":
            return _("must be true or false")
        case "greater_than_equal":
            return _("must be at least {limit}").format(limit=limits["ge"])
        case "less_than_equal":
            return _("must be at most {limit}").format(limit=limits["le"])
        case "literal_error":
            return _("must be one of {known}").format(known=limits["expected"])
        case _:
            return _("is not usable")


def _secret(value: SecretStr, file: Path | None) -> str:
    if file is None:
        return value.get_secret_value()
    try:
        return file.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise BadInput(_("The secret's file {path} is not UTF-8 text.").format(path=file)) from None
    except OSError as error:
        raise BadInput(_("Cannot read the secret's file {path}: {why}").format(path=file, why=error.strerror)) from None

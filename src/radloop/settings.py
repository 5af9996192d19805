"""Where Radloop keeps things: one folder by default, a server where a setting says so."""

from __future__ import annotations

import getpass
import os
import re
from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

# Every tool's switch against calling home. BentoML's only understands the text `true`.
SILENCE = {
    "DO_NOT_TRACK": "true",
    "BENTOML_DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "true",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
}


def find_root(start: Path | None = None) -> Path:
    """Return the nearest folder upwards that holds `.radloop` or `data.dvc`, else `start`."""
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / ".radloop").is_dir() or (folder / "data.dvc").is_file():
            return folder
    return here


def account() -> str | None:
    """Return the account that this process runs under, None where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without an entry; Python 3.13 says OSError for both
        return None


class Settings(BaseSettings):
    """The places of one installation, each a `RADLOOP_*` environment variable.

    Example:
        >>> Settings().bundles          # doctest: +SKIP
        PosixPath('/srv/radloop/.radloop/bundles')
    """

    model_config = SettingsConfigDict(env_prefix="RADLOOP_", frozen=True, extra="ignore")

    root: Path = Field(default_factory=find_root)
    """The folder that holds `data.dvc`, `data/` and `configs/`."""
    home: Path | None = None
    """The folder for everything else; default `.radloop` in the root."""
    mlflow_uri: str | None = None
    """MLflow's tracking and registry URI; default SQLite in the home."""
    mlflow_artifacts: str | None = None
    """Where MLflow puts artifacts; default a folder in the home."""
    optuna_url: str | None = None
    """Optuna's storage URL; default an SQLite file of its own in the home."""
    dvc_remote: str | None = None
    """The URL of DVC's default remote; default a folder in the home."""
    index_url: str | None = None
    """The database of the records' index, such as `postgresql://user@host/name`; default an SQLite file in the home."""
    prefect_api_url: str | None = None
    """A Prefect server; default an ephemeral one with its database in the home."""
    use_cases: Path | None = None
    """A folder of use case YAMLs, read before the packaged ones."""
    pseudonym_key: str | None = None
    """The secret that turns patient identifiers into pseudonyms; default one made in the home."""
    workers: int = Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1)
    """How many processes decode images; default one a core."""
    max_upload_bytes: int = 10_000_000
    """The largest image that the service reads."""
    max_batch_bytes: int = Field(default=100_000_000, ge=1)
    """The largest batch of images that the service reads at once, and the largest video; two are read side by side."""
    max_batch_images: int = Field(default=512, ge=1)
    """How many images a batch may have."""
    upload_seconds: float = Field(default=30.0, gt=0)
    """How long the service waits for a whole upload."""
    max_in_flight: int = Field(default=64, ge=1)
    """How many requests the service works on at once; one more is answered 503."""
    memory_budget: int = Field(default=600_000_000, ge=1)
    """How many bytes the networks that answer may hold together; those that were asked last stay in memory."""
    idle_seconds: float = Field(default=1800.0, gt=0)
    """After how long a network that nobody asks leaves the memory; the next request loads it again."""
    rate_limit: int = Field(default=3000, ge=1)
    """Requests a minute for each API key whose own limit is not set."""
    cors_origins: str = ""
    """Pages that may call the service from a browser: origins such as `https://viewer.example.org`, with commas."""
    record_key: str | None = None
    """The secret behind the record's keyed hashes; default one made in the home."""
    record_required: bool = False
    """Whether an answer that cannot be recorded is a 503 instead."""
    record_fsync_first: bool = False
    """Whether an answer waits until its record is on the disk."""
    record_days: int | None = Field(default=None, ge=1)
    """How long `radloop gc` keeps what was recorded of an answer; default for ever."""
    keep_runs_days: int = Field(default=30, ge=1)
    """After how many days `radloop gc` gives up an unfinished run."""
    keep_cache_days: int = Field(default=14, ge=1)
    """After how many days unused `radloop gc` removes prepared pixels."""
    keep_rejected_days: int = Field(default=90, ge=1)
    """After how many days `radloop gc` removes the network of a bundle that the gate rejected."""
    alarm_webhook: str | None = None
    """An address that alarms are sent to as JSON."""
    alarm_email: str | None = None
    """Who gets alarms by mail; several with commas."""
    smtp_url: str | None = None
    """The mail server: `smtp://USER:PASSWORD@HOST:25`, `smtps://` with TLS from the start, `smtp+tls://` with STARTTLS."""
    smtp_sender: str = "radloop@localhost"
    """Whom mail about alarms comes from."""
    metrics_file: Path | None = None
    """Where `radloop monitor` writes Prometheus metrics, for a textfile collector; default a file in the home."""
    host: str = "127.0.0.1"
    port: int = 3000
    user: str | None = Field(default_factory=account)
    """Who starts runs, as MLflow shows it; default the account."""
    review_host: str = "127.0.0.1"
    """Where the reviewers' page listens; anything but loopback belongs behind TLS."""
    review_port: int = 3100
    review_url: str | None = None
    """The reviewers' page as people reach it; default what the two settings before say."""

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, text: str) -> str:
        for origin in filter(None, map(str.strip, text.split(","))):
            if not re.fullmatch(r"https?://[^/*\s]+", origin):
                raise ValueError("origins are written like https://viewer.example.org, without a path or a star")
        return text

    @cached_property
    def allowed_origins(self) -> tuple[str, ...]:
        """Return the origins whose pages may call the service."""
        return tuple(filter(None, map(str.strip, self.cors_origins.split(","))))

    @cached_property
    def place(self) -> Path:
        """Return the home as an absolute path."""
        return (self.home or self.root / ".radloop").resolve()

    @cached_property
    def data(self) -> Path:
        """Return the folder that `data.dvc` pins."""
        return self.root / "data"

    @cached_property
    def bundles(self) -> Path:
        """Return the folder of sealed bundles, `UC/DIGEST/` each."""
        return self.place / "bundles"

    @cached_property
    def tracking_uri(self) -> str:
        """Return MLflow's tracking URI."""
        return self.mlflow_uri or f"sqlite:///{self.place / 'mlflow' / 'mlflow.db'}"

    @cached_property
    def artifact_root(self) -> str:
        """Return the URI under which MLflow stores artifacts."""
        return self.mlflow_artifacts or (self.place / "mlflow" / "artifacts").as_uri()

    @cached_property
    def search_url(self) -> str:
        """Return Optuna's storage URL: never MLflow's database, they crash on a shared one."""
        return self.optuna_url or f"sqlite:///{self.place / 'optuna' / 'optuna.db'}"

    @cached_property
    def review_address(self) -> str:
        """Return the address of the reviewers' page, without a slash at its end."""
        return (self.review_url or f"http://{self.review_host}:{self.review_port}").rstrip("/")

    def environment(self) -> dict[str, str]:
        """Return the variables that point the tools' own commands at this installation."""
        places = {
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "MLFLOW_REGISTRY_URI": self.tracking_uri,
            "PREFECT_HOME": str(self.place / "prefect"),
            "BENTOML_HOME": str(self.place / "bentoml"),
            "DVC_SITE_CACHE_DIR": str(self.place / "dvc" / "site"),
            "DVC_GLOBAL_CONFIG_DIR": str(self.place / "dvc" / "config"),
            "RADLOOP_ROOT": str(self.root),
            "RADLOOP_HOME": str(self.place),
        }
        if self.prefect_api_url:
            places["PREFECT_API_URL"] = self.prefect_api_url
        return places | SILENCE

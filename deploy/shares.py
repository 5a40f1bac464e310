"""What the parts of a suite are told: the environment's settings, what this run adds, and to each no more than it needs."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy import authority, embedded
from youguan.auth import generate_keys
from youguan.settings import Settings

LOOPBACK = ["127.0.0.0/8", "::1/128"]
DEMO_HOLDING_TIME_S = 30


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run knows before its first part starts; `demo_sites`: `generated`, `file`, or None where it is no demo."""

    data: Path
    hosts: Mapping[str, str]
    ports: Mapping[str, int]
    workers: int
    demo_sites: str | None = None

    def settings(self, database_url: str) -> Settings:
        """Return the settings of every part: what the environment says, and what this run adds."""
        settings = Settings()
        update: dict[str, object] = {
            "data_dir": self.data,
            "database_url": database_url,
            "http_host": self.hosts["http"],
            "ocpp_host": self.hosts["ocpp"],
            "http_port": self.ports["http"],
            "ocpp_port": self.ports["ocpp"],
            "workers": self.workers,
            **self._secrets(settings),
        }
        if settings.station_authority is None:
            update["station_authority"] = authority.authority(self.data).folder
        if "ocpp_tls" in self.ports:
            update |= self._tls(settings)
        if "ftp" in self.ports:
            update["ftp_port"] = self.ports["ftp"]
        if self.demo_sites is not None:
            update |= _demo(settings, self.demo_sites)
        return settings.model_copy(update=update)

    def _secrets(self, settings: Settings) -> dict[str, object]:
        """Return the secrets of this data folder, made at the first start; what the settings name comes first."""
        folder = self.data / "secrets"
        keys = json.loads(embedded.keep_secret(folder / "token-keys", lambda: json.dumps(generate_keys())))
        role_secret = embedded.keep_secret(folder / "role-secret", lambda: os.urandom(24).hex())
        found = {"role_secret": role_secret, "token_private_key": keys[0], "token_public_key": keys[1]}
        for name, file, make in KEPT:
            if getattr(settings, name) is None:
                found[name] = embedded.keep_secret(folder / file, make)
        return found

    def _tls(self, settings: Settings) -> dict[str, object]:
        """Return where the certificates are: what the settings name, else our own authority's."""
        own = authority.authority(self.data)
        return {
            "ocpp_tls_port": self.ports["ocpp_tls"],
            "ocpp_tls_certificates": settings.ocpp_tls_certificates or authority.server_certificates(self.data),
            "ocpp_tls_client_ca": settings.ocpp_tls_client_ca or (own.certificate_file if own.exists() else None),
            "ocpp_tls_revoked": settings.ocpp_tls_revoked or (own.revoked_file if own.exists() else None),
        }


def _long() -> str:
    return os.urandom(32).hex()


# Secrets that the settings may name: the setting, the file that keeps ours, and how one is made.
KEPT = (
    ("station_key_secret", "station-keys", _long),
    ("evidence_private_key", "evidence-key", lambda: generate_keys()[0]),
    ("login_secret", "login", _long),
    ("party_secret", "parties", _long),
)


def _demo(settings: Settings, sites: str) -> dict[str, object]:
    update: dict[str, object] = {"demo": True, "demo_sites": sites, "ocpp_open_networks": LOOPBACK}
    if not settings.ykc_networks:
        update["ykc_networks"] = LOOPBACK
    if "holding_time_s" not in settings.model_fields_set:
        update["holding_time_s"] = DEMO_HOLDING_TIME_S
    return update


def hosts(settings: Settings, *, demo: bool) -> dict[str, str]:
    """Return on which addresses to listen: a demo, whose passwords everybody knows, on this machine only."""
    if demo:
        return {"http": "127.0.0.1", "ocpp": "127.0.0.1"}
    return {"http": settings.http_host, "ocpp": settings.ocpp_host}


def reached_at(host: str) -> str:
    """Return how this machine reaches what listens on an address."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{host}]" if ":" in host else host


def shares(settings: Settings) -> tuple[Settings, Settings, Settings]:
    """Return what the gateway's workers, the jobs and the web process are told: each no more than it needs.

    None learns how to enter the database as its owner; only the web process can sign a token; a worker is one service, the other
    two are all services in one process and derive each one's role.
    """
    inner = {"database_url": settings.dsn_for("registry")}
    unsigned = {"token_private_key": None, "login_secret": None, "metrics_token": None}
    worker = {
        "database_url": settings.dsn_for("gateway"), "role_secret": None, "evidence_private_key": None,
        "party_secret": None, **unsigned,
    }  # fmt: skip
    return tuple(settings.model_copy(update=update) for update in (worker, inner | unsigned, inner))  # type: ignore[return-value]


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as the environment of a part."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        f"YOUGUAN_{name.upper()}": json.dumps(value) if isinstance(value, list | bool) else str(value)
        for name, value in values.items()
    }

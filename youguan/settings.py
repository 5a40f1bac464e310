"""One typed settings object, from environment variables (`YOUGUAN_…`) and an optional TOML file."""

import hashlib
import hmac
import os
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

EVERYWHERE = ("", "0.0.0.0", "::")  # noqa: S104
SERVICES = ("registry", "gateway", "alerts", "inspection")


class Settings(BaseSettings):
    """Everything that differs between one deployment and another; environment wins over the file."""

    model_config = SettingsConfigDict(env_prefix="YOUGUAN_", extra="ignore")

    data_dir: Path = Path(".youguan")
    database_url: str = "postgresql://localhost/youguan"
    role_secret: str | None = Field(default=None, description="makes one database role and password for each service")
    mqtt_url: str | None = Field(default=None, description="mqtt://user:password@host:1883, or mqtts:// for TLS")
    mqtt_ca_file: Path | None = Field(default=None, description="who vouches for the broker, where the system does not")
    mqtt_certificate_file: Path | None = Field(default=None, description="ours, where the broker wants to see one")
    mqtt_key_file: Path | None = None
    mqtt_client_id: str = Field(default="youguan", description="with which our names at the broker begin")
    mqtt_mapping: Path | None = Field(default=None, description="a mapping of topics in place of the one that ships")
    mqtt_shared: bool = Field(default=False, description="several bridges share what comes ($share)")
    mqtt_session_s: int = Field(
        default=7 * 86400, ge=60, description="how long the broker keeps what we have not heard"
    )

    platform_profiles: Path | None = Field(
        default=None, description="profiles of T/CEC 102 in place of those that ship"
    )
    platform_slot: int = Field(
        default=2000,
        ge=2000,
        le=2999,
        description="with which the web process records what platforms say; one a replica",
    )

    http_host: str = "127.0.0.1"
    http_port: int = 8000
    trusted_proxies: list[str] = Field(
        default_factory=list, description="addresses of proxies whose X-Forwarded-For and -Proto are believed"
    )
    largest_body_bytes: int = Field(
        default=1_000_000, ge=1000, description="more is answered with 413, uploads excepted"
    )
    metrics_token: str | None = Field(default=None, description="Authorization: Bearer … for /metrics from elsewhere")
    ocpp_host: str = "127.0.0.1"
    ocpp_port: int = 9000
    ocpp_tls_port: int | None = Field(default=None, description="OCPP over TLS; needs certificates")
    ocpp_tls_certificates: list[Path] = Field(
        default_factory=list,
        description="PEM, the key in the same file or beside it as .key; one ECDSA and one RSA serve every station",
    )
    ocpp_tls_client_ca: Path | None = Field(default=None, description="PEM; who signs stations' certificates")
    ocpp_tls_revoked: Path | None = Field(default=None, description="PEM; the revocation list of that authority")
    ykc_port: int | None = Field(
        default=None, description="云快充 (YKC) 1.6 over TCP; none: not served; 0: any free port"
    )
    ykc_networks: list[str] = Field(
        default_factory=list,
        description="networks whose chargers may speak it, since it knows no secrets; none: nobody",
    )
    ykc_checksum: Literal["logged", "required", "ignored"] = Field(
        default="logged",
        description="what a checksum that does not fit means; the protocol's text contradicts its samples",
    )
    ftp_port: int | None = Field(
        default=None, description="files of stations that know only FTP; none: not served; 0: any free port"
    )
    ftp_address: IPv4Address | None = Field(
        default=None, description="where stations reach the FTP port and its passive ports, where that is not ocpp_host"
    )
    ftp_passive_ports: str | None = Field(
        default=None, pattern=r"^\d{1,5}-\d{1,5}$", description="50000-50099: for data connections; none: any free one"
    )
    workers: int = Field(default=3, ge=1, le=64)

    public_url: str | None = Field(default=None, description="where stations reach the HTTP port: https://host")
    largest_upload_bytes: int = Field(default=200 * 1024 * 1024, ge=1024, description="of a station's diagnostics")
    largest_document_bytes: int = Field(
        default=20 * 1024 * 1024, ge=1024, description="of a document or photo that somebody hands in"
    )
    largest_firmware_bytes: int = Field(default=1024 * 1024 * 1024, ge=1024)

    publisher: str = Field(default="有管 Youguan", max_length=100, description="who publishes the open data")
    licence: str = Field(default="CC BY 4.0", description="under which the open data may be used")
    licence_url: str = "https://creativecommons.org/licenses/by/4.0/"
    ocpi_country_code: str = Field(default="CN", pattern=r"^[A-Z]{2}$")
    ocpi_party_id: str = Field(
        default="YGN", pattern=r"^[A-Z0-9]{3}$", description="under which Locations are published"
    )

    demo: bool = False
    demo_sites: Literal["generated", "file"] = Field(
        default="generated", description="where the demo's sites come from"
    )
    ocpp_open_networks: list[str] = Field(default_factory=list, description="networks whose stations need no password")
    ocpp_lowest_security_profile: int = Field(default=1, ge=1, le=3, description="for whoever is in no open network")
    ocpp_onboarding_secret: str | None = Field(
        default=None,
        min_length=16,
        description="the password with which a station that is not filed may announce itself",
    )
    ocpp_connections: int = Field(default=50_000, ge=1, description="gateway workers together hold no more")
    ocpp_connections_per_source: int = Field(
        default=6_000, ge=1, description="of one source, all workers together; not in open networks"
    )
    station_key_secret: str | None = Field(
        default=None,
        min_length=32,
        description="makes stations' keys into what is stored of them; registry and gateway",
    )
    station_authority: Path | None = Field(default=None, description="folder of `youguan pki`; signs what stations ask")
    sign_certificates: Literal["regulator", "automatic"] = Field(
        default="regulator",
        description="who approves what stations ask to have signed; automatic: without open networks",
    )
    station_key_grace_s: int = Field(default=24 * 3600, ge=1, description="a replaced key holds so much longer")
    heartbeat_interval_s: int = Field(default=60, ge=1)
    offline_after_heartbeats: int = Field(default=3, ge=1)
    relay_spool_bytes: int = Field(
        default=512 * 1024 * 1024,
        ge=1024 * 1024,
        description="of what is passed on, a worker keeps so much for the database",
    )
    relay_ca: Path | None = Field(default=None, description="PEM; who vouches for upstreams, where the system does not")
    relay_certificate: Path | None = Field(default=None, description="PEM; ours, where an upstream wants to see one")
    relay_key: Path | None = Field(default=None, description="PEM; its key, where it is not in the same file")
    tolerated_clock_skew_s: int = Field(default=300, ge=1, description="a station's clock may lead or lag by this much")
    holding_time_s: int = Field(default=300, ge=0, description="a mended connector must stay in order this long")
    raw_frame_retention_days: int = Field(default=180, ge=1, description="what becomes evidence is copied when it does")
    meter_sample_retention_days: int = Field(default=740, ge=1, description="two years to punish, Penalty Law Art. 36")
    status_change_retention_days: int = Field(
        default=1835, ge=200, description="five years where life or health was in danger, the same article"
    )
    connectivity_change_retention_days: int = Field(default=1835, ge=200, description="as status changes")
    notification_retention_days: int = Field(
        default=1835, ge=1, description="as status changes; what chargers reported"
    )
    sensor_reading_retention_days: int = Field(default=1835, ge=1, description="as status changes; smoke, heat, water")
    connector_day_retention_days: int = Field(
        default=1835, ge=200, description="days and hours of connectors; what their months add up to is kept for good"
    )
    transaction_retention_days: int = Field(
        default=3660, ge=200, description="since one ended; ten years, as the papers of a subsidy; docs/retention.md"
    )
    event_retention_days: int = Field(default=400, ge=1, description="what the gateways told and everybody has handled")
    refused_input_retention_days: int = Field(default=30, ge=1)
    refused_input_a_station: int = Field(default=1000, ge=1, description="so many are kept, the newest")
    quarantine_retention_days: int = Field(default=30, ge=1, description="since an unfiled station was seen last")
    quarantine_a_source: int = Field(default=2000, ge=1, description="unfiled stations shown from one address")
    public_report_retention_days: int = Field(
        default=180, ge=1, description="words and photos of public reports, since their task was closed"
    )
    notice_origins: list[str] = Field(
        default_factory=lambda: ["https://qyapi.weixin.qq.com", "https://oapi.dingtalk.com", "https://open.feishu.cn"],
        description="where webhooks and group robots may be told: scheme and host; nothing is sent elsewhere",
    )
    smtp_url: str | None = Field(
        default=None, description="smtp://user:password@host:587 or smtps://…, for notices by e-mail; none: no e-mail"
    )
    smtp_sender: str = Field(default="youguan@localhost", description="whom e-mails are from")
    alert_retention_days: int = Field(default=1100, ge=1, description="since an alert was resolved")

    token_private_key: str | None = Field(default=None, description="Ed25519, PEM; only the registry needs it")
    token_public_key: str | None = Field(default=None, description="Ed25519, PEM")
    evidence_private_key: str | None = Field(default=None, description="Ed25519, PEM; signs evidence; inspection only")
    party_secret: str | None = Field(
        default=None,
        min_length=32,
        description="makes numbers of citizens' identity documents into what is kept of them; inspection only",
    )
    login_secret: str | None = Field(
        default=None, min_length=32, description="seals people's second factors; only the registry needs it"
    )
    login_providers: Path | None = Field(
        default=None, description="TOML: who else vouches for people (OpenID Connect, OAuth 2)"
    )
    token_lifetime_s: int = Field(default=12 * 3600, ge=60, description="one shift; revocation ends it sooner")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment first, then the TOML file that `YOUGUAN_SETTINGS_FILE` names."""
        path = os.environ.get("YOUGUAN_SETTINGS_FILE")
        file = (TomlConfigSettingsSource(settings_cls, Path(path)),) if path else ()
        return (init_settings, env_settings, *file)

    @field_validator("ftp_passive_ports")
    @classmethod
    def _ports(cls, ports: str | None) -> str | None:
        first, last = (int(port) for port in (ports or "1-1").split("-"))
        if not 1 <= first <= last <= 65535:
            raise ValueError("is no range of ports such as 50000-50099")
        return ports

    @property
    def ftp_data_ports(self) -> range | None:
        """Return the ports for data connections of FTP; None: any."""
        if self.ftp_passive_ports is None:
            return None
        first, last = (int(port) for port in self.ftp_passive_ports.split("-"))
        return range(first, last + 1)

    @property
    def base_url(self) -> str | None:
        """Return where stations reach the HTTP port; None where nobody has said it: to listen everywhere is no address."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if self.http_host in EVERYWHERE:
            return None
        host = f"[{self.http_host}]" if ":" in self.http_host else self.http_host
        return f"http://{host}:{self.http_port}"

    @property
    def inner_url(self) -> str:
        """Return where the services ask one another: who listens everywhere is found on this machine."""
        return self.base_url or f"http://127.0.0.1:{self.http_port}"

    def dsn_for(self, service: str) -> str:
        """Return the DSN with which `service` connects: as its own role when `role_secret` is set."""
        if self.role_secret is None:
            return self.database_url
        return with_credentials(self.database_url, *role_credentials(self.database_url, self.role_secret, service))


def role_credentials(database_url: str, role_secret: str, service: str) -> tuple[str, str]:
    """Return (role, password) of a service: derived, so that nothing needs to be stored or handed over.

    Roles belong to a whole PostgreSQL cluster, so the name carries the database's.
    """
    role = f"{database_name(database_url)}_{service}"
    return role, hmac.new(role_secret.encode(), role.encode(), hashlib.sha256).hexdigest()


def database_name(database_url: str) -> str:
    """Return the database that a DSN names."""
    return urlsplit(database_url).path.lstrip("/") or "youguan"


def with_credentials(database_url: str, user: str, password: str) -> str:
    """Return the DSN with another user and password."""
    parts = urlsplit(database_url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{address}"))

"""Where a station brings or fetches a file, and over what. Pure."""

from typing import Literal
from urllib.parse import quote, urlsplit

from ocpp_gateway.protocol.secrets import UPLOADS
from youguan.errors import Invalid, Unavailable
from youguan.settings import EVERYWHERE, Settings

UPLOAD, FIRMWARE = "upload", "firmware"  # as whom a station logs in over FTP
Way = Literal["http", "ftp"]
"""`http`: HTTP or HTTPS, as our own address says."""


def way_for(settings: Settings, wished: Way | None, spoken: str | None) -> Way:
    """Return over what a file goes: as somebody wished, else FTP only to stations that say they know nothing else.

    `spoken`: what the station reported, such as `FTP,FTPS` (SupportedFileTransferProtocols of 1.6, FileTransferProtocols of 2.x).
    Invalid where FTP is wished for and not served.
    """
    if wished == "ftp" and settings.ftp_port is None:
        raise Invalid.about("over", "FTP is not served here (YOUGUAN_FTP_PORT)")
    if wished is not None:
        return wished
    words = {word.strip().upper() for word in (spoken or "").split(",")}
    only_ftp = "FTP" in words and not words & {"HTTP", "HTTPS"}
    return "ftp" if only_ftp and settings.ftp_port is not None else "http"


def upload_address(settings: Settings, way: Way, token: str) -> str:
    """Return where a station brings a file: a folder, to which it may add a name. Unavailable."""
    return f"{_ftp(settings, UPLOAD, token)}/" if way == "ftp" else f"{_http(settings)}{UPLOADS}{token}"


def firmware_address(settings: Settings, way: Way, firmware_id: str, name: str) -> str:
    """Return where a station fetches firmware; Unavailable."""
    last = quote(name, safe="")
    if way == "ftp":
        return f"{_ftp(settings, FIRMWARE, firmware_id)}/{last}"
    return f"{_http(settings)}/files/firmware/{firmware_id}/{last}"


def _http(settings: Settings) -> str:
    if settings.base_url is None:
        raise Unavailable("no address where stations reach the HTTP port is configured (YOUGUAN_PUBLIC_URL)")
    return settings.base_url


def _ftp(settings: Settings, user: str, secret: str) -> str:
    host = str(settings.ftp_address) if settings.ftp_address else None
    if host is None and settings.ocpp_host not in EVERYWHERE:
        host = settings.ocpp_host
    if host is None and settings.public_url is not None:
        host = urlsplit(settings.public_url).hostname
    if host is None:
        raise Unavailable("no address where stations reach the FTP port is configured (YOUGUAN_FTP_ADDRESS)")
    return f"ftp://{user}:{secret}@{host}:{settings.ftp_port}"

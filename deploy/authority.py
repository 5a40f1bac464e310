"""The certificate authority of a suite: in its data folder."""

from pathlib import Path

from youguan.pki import Authority

FOLDER = "pki"
SERVER_FILES = ("server.pem", "server-rsa.pem")


def authority(data: Path) -> Authority:
    """Return the authority of a data folder."""
    return Authority(data / FOLDER)


def server_certificates(data: Path) -> list[Path]:
    """Return the gateway's certificates that were issued in a data folder."""
    return [file for name in SERVER_FILES if (file := data / FOLDER / name).exists()]

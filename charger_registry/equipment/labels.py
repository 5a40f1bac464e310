"""The code on a station: it opens the station's public page on a phone. Pure."""

import io
from urllib.parse import quote

import segno

BORDER = 4  # modules of quiet around it, as the standard wants


def address(base_url: str, station_id: str) -> str:
    """Return the address of a station's public page."""
    return f"{base_url.rstrip('/')}/stations/{quote(station_id, safe='')}"


def svg(text: str) -> bytes:
    """Return a QR code as SVG that grows with its frame; a quarter of it may be dirty or torn."""
    target = io.BytesIO()
    _code(text).save(target, kind="svg", border=BORDER, omitsize=True, xmldecl=False, svgclass=None, lineclass=None)
    return target.getvalue()


def png(text: str, *, scale: int = 12) -> bytes:
    """Return the same as PNG, `scale` pixels a module."""
    target = io.BytesIO()
    _code(text).save(target, kind="png", border=BORDER, scale=scale)
    return target.getvalue()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="q")

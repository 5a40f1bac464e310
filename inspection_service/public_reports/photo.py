"""A photo without what the camera wrote into it: where it was taken, when, by whose phone. Pure.

The picture itself is not touched; of what stands beside it only how it is to be turned and what its colours mean stays.
"""

import struct

from youguan.documents import JPEG, PNG, WEBP, media_type
from youguan.errors import FieldError, Invalid

ORIENTATION = 0x0112
SOI, EOI, SOS, APP1, COM = b"\xff\xd8", 0xD9, 0xDA, 0xE1, 0xFE
KEPT_APPLICATIONS = (0xE0, 0xEE)  # JFIF, and Adobe's word on what the colours mean
KEPT_CHUNKS = (b"tRNS", b"gAMA", b"cHRM", b"sRGB")
VP8X_EXIF, VP8X_XMP = 0x08, 0x04
CANNOT_BE_READ = "is no photo that can be read"
NO_PHOTO = "must be a JPEG, PNG or WebP photo"


def bare(content: bytes) -> tuple[str, bytes]:
    """Return a photo's media type and its picture; Invalid where it is none of ours, or not whole."""
    kind = media_type(content[:16])
    strip = {JPEG: _jpeg, PNG: _png, WEBP: _webp}.get(kind or "")
    if kind is None or strip is None:
        raise Invalid(f"photo: {NO_PHOTO}", fields=[FieldError("photo", NO_PHOTO)])
    try:
        return kind, strip(content)
    except (struct.error, IndexError, ValueError):
        raise Invalid(f"photo: {CANNOT_BE_READ}", fields=[FieldError("photo", CANNOT_BE_READ)]) from None


def _jpeg(content: bytes) -> bytes:
    kept, place = [SOI], 2
    while True:
        if content[place] != 0xFF:
            raise ValueError
        marker = content[place + 1]
        if marker == 0xFF:  # fill
            place += 1
        elif marker == EOI:
            return b"".join([*kept, b"\xff\xd9"])
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            end = place + 2 + length
            if length < 2 or end > len(content):
                raise ValueError
            if marker == SOS:
                end = _end_of_scan(content, end)
            kept.append(_jpeg_segment(marker, content[place:end]))
            place = end


def _jpeg_segment(marker: int, segment: bytes) -> bytes:
    if marker == APP1:
        turned = _orientation(segment[4:])
        return _turning(turned) if turned > 1 else b""
    dropped = marker == COM or (0xE0 <= marker <= 0xEF and marker not in KEPT_APPLICATIONS)
    return b"" if dropped else segment


def _end_of_scan(content: bytes, place: int) -> int:
    """Return where the next marker stands: restarts and stuffed bytes belong to the picture."""
    while True:
        place = content.index(b"\xff", place)
        if content[place + 1] != 0 and not 0xD0 <= content[place + 1] <= 0xD7:
            return place
        place += 2


def _orientation(application: bytes) -> int:
    """Return how a picture is to be turned, 1 to 8; 1 where nobody says so."""
    if not application.startswith(b"Exif\0\0"):
        return 1
    tiff = application[6:]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    try:
        (first,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, first)
        for n in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, first + 2 + 12 * n)
            if tag == ORIENTATION:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def _turning(orientation: int) -> bytes:
    """Return an EXIF segment that says nothing but how a picture is to be turned."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, ORIENTATION, 3, 1, orientation, 0, 0)
    body = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def _png(content: bytes) -> bytes:
    kept, place = [content[:8]], 8
    while True:
        length, name = struct.unpack_from(">I4s", content, place)
        end = place + 12 + length
        if end > len(content):
            raise ValueError
        is_critical = name[:1].isupper()
        if is_critical or name in KEPT_CHUNKS:
            kept.append(content[place:end])
        if name == b"IEND":
            return b"".join(kept)
        place = end


def _webp(content: bytes) -> bytes:
    (whole,) = struct.unpack_from("<I", content, 4)
    end, place, kept = 8 + whole, 12, []
    if end > len(content) or whole < 4:
        raise ValueError
    while place < end:
        name, length = struct.unpack_from("<4sI", content, place)
        following = place + 8 + length + length % 2
        if following > end:
            raise ValueError
        chunk = content[place:following]
        if name == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~(VP8X_EXIF | VP8X_XMP)]) + chunk[9:]
        if name not in (b"EXIF", b"XMP "):
            kept.append(chunk)
        place = following
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body

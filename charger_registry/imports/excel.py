"""Excel workbooks (.xlsx) as rows of text. Pure.

How much a workbook unpacks to is bounded here; what a few cells far apart or a text shared by many become in memory is bounded
by the process that reads it (`confined`).
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from charger_registry.imports.csvtext import Record
from charger_registry.imports.fields import RowError
from youguan.errors import Invalid, Reason

LARGEST_UNPACKED_BYTES = 100 * 1024 * 1024
MOST_PARTS = 1000
AT_ONCE = 1024 * 1024
# What the standard library stumbles over when an archive is damaged.
BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError, RuntimeError, OSError, EOFError
)  # fmt: skip
EXACT = 2**53  # above it a number in a cell is no longer the one that was typed


def fits(data: bytes) -> bool:
    """Say whether a content is a workbook of Excel's newer kind."""
    if not data.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return "xl/workbook.xml" in packed.namelist()
    except BROKEN:
        return False


def rows(data: bytes) -> Iterator[Record]:
    """Yield the rows of the first sheet that are not blank; Invalid where the workbook cannot be opened."""
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(unpacked(data)))
        sheet = workbook.get_sheet_by_index(0)
        table = sheet.to_python(skip_empty_area=False)
    except (CalamineError, IndexError) as error:
        raise Invalid(Reason("the workbook cannot be opened: {error}", error=str(error))) from None
    for line, cells in enumerate(table, 1):
        try:
            texts = [_text(cell) for cell in cells]
        except RowError as error:
            yield Record(line, error=error.reason)
            continue
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            yield Record(line, texts)


def unpacked(data: bytes) -> bytes:
    """Return the workbook packed anew without compression, no larger than is bearable; Invalid where it would be."""
    target = io.BytesIO()
    left = LARGEST_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(target, "w") as plain:
            parts = packed.infolist()
            if len(parts) > MOST_PARTS:
                raise Invalid(
                    Reason(
                        "the workbook has {count} parts; at most {most} are opened", count=len(parts), most=MOST_PARTS
                    )
                )
            for part in parts:
                content = _bounded(packed, part, left)
                left -= len(content)
                plain.writestr(part.filename, content)
    except BROKEN as error:
        raise Invalid(Reason("the workbook cannot be unpacked: {error}", error=str(error))) from None
    return target.getvalue()


def _bounded(packed: zipfile.ZipFile, part: zipfile.ZipInfo, left: int) -> bytes:
    """Return a part's content; Invalid where it is larger than what is left, whatever it says of itself."""
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Invalid("the workbook is packed in a way that Excel does not")
    found: list[bytes] = []
    with packed.open(part) as stream:
        while chunk := stream.read(AT_ONCE):
            found.append(chunk)
            left -= len(chunk)
            if left < 0:
                raise Invalid(
                    Reason("the workbook unpacks to more than {most} MiB", most=LARGEST_UNPACKED_BYTES // 1024**2)
                )
    return b"".join(found)


def _text(cell: Any) -> str:
    """Return a cell as somebody would have typed it; RowError where a long code was kept as a number and lost digits."""
    match cell:
        case bool():
            return "1" if cell else "0"
        case float() | int():
            if abs(cell) >= EXACT:
                raise RowError(
                    "row",
                    Reason(
                        "{given} is a number so long that Excel lost digits of it: format the column as text",
                        given=f"{cell:.6g}",
                    ),
                )
            return str(int(cell)) if float(cell).is_integer() else repr(cell)
        case datetime():
            return cell.isoformat(sep=" ") if cell.time() != time() else cell.date().isoformat()
        case date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
    return str(cell)

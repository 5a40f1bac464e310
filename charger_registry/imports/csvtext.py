"""CSV as people send it: encoding and delimiter found out and named, each record with its line, a broken one taken alone. Pure."""

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from youguan.errors import Invalid, Reason

DELIMITERS = (",", ";", "\t")
MOST_UNREADABLE = 1000  # records of a file; more: it is no table
MOST_LINES = 200  # of one record: a quotation mark that is not closed by then was never meant to be
ENCODINGS = ("utf-8-sig", "gb18030")
MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
NAMES = {"utf-8-sig": "UTF-8", "gb18030": "GB18030", "utf-16": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Record:
    """One record and the line of the file where it begins; `error` where it cannot be read."""

    line: int
    cells: Sequence[str] = ()
    error: str | None = None


def decode(data: bytes) -> tuple[str, str]:
    """Return the text and the encoding's name; ValueError where it is neither Unicode nor what a Chinese Excel writes."""
    marked = next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), None)
    for encoding in (marked,) if marked else ENCODINGS:
        try:
            return data.decode(encoding), NAMES[encoding]
        except UnicodeDecodeError:
            continue
    raise ValueError("neither UTF-8 nor GB18030 nor marked UTF-16")


def sniff(text: str, fits: Callable[[Sequence[str]], bool]) -> str:
    """Return the delimiter with which the header fits, else the comma."""
    first = next(iter(io.StringIO(text, newline="")), "")
    for delimiter in DELIMITERS:
        header = next(_parse([first], delimiter), Record(1))
        if header.error is None and fits(header.cells):
            return delimiter
    return DELIMITERS[0]


def records(text: str, delimiter: str) -> Iterator[Record]:
    """Return every record that is not blank.

    A record that cannot be read (a quote that is never closed, a field without end) takes its first line with it, no more: reading
    goes on with the next. Invalid where very many cannot be.
    """
    lines = list(io.StringIO(text, newline=""))
    place = unreadable = 0
    while place < len(lines):
        if unreadable > MOST_UNREADABLE:
            raise Invalid(Reason("more than {most} rows cannot be read: the file is no table", most=MOST_UNREADABLE))
        for record in _parse(lines, delimiter, place):
            if record.error is not None:
                place = record.line
                unreadable += 1
                yield record
                break
            if any(cell.strip() for cell in record.cells):
                yield record
        else:
            return


def _parse(lines: Sequence[str], delimiter: str, place: int = 0) -> Iterator[Record]:
    begins = place

    def feed() -> Iterator[str]:
        for number in range(place, len(lines)):
            if number - begins >= MOST_LINES:
                raise csv.Error("unexpected end of data")
            yield lines[number]

    reader = csv.reader(feed(), delimiter=delimiter, strict=True)
    while True:
        begins = place + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record(begins + 1, error=_REASONS.get(str(error), str(error)))
            return
        yield Record(begins + 1, cells)


_REASONS = {"unexpected end of data": "a quotation mark is opened and never closed"}

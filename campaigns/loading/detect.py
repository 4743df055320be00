"""What a file is: encoding, separator, hash. One pass over the whole file, in constant memory."""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from domain.errors import BadInput, NotFound
from domain.i18n import _

_CHUNK = 1 << 18
_SAMPLE_BYTES = 1 << 16
_SAMPLE_ROWS = 50
#: A longer line is not a row of leads but a file of another kind.
MAX_LINE_BYTES = 1_000_000

ENCODINGS = ("utf-8", "utf-8-sig", "cp1251")
_ALSO_CALLED = {"windows-1251": "cp1251", "win-1251": "cp1251", "utf8": "utf-8"}
SEPARATORS = (";", ",", "\t", "|")

_CONTROLS = tuple(bytes([code]) for code in range(1, 7))
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """sample: the first rows, split. encoding: a Python codec. sha256: of the bytes. lines: line feeds."""

    sha256: bytes
    size: int
    lines: int
    encoding: str
    separator: str
    sample: tuple[tuple[str, ...], ...]


def inspect(path: Path, encoding: str | None = None, separator: str | None = None) -> FileFacts:
    """Raises NotFound if there is no such file, BadInput if it is not a text file with rows that can be read.

    encoding, separator: taken as given instead of detected.
    """
    if encoding is not None:
        encoding = _ALSO_CALLED.get(encoding.strip().lower(), encoding.strip().lower())
    if encoding is not None and encoding not in ENCODINGS:
        raise BadInput(
            _("Encoding {name} is not supported. Choose one of: {known}.").format(
                name=encoding, known=", ".join(ENCODINGS)
            )
        )
    if separator is not None and separator not in SEPARATORS:
        raise BadInput(_("The separator must be a comma, a semicolon, a tab or a vertical bar."))
    scan = _scan(path)
    if encoding is None:
        encoding = scan.encoding
    elif encoding.startswith("utf-8") and scan.encoding == "cp1251":
        raise BadInput(_("{file} is not UTF-8. Leave the encoding to be detected.").format(file=path.name))
    # A last character cut in two is not an error of the file.
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(scan.head)
    lines = text.splitlines()
    if scan.size > len(scan.head) and len(lines) > 1:
        lines.pop()
    if not any(line.strip() for line in lines):
        raise BadInput(_("{file} holds no rows.").format(file=path.name))
    separator = separator or _separator(lines)
    sample = tuple(tuple(row) for row in _rows(lines, separator)[:_SAMPLE_ROWS])
    return FileFacts(scan.sha256, scan.size, scan.lines, encoding, separator, sample)


@dataclass(frozen=True, slots=True)
class _Scan:
    sha256: bytes
    size: int
    lines: int
    encoding: str
    head: bytes


def _scan(path: Path) -> _Scan:
    digest = hashlib.sha256()
    utf8: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    head = b""
    size = line_start = line_no = 0
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # A pipe or a device may have no end, and a base is read twice.
            raise BadInput(_("{file} is not a file but a pipe or a device. Save the base as a file.").format(file=path))
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                if not size:
                    head = chunk[:_SAMPLE_BYTES]
                    _refuse_other_kinds(path.name, head)
                digest.update(chunk)
                utf8 = _still_utf8(utf8, chunk)
                if utf8 is None:
                    _refuse_undefined(path.name, chunk)
                if b"\0" in chunk:
                    raise _binary(path.name)
                line_no, line_start = _measure(path.name, chunk, size, line_no, line_start)
                size += len(chunk)
    except FileNotFoundError:
        raise NotFound(_("There is no file {file}.").format(file=path)) from None
    except IsADirectoryError:
        raise BadInput(_("{file} is a folder. Name a CSV file.").format(file=path)) from None
    except PermissionError:
        raise BadInput(_("{file} cannot be read: permission denied.").format(file=path)) from None
    except OSError as error:
        raise BadInput(_("{file} cannot be read: {why}.").format(file=path, why=error.strerror)) from None
    if not size:
        raise BadInput(_("{file} is empty.").format(file=path.name))
    if utf8 is not None and _truncated(utf8):
        utf8 = None
    encoding = "cp1251" if utf8 is None else "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    return _Scan(digest.digest(), size, line_no, encoding, head)


def _still_utf8(decoder: codecs.IncrementalDecoder | None, chunk: bytes) -> codecs.IncrementalDecoder | None:
    if decoder is not None:
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError:
            return None
    return decoder


def _truncated(decoder: codecs.IncrementalDecoder) -> bool:
    try:
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return True
    return False


def _refuse_other_kinds(name: str, head: bytes) -> None:
    kinds = (
        (b"PK\x03\x04", _("an Excel workbook (.xlsx) or a ZIP archive")),
        (b"\xd0\xcf\x11\xe0", _("an old Excel workbook (.xls)")),
        (b"%PDF", _("a PDF document")),
        (b"\x1f\x8b", _("a gzip archive")),
    )
    for signature, kind in kinds:
        if head.startswith(signature):
            raise BadInput(
                _("{file} is {kind}. Save it as CSV (UTF-8 or windows-1251) and load that.").format(
                    file=name, kind=kind
                )
            )
    if head.startswith(_WIDE):
        raise BadInput(_('{file} is in UTF-16. Save it as "CSV UTF-8" and load that.').format(file=name))


def _refuse_undefined(name: str, chunk: bytes) -> None:
    if any(code in chunk for code in _CONTROLS):
        raise _binary(name)
    # The one byte that windows-1251 leaves out, and common in Cyrillic UTF-8.
    if b"\x98" in chunk:
        raise BadInput(
            _("{file} is neither UTF-8 nor windows-1251 throughout. Save it again as CSV UTF-8.").format(file=name)
        )


def _binary(name: str) -> BadInput:
    return BadInput(_("{file} is not a text file. Save the base as CSV (UTF-8 or windows-1251).").format(file=name))


def _measure(name: str, chunk: bytes, offset: int, line_no: int, line_start: int) -> tuple[int, int]:
    position = 0
    while True:
        end = chunk.find(b"\n", position)
        stop = offset + (len(chunk) if end < 0 else end)
        if stop - line_start > MAX_LINE_BYTES:
            raise BadInput(
                _("{file}, line {line}: longer than {limit} bytes. A base has one short row per lead.").format(
                    file=name, line=line_no + 1, limit=MAX_LINE_BYTES
                )
            )
        if end < 0:
            return line_no, line_start
        line_no, line_start, position = line_no + 1, offset + end + 1, end + 1


def _separator(lines: list[str]) -> str:
    """The separator that gives the same number of columns, more than one, to most of the first rows."""
    best, best_score = ",", (0.0, 0)
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in _rows(lines[:_SAMPLE_ROWS], separator))
        width, rows = max(((w, n) for w, n in widths.items() if w > 1), key=lambda wn: wn[1], default=(1, 0))
        score = (rows / max(1, widths.total()), width)
        if score > best_score:
            best, best_score = separator, score
    return best


def _rows(lines: list[str], separator: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(lines, delimiter=separator) if row]
    except csv.Error:
        # Left to the reader of the whole file, which names the line.
        return [line.split(separator) for line in lines]

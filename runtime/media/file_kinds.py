"""What a file is by its first bytes, whatever its name says; and what to do with one that is not read here."""

from __future__ import annotations

from dataclasses import dataclass

START_BYTES = 512  # that decide
COPY_HINT = "copy it again: this is not the picture that it was"  # where the rest is not what they promise


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file.

    Attributes:
        name: name of the format as people call it.
        way_out: what to do with such a file; None for a picture that is read.
    """

    name: str
    way_out: str | None = None


JPEG = FileKind("JPEG")
PNG = FileKind("PNG")
WEBP = FileKind("WebP")
TIFF = FileKind("TIFF")
BMP = FileKind("BMP")
GIF = FileKind("GIF")
AVIF = FileKind("AVIF")
JPEG_2000 = FileKind("JPEG 2000")
PORTABLE_MAP = FileKind("PBM, PGM or PPM")

HEIC = FileKind(
    "HEIC, the iPhone's format",
    "make a JPEG of it: heif-convert IN.heic OUT.jpg (Debian: libheif-examples), or sips -s format jpeg IN.heic"
    " --out OUT.jpg (macOS); iPhones take JPEG with Settings, Camera, Formats, Most Compatible",
)
JPEG_XL = FileKind("JPEG XL", "make a PNG of it: djxl IN.jxl OUT.png (Debian: libjxl-tools)")
CAMERA_RAW = FileKind("a camera's raw data", "develop it: save it as JPEG, TIFF or PNG in the camera's program")
PHOTOSHOP = FileKind("a Photoshop document", "save it as JPEG or PNG")
VIDEO = FileKind("a video", "give it a video's name, for example with .mp4, .mov, .mkv or .avi at its end")
PDF = FileKind("a PDF document", "make pictures of its pages: pdftoppm -png IN.pdf OUT (Debian: poppler-utils)")
WEB_PAGE = FileKind("a web page or an SVG drawing", "was it the page about the picture that was downloaded?")
LFS_POINTER = FileKind("a pointer of Git LFS", "git lfs pull fetches the file itself")

_STARTS: tuple[tuple[bytes, FileKind], ...] = (
    (b"\xff\xd8", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    *((b"P%d" % number, PORTABLE_MAP) for number in range(1, 7)),
    (b"II*\0\x10\0\0\0CR", CAMERA_RAW),  # Canon's CR2: a TIFF file with a thumbnail in front
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),  # of more than 4 GB
    (b"MM\0+", TIFF),
    (b"\xff\x0a", JPEG_XL),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (b"IIU\0", CAMERA_RAW),  # Panasonic
    (b"IIRO", CAMERA_RAW),  # Olympus
    (b"IIRS", CAMERA_RAW),
    (b"8BPS", PHOTOSHOP),
    (b"\x1aE\xdf\xa3", VIDEO),  # Matroska, WebM
    (b"%PDF", PDF),
    (b"version https://git-lfs", LFS_POINTER),
)
_RIFF = {b"WEBP": WEBP, b"AVI ": VIDEO}
_BRANDS = (  # of ISO base media files, best first: several may stand in one file
    (frozenset((b"avif", b"avis")), AVIF),
    (frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")), HEIC),
    (frozenset((b"crx ",)), CAMERA_RAW),
    (frozenset((b"mif1", b"msf1", b"mif2")), HEIC),  # some codec in HEIC's container; AVIF would have said so
)
_MARKUP = (b"<!doctype", b"<html", b"<svg", b"<?xml")


def kind_of(content: bytes) -> FileKind | None:
    """Tell what a file is from its content, or from its first 512 bytes; None where nobody here knows."""
    start = content[:START_BYTES]
    for bytes_, kind in _STARTS:
        if start.startswith(bytes_):
            return kind
    if start.startswith(b"RIFF"):
        return _RIFF.get(start[8:12])
    if start[4:8] == b"ftyp":
        return _by_brands(start)
    return WEB_PAGE if start.lstrip(b"\xef\xbb\xbf\t\r\n ").lower().startswith(_MARKUP) else None


def _by_brands(start: bytes) -> FileKind:
    end = int.from_bytes(start[:4])
    found = {start[at : at + 4] for at in (8, *range(16, min(end, len(start)), 4))}
    return next((kind for brands, kind in _BRANDS if brands & found), VIDEO)

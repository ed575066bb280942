"""Picture files: whatever the formats are, they become BGR with 8 bits, as the network wants it, the right way up.

What happens to what is not BGR with 8 bits: grey becomes three equal channels; 10, 12 and 16 bits become 8; the
orientation that the file names is applied, to the size as to the pixels; transparency is laid on white, as a shop shows
its cut-outs; of an animation the first frame is taken. A CMYK JPEG is converted by the plain formula, without its
colour profile.
"""

from __future__ import annotations

from pathlib import Path

from deepmark.errors import DataError
from deepmark.files import printable
from deepmark.runtime.arrays import Image8
from deepmark.runtime.media.file_kinds import COPY_HINT, JPEG, FileKind, kind_of
from deepmark.runtime.media.jpeg_picture import decode_jpeg, read_jpeg_header
from deepmark.runtime.media.picture_size import PictureSize
from deepmark.runtime.native_libraries import captured_stderr

MAX_BYTES = 2**30

READ_HINT = "check its name, and whether you may read it"
_JPEG_QUALITY = 95


def read_picture(path: str | Path) -> Image8:
    """Read a picture file as BGR, (H, W, 3) uint8.

    Raises:
        DataError: it cannot be read, is no picture, is cut short, or is too large.
    """
    path = Path(path)
    source = printable(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DataError(f"{source} is larger than {MAX_BYTES:,} bytes, the limit for a picture", hint=COPY_HINT)
        content = path.read_bytes()  # cv2.imread cannot open every name on every system
    except OSError as error:
        raise DataError(f"cannot read {source}: {error.strerror or error}", hint=READ_HINT) from error
    if not content:
        raise DataError(f"{source} is empty", hint=COPY_HINT)
    return decode_picture(content, source=source)


def decode_picture(content: bytes, *, source: str) -> Image8:
    """Decode the content of a picture file as `read_picture` does; ``source`` names it in errors.

    Its height and width are those of `picture_size`.

    Raises:
        DataError: says what is wrong with it.
    """
    kind = _readable(content, source)
    try:
        if kind is JPEG:
            return decode_jpeg(content, source)
        from deepmark.runtime.media import pillow_picture

        return pillow_picture.decode(content, kind, source)
    except MemoryError as error:
        raise DataError(f"{source} needs more memory than there is", hint="make it smaller first") from error


def picture_size(content: bytes, *, source: str) -> PictureSize:
    """Read how large the picture in a file is shown, as cheaply as its format allows.

    Raises:
        DataError: says what is wrong with it.
    """
    kind = _readable(content, source)
    if kind is not JPEG:
        from deepmark.runtime.media import pillow_picture

        return pillow_picture.read_size(content, kind, source)
    header = read_jpeg_header(content)
    if header is None:
        raise DataError(f"{source} is no picture, or a damaged one", hint=COPY_HINT)
    return header.size


def size_in_start(start: bytes) -> PictureSize | None:
    """Read the size, as `picture_size` does, from the first bytes of a file; None where they do not tell."""
    header = read_jpeg_header(start) if kind_of(start) is JPEG else None
    return header.size if header else None


def encode_picture(image: Image8, suffix: str) -> bytes:
    """Encode a BGR picture as ``.png``, ``.jpg`` or ``.jpeg``.

    Raises:
        DataError: the format cannot hold this picture.
    """
    import cv2

    options = [] if suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    with captured_stderr():
        done, content = cv2.imencode(suffix, image, options)
    if not done:
        raise DataError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be written as {suffix}")
    return content.tobytes()


def _readable(content: bytes, source: str) -> FileKind:
    """Tell the kind of file, and refuse one that is not read, with the way out."""
    kind = kind_of(content)
    if kind is None:
        raise DataError(
            f"{source} is no picture, or a damaged one",
            hint="JPEG, PNG, WebP, AVIF, TIFF, BMP, GIF, JPEG 2000, PBM, PGM and PPM are read",
        )
    if kind.way_out:
        raise DataError(f"{source} is {kind.name}, which is not read", hint=kind.way_out)
    return kind

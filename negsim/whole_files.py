"""How does a file appear whole or not at all? It is written beside its place and moved there when it is finished."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Name a file to be written; it takes the place of `path` when the block ends, and is gone when the block fails.

    Parameters
    ----------
    path : Path
        Where the file is to be.

    Yields
    ------
    Path
        Where to write it: hidden, in the same folder, with the same ending. Where `path` is a link, beside what it
        leads to; where it is a pipe or a device, itself: neither must be replaced by a file.

    Raises
    ------
    OSError
        That of the block (a full disk, a folder that may not be written to), which then names `path`.
    """
    place = Path(os.path.realpath(path))
    is_special = os.path.exists(place) and not (os.path.isfile(place) or os.path.isdir(place))
    beside = place if is_special else place.with_name(f".{place.stem}.{os.getpid()}.part{place.suffix}")
    try:
        yield beside
        if not is_special:
            os.replace(beside, place)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, said, str(path)) from error
    finally:
        if not is_special:
            with contextlib.suppress(OSError):
                beside.unlink()


def write_whole(path: Path, content: str | bytes) -> Path:
    """Write a file whole or not at all; text in UTF-8, lines ending as they do here."""
    with whole_file(path) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def write_new(path: Path, content: str | bytes, *, force: bool = False) -> Path:
    """Write a file whole, in the place of another only where that is forced.

    Raises
    ------
    FileExistsError
        If the file is there already and ``force`` is not given.
    """
    if path.exists() and not force:
        raise FileExistsError(errno.EEXIST, "exists already", str(path))
    return write_whole(path, content)

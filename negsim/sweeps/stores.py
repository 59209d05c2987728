"""Where are finished blocks kept, so that no crash can lose or spoil them? A folder of files, each whole or absent.

``sweep.json`` says what is swept, ``scenario.toml`` and ``design.parquet`` hold what it was made from, and ``blocks``
holds a Parquet file for each finished block. A file is written under a temporary name, forced to the disk and then
renamed. The name of a block ends with the digest of its content, so a block that was cut short or altered is found.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from negsim.problems import NegsimError, find_odd_field

FORMAT: Final = 1
MANIFEST: Final = "sweep.json"
SCENARIO: Final = "scenario.toml"
DESIGN: Final = "design.parquet"
TERMS: Final = "terms"
BLOCKS: Final = "blocks"
LOCK: Final = ".lock"
TEMPORARY: Final = ".part"
DIGITS: Final = 16
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
"""What the system says of a full disk."""
WRITTEN: Final = {
    "scenario": str, "scenario_digest": str, "terms_digest": str, "tick": str, "until_days": int | float, "engine": str,
    "seed": int, "params": dict, "names": list, "precision": dict, "points_per_block": int, "points": int,
    "design_digest": str, "runs": int, "extents": list, "design": dict, "outcomes": dict,
}  # fmt: skip
"""What a sweep is read by, in its manifest, and its kind."""


class SweepError(NegsimError):
    """A sweep that cannot go on as asked, or a store that is not what it should be; the message says what to do."""


class RefusedSweep(SweepError):
    """The store is damaged, or what is asked for does not go with what it holds; nothing was touched."""


@dataclass(frozen=True)
class Block:
    """A finished block on disk."""

    name: str
    """Points and runs, as in the plan."""
    path: Path
    digest: str

    def is_whole(self) -> bool:
        """Whether the file holds what was written."""
        return digest_of(self.path.read_bytes()) == self.digest


class Store:
    """The folder of a sweep.

    Parameters
    ----------
    folder : str or Path
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.blocks_folder = self.folder / BLOCKS

    @property
    def exists(self) -> bool:
        """Whether there is a sweep in the folder."""
        with contextlib.suppress(OSError):  # a name too long, a folder that may not be looked into
            return (self.folder / MANIFEST).exists()
        return False

    # -- reading --

    def read_manifest(self) -> dict[str, Any]:
        """What is swept.

        Raises
        ------
        SweepError
            When there is no sweep, or its manifest is damaged or of another format.
        """
        path = self.folder / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise RefusedSweep(f"{self.folder}: no sweep is here ({MANIFEST} is missing)") from None
        except (OSError, ValueError) as error:
            raise RefusedSweep(f"{path} cannot be read: {error}") from error
        if not isinstance(manifest, dict):
            raise RefusedSweep(f"{path} is damaged: it holds no table")
        if manifest.get("format") != FORMAT:
            given = manifest.get("format")
            raise RefusedSweep(f"{self.folder}: format: {given!r} is stored, {FORMAT} is what this version reads")
        if odd := find_odd_field(manifest, WRITTEN):
            raise RefusedSweep(f"{path} is damaged: {odd}")
        return manifest

    def list_blocks(self) -> dict[str, Block]:
        """List finished blocks by name, without looking into them."""
        if not self.blocks_folder.is_dir():
            return {}
        found = (read_block_name(path) for path in sorted(self.blocks_folder.glob("*.parquet")))
        return {block.name: block for block in found if block is not None}

    def find_damaged(self) -> list[Block]:
        """Find blocks whose content is not what was written: cut short, or altered."""
        return [block for block in self.list_blocks().values() if not block.is_whole()]

    # -- writing --

    def write(self, name: str, content: bytes) -> Path:
        """Put a file in place whole, and make sure it is on the disk before it has its name.

        Raises
        ------
        SweepError
            When the disk is full or the folder cannot be written to; what is finished stays as it is.
        """
        path = self.folder / name
        temporary = path.with_name(f".{path.name}{TEMPORARY}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise SweepError(_explain(path, error)) from error
        return path

    def write_block(self, name: str, content: bytes) -> None:
        """Put a finished block in place, and take away one of the same name that it replaces."""
        digest = digest_of(content)
        before = [path for path in self.blocks_folder.glob(f"{name}.*.parquet") if digest not in path.name]
        self.write(f"{BLOCKS}/{name}.{digest}.parquet", content)
        for path in before:
            path.unlink()

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Put the manifest in place."""
        self.write(MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes from writing here at the same time; a lock dies with its process.

        Raises
        ------
        SweepError
            When another process is at it, or the folder cannot be written to.
        """
        with _hold(Path(os.path.realpath(self.folder))) as free, contextlib.ExitStack() as opened:
            # Where a thread of this process is at it, to open and close the file would undo its lock.
            if not free or not _lock_file(opened.enter_context(self._open_lock())):
                raise RefusedSweep(f"{self.folder}: another process is writing here; wait for it, or end it")
            self._sweep_up()
            yield

    def _open_lock(self) -> IO[str]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            return (self.folder / LOCK).open("w")
        except FileExistsError as error:
            raise RefusedSweep(f"{self.folder} exists already and is no folder") from error
        except OSError as error:
            kind = SweepError if error.errno in FULL else RefusedSweep
            raise kind(_explain(self.folder, error, begun=self.exists)) from error

    def _sweep_up(self) -> None:
        """Remove what an interrupted process left half written."""
        for folder in (self.folder, self.blocks_folder):
            for path in folder.glob(f".*{TEMPORARY}"):
                path.unlink()


def read_block_name(path: Path) -> Block | None:
    """Read what the name of a file says: points and runs, and the digest of the content; None for a file of others."""
    parts = path.name.split(".")
    if len(parts) != 4 or not parts[0].startswith("points-"):
        return None
    return Block(f"{parts[0]}.{parts[1]}", path, parts[2])


def digest_of(content: bytes) -> str:
    """Digest of a content as it stands in names."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def _explain(path: Path, error: OSError, begun: bool = True) -> str:
    """Say why something cannot be written, and what that does to what is there."""
    if not begun:
        return f"{path}: no sweep can be kept there ({error.strerror or error})"
    safe = "all finished blocks are safe"
    if error.errno in FULL:
        return f"{path}: the disk is full; {safe}: make room and resume"
    match error.errno:
        case errno.EFBIG:
            return f"{path}: the file would be larger than is allowed here; {safe}"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{path}: cannot be written to ({error.strerror}); {safe}: give leave to write and resume"
    return f"{path}: {error.strerror or error}; {safe}"


def _sync_folder(folder: Path) -> None:
    """Make sure that a renaming is on the disk (where the system lets one open a folder)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_HELD: Final[set[Path]] = set()
"""Folders that this process has locked."""
_LOOKING: Final = threading.Lock()


@contextlib.contextmanager
def _hold(folder: Path) -> Iterator[bool]:
    """Keep other threads of this process from a folder, which a lock of the file would let in; whether it was free."""
    with _LOOKING:
        free = folder not in _HELD
        _HELD.add(folder)
    try:
        yield free
    finally:
        if free:
            with _LOOKING:
                _HELD.discard(folder)


def _lock_file(file: Any) -> bool:
    """Lock a file without waiting; True where the system has no such locks.

    A record lock: worker processes do not inherit it, so it is gone with the process that took it.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

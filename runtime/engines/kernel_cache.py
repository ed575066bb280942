"""What a GPU's driver compiled and MNN tuned for a model, kept for the next session.

Compiling and tuning took phones up to a minute; MNN can write what came out to a file and read it again. It writes the
file in place, does not notice damage inside, and hands it to the driver, which may crash on it. So MNN gets a file of
its own for each session. What it wrote is kept under a name that stands for all that it depends on, with that and a
sha256 in front, and appears whole or not at all. While a session tries a kept file there is a locked mark beside it: a
mark that nobody holds means that its process died, and the file is thrown away.

The C++ runtime makes the same files by the same rules (`runtime/native/src/kernel_cache.hpp`), and takes these.
Everything here is only about time: where nothing can be kept, kernels are compiled again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deepmark.errors import DeepMarkError
from deepmark.files import cache_folder, scratch_folder, sole_use
from deepmark.runtime.engines.gpu_devices import GpuDevice
from deepmark.runtime.engines.gpu_settings import Gpu

_MAGIC = b"deepmark kernels 1\n"
_MARK = ".trying-"
_MOST_KEPT = 64  # of about 3 MB

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KernelKey:
    """All that compiled kernels and their tuning depend on.

    Attributes:
        model_sha256: sha256 of the model file, hex.
        gpu: interface of the GPU.
        device: GPU and its driver.
        mnn: version of MNN.
        mode: `deepmark.runtime.engines.gpu_settings.GpuSettings.mode`.
        precision: number of the precision for MNN.
        memory: number of the memory mode for MNN.
        cpu_operators: whether operators may run on the CPU.
        shape: (1, 3, H, W) of the input.
    """

    model_sha256: str
    gpu: Gpu
    device: GpuDevice
    mnn: str
    mode: int
    precision: int
    memory: int
    cpu_operators: bool
    shape: tuple[int, ...]

    def text(self) -> str:
        """Return all of it as JSON."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    def file_name(self) -> str:
        """Return a name for a file, of letters, digits and hyphens."""
        sides = "x".join(map(str, self.shape[2:]))
        digest = hashlib.sha256(self.text().encode()).hexdigest()
        return f"{self.model_sha256[:16]}-{self.gpu}-{sides}-{digest[:16]}"


@dataclass(slots=True)
class KernelLoan:
    """The file that MNN reads when a session is made, and writes afterwards.

    Attributes:
        file: path of it; None where nothing can be kept.
        compiled_ms: what the session took that filled it, up to its first heads, in milliseconds; None where it is
            empty.
        state: what became of the kernels, in words: ``"compiled"``, with a reason where nothing was kept, or
            ``"cached"``.
    """

    file: Path | None
    compiled_ms: float | None = None
    state: str = "compiled"
    _entry: Path = field(default_factory=Path)
    _key: str = ""
    _lent: bytes = b""

    @property
    def filled(self) -> bool:
        """Whether MNN finds anything in it."""
        return self.compiled_ms is not None

    def condemn(self) -> None:
        """Throw away what was lent: a session that used it went wrong. The file is empty then."""
        logger.warning("cached kernels are thrown away, and compiled again: a session that used them went wrong")
        self._entry.unlink(missing_ok=True)
        self.compiled_ms, self._lent, self.state = None, b"", "compiled"
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    def keep(self, spent_ms: float) -> None:
        """Keep what MNN wrote, if it is more than it was lent.

        Args:
            spent_ms: what its session took up to its first heads, in milliseconds.
        """
        if self.file is None:
            return
        try:
            content = self.file.read_bytes() if self.file.is_file() else b""
            if not content or content == self._lent:
                return
            hidden = self.file.with_name("entry")
            hidden.write_bytes(_entry_bytes(self._key, content, self.compiled_ms or spent_ms))
            hidden.replace(self._entry)
            _prune(self._entry.parent)
        except OSError as error:
            self.state = _not_kept(error.strerror or str(error))


@contextmanager
def lend_kernels(key: KernelKey) -> Iterator[KernelLoan]:
    """Yield the file of a session that is being made; while it tries kept kernels, a mark says so."""
    with ExitStack() as stack:
        try:
            loan = _lend(key, stack)
        except (DeepMarkError, OSError, RuntimeError) as error:
            loan = KernelLoan(None, state=_not_kept(str(error)))
        yield loan


def kernels_folder() -> Path:
    """Return the folder of the files.

    Raises:
        RuntimeError: there is no cache folder, as this user has no home.
    """
    return cache_folder() / "kernels"


def drop_condemned(name: str = "") -> int:
    """Throw away kept kernels whose last user died while it tried them; return their number.

    Args:
        name: what the names of the files begin with.
    """
    dropped = 0
    with suppress(OSError, RuntimeError):
        for mark in sorted(kernels_folder().glob(f"{name}*{_MARK}*")):
            with suppress(FileNotFoundError), sole_use(mark) as nobody:
                if nobody and mark.exists():  # or its process has just taken it away
                    logger.warning("cached kernels are thrown away: the process that tried them last died")
                    mark.with_name(mark.name.partition(_MARK)[0]).unlink(missing_ok=True)
                    mark.unlink(missing_ok=True)
                    dropped += 1
    return dropped


def _lend(key: KernelKey, stack: ExitStack) -> KernelLoan:
    entry = kernels_folder() / key.file_name()
    drop_condemned(entry.name)
    scratch = stack.enter_context(scratch_folder(entry))
    file = scratch / "kernels"
    found = _read_entry(entry, key.text())
    if found is None:
        return KernelLoan(file, _entry=entry, _key=key.text())
    content, compiled_ms = found
    stack.enter_context(_mark(entry, scratch))
    file.write_bytes(content)
    return KernelLoan(file, compiled_ms, "cached", entry, key.text(), content)


@contextmanager
def _mark(entry: Path, scratch: Path) -> Iterator[None]:
    """Set a mark, which is locked whenever others see it."""
    hidden, mark = scratch / "mark", entry.with_name(f"{entry.name}{_MARK}{secrets.token_hex(4)}")
    hidden.touch()
    with sole_use(hidden):
        hidden.rename(mark)
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def _not_kept(why: str) -> str:
    return f"compiled, not cached: {why}"


def _entry_bytes(key: str, content: bytes, compiled_ms: float) -> bytes:
    facts = {
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "compiled_ms": round(compiled_ms, 3),
    }
    return _MAGIC + json.dumps(facts).encode() + b"\n" + content


def _read_entry(entry: Path, key: str) -> tuple[bytes, float] | None:
    """Return the content of an entry, and what its making took; None where there is none, or it is not what it was."""
    try:
        whole = entry.read_bytes()
    except OSError:
        return None
    header, _, content = whole.removeprefix(_MAGIC).partition(b"\n")
    try:
        facts = json.loads(header)
        sound = (
            whole.startswith(_MAGIC)
            and facts["key"] == key
            and facts["bytes"] == len(content)
            and facts["sha256"] == hashlib.sha256(content).hexdigest()
        )
        compiled_ms = float(facts["compiled_ms"])
    except (ValueError, TypeError, KeyError):
        sound = False
    if not sound:
        logger.warning("cached kernels are damaged, and compiled again: %s", entry)
        return None
    return content, compiled_ms


def _prune(folder: Path) -> None:
    """Keep the newest entries only."""
    entries = [one for one in folder.iterdir() if _MARK not in one.name and one.is_file()]
    entries.sort(key=lambda one: one.stat().st_mtime, reverse=True)
    for one in entries[_MOST_KEPT:]:
        one.unlink(missing_ok=True)

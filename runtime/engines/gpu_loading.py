"""Load a model on a GPU: first in a child process, as a driver may crash or hang on it, then in this one.

Run as a program, this module is the child. It is tried at every load: unlike a file, a driver changes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from deepmark.errors import EngineError, UsageError
from deepmark.runtime.bundle import OpenedBundle
from deepmark.runtime.engines.gpu_settings import GPU_NAMES, Gpu, GpuSettings
from deepmark.runtime.engines.kernel_cache import drop_condemned
from deepmark.runtime.engines.mnn import Memory
from deepmark.runtime.engines.mnn_gpu import MnnGpuSession
from deepmark.runtime.engines.trial import LoadTrial, report, run_trial

_HINT = "the GPU's driver does not bear this model: compute on the CPU, or try another storage, tuning or precision"


def require_fit_for_gpu(model: OpenedBundle, gpu: Gpu) -> None:
    """Refuse a bundle that MNN would run on a GPU as another network.

    Raises:
        UsageError: it computes in int8.
    """
    if model.manifest.precision == "int8":
        raise UsageError(
            f"{model.path} is an int8 bundle: on {GPU_NAMES[gpu]} MNN computes it in floating point,"
            " which is not the network that was proven",
            hint="export it without --precision int8, or compute on the CPU",
        )


def open_on_gpu(
    path: Path,
    gpu: Gpu,
    settings: GpuSettings,
    shape: tuple[int, ...],
    memory: Memory,
    *,
    label: str,
    sha256: str,
    parts: Mapping[str, int],
) -> MnnGpuSession:
    """Load a model file on a GPU, in a child process first; if that dies of kept kernels, once more without them.

    Args:
        path: path of the model file.
        gpu: interface of the GPU.
        settings: how it computes.
        shape: (1, 3, H, W) of the input.
        memory: `deepmark.runtime.engines.mnn.MnnSettings.memory`.
        label: name that the user has for the model; errors begin with it.
        sha256: sha256 of the file, hex.
        parts: name -> channels of what a joined output holds, in order (`HeadsSpec.parts`).

    Raises:
        BundleError: MNN cannot read the file.
        EngineError: a library, a driver or a device is missing; the GPU crashes or hangs; or it was not proven that it
            computes this model.
        UsageError: the settings do not fit the GPU or the model.
    """
    settings.mode(gpu)
    words = json.dumps(
        {
            "path": str(path.resolve()),
            "gpu": gpu,
            "shape": shape,
            "memory": memory,
            "sha256": sha256,
            "parts": parts,
            "precision": settings.precision,
            "storage": settings.storage,
            "tuning": settings.tuning,
            "allow_cpu_operators": settings.allow_cpu_operators,
        }
    )
    name = f"MNN on {GPU_NAMES[gpu]}"
    trial = LoadTrial(__name__, label, name, settings.timeout_s, EngineError, _HINT)
    drop_condemned(sha256[:16])  # what another process died of is not to be tried twice
    try:
        run_trial(trial, [words])
    except EngineError:
        if not drop_condemned(sha256[:16]):
            raise
        run_trial(trial, [words])
    return MnnGpuSession(path, gpu, settings, shape, memory, sha256=sha256, parts=parts)


def _load(text: str) -> None:
    """Load and prove a model: the child's side."""
    words = json.loads(text)
    settings = GpuSettings(
        precision=words["precision"],
        storage=words["storage"],
        tuning=words["tuning"],
        allow_cpu_operators=words["allow_cpu_operators"],
    )
    path, shape = Path(words["path"]), tuple(words["shape"])
    proof = {"sha256": words["sha256"], "parts": words["parts"]}
    MnnGpuSession(path, words["gpu"], settings, shape, words["memory"], **proof).close()


if __name__ == "__main__":
    sys.exit(report(partial(_load, *sys.argv[1:])))

"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepmark.errors import BundleError, EngineError
from deepmark.runtime.arrays import F32
from deepmark.runtime.engines.engine import SessionFacts
from deepmark.runtime.native_libraries import native_path

PROVIDER = "CPUExecutionProvider"
_SEVERITY_ERROR = 3


class OnnxRuntimeSession:
    """One ``.onnx`` file."""

    def __init__(self, path: Path, threads: int, profile: Path | None = None) -> None:
        """Load a model file.

        Args:
            path: path of the file.
            threads: number of threads to compute with.
            profile: beginning of the path of a file that every operator's time goes to (`end_profile`); None for none.

        Raises:
            BundleError: ONNX Runtime cannot read the file.
            EngineError: ONNX Runtime is not installed.
        """
        ort = import_onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = _SEVERITY_ERROR
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        try:
            self._session: Any = ort.InferenceSession(native_path(path, EngineError), options, providers=[PROVIDER])
        except Exception as error:  # its exceptions share no other base class
            raise BundleError(
                f"ONNX Runtime cannot load {path.name}: {_first_line(error).replace(str(path), path.name)}",
                hint="copy or export the model again",
            ) from error
        self.facts = SessionFacts(
            version=str(ort.__version__),
            device=", ".join(self._session.get_providers()),
            threads=int(self._session.get_session_options().intra_op_num_threads),
            precision="fp32",
            settings={"execution_mode": "sequential", "inter_op_num_threads": 1, "graph_optimization": "all"},
        )
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]

    def output_shapes(self, input_shape: tuple[int, ...]) -> dict[str, tuple[int | None, ...]]:  # noqa: ARG002
        """Return name -> (1, C, H, W) of all outputs as the file states them; None where it leaves a side open."""
        return {
            output.name: tuple(side if isinstance(side, int) else None for side in output.shape)
            for output in self._session.get_outputs()
        }

    def run(self, x: F32) -> dict[str, F32]:
        """Run on a (N, 3, H, W) array.

        Raises:
            EngineError: the run failed.
        """
        return self.run_named({self._input: x})

    def input_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of all inputs, as the file states them; 0 where it leaves a side open."""
        return {
            one.name: tuple(side if isinstance(side, int) else 0 for side in one.shape)
            for one in self._session.get_inputs()
        }

    def run_named(self, inputs: Mapping[str, F32]) -> dict[str, F32]:
        """Run a graph of several inputs, each by its name.

        Raises:
            EngineError: the run failed.
        """
        try:
            outputs = self._session.run(self._names, dict(inputs))
        except Exception as error:  # likewise
            raise EngineError(f"ONNX Runtime's run failed: {_first_line(error)}") from error
        return dict(zip(self._names, outputs, strict=True))

    def end_profile(self) -> Path:
        """End what was begun with ``profile``; return the path of the file, Chrome's trace events as JSON."""
        return Path(self._session.end_profiling())

    def close(self) -> None:
        """Free the model."""
        self._session = None


def import_onnxruntime() -> Any:
    """Import ONNX Runtime, which the environment that `deepmark` sets keeps from reporting to its maker.

    Raises:
        EngineError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(
            f"the engine ONNX Runtime is not usable: {error}", hint="pip install onnxruntime, or use the .mnn model"
        ) from error
    onnxruntime.disable_telemetry_events()  # stops some of it where a program imported ONNX Runtime before us
    onnxruntime.set_default_logger_severity(_SEVERITY_ERROR)  # it warns of graphics cards that it does not find
    return onnxruntime


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__

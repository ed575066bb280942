"""Errors a user can act on.

DeepMarkError                 exit 1
├── CheckpointError           the file is no network that we can export
├── ConversionError           a converter failed; names the stage
├── ParityError        exit 3 two stages disagree; carries the report
├── BundleError               a bundle or model file is damaged or unknown
├── EngineError               an inference engine is missing, or refused to run
├── AndroidError              a tool for the Android app is missing or failed, or a package is wrong
├── DataError                 an image, annotation or keypoint schema is wrong
│   └── SenselessHeadsError   a network says what no network could mean
├── UsageError         exit 2 the request makes no sense, whatever the files hold
├── DeviceError        exit 4 no phone, or it cannot be used
│   └── PhoneLostError        the connection went away while it was in use
├── UnstableError      exit 5 a measurement that may not be believed (throttled)
├── RankLostError             another process of a training ended
└── JointError                all processes of a training end at the same step
    ├── DivergedError           a loss, a gradient or a weight is not finite
    └── InterruptedTrainingError  exit 128 + the signal: it was asked to stop, and did

Every message is one sentence (what, expected, found); ``hint`` is the next step. The command line catches these and
only these.
"""

from __future__ import annotations


class DeepMarkError(Exception):
    """A failure with a sentence for the user and, where there is one, the next step.

    Attributes:
        hint: what the user can do about it, or None.
        exit_code: the command's exit status.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class CheckpointError(DeepMarkError):
    """The file is no checkpoint, or a checkpoint of a network that cannot be exported faithfully."""


class ConversionError(DeepMarkError):
    """A conversion failed.

    Attributes:
        stage: the step that failed, for example ``"onnx -> mnn"``.
    """

    def __init__(self, message: str, *, stage: str, hint: str | None = None) -> None:
        super().__init__(f"{stage}: {message}", hint=hint)
        self.stage = stage


class ParityError(DeepMarkError):
    """Two stages that must be equal are not.

    Attributes:
        report: the `deepmark.exporter.parity.ParityReport` that shows where.
    """

    exit_code = 3

    def __init__(self, message: str, *, report: object, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.report = report


class BundleError(DeepMarkError):
    """A bundle or a model file is damaged, incomplete or of an unknown version."""


class EngineError(DeepMarkError):
    """An inference engine is not installed, cannot load a model, or was given an input it cannot run."""


class AndroidError(DeepMarkError):
    """A tool that makes the Android app is missing or failed, or a package is not what it must be."""


class DataError(DeepMarkError):
    """An image, a video, an annotation or a keypoint schema is not what it must be."""


class SenselessHeadsError(DataError):
    """What a network says is nothing that a network could mean: NaN, or far beyond any picture."""


class UsageError(DeepMarkError):
    """A request that no file could satisfy: an unknown format, a size that is no multiple of 32."""

    exit_code = 2


class DeviceError(DeepMarkError):
    """No phone is usable, or the one in use went away."""

    exit_code = 4


class PhoneLostError(DeviceError):
    """The connection to a phone went away while it was in use."""


class UnstableError(DeepMarkError):
    """A measurement drifted or was throttled and may not be believed."""

    exit_code = 5


class RankLostError(DeepMarkError):
    """Another process of the training ended."""


class JointError(DeepMarkError):
    """All processes of a training end with this at the same step."""


class DivergedError(JointError):
    """A loss or a gradient became NaN or infinite."""


class InterruptedTrainingError(JointError):
    """A training was asked to stop, and did.

    Attributes:
        exit_code: exit status of the command, 128 + the signal's number, as shells report it.
    """

    def __init__(self, step: int, signal_number: int) -> None:
        super().__init__(f"interrupted after step {step:,}", hint="the checkpoint is written: go on with --resume")
        self.exit_code = 128 + signal_number


# What libraries say when memory runs out, besides MemoryError: OpenCV, C++, the loader of shared libraries, torch.
_NO_MEMORY_WORDS = (
    "Insufficient memory",
    "bad_alloc",
    "failed to map segment",
    "Cannot allocate memory",
    "can't allocate memory",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error, or one that led to it, means that there is not enough memory."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or any(words in str(seen) for words in _NO_MEMORY_WORDS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False

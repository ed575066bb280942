"""What MNN would make of an ONNX file, found out in a child process: a damaged file may crash the ONNX library.

``python -m deepmark.exporter.onnx_inspection FILE [PROCESSOR]`` is the child's side.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from deepmark.errors import ConversionError, DeepMarkError
from deepmark.exporter.mnn_file import CONVERSION
from deepmark.exporter.operators.back_ends import PROCESSORS, BackEndInspection, Processor, inspect_for
from deepmark.runtime.leash import leash

_TIMEOUT_S = 300  # a file of 100 MB takes a second


@dataclass(frozen=True, slots=True)
class NodeFault:
    """A rule that a node meets.

    Attributes:
        node: name of the node, or of its first output where it has none; empty for the file as a whole.
        operator: ONNX operator of the node; empty for the file as a whole.
        rule: number of the rule in docs/mnn-operators.md.
        when: condition of the rule, in words.
        happens: what MNN would make of it.
        way_out: what to write instead.
        certain: whether the graph goes wrong whatever its input; otherwise that depends on what no graph tells.
    """

    node: str
    operator: str
    rule: str
    when: str
    happens: str
    way_out: str
    certain: bool


@dataclass(frozen=True, slots=True)
class OnnxInspection:
    """What was found in an ONNX file.

    Attributes:
        file: name of the file.
        opset: version of the default operator set.
        operators: operator -> number of its nodes.
        faults: rules that are met, in the order of the table.
        fp16: why the file cannot be stored in 16 bits; None where it can.
        back_ends: what the back ends of the processor that was asked about have and lack.
    """

    file: str
    opset: int
    operators: dict[str, int]
    faults: tuple[NodeFault, ...]
    fp16: str | None
    back_ends: tuple[BackEndInspection, ...] = ()

    @property
    def refused(self) -> tuple[NodeFault, ...]:
        """The faults for which an export would be refused."""
        return tuple(one for one in self.faults if one.certain)


def inspect_onnx(path: Path, processor: Processor | None = None) -> OnnxInspection:
    """Tell what MNN would make of an ONNX file.

    Args:
        path: path of the file.
        processor: what shall compute; None for the CPU, whose back end has every operator that MNN has.

    Raises:
        ConversionError: the file cannot be read, is no valid ONNX model, has weights outside or such as are not finite,
            or crashes the ONNX library.
    """
    command = [*leash(_TIMEOUT_S), sys.executable, "-P", "-m", __name__, str(path), *([processor] if processor else [])]
    try:
        child = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(f"{path.name} was not read within {_TIMEOUT_S} s", stage=CONVERSION) from error
    if child.returncode:
        end = signal.Signals(-child.returncode).name if child.returncode < 0 else f"exit status {child.returncode}"
        raise ConversionError(
            f"reading {path.name} ends the ONNX library with {end}", stage=CONVERSION, hint="export it again"
        )
    answer = json.loads(child.stdout)
    if "error" in answer:
        raise ConversionError(answer["error"].removeprefix(f"{CONVERSION}: "), stage=CONVERSION, hint=answer["hint"])
    faults = tuple(NodeFault(**one) for one in answer["faults"])
    back_ends = msgspec.convert(answer["back_ends"], tuple[BackEndInspection, ...])
    return OnnxInspection(**answer | {"faults": faults, "back_ends": back_ends})


def _examine(path: Path, processor: Processor | None) -> OnnxInspection:
    """Do it, in this process."""
    from deepmark.exporter.half_weights import with_half_weights
    from deepmark.exporter.operators.graph import read_graph
    from deepmark.exporter.operators.guard import find_faults
    from deepmark.exporter.to_mnn import read_source

    model = read_source(path)
    fp16 = None
    try:
        with_half_weights(model)
    except ConversionError as error:
        fp16 = str(error).removeprefix(f"{CONVERSION}: ")
    operators: dict[str, int] = {}
    for node in model.graph.node:
        operators[node.op_type] = operators.get(node.op_type, 0) + 1
    faults = tuple(
        NodeFault(
            one.node,
            one.operator,
            one.rule.number,
            one.rule.when,
            one.rule.happens,
            one.rule.way_out,
            one.certain,
        )
        for one in find_faults(model)
    )
    back_ends = inspect_for(model, processor) if processor else ()
    return OnnxInspection(path.name, read_graph(model).opset, dict(sorted(operators.items())), faults, fp16, back_ends)


def main(path: Path, processor: Processor | None = None) -> None:
    """Print what was found, or why nothing could be, as one JSON document."""
    try:
        answer = asdict(_examine(path, processor))
    except DeepMarkError as error:
        answer = {"error": str(error), "hint": error.hint}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(one for one in PROCESSORS if sys.argv[2:] == [one]))

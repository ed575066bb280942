"""Programs that speak as ``dm_bench`` and ``dm_verify`` do and compute nothing: for tests of what is done around them.

What they do on a phone is set by a word in the file ``state/act`` of its folder: hang, cut, flood, differ, refuse,
hostile, backwards, jump, slower, or the name of the signal that ends it. What a GPU does is set by the name of a way in
the file ``state/gpu-act``, such as "opencl high", and a word behind it: differ, refuse, hang or SIGSEGV.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from deepmark.runtime.native.tool_chain import Runtime

_COMMON = """\
import json, os, pathlib, signal, sys, time

state = pathlib.Path(os.environ["PHONE"]) / "state"
act = (state / "act").read_text().strip() if (state / "act").exists() else ""
bundle = pathlib.Path(sys.argv[1])
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
compute = options.get("--compute", "cpu")
precision = options["--precision"] if compute == "cpu" else options["--gpu-precision"]
threads = int(options["--threads"]) if compute == "cpu" else 0
if compute != "cpu":
    assert "--threads" not in options and "--power" not in options and "--precision" not in options
    assert pathlib.Path({"opencl": "libMNN_CL.so", "vulkan": "libMNN_Vulkan.so"}[compute]).exists()
    acts = (state / "gpu-act").read_text().splitlines() if (state / "gpu-act").exists() else []
    act = next((one.split()[-1] for one in acts if one.startswith(f"{compute} {precision} ")), act)
    storage = options.get("--opencl-storage", "image")
    kernels = pathlib.Path(options["--kernels"]) / f"{bundle.name}-{compute}-{precision}-{storage}"
assert os.environ.get("LD_LIBRARY_PATH") == "."
manifest = json.loads((bundle / "manifest.json").read_text())
assert (bundle / "model.mnn").exists()


def emit(event, **values):
    print(json.dumps({"event": event, **values}), flush=True)


if act == "refuse":
    emit("error", message="the bundle is of version 9", hint="export it again")
    sys.exit(1)
"""

_VERIFY = """
if compute != "cpu" and act == "SIGSEGV":
    os.kill(os.getpid(), signal.SIGSEGV)
if compute != "cpu" and act == "hang":
    time.sleep(60)
for number in range(2):
    objects = {"expected": 1, "matched": 1, "near_ties": 0}
    emit("vector", number=str(number), equal=act != "differ", heads={}, objects=objects)
if compute != "cpu":
    kernels.parent.mkdir(exist_ok=True)
    kernels.touch()
emit("end", equal=act != "differ", precision=precision, mnn_version="3.6.1")
sys.exit(3 if act == "differ" else 0)
"""

_BENCH = """
pictures = sorted(pathlib.Path(options["--pictures"]).glob("*.ppm"))
assert pictures and all(one.read_bytes()[:2] == b"P6" for one in pictures)
runs = int(options["--runs"])
mask = int(os.environ.get("FAKE_MASK", "ff"), 16)
cores = [core for core in range(16) if mask >> core & 1]
turns = state / "turns"
done = int(turns.read_text()) if turns.exists() else 0
turns.write_text(str(done + 1))
kib = {"rss_kib": 50000, "hwm_kib": 60000, "pss_kib": 45000}
emit("start", format="dm_bench/1", mnn_version="3.6.1", runtime="glibc-wheel", abi="aarch64", model=manifest["name"],
     compute=compute, precision=precision, threads=threads, power=options.get("--power", "normal"),
     storage=options.get("--opencl-storage", "image"), tuning=options.get("--gpu-tuning"),
     techniques=options["--techniques"], cpus_allowed=",".join(map(str, cores)), memory=kib)
if act.startswith("SIG"):
    signal.signal(getattr(signal, act), signal.SIG_DFL) if act != "SIGKILL" else None
    os.kill(os.getpid(), getattr(signal, act))
if act == "hang":
    time.sleep(60)
if act == "flood":
    sys.stdout.write("x" * 100_000_000)
    sys.exit(0)
if act == "hostile":
    sys.stdout.buffer.write(b"\\x1b[2J\\xff\\xfe{not json\\n{\\"event\\": \\"\\x1b]0;owned\\x07\\"}\\n")
    sys.exit(0)
sides = [int(word) for word in pictures[0].read_bytes().split(None, 3)[1:3]]  # width, height
seen = {"input": sides[::-1]} if options.get("--fit") == "rect" else {}
name = f"Mali-G76 ({compute})"
kept = compute != "cpu" and kernels.exists()
gpu = dict(name=name, driver="r18p0", clock_mhz=600, mode=132, placement=f"112 of 112 operators on {name}",
           operators=112, on_cpu=0, create_ms=100.0, resize_ms=700.0 if kept else 7000.0, first_ms=90.0,
           kernels="cached" if kept else "compiled", compiled_ms=7190.0)
emit("loaded", load_ms=12.5, **seen, precision_used=precision, backend="CPU" if compute == "cpu" else compute,
     threads_used=threads, mnn_memory_mib=21.5 if compute == "cpu" else None, mnn_mflops=100.0,
     gpu=None if compute == "cpu" else gpu, memory=kib)
emit("warm", runs=5, seconds=0.1)
slower = 1.0 + (0.2 * done if act == "slower" else 0.0)
t = 0.0
for run in range(runs):
    usual = 40.0 if compute == "cpu" else 30.0 if precision == "high" else 25.0
    network = (usual + 0.01 * (run % 3)) * slower
    t += 2.0 + network + 1.0
    stamp = -t if act == "backwards" else t
    emit("sample", t_ms=stamp, letterbox_ms=2.0, network_ms=network, decode_ms=1.0, objects=1, cpu=cores[0])
if act == "cut":
    sys.exit(0)
seconds = 9000.0 if act == "jump" else 0.01
peak = {**kib, "hwm_kib": 70000 if compute == "cpu" else 90000}
emit("end", runs=runs, seconds=seconds, cpus_used=cores, memory=peak)
"""


@dataclass(frozen=True)
class StandIn:
    """Has the attributes of ``deepmark.runtime.native.NativeBuild`` that the benchmark asks for."""

    folder: Path
    files: tuple[str, ...]
    sha256: str
    runtime: Runtime = "glibc-wheel"
    mnn_version: str = "3.6.1"

    def launch(self, program: str) -> tuple[str, ...]:
        return (f"./{program}",)


def stand_in(folder: Path, *, gpu: bool = False) -> StandIn:
    """Write the programs, with MNN's GPU back ends beside them as Android's build has them, or without."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("dm_verify", _VERIFY), ("dm_bench", _BENCH)):
        path = folder / name
        path.write_text(f"#!{sys.executable}\n{_COMMON}{text}")
        path.chmod(0o755)
    libraries = ("libMNN.so", *(["libMNN_CL.so", "libMNN_Vulkan.so"] if gpu else []))
    for name in libraries:
        (folder / name).write_bytes(bytes(300_000))
    digest = hashlib.sha256(str(folder).encode()).hexdigest()
    return StandIn(folder, ("dm_verify", "dm_bench", *libraries), digest)

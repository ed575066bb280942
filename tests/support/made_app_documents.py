"""Documents of the Android app's Benchmark screen that no phone made: all numbers in them are made up."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import msgspec
from tiny import make_manifest

from deepmark.runtime.manifest import FileEntry

MEMORY = {"rss_kib": 90_000, "hwm_kib": 120_000, "pss_kib": 80_000}
RUNS = 40


def made_manifest(name: str = "tiny") -> str:
    """Make the text of a manifest, as it stands in a bundle."""
    files = {"model.mnn": FileEntry("c" * 64, 77_000), "vectors/0.npz": FileEntry("d" * 64, 100)}
    return msgspec.structs.replace(make_manifest(), name=name, files=files).to_json().decode()


def made_state(at_ms: int, *, thermal_status: int | None = 0, battery_c: float | None = 29.0) -> dict[str, Any]:
    """Make a state of the phone."""
    return {"at_ms": at_ms, "thermal_status": thermal_status, "battery_c": battery_c}


def made_lines(network_ms: float, *, precision: str = "fp16", wave: float = 0.0) -> list[dict[str, Any]]:
    """Make the lines of a turn: letterbox 1 ms, decoding 2, the network around so many."""
    t_ms = 3300.0
    samples = []
    for run in range(RUNS):
        took = network_ms + 0.01 * math.sin(run + wave)
        samples.append(
            {
                "event": "sample",
                "t_ms": round(t_ms, 3),
                "letterbox_ms": 1,  # as Android's JSON writes 1.0
                "network_ms": round(took, 4),
                "decode_ms": 2,
                "objects": 1,
                "cpu": 6,
            }
        )
        t_ms += 3 + took
    return [
        {
            "event": "start",
            "format": "dm_bench/1",
            "mnn_version": "3.6.1",
            "runtime": "ndk",
            "abi": "aarch64",
            "model": "tiny.deepmark",
            "precision": precision,
            "threads": 4,
            "power": "normal",
            "techniques": "1,3",
            "cpus_allowed": "0-7",
            "memory": MEMORY,
        },
        {
            "event": "loaded",
            "load_ms": 210.5,
            "precision_used": precision,
            "backend": "CPU",
            "threads_used": 4,
            "mnn_memory_mib": 21.5,
            "mnn_mflops": 100,
            "memory": MEMORY,
        },
        {"event": "warm", "runs": 70, "seconds": 3.01},
        *samples,
        {"event": "end", "runs": RUNS, "seconds": 1.8, "cpus_used": [6, 7], "memory": MEMORY},
    ]


def made_document(
    network_ms: tuple[float, ...] = (40.0, 40.0, 40.0), *, name: str = "tiny", wave: float = 0.0
) -> dict[str, Any]:
    """Make a whole document, a turn for each time of the network."""
    manifest = made_manifest(name)
    starts = [1_000_000 + 6000 * turn for turn in range(len(network_ms))]
    return {
        "format": "deepmark-app-bench/1",
        "app": "0.2.0",
        "created": "2026-11-28T10:00:00.250Z",
        "stand_in": False,
        "phone": {
            "manufacturer": "HUAWEI",
            "model": "ELS-NX9",
            "device": "HWELS",
            "board": "ELS",
            "hardware": "kirin990",
            "android": "10",
            "sdk": 29,
            "build": "ELS-N29 11.0.0.196",
            "abis": ["arm64-v8a", "armeabi-v7a", "armeabi"],
            "kernel": "4.14.116",
            "cores": 8,
        },
        "bundle": {"name": name, "sha256": hashlib.sha256(manifest.encode()).hexdigest(), "manifest": manifest},
        "decoding": {"techniques": [1, 3], "score": 0.25},
        "turns": [
            {
                "before": made_state(start),
                "during": [made_state(start + 1000), made_state(start + 3000)],
                "after": made_state(start + 5500),
                "lines": made_lines(ms, wave=wave + 7 * turn),
            }
            for turn, (start, ms) in enumerate(zip(starts, network_ms, strict=True))
        ],
    }


def write_document(path: Path, document: object) -> Path:
    """Write a document as the app shares it."""
    path.write_text(json.dumps(document), encoding="utf-8")
    return path

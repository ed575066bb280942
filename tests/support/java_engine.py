"""The app's engine in this computer's JVM: the bridge built on MNN's wheel, and the program EngineRun."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepmark.runtime.native import Project, build_native

DEMO = Path(__file__).parent.parent.parent / "android-demo"
CPP = DEMO / "app" / "src" / "main" / "cpp"
ENGINE = "java/deepmark/demo/engine"
LIBRARY = "libdeepmark_jni.so"
BRIDGE = Project(CPP, (LIBRARY,))
# One kind of garbage collector and of compiler: less memory, and less that moves.
JVM = ("-Xcheck:jni", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def require_jdk() -> None:
    """Skip the running test where Java cannot be compiled."""
    if missing := [tool for tool in ("javac", "java") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)} (openjdk-17-jdk-headless)")


def compile_engine(folder: Path, *options: str) -> Path:
    """Compile the engine's classes and EngineRun; returns their folder."""
    sources = [*(DEMO / "app/src/main" / ENGINE).glob("*.java"), DEMO / "app/src/test" / ENGINE / "EngineRun.java"]
    command = ["javac", "--release", "16", "-Xlint:all", "-Werror", *options, "-d", str(folder), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return folder


@dataclass(frozen=True)
class JavaEngine:
    """Compiled classes, and a folder with the library and what it needs."""

    classes: Path
    libraries: Path

    @classmethod
    def build(cls, folder: Path) -> JavaEngine:
        require_jdk()
        return cls(compile_engine(folder), build_native("host", BRIDGE).folder)

    def run(
        self,
        folder: Path,
        *commands: tuple[object, ...],
        options: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Run commands of EngineRun in one JVM, which must find nothing wrong with the bridge; returns the answers."""
        script, answers = folder / "script", folder / "answers"
        script.write_text("".join("\t".join(map(str, words)) + "\n" for words in commands))
        java = ["java", *JVM, *options, f"-Djava.library.path={self.libraries}", "-cp", str(self.classes)]
        done = subprocess.run(
            [*java, "deepmark.demo.engine.EngineRun", str(script), str(answers)],
            env={"LD_LIBRARY_PATH": str(self.libraries), "PATH": "/usr/bin:/bin", **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert not done.returncode, done.stdout + done.stderr
        assert "in native method" not in done.stdout + done.stderr  # what -Xcheck:jni says
        return answers.read_text().splitlines()

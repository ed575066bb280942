"""What a package is made with is found, or said to be missing, with the way to it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from outcome import Deepmark

from deepmark.errors import AndroidError
from deepmark.exporter.android import tool_chain
from deepmark.exporter.android.native_libraries import phone_libraries, stand_in_libraries
from deepmark.exporter.android.signing import SigningKey, debug_key, sign
from deepmark.exporter.android.tool_chain import AndroidToolChain, find_tools, run_tool

needs_jdk = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK")


def _program(folder: Path, name: str, prints: str, code: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    path.chmod(0o755)


def test_no_jdk_and_an_old_one_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", os.fspath(tmp_path))
    with pytest.raises(AndroidError, match="javac is missing in JAVA_HOME=") as missing:
        find_tools()
    assert missing.value.hint == "apt-get install openjdk-17-jdk-headless"
    for name in ("javac", "java", "keytool"):
        _program(tmp_path / "bin", name, "javac 11.0.2")
    with pytest.raises(AndroidError, match="a JDK of 17 or later is needed, found javac 11"):
        find_tools()


@needs_jdk
def test_tools_that_were_not_fetched_or_are_damaged_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(tmp_path))
    monkeypatch.delenv("ANDROID_HOME", raising=False)
    with pytest.raises(AndroidError, match="Android's aapt2, D8 and apksig is missing") as missing:
        find_tools()
    assert "doctor --android --fetch" in str(missing.value.hint)
    (tmp_path / "android").mkdir()
    (tmp_path / "android" / "android-tools.jar").write_bytes(b"half of it")
    with pytest.raises(AndroidError, match=r"android-tools\.jar is damaged, expected sha256 6e63"):
        find_tools()


@needs_jdk
def test_an_sdk_is_taken_by_its_newest_parts_or_what_it_lacks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANDROID_HOME", os.fspath(tmp_path))
    with pytest.raises(AndroidError, match=r"has no build-tools/\*/aapt2"):
        find_tools()
    for version in ("9.0.0", "34.0.0"):
        _program(tmp_path / "build-tools" / version, "aapt2", "")
    with pytest.raises(AndroidError, match=r"has no platforms/android-\*/android\.jar"):
        find_tools()
    platform = tmp_path / "platforms" / "android-34"
    platform.mkdir(parents=True)
    (platform / "android.jar").touch()
    with pytest.raises(AndroidError, match=r"has no build-tools/34\.0\.0/lib/d8\.jar"):
        find_tools()
    libraries = tmp_path / "build-tools" / "34.0.0" / "lib"
    libraries.mkdir()
    for name in ("d8.jar", "apksigner.jar"):
        (libraries / name).touch()
    found = find_tools()
    assert found.aapt2 == tmp_path / "build-tools" / "34.0.0" / "aapt2"
    assert found.framework == platform / "android.jar"
    assert found.tools == (libraries / "d8.jar", libraries / "apksigner.jar")


def test_a_tool_that_does_not_run_or_fails_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "aapt2").write_text("")
    with pytest.raises(AndroidError, match=r"resources: aapt2 does not run: .*Permission denied"):
        run_tool([os.fspath(tmp_path / "aapt2")], stage="resources")
    _program(tmp_path, "javac", "note\nA.java:3: error: cannot find symbol", 1)
    with pytest.raises(AndroidError, match=r"^classes: A\.java:3: error: cannot find symbol$"):
        run_tool([os.fspath(tmp_path / "javac")], stage="classes")


def test_without_ndk_the_hint_names_the_stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANDROID_NDK_HOME", "MNN_ANDROID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AndroidError, match="no native libraries: ANDROID_NDK_HOME must name the Android NDK") as error:
        phone_libraries(tmp_path)
    assert "--stand-in" in str(error.value.hint)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AndroidError, match="the stand-in needs aarch64-linux-gnu-gcc, which is missing"):
        stand_in_libraries(tmp_path)


@pytest.mark.slow
def test_key_stores_that_do_not_open_are_said_and_no_password_is_seen(
    android_tools: AndroidToolChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", os.fspath(tmp_path / "configuration"))
    key = debug_key(android_tools)
    assert debug_key(android_tools) == key
    assert key.password not in repr(key)
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "configuration" / "deepmark").iterdir())
    package = tmp_path / "x.apk"
    package.write_bytes(b"")
    for store, alias, password, sentence in (
        (tmp_path / "none.p12", key.alias, "x", "there is no key store"),
        (key.store, key.alias, "guess", "the key store cannot be opened: the password is wrong"),
        (package, key.alias, "guess", "the key store cannot be opened"),
        (key.store, "other", key.password, "the key store has no key 'other', found \\[deepmark-debug\\]"),
    ):
        with pytest.raises(AndroidError, match=sentence) as error:
            sign(android_tools, package, tmp_path / "out.apk", SigningKey(store, alias, password, debug=False))
        assert password not in str(error.value) or password == "x"
    assert not (tmp_path / "out.apk").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--keystore", "k"], "--keystore and --alias belong together"),
        (["--stand-in"], "--keystore and --stand-in are about a package"),
        (["--apk", "app"], "--apk must be named"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(deepmark: Deepmark, words: list[str], sentence: str) -> None:
    outcome = deepmark("bundle", "x.deepmark", "--android", "app", *words)
    assert outcome.code == 2
    assert sentence in outcome.err


def test_a_pinned_file_that_is_another_one_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPMARK_CACHE", os.fspath(tmp_path))
    monkeypatch.setattr(tool_chain, "_download", lambda _, target: target.write_bytes(b"other"))
    monkeypatch.setattr(tool_chain, "PINNED", (tool_chain.FRAMEWORK_JAR,))
    said: list[str] = []
    with pytest.raises(AndroidError, match=r"android-all-14\.jar came with the sha256 .*, expected 6be2"):
        tool_chain.fetch_tools(said.append)
    assert said == [
        f"fetching Android 14's framework: 138 MB from {tool_chain.FRAMEWORK_JAR.origin} into {tmp_path / 'android'}"
    ]
    assert not list(tmp_path.rglob("*.jar"))

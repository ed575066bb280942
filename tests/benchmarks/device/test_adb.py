"""The thin wrapper of adb against a device that misbehaves."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_adbd import Plug
from fake_phone import Faults

from deepmark.benchmarks.device.adb import Adb, find_adb, list_phones
from deepmark.benchmarks.device.bounded_process import clean, one_line
from deepmark.benchmarks.device.listed_phones import choose_phone
from deepmark.errors import DeviceError, PhoneLostError

ROOT = Path(__file__).resolve().parents[3]


def _adb(adb_server: str, serial: str) -> Adb:
    return Adb(adb_server, serial)


@pytest.mark.parametrize("personality", ["p40", "pixel", "silent"])
def test_output_and_status_of_a_command_come_back_with_both_shell_protocols(
    plug: Plug, adb_server: str, personality: str
) -> None:
    adb = _adb(adb_server, plug(personality).serial)

    answer = adb.shell("echo one; echo two; false")

    assert (answer.code, answer.out) == (1, "one\ntwo\n")
    assert adb.shell("exit_status() { return 7; }; exit_status").code == 7


@pytest.mark.parametrize("personality", ["p40", "pixel", "silent"])
def test_a_file_comes_back_as_it_was_sent(plug: Plug, adb_server: str, tmp_path: Path, personality: str) -> None:
    adb = _adb(adb_server, plug(personality).serial)
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(bytes(range(256)) * 2000)

    adb.push(sent, "/data/local/tmp/x/there")
    adb.pull("/data/local/tmp/x/there", back)

    assert back.read_bytes() == sent.read_bytes()


def test_where_there_is_no_adb_the_hint_is_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DeviceError, match="adb is not installed") as caught:
        find_adb()
    assert caught.value.exit_code == 4


@pytest.mark.slow
@pytest.mark.parametrize("state", ["unauthorized", "offline"])
def test_a_phone_that_cannot_be_used_is_refused_with_its_state(plug: Plug, adb_server: str, state: str) -> None:
    phone = plug(faults=Faults(unauthorized=state == "unauthorized", offline=state == "offline"))

    with pytest.raises(DeviceError, match=state):
        choose_phone(list_phones(adb_server), phone.serial)


@pytest.mark.parametrize("printed", ["error: device offline", "adb: device offline", "adb.exe: device offline"])
def test_why_adb_lost_a_phone_is_told_in_every_versions_words(tmp_path: Path, printed: str) -> None:
    (tmp_path / "adb").write_text(f"#!/bin/sh\necho '{printed}' >&2\nexit 1\n")
    (tmp_path / "adb").chmod(0o755)

    with pytest.raises(PhoneLostError, match=r"was lost \(device offline\)"):
        Adb(str(tmp_path / "adb"), "8ABX0T1QZ").shell("true")


def test_a_phone_is_reached_by_its_connection_where_its_serial_number_is_anothers_too(
    plug: Plug, adb_server: str
) -> None:
    plug("pixel")
    device = plug("p40")
    listed = subprocess.run([adb_server, "devices", "-l"], capture_output=True, text=True, timeout=30).stdout
    (number,) = re.findall(rf"{re.escape(device.serial)} .* transport_id:(\d+)", listed)

    adb = Adb(adb_server, "(no serial number)", number)

    assert adb.shell("getprop ro.product.model").out == "ELS-NX9\n"
    assert adb.name == f"transport_id:{number}"


def test_unplugged_during_a_command(plug: Plug, adb_server: str) -> None:
    adb = _adb(adb_server, plug(faults=Faults(unplug_during_run="sleep")).serial)

    with pytest.raises(PhoneLostError, match="was lost"):
        adb.shell("echo begun; sleep 30")


def test_unplugged_during_push_and_pull(plug: Plug, adb_server: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(1 << 20))
    phone = plug(faults=Faults(back_after_s=0.0))
    adb = _adb(adb_server, phone.serial)
    adb.push(file, "/data/local/tmp/file")

    phone.faults.unplug_during_pull = True
    with pytest.raises(PhoneLostError):
        adb.pull("/data/local/tmp/file", tmp_path / "back")
    assert adb.reconnect(10)
    phone.faults.unplug_during_push = True
    with pytest.raises(PhoneLostError):
        adb.push(file, "/data/local/tmp/file")


def test_output_that_ends_early_is_a_lost_connection(plug: Plug, adb_server: str) -> None:
    adb = _adb(adb_server, plug(faults=Faults(cut_output={"seq": 10})).serial)

    with pytest.raises(PhoneLostError):
        adb.shell("seq 100")


@pytest.mark.parametrize("arrives", ["DM_RC=", "DM_RC=1", "DM_RC=13", "DM_RC=139"])
def test_a_status_that_is_cut_in_two_is_a_lost_connection(plug: Plug, adb_server: str, arrives: str) -> None:
    device = plug(faults=Faults(cut_output={"exit 139": len(arrives)}))

    with pytest.raises(PhoneLostError):
        _adb(adb_server, device.serial).shell("(exit 139)")

    device.faults.cut_output.clear()
    assert _adb(adb_server, device.serial).shell("(exit 139)").code == 139


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        ("couldn't write: No space left on device", "is full"),
        ("couldn't create file: Read-only file system", "read-only"),
        ("couldn't create file: Permission denied", "permission denied"),
    ],
)
def test_a_refused_file_is_an_error_with_its_reason(
    plug: Plug, adb_server: str, tmp_path: Path, refusal: str, message: str
) -> None:
    adb = _adb(adb_server, plug(faults=Faults(push_refusal=refusal)).serial)
    (tmp_path / "file").write_bytes(b"x" * 100_000)

    with pytest.raises(DeviceError, match=message) as caught:
        adb.push(tmp_path / "file", "/data/local/tmp/file")
    assert not isinstance(caught.value, PhoneLostError)


def test_a_command_that_never_ends_is_given_up(plug: Plug, adb_server: str) -> None:
    adb = _adb(adb_server, plug().serial)

    with pytest.raises(PhoneLostError, match="did not answer within"):
        adb.shell("sleep 60", timeout_s=0.5)


@pytest.mark.slow
def test_output_without_end_is_stopped(plug: Plug, adb_server: str) -> None:
    adb = _adb(adb_server, plug().serial)

    with pytest.raises(DeviceError, match="printed more than"):
        adb.shell("head -c 100000000 /dev/zero", timeout_s=120)


def test_hostile_output_becomes_plain_text() -> None:
    raw = b"\x1b[31mred\x1b[0m \x1b]0;title\x07\xff\xfe ok\x00\x08\r\nDM\xe2\x80\xae\n"

    assert clean(raw) == "red \ufffd\ufffd ok\nDM\n"
    assert len(one_line("x" * 10_000)) == 400


@pytest.mark.parametrize("folder", ["", "build/adb36"])
def test_a_serial_number_with_blanks_comes_through_adb(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    adb = shutil.which("adb", path=str(ROOT / folder) if folder else None)
    if adb is None:
        pytest.skip("no such adb here (tools/phone_toolchain.sh fetches it)")
    names = ("adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp", " 12345678")
    text = "".join(f"{name:<22} device product:p model:m device:d transport_id:{n}\n" for n, name in enumerate(names))

    with _server(monkeypatch, b"0029", text.encode()):
        found = list_phones(adb)

    assert [(one.serial, one.state, one.model) for one in found] == [(name, "device", "m") for name in names]


def test_a_server_of_another_version_that_cannot_be_replaced(adb_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _server(monkeypatch, b"0020", b"0020"), pytest.raises(DeviceError, match="server cannot be used") as caught:
        list_phones(adb_server)

    assert "another version" in str(caught.value.hint)


@contextmanager
def _server(monkeypatch: pytest.MonkeyPatch, version: bytes, answer: bytes) -> Iterator[None]:
    """Be adb's server: tell a version, answer all else with the same, and ignore that it shall end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(listener.getsockname()[1]))
        threading.Thread(target=_serve, args=(listener, version, answer), daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)


def _serve(listener: socket.socket, version: bytes, answer: bytes) -> None:
    while True:
        try:
            link, _ = listener.accept()
        except OSError:
            return
        with link:
            said = version if b"host:version" in link.recv(4096) else answer
            link.sendall(b"OKAY%04x%b" % (len(said), said))

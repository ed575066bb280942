"""An Android device daemon that nobody owns: the REAL adb binary connects, pushes, runs and pulls over TCP.

It speaks the messages CNXN, AUTH, OPEN, WRTE, OKAY and CLSE of adb's transport, the services ``shell`` (v1 and v2),
``exec`` and ``sync`` (STAT, LIST, SEND, RECV and their second versions), and fails on request. What a command finds is
`fake_phone.FakePhone`. Sources: protocol.txt, SERVICES.TXT and SYNC.TXT of AOSP's packages/modules/adb.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import select
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from fake_phone import ANDROID, GNU, FakePhone, Faults
from phone_profiles import PERSONALITIES

VERSION, MAX_PAYLOAD = 0x01000001, 256 * 1024
CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = (int.from_bytes(name, "little") for name in
                                      (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))  # fmt: skip
STDOUT, STDERR, EXIT = 1, 2, 3  # packets of shell v2


class _GoneError(Exception):
    """The other side closed the stream or the connection."""


class Stream:
    """One open service; its reader sees bytes in order, its writer waits for every OKAY."""

    def __init__(self, connection: _Connection, local: int, remote: int) -> None:
        self.connection, self.local, self.remote = connection, local, remote
        self.inbox: queue.Queue[bytes | None] = queue.Queue()
        self.okay = threading.Semaphore(0)
        self.ended = threading.Event()
        self.rest = b""

    def read(self, count: int) -> bytes:
        while len(self.rest) < count:
            part = self.inbox.get()
            if part is None:
                raise _GoneError
            self.rest += part
        found, self.rest = self.rest[:count], self.rest[count:]
        return found

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), self.connection.payload):
            self.connection.send(WRTE, self.local, self.remote, data[start : start + self.connection.payload])
            if not self.okay.acquire(timeout=30) or self.ended.is_set():
                raise _GoneError

    def end(self) -> None:
        """The other side closed it, or the cable is out."""
        self.ended.set()
        self.inbox.put(None)
        self.okay.release()

    def close(self) -> None:
        with contextlib.suppress(OSError, _GoneError):
            self.connection.send(CLSE, self.local, self.remote)


class _Connection:
    def __init__(self, device: FakeAdbd, link: socket.socket) -> None:
        self.device, self.link = device, link
        self.streams: dict[int, Stream] = {}
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self.payload = 4096

    def send(self, command: int, first: int, second: int, data: bytes = b"") -> None:
        header = struct.pack("<6I", command, first, second, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF)
        with self.lock:
            self.link.sendall(header + data)

    def cut(self) -> None:
        """Pull the cable."""
        self.closed.set()
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        for one in list(self.streams.values()):
            one.end()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.link.recv(count - len(data))
            if not part:
                raise _GoneError
            data += part
        return data

    def serve(self) -> None:
        try:
            while True:
                command, first, second, length, _, _ = struct.unpack("<6I", self._exactly(24))
                self._handle(command, first, second, self._exactly(length))
        except (OSError, _GoneError, struct.error):
            self.cut()
            self.link.close()

    def _handle(self, command: int, first: int, second: int, data: bytes) -> None:
        faults = self.device.faults
        if command == CNXN:
            self.payload = min(second, MAX_PAYLOAD)
            if faults.offline:
                return
            if faults.unauthorized:
                self.send(AUTH, 1, 0, os.urandom(20))
            else:
                self.send(CNXN, VERSION, MAX_PAYLOAD, self.device.phone.banner())
        elif command == AUTH and first == 2:  # a signature by a key that is not known; then comes the public key
            self.send(AUTH, 1, 0, os.urandom(20))
        elif command == OPEN:
            local = len(self.streams) + 1
            stream = self.streams[local] = Stream(self, local, first)
            threading.Thread(target=self._open, args=(stream, data.rstrip(b"\0").decode()), daemon=True).start()
        elif command == WRTE and second in self.streams:
            self.streams[second].inbox.put(data)
            self.send(OKAY, second, first)
        elif command == OKAY and second in self.streams:
            self.streams[second].okay.release()
        elif command == CLSE and second in self.streams:
            self.streams[second].end()

    def _open(self, stream: Stream, service: str) -> None:
        kind, _, argument = service.partition(":")
        with contextlib.suppress(_GoneError, OSError):
            if kind == "sync":
                self.send(OKAY, stream.local, stream.remote)
                _Sync(self, stream).serve()
            elif kind.split(",")[0] in {"shell", "exec"}:
                self.send(OKAY, stream.local, stream.remote)
                self._shell(stream, argument, v2="v2" in kind.split(","))
        if not self.closed.is_set():
            stream.close()

    def _shell(self, stream: Stream, command: str, *, v2: bool) -> None:
        faults, phone = self.device.faults, self.device.phone
        phone.commands.append(command)
        argv, environment = phone.shell(command)
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE if v2 else subprocess.STDOUT,
            env=environment, cwd=phone.root, start_new_session=True,
        )  # fmt: skip
        self.device.children.append(child)
        assert child.stdout is not None
        unplug = bool(faults.unplug_during_run and faults.unplug_during_run in command)
        if unplug:
            threading.Timer(0.3, self.device.unplug).start()
        cut = faults.cut_output.get(next((key for key in faults.cut_output if key in command), ""))

        def pump(pipe: int, number: int) -> None:
            sent = 0
            with contextlib.suppress(_GoneError, OSError):
                while not stream.ended.is_set():
                    if not select.select([pipe], [], [], 0.1)[0]:
                        continue
                    data = os.read(pipe, 65536)
                    if not data:
                        return
                    data = phone.back(data)
                    if cut is not None and number == STDOUT:
                        data = data[: max(cut - sent, 0)]
                    sent += len(data)
                    if data:
                        stream.write(struct.pack("<BI", number, len(data)) + data if v2 else data)

        readers = [threading.Thread(target=pump, args=(child.stdout.fileno(), STDOUT), daemon=True)]
        if child.stderr is not None:
            readers.append(threading.Thread(target=pump, args=(child.stderr.fileno(), STDERR), daemon=True))
        for one in readers:
            one.start()
        threading.Thread(target=self._hang_up_when_closed, args=(stream, child), daemon=True).start()
        for one in readers:
            one.join()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()  # who writes on meets a closed pipe
        code = child.wait()
        if v2 and cut is None:
            stream.write(struct.pack("<BIB", EXIT, 1, code & 0xFF))

    @staticmethod
    def _hang_up_when_closed(stream: Stream, child: subprocess.Popen[bytes]) -> None:
        """What adbd does when its client or the cable goes away: SIGHUP to the shell, and to nothing that it started.

        Source: PassDataStreams of AOSP's packages/modules/adb/daemon/shell_service.cpp; it closes its pipes as well.
        """
        while child.poll() is None:
            if stream.ended.wait(0.1):
                child.send_signal(signal.SIGHUP)
                return


class _Sync:
    """The file service. All names that come in are looked up in the phone's own folder."""

    def __init__(self, connection: _Connection, stream: Stream) -> None:
        self.stream, self.device = stream, connection.device

    def serve(self) -> None:
        while True:
            name, length = struct.unpack("<4sI", self.stream.read(8))
            if name == b"QUIT":
                return
            argument = self.stream.read(length).decode()
            if name in {b"STAT", b"STA2", b"LST2"}:
                self._stat(name, argument)
            elif name in {b"LIST", b"LIS2"}:
                self._list(argument, second=name == b"LIS2")
            elif name == b"SEND":
                path, _, mode = argument.rpartition(",")
                self._send(path, int(mode))
            elif name == b"SND2":
                _, mode, _ = struct.unpack("<4sII", self.stream.read(12))
                self._send(argument, mode)
            elif name in {b"RECV", b"RCV2"}:
                if name == b"RCV2":
                    self.stream.read(8)
                self._recv(argument)
            else:
                raise _GoneError

    def _fail(self, text: str) -> None:
        message = text.encode()
        self.stream.write(struct.pack("<4sI", b"FAIL", len(message)) + message)

    def _look(self, path: Path) -> os.stat_result | None:
        with contextlib.suppress(OSError):
            return path.lstat()
        return None

    @staticmethod
    def _second(name: bytes, found: os.stat_result | None) -> bytes:
        if found is None:
            return struct.pack("<4sIQQIIIIQqqq", name, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        times = (int(found.st_atime), int(found.st_mtime), int(found.st_ctime))
        return struct.pack("<4sIQQIIIIQqqq", name, 0, 1, 1, found.st_mode, 1, 2000, 2000, found.st_size, *times)

    def _stat(self, name: bytes, argument: str) -> None:
        found = self._look(self.device.phone.path(argument))
        if name != b"STAT":
            self.stream.write(self._second(name, found))
        elif found is None:
            self.stream.write(struct.pack("<4sIII", name, 0, 0, 0))
        else:
            self.stream.write(struct.pack("<4sIII", name, found.st_mode, found.st_size, int(found.st_mtime)))

    def _list(self, argument: str, *, second: bool) -> None:
        with contextlib.suppress(OSError):
            for one in sorted(self.device.phone.path(argument).iterdir()):
                raw, found = os.fsencode(one.name), one.lstat()
                head = (
                    self._second(b"DNT2", found)
                    if second
                    else struct.pack("<4sIII", b"DENT", found.st_mode, found.st_size, int(found.st_mtime))
                )
                self.stream.write(head + struct.pack("<I", len(raw)) + raw)
        self.stream.write(
            (self._second(b"DONE", None) if second else struct.pack("<4sIII", b"DONE", 0, 0, 0)) + bytes(4)
        )

    def _send(self, argument: str, mode: int) -> None:
        faults, target = self.device.faults, self.device.phone.path(argument)
        refusal = faults.push_refusal
        if refusal is None:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                file = target.open("wb")
            except OSError as error:
                refusal = f"couldn't create file: {error.strerror}"
        received = 0
        with contextlib.nullcontext() if refusal else file:
            while True:
                name, value = struct.unpack("<4sI", self.stream.read(8))
                if name == b"DONE":
                    break
                data = self.stream.read(value)
                received += len(data)
                if not refusal:
                    file.write(data)
                if faults.unplug_during_push:
                    self.device.unplug()
                    raise _GoneError
        if refusal:
            self._fail(refusal)
            return
        target.chmod(stat.S_IMODE(mode) or 0o644)
        os.utime(target, (value, value))
        self.device.phone.pushed.append(argument)
        self.stream.write(struct.pack("<4sI", b"OKAY", 0))

    def _recv(self, argument: str) -> None:
        try:
            data = self.device.phone.path(argument).read_bytes()
        except OSError as error:
            self._fail(f"{error.strerror}")
            return
        for start in range(0, len(data), 65536):
            part = data[start : start + 65536]
            self.stream.write(struct.pack("<4sI", b"DATA", len(part)) + part)
            if self.device.faults.unplug_during_pull:
                self.device.unplug()
                raise _GoneError
        self.stream.write(struct.pack("<4sI", b"DONE", 0))


class FakeAdbd:
    """A device that listens on a port of its own until it is closed."""

    def __init__(self, phone: FakePhone, faults: Faults | None = None) -> None:
        self.phone, self.faults = phone, faults or Faults()
        self.children: list[subprocess.Popen[bytes]] = []
        self.connections: list[_Connection] = []
        self.plugged = True
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every packet waits for an answer
            except OSError:
                return
            if not self.plugged:
                link.close()
                continue
            connection = _Connection(self, link)
            self.connections.append(connection)
            threading.Thread(target=connection.serve, daemon=True).start()

    def unplug(self) -> None:
        """Cut all connections; with ``faults.back_after_s`` a phone comes back, and has rebooted if it says so."""
        self.plugged = False
        for one in self.connections:
            one.cut()
        self.connections.clear()
        after = self.faults.back_after_s
        self.faults.unplug_during_run, self.faults.unplug_during_push = "", False
        self.faults.unplug_during_pull = False
        if self.faults.reboots:
            self.phone.reboot()
        if after is not None:
            threading.Timer(after, self._plug).start()

    def _plug(self) -> None:
        self.plugged = True

    def close(self) -> None:
        self.listener.close()
        self.faults.back_after_s = None
        self.unplug()
        self.phone.end_programs()
        for one in self.children:
            with contextlib.suppress(ProcessLookupError):
                one.kill()


Plug = Callable[..., FakeAdbd]  # of the fixture that connects one


def main() -> None:
    """Be a phone in the foreground: ``python tests/support/fake_adbd.py p40 FOLDER``; then ``adb connect`` to it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("personality", choices=sorted(PERSONALITIES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gnu", action="store_true", help="commands run in this machine's shell, not in Android's")
    chosen = parser.parse_args()
    shell = GNU if chosen.gnu else ANDROID
    if lacks := shell.missing():
        parser.error(f"{lacks} is missing: apt install {lacks}, or --gnu")
    device = FakeAdbd(FakePhone(chosen.folder, chosen.personality, shell))
    print(f"adb connect {device.serial}", flush=True)  # noqa: T201
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()

#!/bin/sh
# adbutils 2.12.0 leaves a phone out of its list, without a word, when the phone's serial number has a blank.
#
# adb names a phone on the network by its mDNS service. Where that name is taken, as after a reconnect, mDNS appends a
# number: "adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp". adb's server puts a tab behind a serial number
# ("host:devices"). adbutils' list() splits at every blank, so the phone is "adb-8ABX0T1QZ-x1y2z3" in the state
# "(2)._adb-tls-connect._tcp"; device_list() then has nothing, and device() says that no device is connected.
# Its track_devices() splits the same server's answer at the tab and has the phone, ready.
# The adb program itself takes such a name: adb -s "adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp" shell.
# No adb and no phone is needed to see it: a server of 20 lines gives the answer that adb's gives.
# Seen with Python 3.11 on x86-64 Linux, 2026-11-28.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet adbutils==2.12.0
cat > try.py <<'PYTHON'
import socket
import threading

import adbutils

NAME = "adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp"
LISTED = f"{NAME}\tdevice\n".encode()


def serve(listener):
    while True:
        link, _ = listener.accept()
        length = int(link.recv(4), 16)
        while length:
            length -= len(link.recv(length))
        link.sendall(b"OKAY%04x%b" % (len(LISTED), LISTED))
        links.append(link)  # one that tracks stays open


links = []
listener = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=serve, args=(listener,), daemon=True).start()
client = adbutils.AdbClient("127.0.0.1", listener.getsockname()[1])
listed = [(one.serial, one.state) for one in client.list()]
ready = [one.serial for one in client.device_list()]
event = next(iter(client.track_devices()))
print("list():         ", listed)
print("device_list():  ", ready)
print("track_devices():", (event.serial, event.status))
assert listed == [("adb-8ABX0T1QZ-x1y2z3", "(2)._adb-tls-connect._tcp")]
assert ready == []
assert (event.serial, event.status) == (NAME, "device")
PYTHON
venv/bin/python try.py
echo "as described"

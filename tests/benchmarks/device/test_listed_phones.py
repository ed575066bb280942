"""What ``adb devices -l`` lists. The form is adb's own (append_transport); serial numbers are made up."""

from __future__ import annotations

import pytest

from deepmark.benchmarks.device.listed_phones import ListedPhone, choose_phone, read_listing
from deepmark.errors import DeviceError

UDEV = "(missing udev rules? user is in the plugdev group); see [http://developer.android.com/tools/device.html]"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "8ABX0T1QZ              device usb:1-2 product:ELS-NX9 model:ELS_NX9 device:HWELS transport_id:1",
            ListedPhone("8ABX0T1QZ", "device", "ELS_NX9"),
        ),
        (
            "adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp device product:o1s model:SM_G991B transport_id:4",
            ListedPhone("adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp", "device", "SM_G991B"),
        ),
        (
            " 12345678              device usb:1-1 product:p model:m device:d transport_id:7",
            ListedPhone(" 12345678", "device", "m"),
        ),
        (
            "device                 device product:p model:Odd device:d transport_id:5",
            ListedPhone("device", "device", "Odd"),
        ),
        (
            "my device 1            offline usb:1-1 transport_id:6",
            ListedPhone("my device 1", "offline", ""),
        ),
        (
            "8ABX0T1QZ              device product:a device model:M device:d transport_id:8",
            ListedPhone("8ABX0T1QZ", "device", "M"),
        ),
        (f"8ABX0T1QZ              no permissions {UDEV} usb:1-2 transport_id:6", ("8ABX0T1QZ", "no permissions")),
        ("8ABX0T1QZ              no permissions; see [http://x] usb:1-2", ("8ABX0T1QZ", "no permissions")),
        ("????????????           no permissions transport_id:3", ("????????????", "no permissions")),
        ("127.0.0.1:5555         unauthorized transport_id:3", ("127.0.0.1:5555", "unauthorized")),
        ("8ABX0T1QZ\tdevice", ("8ABX0T1QZ", "device")),
        ("8ABX0T1QZ              rescue usb:1-2 transport_id:6", ("8ABX0T1QZ", "rescue")),
        (
            "(no serial number)     device usb:1-3 product:p model:m device:d transport_id:9",
            ListedPhone("(no serial number)", "device", "m", transport="9"),
        ),
        (
            "                       device usb:1-3 product:p model:m device:d transport_id:9",
            ListedPhone("", "device", "m", transport="9"),
        ),
    ],
)
def test_a_line_is_split_at_its_last_state(line: str, expected: ListedPhone | tuple[str, str]) -> None:
    (found,) = read_listing(f"\n{line}\n\n")

    if isinstance(expected, ListedPhone):
        assert found == expected
    else:
        assert (found.serial, found.state) == expected


@pytest.mark.parametrize(
    "line",
    [
        "* daemon not running; starting now at tcp:5037",
        "* daemon started successfully",
        "adb server version (41) doesn't match this client (40); killing...",
        "adb: device offline",
        "error: device offline",
        "daemon still not running",
        "a sentence that nobody knows",
    ],
)
def test_what_the_server_says_among_them_is_no_phone(line: str) -> None:
    text = f"{line}\n8ABX0T1QZ              device usb:1-2 model:M transport_id:1\n{line}\n"

    assert read_listing(text) == (ListedPhone("8ABX0T1QZ", "device", "M"),)


def test_phones_with_one_serial_number_are_told_apart_by_their_connection() -> None:
    line = "0123456789ABCDEF       device usb:1-{0} product:p model:m{0} device:d transport_id:{0}\n"
    phones = read_listing(line.format(3) + line.format(4) + "8ABX0T1QZ              device usb:1-2 transport_id:1\n")

    assert [one.name for one in phones] == ["transport_id:3", "transport_id:4", "8ABX0T1QZ"]
    assert choose_phone(phones, "transport_id:4").model == "m4"
    with pytest.raises(DeviceError, match="2 phones have the serial 0123456789ABCDEF") as caught:
        choose_phone(phones, "0123456789ABCDEF")
    assert "--serial transport_id:3" in str(caught.value.hint)


def test_no_device_and_several_devices_are_errors_that_say_so() -> None:
    one, two = ListedPhone("A1", "device", "ELS_NX9"), ListedPhone("B2", "device", "")

    with pytest.raises(DeviceError, match="no phone is connected"):
        choose_phone((), None)
    with pytest.raises(DeviceError, match=r"2 phones are connected: A1 \(ELS_NX9\), B2") as caught:
        choose_phone((one, two), None)
    assert "--serial" in str(caught.value.hint)
    assert choose_phone((one, two), "B2") is two
    with pytest.raises(DeviceError, match="no phone with the serial C3; there: A1"):
        choose_phone((one, two), "C3")


@pytest.mark.parametrize(
    ("serial", "by_cable"),
    [
        ("8ABX0T1QZ", True),
        ("192.168.1.5:5555", False),
        ("localhost:41234", False),
        ("adb-8ABX0T1QZ-x1y2z3 (2)._adb-tls-connect._tcp", False),
    ],
)
def test_a_cable_is_told_from_a_network(serial: str, by_cable: bool) -> None:
    assert ListedPhone(serial, "device", "").by_cable is by_cable

"""``deepmark device``."""

from __future__ import annotations

import json

from fake_adbd import Plug
from fake_phone import Faults
from outcome import Deepmark


def test_no_phone_is_exit_status_4(adb_server: str, deepmark: Deepmark) -> None:
    deepmark("device").assert_refused(4, "no phone is connected", "docs/phone.md")


def test_phones_are_listed_with_what_they_are_and_whether_they_are_fit(plug: Plug, deepmark: Deepmark) -> None:
    good, hot = plug("p40"), plug("pixel")
    hot.phone.battery(celsius=42)

    done = deepmark("device")

    assert done.code == 0
    assert f"{good.serial}: EMULATED HUAWEI ELS-NX9 (Kirin 990)" in done.err
    assert "cores 4, 5, 6, 7 (mask f0)" in done.err
    assert "fit for measuring" in done.err
    assert "not fit for measuring: its battery has 42.0 °C" in done.err


def test_a_phone_that_did_not_allow_it_is_listed_too(plug: Plug, deepmark: Deepmark) -> None:
    plug(faults=Faults(unauthorized=True))

    done = deepmark("device", "--json")

    (phone,) = json.loads(done.out)["phones"]
    assert (done.code, phone["state"], phone["fit"]) == (0, "unauthorized", False)
    assert "Allow USB debugging" in phone["reasons"][0]

"""Whether a phone has the paper's processor. Its P40 Pro is a Kirin 990; other phones with one say so too."""

from __future__ import annotations

from deepmark.benchmarks.result.phone import Phone

PLATFORM = "kirin990"


def standing(phone: Phone) -> str:
    """Say beside a time what it may be held against: the paper's times were taken on a Kirin 990."""
    identity = phone.identity
    if identity.emulated:
        return f"EMULATED, no phone at all, {phone.runtime}"
    same = identity.platform == PLATFORM
    return f"{'same SoC' if same else 'other SoC'} ({identity.soc or 'unknown'}), {phone.runtime}"

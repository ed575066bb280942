"""Phones of a result, as nobody measured them: only what a test names is in them."""

from __future__ import annotations

from deepmark.benchmarks.result.phone import CoreCluster, Phone, PhoneIdentity, PhoneState, PhoneTurn

KIRIN_990_5G = (1950.0, 2360.0, 2860.0)


def made_identity(
    counts: tuple[int, ...] = (4, 2, 2), mhz: tuple[float, ...] = KIRIN_990_5G, *, platform: str | None = "kirin990"
) -> PhoneIdentity:
    """Make a phone of so many cores in each cluster, the slowest first."""
    starts = [sum(counts[:number]) for number in range(len(counts))]
    kinds = zip(starts, counts, mhz, strict=False)
    return PhoneIdentity(
        serial="made",
        manufacturer=None,
        model=None,
        device=None,
        platform=platform,
        soc=None,
        android=None,
        sdk=None,
        emui=None,
        fingerprint=None,
        abis=(),
        emulated=False,
        clusters=tuple(
            CoreCluster(cores=tuple(range(first, first + count)), max_mhz=most, governor=None)
            for first, count, most in kinds
        ),
        memory_mib=None,
    )


def made_state(
    *, battery_c: float | None = None, skin_c: float | None = None, cores_off: tuple[int, ...] = ()
) -> PhoneState:
    """Make a state of which only so much could be read."""
    return PhoneState(
        battery_c=battery_c,
        battery_percent=None,
        thermal_status=None,
        saver=None,
        screen=None,
        capped_mhz=None,
        memory_available_mib=None,
        room_mib=None,
        skin_c=skin_c,
        cores_off=cores_off,
    )


def made_turn(allowed: str, used: tuple[int, ...], state: PhoneState | None = None) -> PhoneTurn:
    """Make a turn on cores."""
    return PhoneTurn(
        before=state or made_state(),
        after=state or made_state(),
        mean_mhz={},
        cpus_allowed=allowed,
        cpus_used=used,
        device_s=1.0,
        host_s=1.0,
        waited_s=0.0,
    )


def made_phone(identity: PhoneIdentity, cores: tuple[int, ...]) -> Phone:
    """Make a phone that was measured on, with programs that were to be bound to cores."""
    return Phone(
        identity=identity,
        start=made_state(),
        runtime="glibc-wheel",
        runtime_sha256="a" * 64,
        power="normal",
        cores=cores,
        verified={},
    )

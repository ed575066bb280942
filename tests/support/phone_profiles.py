"""The phones that `fake_phone` can be: one of each Android, as far as a shell sees them.

Forms of the dumps: AOSP's BatteryService, ThermalManagerService and PowerManagerService of that version, and dumps that
owners published (docs/phone.md names what differs from maker to maker). Serial numbers and readings are made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

_ANDROID_8 = "cmd,shell_v2,stat_v2"
_ANDROID_10 = "shell_v2,cmd,stat_v2,fixed_push_mkdir,apex"
_ANDROID_14 = "shell_v2,cmd,stat_v2,ls_v2,fixed_push_mkdir,apex,abb,fixed_push_symlink_timestamp,abb_exec,sendrecv_v2"


@dataclass(frozen=True)
class Personality:
    """One phone.

    Attributes:
        features: features of adb's protocol that it names.
        properties: what getprop prints.
        clusters: number of cores and highest MHz of each policy, the slowest first.
        api: Android's API level, which decides the form of the dumps.
        memory_kib: installed memory.
        kernel: what uname prints.
        readable: whether anything but properties can be read.
        thermal: whether there is a thermal service.
        wakefulness: name that dumpsys power gives the screen's state.
        skin: name and type of the shell's sensor in the thermal service.
        time_in_state: where the kernel's count of clocks is: "policy", "cpu" (kernels before 4.3), or nowhere.
        gpu_hz: clock of the GPU; None where it cannot be read.
        gpu: maker, name and driver of the GPU.
        settings: settings beside Android's own, as "system.NAME".
    """

    features: str
    properties: dict[str, str]
    clusters: tuple[tuple[int, int], ...]
    api: int = 34
    memory_kib: int = 7_800_000
    kernel: str = "5.10.43"
    readable: bool = True
    thermal: bool = True
    wakefulness: str = "mWakefulness"
    skin: tuple[str, int] = ("skin", 3)
    time_in_state: str = "policy"
    gpu_hz: int | None = None
    gpu: str = "ARM, Mali-G710, OpenGL ES 3.2 v1.r44p0-01eac0"
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def timeout(self) -> str:
        """What ``timeout`` of its toybox adds to a signal's number, or returns for every signal but KILL."""
        return "+127" if self.api < 29 else "124" if self.api == 29 else "+128"

    @property
    def half_kib_blocks(self) -> bool:
        """Whether ``df -kP`` of its toybox counts blocks of 512 bytes."""
        return self.api < 31

    def battery(self, celsius: float, level: int, *, usb: bool) -> str:
        """What dumpsys battery prints."""
        lines = [
            "Current Battery Service state:",
            "  AC powered: false",
            f"  USB powered: {'true' if usb else 'false'}",
            "  Wireless powered: false",
            *(["  Dock powered: false"] if self.api >= 33 else []),
            "  Max charging current: 500000",
            *([_BROADCAST.format("Max charging current")] if self.api >= 36 else []),
            "  Max charging voltage: 5000000",
            "  Charge counter: 3300000",
            "  status: 2",
            "  health: 2",
            "  present: true",
            f"  level: {level}",
            "  scale: 100",
            "  voltage: 4203",
            f"  temperature: {celsius * 10:.0f}",
            "  technology: Li-poly",
            *(["  Charging state: 0", "  Charging policy: 0"] if self.api >= 34 else []),
            *(["  Capacity level: 3"] if self.api >= 36 else []),
        ]
        return "\n".join(lines) + "\n"

    def thermal_service(self, status: int, *, skin: float = 31.5) -> str:
        """What dumpsys thermalservice prints; its cached temperatures are those of a hotter hour."""
        name, kind = self.skin
        heads = ("ThermalEventListeners", "ThermalStatusListeners")
        return "\n".join(
            (
                "IsStatusOverride: false",
                *(f"{head}:\n\tcallbacks: 1\n\tkilled: false\n\tbroadcasts count: -1" for head in heads),
                f"Thermal Status: {status}",
                "Cached temperatures:",
                f"\tTemperature{{mValue=46.0, mType={kind}, mName={name}, mStatus=0}}",
                "HAL Ready: true",
                "HAL connection:",
                "\tThermalHAL 2.0 connected: yes",
                "Current temperatures from HAL:",
                "\tTemperature{mValue=48.2, mType=1, mName=GPU, mStatus=0}",
                f"\tTemperature{{mValue={skin}, mType={kind}, mName={name}, mStatus=0}}",
                "\tTemperature{mValue=29.4, mType=2, mName=battery, mStatus=0}",
                "Current cooling devices from HAL:",
                "",
            )
        )

    def power(self, state: str) -> str:
        """What dumpsys power begins with."""
        return (
            "POWER MANAGER (dumpsys power)\n\nPower Manager State:\n  mDirty=0x0\n"
            f"  {self.wakefulness}={state}\n  mWakefulnessChanging=false\n  mIsPowered=true\n"
        )


_BROADCAST = " Time when the latest updated value of the {} was sent via battery changed broadcast: +22s878ms"

_LINE = (
    "product.manufacturer",
    "product.model",
    "product.device",
    "board.platform",
    "build.version.release",
    "build.version.sdk",
)


def _properties(text: str, **others: str) -> dict[str, str]:
    """Manufacturer, model, device, platform, release and API level in a line; the rest by name."""
    found = {f"ro.{name}": value for name, value in zip(_LINE, text.split("|"), strict=True)}
    device, release = found["ro.product.device"], found["ro.build.version.release"]
    fingerprint = f"{found['ro.product.manufacturer']}/{device}/{device}:{release}/EMULATED:user/release-keys"
    return {
        **found,
        "ro.hardware": found["ro.board.platform"],
        "ro.build.fingerprint": fingerprint,
        "ro.product.cpu.abilist": "arm64-v8a,armeabi-v7a,armeabi",
        **{name.replace("__", "."): value for name, value in others.items()},
    }


_KIRIN_990_5G = ((4, 1950), (2, 2360), (2, 2860))

PERSONALITIES = {
    "mi_a1": Personality(  # its kernel has no cpufreq/policyN
        _ANDROID_8,
        _properties("Xiaomi|Mi A1|tissot_sprout|msm8953|8.1.0|27"),
        ((4, 2016), (4, 2016)),
        api=27,
        memory_kib=3_800_000,
        kernel="3.18.71-perf",
        gpu="Qualcomm, Adreno (TM) 506, OpenGL ES 3.2 V@313.0",
        thermal=False,
        time_in_state="cpu",
    ),
    "p40": Personality(
        _ANDROID_10,
        _properties(
            "HUAWEI|ELS-NX9|HWELS|kirin990|10|29",
            ro__build__version__emui="EmotionUI_10.1.0",
            ro__build__fingerprint="HUAWEI/ELS-NX9/HWELS:10/HUAWEIELS-N29/10.1.0.131C431:user/release-keys",
        ),
        _KIRIN_990_5G,
        api=29,
        kernel="4.14.116",
        skin=("shell_front", 3),
        gpu_hz=166_000_000,
        gpu="ARM, Mali-G76, OpenGL ES 3.2 v1.r18p0-01rel0",
        settings={"system.SmartModeStatus": "1"},
    ),
    "p40_harmony": Personality(
        _ANDROID_10,
        _properties(
            "HUAWEI|ELS-AN00|HWELS|kirin990|12|31",
            ro__build__version__emui="EmotionUI_14.0.0",
            hw_sc__build__platform__version="4.0.0",
        ),
        _KIRIN_990_5G,
        api=31,
        skin=("shell_front", 3),
        gpu_hz=166_000_000,
        gpu="ARM, Mali-G76, OpenGL ES 3.2 v1.r18p0-01rel0",
        settings={"system.SmartModeStatus": "1"},
    ),
    "pixel": Personality(
        _ANDROID_14,
        _properties(
            "Google|Pixel 8|shiba|zuma|14|34",
            ro__hardware="shiba",
            ro__soc__model="Tensor G3",
            ro__product__cpu__abilist="arm64-v8a",
        ),
        ((4, 1704), (4, 2367), (1, 2914)),
        kernel="5.15.110-android14-11-gcc48824eebe8-ab11118268",
        time_in_state="",
    ),
    "pixel9": Personality(
        _ANDROID_14,
        _properties(
            "Google|Pixel 9|tokay|zumapro|16|36",
            ro__hardware="tokay",
            ro__soc__model="Tensor G4",
            ro__product__cpu__abilist="arm64-v8a",
        ),
        ((4, 1950), (3, 2600), (1, 3105)),
        api=36,
        kernel="6.1.134-android14-11",
    ),
    "samsung": Personality(
        _ANDROID_14,
        _properties("samsung|SM-G991B|o1s|exynos2100|14|34", ro__soc__model="s5e9840"),
        ((4, 2210), (3, 2808), (1, 2912)),
        kernel="5.4.242",
        wakefulness="getWakefulnessLocked()",
        skin=("LRP", 3),
        settings={"system.psm_switch": "0"},
    ),
    "miui": Personality(
        _ANDROID_14,
        _properties("Xiaomi|2211133G|fuxi|kalama|13|33", ro__soc__model="SM8550"),
        ((3, 2016), (4, 2803), (1, 3187)),
        api=33,
        kernel="5.15.78-android13-8",
        settings={"system.POWER_SAVE_MODE_OPEN": "0"},
    ),
    "silent": Personality("", {}, ((8, 2000),), readable=False, thermal=False, time_in_state=""),
}

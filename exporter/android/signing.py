"""Signatures of packages: Android installs none without, and an update only with the same key."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from deepmark.errors import AndroidError
from deepmark.exporter.android.tool_chain import AndroidToolChain, run_tool
from deepmark.files import whole_file

PASSWORD_VARIABLE = "DEEPMARK_KEYSTORE_PASSWORD"  # noqa: S105  the name of a variable
DEBUG_ALIAS = "deepmark-debug"

_PROGRAM = Path(__file__).with_name("Signature.java")
_DAYS = 365 * 30


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key in a key store.

    Attributes:
        store: file of the key store, PKCS #12 or JKS.
        alias: name of the key in it.
        password: password of store and key; never printed.
        debug: whether it is this computer's own key for packages that are not published.
    """

    store: Path
    alias: str
    password: str
    debug: bool

    def __repr__(self) -> str:
        return f"SigningKey({str(self.store)!r}, {self.alias!r})"


def debug_key(tools: AndroidToolChain) -> SigningKey:
    """Return this user's own key, made once: with a new key every update would be refused by the phone.

    Raises:
        AndroidError: the JDK cannot make it.
        DeepMarkError: the configuration folder cannot be written.
    """
    folder = configuration_folder()
    store, secret = folder / "android-debug.p12", folder / "android-debug.password"
    if not store.is_file() or not secret.is_file():
        password = secrets.token_urlsafe(24)
        with whole_file(store) as hidden:
            run_tool(
                [
                    *(str(tools.keytool), "-genkeypair", "-storetype", "PKCS12", "-keystore", str(hidden)),
                    *("-storepass:env", PASSWORD_VARIABLE, "-alias", DEBUG_ALIAS, "-keyalg", "RSA"),
                    *("-keysize", "2048", "-validity", str(_DAYS), "-dname", "CN=DeepMark debug key"),
                ],
                stage="making a debug key",
                environment={PASSWORD_VARIABLE: password},
            )
            hidden.chmod(0o600)
        with whole_file(secret) as hidden:
            hidden.touch(mode=0o600)
            hidden.write_text(password)
    return SigningKey(store, DEBUG_ALIAS, secret.read_text().strip(), debug=True)


def configuration_folder() -> Path:
    """Return the folder of what a user keeps: ``XDG_CONFIG_HOME`` or ``~/.config``, and ``deepmark`` in it.

    Raises:
        AndroidError: there is no home folder.
    """
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "deepmark"
    except RuntimeError as error:
        raise AndroidError(f"there is no configuration folder: {error}", hint="set XDG_CONFIG_HOME") from error


def sign(tools: AndroidToolChain, package: Path, signed: Path, key: SigningKey) -> None:
    """Sign a package by all three of the schemes that phones of Android 8 and later look for (v1, v2, v3).

    Args:
        tools: JDK and apksig.
        package: unsigned package; it stays.
        signed: file to write.
        key: key to sign with.

    Raises:
        AndroidError: the key store or password is wrong, or the key missing.
    """
    if not key.store.is_file():
        raise AndroidError(f"there is no key store {key.store}", hint="keytool -genkeypair makes one")
    _signature(tools, ["sign", str(package), str(signed), str(key.store), key.alias], key.password)


def verify_signature(tools: AndroidToolChain, package: Path) -> tuple[str, ...]:
    """Return the schemes that a package is validly signed by, of v1, v2 and v3.

    Raises:
        AndroidError: a signature is wrong, or there is none.
    """
    return tuple(_signature(tools, ["verify", str(package)], "").split())


def _signature(tools: AndroidToolChain, words: list[str], password: str) -> str:
    return run_tool(
        [str(tools.java), "-XX:TieredStopAtLevel=1", "-cp", tools.class_path(), str(_PROGRAM), *words],
        stage="signature",
        environment={PASSWORD_VARIABLE: password},
    )

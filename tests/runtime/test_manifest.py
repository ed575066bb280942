"""The manifest: strict, versioned, and sealed by its own checksum."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest

from deepmark.errors import BundleError, DataError
from deepmark.runtime.manifest import FileEntry, Manifest


@pytest.fixture
def manifest(tiny_manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(tiny_manifest, files={"model.mnn": FileEntry("ab" * 32, 7)})


@pytest.mark.parametrize("compact", [False, True])
def test_what_is_written_is_read_back_equal(manifest: Manifest, compact: bool) -> None:
    assert Manifest.from_json(manifest.to_json(compact=compact), source="m") == manifest


def test_equal_manifests_give_equal_bytes(manifest: Manifest) -> None:
    again = Manifest.from_json(manifest.to_json(), source="m")
    assert again.to_json() == manifest.to_json()


@pytest.mark.parametrize("compact", [False, True])
def test_a_flip_of_any_byte_is_found(manifest: Manifest, compact: bool) -> None:
    document = manifest.to_json(compact=compact)
    for position in range(len(document)):
        for bit in (0x01, 0x10):
            damaged = bytearray(document)
            damaged[position] ^= bit
            with pytest.raises(BundleError):
                Manifest.from_json(bytes(damaged), source="m")


def test_a_value_changed_by_hand_is_told_from_damage_by_both_checksums(manifest: Manifest) -> None:
    changed = manifest.to_json().replace(b'"alpha": 0.8', b'"alpha": 0.7')
    with pytest.raises(BundleError, match=r"m is damaged or was changed: its checksum says [0-9a-f]{64}, found"):
        Manifest.from_json(changed, source="m")


def test_an_unknown_version_is_refused_before_anything_else_is_read() -> None:
    with pytest.raises(BundleError, match="m has schema version 99, this program reads version 1") as caught:
        Manifest.from_json(b'{"schema_version": 99, "new": {}}', source="m")
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"hello",
        b"{}",
        b"\xff\xfe",
        b'{"schema_version":"1"}',
        b'{"schema_version":1,"x":' + b"[" * 9999,
    ],
    ids=["empty", "cut", "a list", "text", "no version", "binary", "text version", "deep"],
)
def test_what_is_no_manifest_is_refused(document: bytes) -> None:
    with pytest.raises(BundleError, match="m is no DeepMark manifest: "):
        Manifest.from_json(document, source="m")


def _set(*path: str, to: object) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = to

    return change


FIXED = {"height": 64, "width": 96, "multiple": 32, "dynamic": False}
GATHERED_CHANNELS = {"wh": 2, "hps": 6}
GATHERED = {"channels": GATHERED_CHANNELS, "sha256": "0" * 64}


def _sparse(
    channels: Mapping[str, int] = {"hm": 2, "hm_hp": 3, "features": 8},
    gathered: Mapping[str, int] = GATHERED_CHANNELS,
) -> dict[str, Any]:
    return {
        "layout": "sparse",
        "activation": "probabilities",
        "stride": 4,
        "channels": channels,
        "gathered": {**GATHERED, "channels": gathered},
    }


def test_a_manifest_of_techniques_that_a_network_has_no_use_for_is_read(manifest: Manifest) -> None:
    """Earlier programs wrote the same parameters for every network."""
    document = json.loads(manifest.to_json())
    document["heads"]["channels"] = {"hm": 2, "wh": 2, "hps": 6}
    read = msgspec.convert(document, Manifest)
    assert (read.decoder.alpha, read.decoder.mask) == (0.8, True)


def test_a_sparse_layout_is_read(manifest: Manifest) -> None:
    document = json.loads(manifest.to_json())
    document["heads"] = _sparse()
    heads = msgspec.convert(document, Manifest).heads
    assert heads.heads == {"hm": 2, "wh": 2, "hps": 6, "hm_hp": 3}
    assert heads.tensors == {**heads.heads, "features": 8}


def _boxes_only(document: dict[str, Any]) -> None:
    """Take all landmarks out of the keypoints."""
    document["flip_pairs"] = document["keypoints"]["group_names"] = []
    for one in document["keypoints"]["classes"]:
        one.update(keypoint_names=[], groups=[], mirror=[], sigmas=[], outline=[])


@pytest.mark.parametrize(
    "heads",
    [
        {"layout": "dense", "activation": "logits", "stride": 4, "channels": {"hm": 2, "wh": 2}},
        _sparse(channels={"hm": 2, "features": 8}, gathered={"wh": 2, "reg": 2}),
    ],
    ids=["dense", "sparse"],
)
def test_classes_without_landmarks_have_no_heads_of_them(manifest: Manifest, heads: dict[str, Any]) -> None:
    document = json.loads(manifest.to_json())
    _boxes_only(document)
    with pytest.raises(DataError, match=r"'hps'\] is of landmarks, which the classes do not have, found 6"):
        msgspec.convert(document, Manifest)
    document["heads"] = heads
    read = msgspec.convert(document, Manifest)
    assert read.keypoints.boxes_only
    assert Manifest.from_json(read.to_json(), source="m").keypoints == read.keypoints


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_set("heads", "channels", to={"hm": 2, "wh": 2, "reg": 2}), "heads.channels lacks hps"),
        (_set("colour", to="red"), "unknown field `colour`"),
        (_set("input", "depth", to=3), "unknown field `depth`"),
        (_set("input", "height", to=100), "input.height must be a multiple of 32, found 100"),
        (_set("input", "height", to=0), "input.height must be a multiple of 32, found 0"),
        (_set("input", "multiple", to=0), "input.multiple must be a multiple of 4, found 0"),
        (_set("input", "width", to=32_000_000), "at most 16,777,216 pixels, found 64x32000000"),
        (_set("input", "fit", to="oval"), "Invalid enum value 'oval' - at `[$].input.fit`"),
        (
            _set("input", to={**FIXED, "fit": "rect"}),
            "input.fit must be 'square' for a model of one size, found 'rect'",
        ),
        (_set("preprocess", "std", to=[1, 0, 1]), "preprocess.std must be above 0"),
        (_set("preprocess", "border", to=114), "Invalid enum value 114"),
        (_set("heads", "stride", to=8), "heads.stride must be 4, found 8"),
        (_set("heads", "channels", "hm", to=3), r"heads.channels\['hm'\] must be 2, found 3"),
        (_set("heads", "channels", "depth", to=1), r"heads.channels\['depth'\] is no known head, found 1"),
        (_set("heads", "channels", to={"hm": 2, "hps": 6}), "heads.channels lacks wh"),
        (_set("heads", "layout", to="thin"), "Invalid enum value 'thin'"),
        (_set("heads", "layout", to="sparse"), "heads.gathered must stand in a sparse layout and in no other"),
        (_set("heads", "gathered", to=GATHERED), "heads.gathered must stand in a sparse layout and in no other"),
        (_set("heads", to=_sparse(channels={"hm": 2, "hm_hp": 3})), "heads.channels lacks features"),
        (_set("heads", to=_sparse(channels={"hm": 2, "features": 0})), r"heads.channels\['features'\] must be 1"),
        (_set("heads", to=_sparse(channels={"hm": 2, "features": 8, "wh": 2})), r"\['wh'\] is no known head, found 2"),
        (_set("heads", to=_sparse(gathered={"wh": 2})), "heads.gathered.channels lacks hps"),
        (_set("heads", to=_sparse(gathered={"wh": 2, "hps": 4})), r"gathered.channels\['hps'\] must be 6, found 4"),
        (
            _set("heads", to=_sparse(gathered={"wh": 2, "hps": 6, "hm": 2})),
            r"gathered.channels\['hm'\] is no known head",
        ),
        (
            _set("heads", "joined", to=["hm", "wh", "hps"]),
            "heads.joined must name hm, wh, hps, reg, hm_hp, hp_offset, each once, found hm, wh, hps",
        ),
        (_set("heads", "joined", to=["hm", "hm", "wh", "hps", "reg", "hm_hp"]), "each once, found hm, hm, wh"),
        (_set("heads", "joined", to=[]), "each once, found none"),
        (_set("flip_pairs", to=[]), "flip_pairs do not follow"),
        (_set("decoder", "alpha", to=2), r"alpha must be in \[0, 1\], found 2"),
        (_set("files", to={"a": {"sha256": "xyz", "bytes": 1}}), "matching regex"),
        (_set("files", to={"a": {"sha256": "0" * 64, "bytes": -1}}), ">= 0"),
    ],
)
def test_parts_that_cannot_be_are_refused_in_words(
    manifest: Manifest, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    document = json.loads(manifest.to_json())
    change(document)
    with pytest.raises(BundleError, match=f"m is damaged: .*{sentence}"):
        Manifest.from_json(json.dumps(document).encode(), source="m")


def test_a_manifest_that_does_not_hold_together_cannot_even_be_made(manifest: Manifest) -> None:
    with pytest.raises(DataError, match="flip_pairs do not follow"):
        msgspec.structs.replace(manifest, flip_pairs=())


def test_a_manifest_without_a_fit_is_square_and_a_square_one_is_written_without(manifest: Manifest) -> None:
    """Bundles of earlier programs have no such field, and earlier programs read what is square."""
    document = json.loads(manifest.to_json())
    assert "fit" not in document["input"]
    assert msgspec.convert(document, Manifest).input.fit == "square"
    document["input"]["fit"] = "rect"
    read = msgspec.convert(document, Manifest)
    assert read.input.fit == "rect"
    assert Manifest.from_json(read.to_json(), source="m").input == read.input


def test_a_manifest_without_joined_outputs_is_written_as_before_and_one_with_them_keeps_their_order(
    manifest: Manifest,
) -> None:
    """Earlier programs read the one, and refuse the other by the unknown field."""
    document = json.loads(manifest.to_json())
    assert "joined" not in document["heads"]
    assert manifest.heads.parts == {}
    document["heads"]["joined"] = ["hp_offset", "reg", "hm_hp", "wh", "hps", "hm"]
    read = msgspec.convert(document, Manifest)
    again = Manifest.from_json(read.to_json(), source="m").heads
    assert list(again.parts.items()) == [("hp_offset", 2), ("reg", 2), ("hm_hp", 3), ("wh", 2), ("hps", 6), ("hm", 2)]

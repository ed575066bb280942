"""Keypoint schemas: which landmarks a class has, and which network channel stands for each.

A network with *semantic keypoint grouping* (paper, section 3.1) has one channel per group, and landmarks of several
classes share it: DeepFashion2's 294 landmarks become 62 groups. A schema is that table, with everything else that the
decoder, the flip test, the metric and the drawing need to know of a landmark. The classes of a network that finds boxes
only have no landmarks, and no class of any other network is without them.

The built-in 62-group table is a reconstruction: the paper does not print its own. A checkpoint trained with another
table must be read with that table (`KeypointSchema.from_csv`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepmark.errors import DataError
from deepmark.runtime.keypoints.schema_csv import LandmarkTable, read_builtin_table, read_table


@dataclass(frozen=True, slots=True)
class KeypointClass:
    """One class and its landmarks, in the class's own order; none where the network finds boxes only.

    Attributes:
        name: name of the class, for example ``"short sleeve top"``.
        keypoint_names: one name per landmark.
        groups: network channel of each landmark, 0-based.
        mirror: 0-based position, in this class, of each landmark's left/right partner.
        sigmas: OKS sigma of each landmark, > 0.
        outline: polylines through the landmarks (0-based positions) to draw the class with; empty for a class that is
            drawn without one.
    """

    name: str
    keypoint_names: tuple[str, ...]
    groups: tuple[int, ...]
    mirror: tuple[int, ...]
    sigmas: tuple[float, ...]
    outline: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class KeypointSchema:
    """The landmarks of all classes and the network channels that stand for them. Hashable and immutable.

    Attributes:
        name: name of the table, for example ``"deepfashion2-62"``.
        classes: one entry per channel of the centre heatmap ``hm``.
        group_names: one name per channel of the landmark heatmap ``hm_hp``; empty for boxes only.
    """

    name: str
    classes: tuple[KeypointClass, ...]
    group_names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse a table that no network can have.

        Raises:
            DataError: a list of a class has the wrong length, a group number is out of range, stands twice in a class
                or in none, the mirror of a group is no group, a sigma is not positive, or only some classes have
                landmarks.
        """
        if not self.classes:
            raise DataError(f"schema {self.name!r} has no classes")
        for one in self.classes:
            _check_class(one, len(self.group_names))
        unused = set(range(len(self.group_names))) - {g for one in self.classes for g in one.groups}
        if unused:
            raise DataError(f"schema {self.name!r}: no class has a landmark in group {min(unused)}")
        self.mirror_groups  # noqa: B018  computed here for its check

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, by channel of ``hm``."""
        return tuple(one.name for one in self.classes)

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """For each class the group channels of its landmarks, in the class's order."""
        return tuple(one.groups for one in self.classes)

    @property
    def num_groups(self) -> int:
        """Channels of ``hm_hp``; ``hps`` has twice as many. 0 for boxes only."""
        return len(self.group_names)

    @property
    def boxes_only(self) -> bool:
        """Whether the classes have no landmarks."""
        return not self.group_names

    @property
    def num_landmarks(self) -> int:
        """Landmarks of all classes together (294 for DeepFashion2)."""
        return sum(len(one.groups) for one in self.classes)

    @property
    def mirror_groups(self) -> tuple[int, ...]:
        """For each group the group that it becomes in a mirrored picture."""
        mirrored: dict[int, int] = {}
        for one in self.classes:
            for position, group in enumerate(one.groups):
                partner = one.groups[one.mirror[position]]
                if mirrored.setdefault(group, partner) != partner:
                    raise DataError(
                        f"schema {self.name!r}: the mirror of group {group} is group {mirrored[group]} in one class"
                        f" and group {partner} in class {one.name!r}",
                        hint="the mirror of a group must be one group, or a flip test would mix landmarks",
                    )
        return tuple(mirrored[group] for group in range(self.num_groups))

    @property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of groups (low, high) that change places in a mirrored picture."""
        return tuple((group, other) for group, other in enumerate(self.mirror_groups) if group < other)

    @classmethod
    def deepfashion2(cls, groups: Literal[62, 81, 294] = 62) -> KeypointSchema:
        """DeepFashion2's 13 classes and 294 landmarks in 62 or 81 groups, or each landmark by itself (294).

        Raises:
            DataError: ``groups`` is none of these.
        """
        columns = {62: "group_id", 81: "agg81_id", 294: "global_index"}
        if groups not in columns:
            raise DataError(f"DeepFashion2 has no built-in table of {groups} groups", hint="choose 62, 81 or 294")
        return _schema(f"deepfashion2-{groups}", read_builtin_table("deepfashion2", group_column=columns[groups]))

    @classmethod
    def coco_person(cls) -> KeypointSchema:
        """COCO's one class "person" with 17 keypoints."""
        return _schema("coco-person-17", read_builtin_table("coco_person"))

    @classmethod
    def coco(cls) -> KeypointSchema:
        """COCO's 80 classes of objects, in the order of their category numbers; without landmarks."""
        return _schema("coco-80", read_builtin_table("coco"))

    @classmethod
    def from_csv(cls, path: str | Path) -> KeypointSchema:
        """Read a table with one row per landmark, in any order; the file's stem becomes the schema's name.

        A table of classes without landmarks has one row per class. `deepmark.runtime.keypoints.schema_csv` lists the
        columns of both.

        Raises:
            DataError: the file cannot be read, or a line is wrong; the message names the line.
        """
        path = Path(path)
        return _schema(path.stem, read_table(path))

    @classmethod
    def builtin(cls, num_classes: int, num_groups: int) -> KeypointSchema | None:
        """The built-in schema with these counts, or None: the guess for a checkpoint that carries no table."""
        if num_classes == 13 and num_groups in (62, 81, 294):
            return cls.deepfashion2(num_groups)  # type: ignore[arg-type]
        if (num_classes, num_groups) == (1, 17):
            return cls.coco_person()
        if (num_classes, num_groups) == (80, 0):
            return cls.coco()
        return None


def _schema(name: str, table: LandmarkTable) -> KeypointSchema:
    """Make the schema of a table."""
    position = {row.landmark: row.position - 1 for rows in table.classes for row in rows}
    classes = (
        KeypointClass(
            name=class_name,
            keypoint_names=tuple(row.name for row in rows),
            groups=tuple(row.group for row in rows),
            mirror=tuple(position[row.partner] for row in rows),
            sigmas=tuple(row.sigma for row in rows),
            outline=outline,
        )
        for class_name, rows, outline in zip(table.class_names, table.classes, table.outlines, strict=True)
    )
    return KeypointSchema(name, tuple(classes), table.group_names)


def _check_class(one: KeypointClass, num_groups: int) -> None:
    count = len(one.groups)
    lengths = {
        "keypoint_names": len(one.keypoint_names),
        "mirror": len(one.mirror),
        "sigmas": len(one.sigmas),
    }
    for what, length in lengths.items():
        if length != count:
            raise DataError(f"class {one.name!r} has {count} groups but {length} {what}")
    if not count and num_groups:
        raise DataError(
            f"class {one.name!r} has no landmarks, but other classes have",
            hint="a network finds landmarks of all its classes or of none: their scores could not be compared",
        )
    if len(set(one.groups)) != count:
        raise DataError(f"class {one.name!r} has a group twice", hint="two landmarks of a garment need two channels")
    if not all(0 <= group < num_groups for group in one.groups):
        raise DataError(f"class {one.name!r} names a group outside 0..{num_groups - 1}")
    if sorted(one.mirror) != list(range(count)) or any(one.mirror[m] != i for i, m in enumerate(one.mirror)):
        raise DataError(f"class {one.name!r}: mirror must exchange its {count} landmarks in pairs")
    if not all(math.isfinite(sigma) and sigma > 0 for sigma in one.sigmas):
        raise DataError(f"class {one.name!r} has a sigma that is not above 0")
    if not all(0 <= position < count for line in one.outline for position in line):
        raise DataError(f"class {one.name!r}: its outline names a landmark outside 0..{count - 1}")

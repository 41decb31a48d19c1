"""Which structure a label stands for: tables in dataset.json, in a header extension, or in the settings."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from studyscope_exporter.records import StructureVolume
from studyscope_exporter.structures import structure_name, summed_by_name

MOST_JSON_BYTES = 1 << 24
_UNCOUNTED = ("background", "ignore")  # nnU-Net's name for 0, and for voxels its loss leaves out


@dataclass(frozen=True, slots=True)
class LabelNames:
    """Structures with the labels that make them up; nnU-Net's regions hold several labels each."""

    structures: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.structures)

    def labels_of(self, present: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """Labels by structure: every named one, then those of `present` without a name as `label 7`."""
        found: dict[str, tuple[int, ...]] = {}
        for name, labels in self.structures:
            found[name] = (*found.get(name, ()), *labels)
        known = {label for _, labels in self.structures for label in labels}
        return found | {f"label {label}": (label,) for label in sorted(present) if label and label not in known}

    def volumes(self, voxels: Mapping[int, int], voxel_ml: float) -> tuple[StructureVolume, ...]:
        """Every named structure (0.0 ml where it is empty), then labels without a name as `label 7`."""
        named = [(name, sum(voxels.get(label, 0) for label in labels) * voxel_ml) for name, labels in self.structures]
        known = {label for _, labels in self.structures for label in labels}
        rest = [(f"label {label}", voxels[label] * voxel_ml) for label in sorted(voxels) if label not in known]
        return summed_by_name(named + rest)


class BadLabelTable(ValueError):
    """A dataset.json that names no labels; the message says what was expected and holds no path."""


def named_labels(table: Mapping[str, object]) -> LabelNames:
    """From nnU-Net's `labels`: v1 `{"1": "liver"}`, v2 `{"liver": 1}`, v2 regions `{"tumor": [1, 2]}`.

    Raises BadLabelTable.
    """
    structures = []
    for key, value in table.items():
        name, labels = (value, key) if isinstance(value, str) and key.isdecimal() else (key, value)
        structure = structure_name(str(name), "")
        numbers = labels if isinstance(labels, list) else [labels]
        if not structure or not all(_is_label(number) for number in numbers):
            raise BadLabelTable('expected "labels" as {"liver": 1}, {"1": "liver"} or {"tumor": [1, 2]}')
        if structure not in _UNCOUNTED:
            structures.append((structure, tuple(int(str(number)) for number in numbers)))
    return LabelNames(tuple(structures))


def _is_label(number: object) -> bool:
    return (type(number) is int and 0 <= number < 1 << 63) or (
        isinstance(number, str) and number.isdecimal() and len(number) < 19
    )


def read_dataset_json(path: Path) -> LabelNames:
    """The labels of an nnU-Net dataset.json; raises BadLabelTable, or OSError where it cannot be opened."""
    with path.open("rb") as file:
        raw = file.read(MOST_JSON_BYTES + 1)
    if len(raw) > MOST_JSON_BYTES:
        raise BadLabelTable("dataset.json is larger than 16 MiB")
    try:
        content = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadLabelTable("dataset.json is not JSON in UTF-8") from error
    labels = content.get("labels") if isinstance(content, dict) else None
    if not isinstance(labels, dict):
        raise BadLabelTable('dataset.json has no "labels" table')
    return named_labels(labels)


def names_in_extensions(block: bytes, byte_order: str) -> LabelNames:
    """The first XML label table (as TotalSegmentator writes it) among a header's extensions, if any.

    `block` starts with the 4 extension bytes behind the header (nifti1.h, "HEADER EXTENSION").
    """
    if len(block) < 4 or block[0] == 0:
        return LabelNames()
    at = 4
    while at + 8 <= len(block):
        size = struct.unpack_from(byte_order + "i", block, at)[0]
        if size < 8 or at + size > len(block):
            break
        names = _names_in_xml(block[at + 8 : at + size].strip(b"\0 \r\n\t"))
        if names:
            return names
        at += size
    return LabelNames()


def _names_in_xml(text: bytes) -> LabelNames:
    if not text.startswith(b"<") or b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # entities can grow without bound
        return LabelNames()
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return LabelNames()
    table = {label.get("Key", ""): label.text or "" for label in root.iter("Label")}
    try:
        return named_labels({key: name for key, name in table.items() if key.isdecimal() and name.strip()})
    except BadLabelTable:
        return LabelNames()

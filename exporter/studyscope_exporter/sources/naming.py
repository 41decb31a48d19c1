"""What a source itself calls an item: read anew from the source for a person at the site, and stored nowhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from studyscope_exporter.dicom.header import HeaderReader
from studyscope_exporter.dicom.unreadable import Unreadable
from studyscope_exporter.inventory import Inventory
from studyscope_exporter.inventory.errors import UnknownNumber
from studyscope_exporter.inventory.places import Place
from studyscope_exporter.sources.source import Source


@runtime_checkable
class NamesItems(Protocol):
    """A source whose items are no files; gives the identifiers that it uses itself, of those items that it still holds."""

    def identifiers(self, items: Collection[bytes]) -> Mapping[bytes, str]: ...


@runtime_checkable
class NamesPatients(Protocol):
    """A source whose items are no files; gives the PatientID of those of the items that it still holds."""

    def patient_ids(self, items: Collection[bytes]) -> Mapping[bytes, str]: ...


def names_of(places: Collection[Place], inventory: Inventory, sources: Collection[Source]) -> dict[int, str]:
    """By inventory number: the path of a file, or what its source calls the item, or that it is gone."""
    named = {place.number: f"#{place.number} of {place.source}, no longer there" for place in places}
    for place in places:
        if place.item is None:
            try:
                named[place.number] = str(inventory.resolve(place.number))
            except UnknownNumber:
                continue
    for source in sources:
        wanted = {place.item: place.number for place in places if place.source == source.name and place.item is not None}
        if wanted and isinstance(source, NamesItems):
            named |= {wanted[item]: name for item, name in source.identifiers(wanted.keys()).items()}
    return named


def patients_of(places: Collection[Place], inventory: Inventory, sources: Collection[Source]) -> dict[int, str]:
    """PatientIDs by inventory number of what images come from, where it is still there."""
    named: dict[int, str] = {}
    for place in places:
        if place.item is None:
            try:
                named[place.number] = _patient_id(str(inventory.resolve(place.number)))
            except UnknownNumber:
                continue
    for source in sources:
        wanted = {place.item: place.number for place in places if place.source == source.name and place.item is not None}
        if wanted and isinstance(source, NamesPatients):
            named |= {wanted[item]: patient for item, patient in source.patient_ids(wanted.keys()).items()}
    return named


def _patient_id(path: str) -> str:
    """PatientID (0010,0020) as the file states it now, "" where it cannot be read."""
    try:
        return (HeaderReader().read(path).text("PatientID") or "").strip()
    except Unreadable:
        return ""

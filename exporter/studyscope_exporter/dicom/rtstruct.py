"""Reads an RT structure set (PS3.3 A.19) into a record: the volume of every region that has closed contours."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from studyscope_exporter.dicom.rtstruct_header import Region, image_series_uid, read_regions
from studyscope_exporter.dicom.rtstruct_parts import region_parts
from studyscope_exporter.dicom.rtstruct_volume import region_planes, smallest_distance, volume_ml
from studyscope_exporter.dicom.seg_file import opened_dataset
from studyscope_exporter.dicom.seg_header import Values, identity
from studyscope_exporter.dicom.segmentation import review_state
from studyscope_exporter.pseudonym import Pseudonyms
from studyscope_exporter.records import Segmentation, StructureVolume
from studyscope_exporter.structures import structure_name, summed_by_name

RT_STRUCTURE_SET_STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
MANUFACTURER_MODEL_NAME = 0x00081090


def read_structure_set(path: Path, pseudonyms: Pseudonyms, lesions: Collection[str] = ()) -> Segmentation:
    """The structure set in the file at `path`; the algorithm is the device's model, the version its software's.

    Of structures named in `lesions` the separate parts are counted too. A region without contours is
    there and empty (0.0 ml); one of points or open lines encloses nothing and is left out. Raises
    Unreadable. Memory is about four times the file's. StructureSetLabel, OperatorsName and everything
    else that people typed is never read, but for the names of regions.
    """
    with opened_dataset(path) as dataset:
        values = Values(dataset)
        who = replace(identity(values), image_series_uid=image_series_uid(values))
        regions = [region for region in read_regions(values) if not region.encloses_nothing]
        device = values.top(MANUFACTURER_MODEL_NAME)
    return Segmentation(
        segmentation_key=pseudonyms.instance(who.sop_instance_uid),
        patient_key=pseudonyms.patient(who.patient_id, who.issuer) if who.patient_id else None,
        study_key=pseudonyms.study(who.study_instance_uid) if who.study_instance_uid else None,
        image_series_key=pseudonyms.series(who.image_series_uid) if who.image_series_uid else None,
        algorithm=device.lower(),
        algorithm_version=who.software_version,
        review_state=review_state({region.algorithm_type for region in regions}),
        reading="",
        structures=_structures(regions, lesions),
    )


def _structures(regions: list[Region], lesions: Collection[str]) -> tuple[StructureVolume, ...]:
    """Regions of one name add up, volumes and parts."""
    planes = [region_planes(region.contours) for region in regions]
    apart, names = smallest_distance(planes), [structure_name(region.name, f"region {region.number}") for region in regions]
    volumes = [volume_ml(one, region.slab_mm or apart) for region, one in zip(regions, planes, strict=True)]
    parts: dict[str, int | None] = {}
    for name, region in zip(names, regions, strict=True):
        if name in lesions:
            before, found = parts.get(name, 0), region_parts(region.contours)
            parts[name] = None if before is None or found is None else before + found
    summed = summed_by_name(zip(names, volumes, strict=True))
    return tuple(replace(one, lesions=parts.get(one.structure)) for one in summed)

"""Which attributes are read of every file: the one place to add one."""

from __future__ import annotations

WANTED: tuple[tuple[str, int, str], ...] = (
    ("SOPInstanceUID", 0x0008_0018, "UI"),
    ("SpecificCharacterSet", 0x0008_0005, "CS"),
    ("SOPClassUID", 0x0008_0016, "UI"),
    ("SyntheticData", 0x0008_001C, "CS"),
    ("StudyDate", 0x0008_0020, "DA"),
    ("SeriesDate", 0x0008_0021, "DA"),
    ("AcquisitionDate", 0x0008_0022, "DA"),
    ("Modality", 0x0008_0060, "CS"),
    ("Manufacturer", 0x0008_0070, "LO"),
    ("SeriesDescription", 0x0008_103E, "LO"),
    ("ManufacturerModelName", 0x0008_1090, "LO"),
    ("PatientID", 0x0010_0020, "LO"),
    ("IssuerOfPatientID", 0x0010_0021, "LO"),
    ("PatientBirthDate", 0x0010_0030, "DA"),
    ("PatientSex", 0x0010_0040, "CS"),
    ("PatientAge", 0x0010_1010, "AS"),
    ("PatientIdentityRemoved", 0x0012_0062, "CS"),
    ("ContrastBolusAgent", 0x0018_0010, "LO"),
    ("BodyPartExamined", 0x0018_0015, "CS"),
    ("ScanningSequence", 0x0018_0020, "CS"),
    ("SequenceVariant", 0x0018_0021, "CS"),
    ("SliceThickness", 0x0018_0050, "DS"),
    ("KVP", 0x0018_0060, "DS"),
    ("MagneticFieldStrength", 0x0018_0087, "DS"),
    ("ProtocolName", 0x0018_1030, "LO"),
    ("StudyInstanceUID", 0x0020_000D, "UI"),
    ("SeriesInstanceUID", 0x0020_000E, "UI"),
    ("Laterality", 0x0020_0060, "CS"),
    ("ImageLaterality", 0x0020_0062, "CS"),
    ("NumberOfFrames", 0x0028_0008, "IS"),
    ("PixelSpacing", 0x0028_0030, "DS"),
    ("BurnedInAnnotation", 0x0028_0301, "CS"),
)
"""Keyword, tag and VR (PS3.6 chapter 6), texts all; SOPInstanceUID first, as it differs in every file."""

PLACES: dict[str, int] = {keyword: place for place, (keyword, _, _) in enumerate(WANTED)}
PLACE_OF_TAG: dict[int, int] = {tag: place for place, (_, tag, _) in enumerate(WANTED)}
LAST_TAG = max(PLACE_OF_TAG)
IN_CHARACTER_SET = frozenset({"LO"})
"""VRs whose text is in SpecificCharacterSet (PS3.5 6.1.2.3); all others are in the default repertoire."""

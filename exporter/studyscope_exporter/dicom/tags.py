"""Which attributes are read of every file: the one place to add one."""

from __future__ import annotations

WANTED: tuple[tuple[str, int, bytes], ...] = (
    ("SOPInstanceUID", 0x0008_0018, b"UI"),
    ("SpecificCharacterSet", 0x0008_0005, b"CS"),
    ("SOPClassUID", 0x0008_0016, b"UI"),
    ("SyntheticData", 0x0008_001C, b"CS"),
    ("StudyDate", 0x0008_0020, b"DA"),
    ("SeriesDate", 0x0008_0021, b"DA"),
    ("AcquisitionDate", 0x0008_0022, b"DA"),
    ("Modality", 0x0008_0060, b"CS"),
    ("Manufacturer", 0x0008_0070, b"LO"),
    ("SeriesDescription", 0x0008_103E, b"LO"),
    ("ManufacturerModelName", 0x0008_1090, b"LO"),
    ("PatientID", 0x0010_0020, b"LO"),
    ("IssuerOfPatientID", 0x0010_0021, b"LO"),
    ("PatientBirthDate", 0x0010_0030, b"DA"),
    ("PatientSex", 0x0010_0040, b"CS"),
    ("PatientAge", 0x0010_1010, b"AS"),
    ("PatientIdentityRemoved", 0x0012_0062, b"CS"),
    ("ContrastBolusAgent", 0x0018_0010, b"LO"),
    ("BodyPartExamined", 0x0018_0015, b"CS"),
    ("ScanningSequence", 0x0018_0020, b"CS"),
    ("SequenceVariant", 0x0018_0021, b"CS"),
    ("SliceThickness", 0x0018_0050, b"DS"),
    ("KVP", 0x0018_0060, b"DS"),
    ("MagneticFieldStrength", 0x0018_0087, b"DS"),
    ("ProtocolName", 0x0018_1030, b"LO"),
    ("StudyInstanceUID", 0x0020_000D, b"UI"),
    ("SeriesInstanceUID", 0x0020_000E, b"UI"),
    ("Laterality", 0x0020_0060, b"CS"),
    ("ImageLaterality", 0x0020_0062, b"CS"),
    ("NumberOfFrames", 0x0028_0008, b"IS"),
    ("PixelSpacing", 0x0028_0030, b"DS"),
    ("BurnedInAnnotation", 0x0028_0301, b"CS"),
)
"""Keyword, tag and VR (PS3.6 chapter 6), texts all; SOPInstanceUID first, as it differs in every file."""

PLACES: dict[str, int] = {keyword: place for place, (keyword, _, _) in enumerate(WANTED)}
PLACE_OF_TAG: dict[int, int] = {tag: place for place, (_, tag, _) in enumerate(WANTED)}
VR_OF_TAG: dict[int, bytes] = {tag: vr for _, tag, vr in WANTED}
LAST_TAG = max(PLACE_OF_TAG)
IN_CHARACTER_SET = frozenset({b"LO"})
"""VRs whose text is in SpecificCharacterSet (PS3.5 6.1.2.3); all others are in the default repertoire."""

"""Series and segmentation objects of an archive that speaks DICOMweb (PS3.18): QIDO-RS and WADO-RS, reading only."""

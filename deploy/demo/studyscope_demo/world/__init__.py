"""What happens in the made-up hospitals: DICOM, segmentations and job records, day by day."""

"""Asking HTTP servers inside the hospital: an Airflow, a DICOMweb server, a page of gauges."""

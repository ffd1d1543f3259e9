"""A lesion taken away: PDF, DICOM, JSON, CSV."""

"""Patients and their lesions: found, filled in, planned, confirmed, moved, erased."""

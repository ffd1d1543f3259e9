"""Patients, lesions, visits, photos and what was decided: knows people, not tensors."""

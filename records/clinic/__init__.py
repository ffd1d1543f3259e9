"""Patients, lesions, visits, and what was decided about them."""

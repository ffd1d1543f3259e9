"""The clinician's screens."""

"""A lesion over its visits: pairs compared, outlines, courses, similar cases."""

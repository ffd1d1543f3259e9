"""A lesion taken away: its report, and files of everything."""

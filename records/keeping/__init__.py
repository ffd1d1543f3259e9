"""Files and backups: kept, checked, taken away, brought back, erased."""

"""How a finished model fares on a folder of photos, as one JSON file and one page to read."""

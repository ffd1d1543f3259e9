"""Where to go after signing in: a page of this app and nothing else."""

LONGEST = 500


def onward(wanted: str) -> str:
    """The wanted address if it is a path of ours, else the start page."""
    ours = (
        wanted.startswith("/")
        and not wanted.startswith(("//", "/\\", "/signin", "/_stcore", "/media"))
        and len(wanted) <= LONGEST
        and wanted.isprintable()
        and "\\" not in wanted
    )
    return wanted if ours else "/"

"""Takes the README's pictures of the result page, light and dark, from the real app and model.

Run it with `make readme`, or alone: `python -m tests.browser.shoot`. The lesion is the drawn
example; the model is the one in use (SKIN_MODELS_DIR for another folder).
"""

import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

import settings
from records.access.actors import CLINICIAN
from tests.browser.conftest import FLAGS, PATIENCE, READY
from tests.browser.server import ROOT, serve

FOLDER = ROOT / "assets" / "screenshots"
WINDOW = {"width": 1440, "height": 900}
PART = {"x": 0, "y": 0, "width": 1440, "height": 870}  # down to the buttons
THEMES = ("light", "dark")
SOFTWARE = 0x0131  # EXIF tag


def main() -> int:
    """Writes examine-light.webp and examine-dark.webp."""
    names = (os.environ.get("SKIN_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
    chromium = next((found for name in names if name and (found := shutil.which(name))), None)
    if chromium is None:
        print("Pictures need chromium on the path, or SKIN_CHROMIUM set to one.", file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(settings.load().models_dir, Path(folder), roles=[CLINICIAN]) as server,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        for theme in THEMES:
            context = browser.new_context(viewport=WINDOW, color_scheme=theme)
            context.add_cookies(server.cookies)
            page = context.new_page()
            page.set_default_timeout(2 * PATIENCE)
            page.goto(server.address)
            version = show_result(page)
            save(page.screenshot(clip=PART), FOLDER / f"examine-{theme}.webp", version)
            context.close()
        browser.close()
    return 0


def show_result(page: Page) -> str:
    """The drawn series analysed, with the heat map on; returns the model's version as shown."""
    page.get_by_role("button", name="Try an example: three visits").click()
    page.locator(".viewer:not(.waiting) .facts p").first.wait_for()
    page.wait_for_selector(READY)
    page.locator(".toggle").click()
    page.mouse.move(0, WINDOW["height"] - 1)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(2000)  # fonts, charts and the heat map's fading
    made_by = re.search(r"Model (.+?), analysed on", page.locator(".facts").inner_text())
    assert made_by
    return made_by[1]


def save(png: bytes, path: Path, version: str) -> None:
    """Stores a screenshot small enough for a repository, and in it the model's version."""
    exif = Image.Exif()
    exif[SOFTWARE] = version
    with Image.open(io.BytesIO(png)) as picture:
        picture.convert("RGB").save(path, "WEBP", quality=88, method=6, exif=exif)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    sys.exit(main())

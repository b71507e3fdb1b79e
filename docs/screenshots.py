"""Makes docs/images: runs the demonstration, then one entity again, and takes pictures of its pages in Airflow.

`make screenshots`; a stack that is up is used, and left running.
"""

import io
import os
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect

import chromium
from rtb_optimizer.demo.__main__ import prepare, run
from rtb_optimizer.errors import RtbOptimizerError
from rtb_optimizer.local.airflow_api import AirflowApi
from rtb_optimizer.local.environment import process_environment
from rtb_optimizer.local.settings import LocalSettings, local_settings
from rtb_optimizer.local.stack import running_stack

FOLDER = Path(__file__).parent / "images"
CODE, NAME = "drugs_com", "Drugs.com"
COLOURS = 128  # enough for a page, and a third of the bytes


def main() -> int:
    """Make all pictures; an error is one line and exit code 1."""
    try:
        with running_stack(local_settings(), on_step=print) as settings:
            os.environ.update(process_environment(settings) | {"AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING"})
            run(settings, prepare())
            run_again(settings)
            with chromium.chromium() as browser:
                page = chromium.new_page(browser)
                chromium.sign_in(page, settings)
                take_all(page)
    except (RtbOptimizerError, OSError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    return 0


def run_again(settings: LocalSettings) -> None:
    """Run the entity once more with fewer features, so that there is something to compare."""
    airflow, dag = AirflowApi.sign_in(settings), f"rtb_optimizer__{CODE}"
    airflow.wait(dag, airflow.trigger(dag, {"max_features": 4}))


def take_all(page: Page) -> None:
    """Walk through the pages as a reader does, and take a picture of each."""
    ours = chromium.Seen(page, "docs").ours
    page.get_by_role("link", name="RTB Optimizer").click()
    take(page, "entities", ours.get_by_role("region", name="Entities"))
    ours.get_by_role("link", name=NAME).click()
    take(page, "entity", ours.get_by_role("region", name="Runs"))
    newest = ours.get_by_role("region", name="Runs").get_by_role("row").nth(1)
    newest.get_by_role("link").first.click()
    take(page, "run", ours.get_by_role("region", name="Gates"))
    ours.get_by_role("link", name="Features", exact=True).click()
    take(page, "features", ours.get_by_role("region", name="Features"))
    ours.get_by_role("link", name="Compare", exact=True).click()
    take(page, "compare", ours.get_by_role("region", name="Changed segments"))


def take(page: Page, name: str, shown: Locator) -> None:
    """Keep a picture of the window, small, once the page shows what it is about."""
    expect(shown.first).to_be_visible()
    picture = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    FOLDER.mkdir(exist_ok=True)
    picture.convert("RGB").quantize(COLOURS).save(FOLDER / f"{name}.png", optimize=True)
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())

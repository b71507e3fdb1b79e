"""Chromium for tests and for the script that makes the pictures of the docs: opens pages as a person does.

A page may not scroll sideways, on a wide screen nor on a telephone. On each of these and in both themes, axe may find
nothing serious in it, and a screenshot is saved: in `artefacts/screenshots`, or in the folder of RTB_SCREENSHOTS. These
views take turns: each commit has one or two of a page's four.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zlib import crc32

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect, sync_playwright

from checkout import CHECKOUT

# The first is the same engine without the parts of a window, and costs a fifth less.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
SCREENS = {"wide": (1280, 900), "phone": (390, 844)}
FRAME_ON_A_PHONE = {"width": 318, "height": 844}  # what Airflow's navigation leaves
VIEWS = (("wide", "light"), ("wide", "dark"), ("phone", "light"), ("phone", "dark"))
NOT_SCANNED = ("phone", "dark")  # what is new on a telephone is no matter of colour
LONGEST_PICTURE = 6_000  # pixels: the first of 1,000 rows show how they look
GRAVE = ("serious", "critical")
WAIT_MS = 60_000  # the machine may have other work

expect.set_options(timeout=WAIT_MS)


def executable():
    """Return the path of the system's Chromium, or nothing."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def folder():
    """Return the folder of the screenshots."""
    return Path(os.environ.get("RTB_SCREENSHOTS") or CHECKOUT / "artefacts" / "screenshots")


@contextmanager
def chromium():
    """Run the system's Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def new_page(browser, **options):
    """Open a tab of a reader of its own."""
    context = browser.new_context(viewport=dict(zip(("width", "height"), SCREENS["wide"], strict=True)), **options)
    context.set_default_timeout(WAIT_MS)
    return context.new_page()


def sign_in(page, settings, user="admin", password=None):
    """Sign in to Airflow by its own form."""
    page.goto(f"{settings.airflow_url}/")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password or settings.credentials.airflow_admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="RTB Optimizer")).to_be_visible()


@dataclass(frozen=True)
class Seen:
    """Our pages in a tab: alone, or in the frame that Airflow gives them; `taking_turns` chooses among views."""

    page: Page
    story: str
    framed: bool = True
    taking_turns: Callable = list

    @property
    def ours(self):
        """What of the tab is ours, to be searched for what it shows."""
        return self.page.frame_locator("main iframe, iframe") if self.framed else self.page

    @property
    def document(self) -> Frame:
        """Our document, to run something in it."""
        if not self.framed:
            return self.page.main_frame
        return self.page.locator("iframe").first.element_handle().content_frame()

    def looks_well(self, name):
        """Look at the page on each screen, and in the views whose turn it is; pages begin with different ones."""
        for screen in SCREENS:
            self.turn(screen, "light")
            self.fits(f"{name}, {screen}")
        if not self.framed:
            self.page.set_viewport_size(FRAME_ON_A_PHONE)
            self.fits(f"{name}, in Airflow's frame on a phone")
        first = crc32(name.encode()) % len(VIEWS)
        for screen, theme in self.taking_turns(VIEWS[first:] + VIEWS[:first]):
            self.turn(screen, theme)
            violations = graves(self.document) if (screen, theme) != NOT_SCANNED else []
            assert not violations, f"{name}, {screen}, {theme}: {violations}"
            self.keep(f"{name}-{screen}-{theme}")
        self.turn("wide", "light")

    def fits(self, where):
        """Tables scroll in their own frames; the page itself does not."""
        wide, room = self.document.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.documentElement)")
        assert wide <= room, f"{where}: the page scrolls sideways, {wide} pixels in {room}"

    def turn(self, screen, theme):
        """Turn to a screen and a theme, and wait until the page has followed."""
        width, height = SCREENS[screen]
        self.page.emulate_media(color_scheme=theme)
        self.page.set_viewport_size({"width": width, "height": height})
        expect(self.ours.locator("html")).to_have_attribute("data-theme", theme)

    def keep(self, name):
        """Keep a picture of the whole page, however long: a frame would show the beginning alone."""
        width, height = self.page.viewport_size["width"], self.page.viewport_size["height"]
        tall = self.document.evaluate("document.documentElement.scrollHeight - window.innerHeight") + height
        self.page.set_viewport_size({"width": width, "height": min(max(tall, height), LONGEST_PICTURE)})
        path = folder() / self.story / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, animations="disabled")
        self.page.set_viewport_size({"width": width, "height": height})


# Without all that is well: reading the whole result takes longer than looking at the page.
VIOLATIONS = """axe.run({resultTypes: ["violations"], iframes: false}).then(({violations}) => violations.map(
    ({id, impact, help, nodes}) => ({id, impact, help, targets: nodes.map(node => node.target)})
))"""


@cache
def axe():
    """Return axe-core as its package bundles it."""
    return Axe()


def graves(document):
    """Return what axe finds grave in a document, a line each; the frames in it are looked at by themselves."""
    if not document.evaluate("'axe' in window"):
        document.evaluate(axe().axe_script)
    return [
        f"{broken['id']} ({broken['impact']}): {broken['help']}: {', '.join(map(str, target))}"
        for broken in document.evaluate(VIOLATIONS)
        if broken["impact"] in GRAVE
        for target in broken["targets"]
    ]

"""The studio in headless Chromium, driven as a person would: pointer, keys, files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--force-color-profile=srgb")  # fmt: skip
PATIENCE = 15.0
DESKTOP, PHONE = (1280, 820), (360, 740)


def start(chromium: str, chromedriver: str, profile: Path, downloads: Path) -> webdriver.Chrome:
    """A browser with a fresh profile that saves files into a folder unasked."""
    options = webdriver.ChromeOptions()
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
    )
    return driver


class Page:
    """One visit."""

    def __init__(self, driver: webdriver.Chrome, url: str, downloads: Path, pictures: Path) -> None:
        self.driver, self.url = driver, url
        self.agent = str(driver.execute_script("return navigator.userAgent"))
        self.downloads, self.pictures = downloads, pictures

    def visit(
        self, size: tuple[int, int] = DESKTOP, scheme: str = "light", language: str = "en"
    ) -> None:
        """Begin anew, as somebody who was never here: their screen, its scheme, their language."""
        command = self.driver.execute_cdp_cmd
        origin = {"origin": self.url.rstrip("/"), "storageTypes": "local_storage,indexeddb"}
        command("Storage.clearDataForOrigin", origin)
        agent = {"userAgent": self.agent, "acceptLanguage": language}
        command("Emulation.setUserAgentOverride", agent)
        self.visit_again(size, scheme)

    def visit_again(self, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> None:
        """Come back, with what the browser remembers."""
        command, mobile = self.driver.execute_cdp_cmd, size[0] < 600
        command(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": mobile},
        )
        command("Emulation.setTouchEmulationEnabled", {"enabled": mobile})
        feature = {"name": "prefers-color-scheme", "value": scheme}
        command("Emulation.setEmulatedMedia", {"features": [feature]})
        self.driver.get(self.url)
        self.until("document.body.dataset.ready === 'true'")

    # ------------------------------------------------------------------------------- looking

    def find(self, css: str) -> WebElement:
        """The first element of a selector."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css: str) -> list[WebElement]:
        """All elements of a selector that are there for a visitor, transparent ones included."""
        return self.run(
            """return [...document.querySelectorAll(arguments[0])]
              .filter((one) => one.checkVisibility({ visibilityProperty: true }));""",
            css,
        )

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns; a promise is waited for."""
        return self.driver.execute_script(script, *arguments)

    def text(self, css: str) -> str:
        """What stands in an element, hidden or not."""
        return str(self.run("return document.querySelector(arguments[0]).textContent", css))

    def until(self, condition: str) -> Any:
        """Wait until an expression in the page is true; its value."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if value := self.run(f"return {condition}"):
                return value
            time.sleep(0.02)
        raise AssertionError(
            f"never: {condition}; status {self.text('#status')!r}, error {self.text('#error')!r}"
        )

    def shot(self, name: str) -> None:
        """Keep a picture of the screen."""
        self.pictures.mkdir(parents=True, exist_ok=True)
        assert self.driver.save_screenshot(str(self.pictures / f"{name}.png"))

    def complaints(self) -> list[str]:
        """What the browser's console was told since the last time, such as a breach of policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @property
    def done(self) -> int:
        """How many full-size results have come."""
        return int(self.run("return Number(document.querySelector('#viewer').dataset.done ?? 0)"))

    def result(self, before: int) -> None:
        """Wait for one more full-size result than there were, and for it to be shown."""
        self.until(f"Number(document.querySelector('#viewer').dataset.done ?? 0) > {before}")
        self.until("document.querySelector('#history [aria-current]')")
        self.settled()

    def settled(self) -> None:
        """Wait until nothing is worked on any more, and what came of it is on show."""
        self.until("document.querySelector('#viewer').ariaBusy !== 'true'")
        self.shown()

    def shown(self) -> None:
        """Wait until the pictures are decoded, on show, and fitted."""
        self.until(
            "!document.querySelector('[data-loading]') && "
            "document.querySelector('.right').className.trim() === 'layer right'"
        )
        self.rest()

    def rest(self) -> None:
        """Wait until what was scrolled or resized is drawn."""
        self.run(
            "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def pixel(self, x: int, y: int, layer: str = "right") -> list[int]:
        """RGB of a pixel of the picture in a layer."""
        return self.run(
            """const image = document.querySelector(`.${arguments[2]} img`);
            const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
            const context = canvas.getContext("2d");
            context.drawImage(image, 0, 0);
            return [...context.getImageData(arguments[0], arguments[1], 1, 1).data].slice(0, 3);""",
            x, y, layer,
        )  # fmt: skip

    # -------------------------------------------------------------------------------- acting

    def open(self, *paths: Path) -> None:
        """Choose files."""
        self.find("#file").send_keys("\n".join(map(str, paths)))

    def click(self, css: str) -> None:
        """Click on the first element of a selector, where it can be seen."""
        element = self.find(css)
        self.rest()
        self.run("arguments[0].scrollIntoView({block: 'nearest'})", element)
        element.click()

    def click_picture(self, x: int, y: int) -> None:
        """Click on a pixel of the picture."""
        self.drag(self.place(x, y))

    def middle(self, css: str, across: float = 0.5, down: float = 0.5) -> tuple[int, int]:
        """The middle of an element on the screen, or another place at shares of its size."""
        left, top, width, height = self.run(
            """const box = document.querySelector(arguments[0]).getBoundingClientRect();
            return [box.left, box.top, box.width, box.height];""",
            css,
        )
        return round(left + across * width), round(top + down * height)

    def place(self, x: float, y: float) -> tuple[int, int]:
        """Where a pixel of the picture is on the screen."""
        left, top, width, height, wide, high = self.run(
            """const image = document.querySelector(".left img");
            const box = image.getBoundingClientRect();
            return [box.left, box.top, box.width, box.height, image.naturalWidth,
                    image.naturalHeight];"""
        )
        return round(left + (x + 0.5) * width / wide), round(top + (y + 0.5) * height / high)

    def drag(self, *points: tuple[int, int]) -> None:
        """Press at the first place of the screen, move over the others, let go."""
        actions = ActionChains(self.driver, duration=20)
        pointer = actions.w3c_actions.pointer_action
        pointer.move_to_location(*points[0])
        pointer.pointer_down()
        for point in points[1:]:
            pointer.move_to_location(*point)
        pointer.pointer_up()
        actions.perform()

    def touch(self, *steps: Sequence[tuple[float, float]]) -> None:
        """Put fingers down at places of the screen, move them to others, lift them."""
        kinds = ["touchStart", *["touchMove"] * (len(steps) - 1), "touchEnd"]
        for kind, places in zip(kinds, [*steps, ()], strict=True):
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
            self.driver.execute_cdp_cmd(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
            )

    def keys(self, *names: str) -> None:
        """Press keys where the focus is: letters, or names such as ``ARROW_LEFT``."""
        actions = ActionChains(self.driver)
        for name in names:
            actions.send_keys(getattr(Keys, name, name))
        actions.perform()

    def chord(self, *names: str) -> None:
        """Press keys together, such as ``CONTROL``, ``z``."""
        actions = ActionChains(self.driver)
        held = [getattr(Keys, name) for name in names[:-1]]
        for key in held:
            actions.key_down(key)
        actions.send_keys(names[-1])
        for key in reversed(held):
            actions.key_up(key)
        actions.perform()

    def save(self, css: str) -> Path:
        """Click on what saves a file; the file, once it is whole. Earlier ones are deleted."""
        for old in self.downloads.iterdir():
            old.unlink()
        self.click(css)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = list(self.downloads.iterdir())
            if len(found) == 1 and found[0].suffix != ".crdownload" and found[0].stat().st_size:
                return found[0]
            time.sleep(0.02)
        raise AssertionError(f"no file came; error {self.text('#error')!r}")

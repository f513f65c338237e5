"""The studio on small and dark screens, by keyboard, and for those who hear it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_demo.colour.lab import rgb_to_lab
from edge_demo.device import palette
from tests.videos import make_clip

pytestmark = pytest.mark.slow  # starts a browser and a server

if TYPE_CHECKING:
    from tests.edge_demo.web.browser.page import Page

CONTROLS = "button, input:not([hidden]):not([type=file]), select, summary, [role=slider]"
# Elements with text of their own, their colour, and the first opaque background below it.
CONTRASTS = """
const rgba = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
  .map((c) => c > 0.04045 ? ((c + 0.055) / 1.055) ** 2.4 : c / 12.92)
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const below = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const colour = rgba(getComputedStyle(one).backgroundColor);
    if (colour.length === 3 || colour[3] === 1) return colour;
  }
  return null;
};
return [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((one) => !one.closest(":disabled, .viewer, .sprite, noscript, [hidden]"))
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .filter((one) => !one.matches(".swatch small, option, optgroup"))
  .map((one) => {
    const [a, b] = [light(rgba(getComputedStyle(one).color)), light(below(one))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), one.textContent.trim()];
  });
"""


def coloured(page: Page, grey: Path) -> None:
    """A grey photograph with a hint, its panel open."""
    page.open(grey)
    page.result(0)
    page.click_picture(60, 60)
    page.until("document.querySelector('#swatches button')")
    page.click("#swatches button:nth-child(2)")
    page.result(1)


def speak(page: Page, language: str) -> None:
    """Choose a language of the page."""
    page.run(
        """const select = document.querySelector("#language");
        select.value = arguments[0];
        select.dispatchEvent(new Event("change"));""",
        language,
    )
    page.until(f"document.documentElement.lang === '{language}'")


@pytest.fixture
def phone(window: Page) -> Iterator[Page]:
    from tests.edge_demo.web.browser.page import PHONE

    window.visit(PHONE)
    window.complaints()
    yield window
    assert window.complaints() == []


def test_a_narrow_phone(phone: Page, grey: Path) -> None:
    def no_wider_than_the_screen() -> None:
        assert phone.run("return document.documentElement.scrollWidth <= innerWidth")

    no_wider_than_the_screen()
    phone.shot("phone_welcome")
    coloured(phone, grey)
    no_wider_than_the_screen()
    phone.shot("phone_hints")
    phone.click("#compare summary")
    no_wider_than_the_screen()
    # Every control can be brought onto the screen, is not covered there, and fits a finger.
    seen = phone.all(CONTROLS)
    assert len(seen) > 25
    for control in seen:
        # Markers lie over the picture; a transparent input lies over its label or its canvas.
        if control.get_attribute("class") == "marker":
            continue
        width, height, name = phone.run(
            """const [one] = arguments;
            one.scrollIntoView({ block: "nearest" });
            const target = one.closest("label, .picker") ?? one;
            const covered = () => {
              const { left, top, width, height } = target.getBoundingClientRect();
              return !target.contains(
                document.elementFromPoint(left + width / 2, top + height / 2));
            };
            if (covered()) one.scrollIntoView({ block: "end" });
            if (covered()) throw new Error(`covered: ${one.outerHTML}`);
            const shown = target.querySelector("i") ?? target; // the divider's handle
            const { left, right, width, height } = shown.getBoundingClientRect();
            if (left < 0 || right > innerWidth) throw new Error(`aside: ${one.outerHTML}`);
            return [width, height, one.outerHTML];""",
            control,
        )
        assert min(width, height) >= 24, name
    phone.run("scrollTo(0, document.body.scrollHeight)")
    phone.shot("phone_end")
    # The picture stays in view while its controls are used.
    top, bottom = phone.run(
        "const b = document.querySelector('#viewer').getBoundingClientRect();"
        "return [b.top, b.bottom]"
    )
    assert 0 <= top < bottom <= 0.6 * 740


# What is wider than the screen, or than what it stands in.
BEYOND = """
const seen = [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .filter((one) => !one.closest(".viewer, .skip, .sprite, #history, [aria-hidden]"));
const wide = seen.filter((one) => one.getBoundingClientRect().right > innerWidth + 0.5 ||
  (one.matches("button, summary, .segments, .segments span, .card, .title, .choices, .menu") &&
    one.scrollWidth > one.clientWidth + 1));
if (document.documentElement.scrollWidth > innerWidth) wide.push(document.documentElement);
return wide.map((one) => one.outerHTML.slice(0, 120));
"""
LANGUAGES = ("en", "de", "es", "zh")


@pytest.mark.parametrize("size", [(320, 640), (360, 740), (768, 1024), (1440, 900)])
def test_nothing_overflows(window: Page, grey: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    """In every language, with letters wider than those here, too."""
    window.visit(size)
    window.run("document.body.style.letterSpacing = '0.04em'")
    beyond = {}

    def look(part: str) -> None:
        for language in LANGUAGES:
            speak(window, language)
            beyond[part, language] = window.run(BEYOND)
            if language == "de":  # whose words are the longest
                window.shot(f"{part}_{size[0]}")

    look("welcome")
    coloured(window, grey)
    window.click("#compare summary")
    look("hints")
    window.click("#steps summary")
    window.click("#steps .more summary")
    look("recipes")
    window.click("#menu-open")
    look("menu")
    window.keys("ESCAPE")
    window.open(make_clip(tmp_path, "clip.mp4", 3, (96, 128)).path)
    window.until("document.querySelector('#video-run').checkVisibility()")
    look("video")
    assert {place: wide for place, wide in beyond.items() if wide} == {}


def test_fingers(phone: Page, grey: Path) -> None:
    phone.open(grey)
    phone.result(0)
    fitted = phone.text("#zoom")
    x, y = phone.place(150, 100)
    phone.touch([(x - 60, y + 50)])
    phone.until("document.querySelector('#swatches button')")
    assert phone.all(".marker")
    x, y = phone.place(150, 100)  # the palette was scrolled to
    # Two fingers move apart: it grows, and no point is set.
    phone.touch([(x - 40, y), (x + 40, y)], [(x - 120, y), (x + 120, y)])
    assert int(phone.text("#zoom")[:-2]) > 2 * int(fitted[:-2])
    assert len(phone.all(".marker")) == 1
    # One finger moves it.
    left, top = phone.place(150, 100)
    phone.touch([(x + 60, y - 60)], [(x + 80, y - 50)], [(x + 100, y - 40)])
    assert phone.place(150, 100) == (left + 40, top + 20)
    assert len(phone.all(".marker")) == 1
    # And the divider.
    handle = phone.middle(".divider")
    phone.touch([handle], [(handle[0] + 40, handle[1])])
    assert int(phone.find(".divider").get_attribute("aria-valuenow") or 0) > 55


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(window: Page, grey: Path, scheme: str) -> None:
    window.visit(scheme=scheme)
    coloured(window, grey)
    window.click("#compare summary")
    background = window.run("return getComputedStyle(document.documentElement).backgroundColor")
    levels = [int(part.strip("rgb() ")) for part in background.split(",")]
    assert max(levels) < 60 if scheme == "dark" else min(levels) > 200
    found = window.run(CONTRASTS)
    assert len(found) > 20
    assert [one for one in found if one[0] < 4.5] == []
    window.click("#steps summary")
    window.shot(f"{scheme}_models")
    assert [one for one in window.run(CONTRASTS) if one[0] < 4.5] == []
    window.click("#steps summary")
    window.shot(f"{scheme}_hints")


def test_axe_has_nothing_to_say(window: Page, grey: Path, portrait: Path) -> None:
    """axe-core's rules on accessibility, in the light and in the dark, in two languages."""
    axe = Path(pytest.importorskip("axe_core_python").__file__).with_name("axe.min.js").read_text()
    violations = {}

    def look(part: str) -> None:
        window.run(axe)
        found = window.run("return axe.run(document, { resultTypes: ['violations'] })")
        assert len(found["passes"]) > 10
        for one in found["violations"]:
            where = [node["html"] for node in one["nodes"]]
            violations[part, one["id"]] = where

    for scheme, language in (("light", "en"), ("dark", "zh")):
        window.visit(scheme=scheme, language=language)
        look(f"welcome {scheme}")
        window.open(grey, portrait)
        window.result(0)
        window.click_picture(60, 60)
        window.until("document.querySelector('#swatches button')")
        window.click("#swatches button:nth-child(2)")
        window.result(1)
        window.click("#compare summary")
        look(f"hints {scheme}")
        window.click("#beside")
        window.click("#steps summary")
        window.click("#steps .more summary")
        look(f"models {scheme}")
        window.click("#menu-open")
        look(f"menu {scheme}")
    assert violations == {}


def test_light_or_dark_is_chosen_and_kept(window: Page) -> None:
    def ground() -> int:
        return int(
            window.run("return getComputedStyle(document.body.parentElement).backgroundColor")
            .split("(")[1].split(",")[0]
        )  # fmt: skip

    window.visit(scheme="dark")
    assert ground() < 60
    window.click("#menu-open")
    assert window.run("return document.querySelector('#theme').value") == "system"
    window.find("#theme").send_keys("L")
    assert ground() > 200
    window.visit_again(scheme="dark")
    assert ground() > 200
    assert window.run("return document.querySelector('#theme').value") == "light"
    window.click("#menu-open")
    window.find("#theme").send_keys("A")  # as the system
    assert ground() < 60
    # Escape closes the menu, and the focus is where it was.
    window.keys("ESCAPE")
    assert not window.find("#menu").is_displayed()
    assert window.run("return document.activeElement.id") == "menu-open"


def test_it_speaks_the_language_of_the_browser_or_another(
    window: Page, grey: Path, tmp_path: Path
) -> None:
    window.visit(language="fr,de-AT;q=0.8,es;q=0.5")
    assert window.run("return document.documentElement.lang") == "de"
    assert window.text("#choose") == "Foto auswählen"
    broken = tmp_path / "kaputt.png"
    broken.write_bytes(b"")
    window.open(broken)
    window.until("document.querySelector('#error').textContent === '„kaputt.png“ ist leer.'")
    window.click("#menu-open")
    window.find("#language").send_keys("中")
    # What was said before is said again.
    window.until("document.querySelector('#error').textContent === '“kaputt.png”是空文件。'")
    window.visit_again()
    assert window.run("return document.documentElement.lang") == "zh"
    window.open(grey)
    window.result(0)
    assert re.match("用时 |与之前相同", window.text("#status"))
    speak(window, "es")
    assert re.match(r"Listo en \d+,\d\d s: 300|Como antes: 300", window.text("#status"))
    names = [one.accessible_name for one in window.all("#tasks input")]
    assert names == ["Auto", "Croma", "Aclarar", "Colorear"]
    # A language that nobody translated to.
    window.visit(language="fr")
    assert window.run("return document.documentElement.lang") == "en"


# Has the page speak a language whose texts are marked.
MARKED = """
const plain = window.fetch;
const marked = (text) => typeof text === "string" ? `⟦${text}⟧`
  : Object.fromEntries(Object.entries(text).map(([form, one]) => [form, marked(one)]));
window.fetch = async (address, options) => {
  const response = await plain(address, options);
  if (!String(address).includes("/texts/")) return response;
  return new Response(JSON.stringify(marked(await response.json())));
};
"""
# What people see or hear without a mark: texts that stand in a module or in the page.
UNMARKED = """
const names = ["aria-label", "title", "alt", "aria-valuetext"];
const found = [];
for (const one of document.querySelectorAll("body *, template")) {
  if (one.closest("noscript, .sprite, #language, h1, script")) continue;
  for (const name of names) if (one.getAttribute(name)) found.push(one.getAttribute(name));
  for (const node of one.childNodes) {
    if (node.nodeType === Node.TEXT_NODE && node.data.trim()) found.push(node.data.trim());
  }
}
return found.filter((text) => !text.includes("⟦") && /[\\p{L}]{2}/u.test(text));
"""
# Names of files, models, recipes and formats, sizes, colours.
OTHERS = (
    r"[\w.-]+\.(png|jpg)|#[0-9a-f]{6}.*|PNG|JPEG|WebP|[\d.]+ [KM]iB|\w+(-\w+)?\.r\d( \w+)?|"
    r"int8|qat|mixed|dynamic|float\d\d"
)


def test_every_text_is_one_of_the_language(
    window: Page, grey: Path, portrait: Path, tmp_path: Path
) -> None:
    added = window.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": MARKED}
    )
    try:
        window.visit()
        found = set(window.run(UNMARKED))
        coloured(window, grey)
        window.click("#compare summary")
        window.click("#steps summary")
        window.click("#steps .more summary")
        found |= set(window.run(UNMARKED))
        broken = tmp_path / "broken.jpg"
        broken.write_bytes(portrait.read_bytes()[:400])
        before = window.done
        window.open(portrait, broken)
        window.result(before)
        window.click("#batch-run")
        window.until("document.querySelector('#batch-retry').checkVisibility()")
        found |= set(window.run(UNMARKED))
    finally:
        window.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
    assert sorted(text for text in found if not re.fullmatch(OTHERS, text)) == []


def test_every_control_has_a_name_and_is_reached_by_tab(page: Page, grey: Path) -> None:
    coloured(page, grey)
    page.click("#compare summary")
    seen = page.all(CONTROLS)
    nameless = [one for one in seen if not one.accessible_name.strip()]
    assert [one.get_attribute("outerHTML") for one in nameless] == []
    names = {one.accessible_name for one in seen}
    assert {"Auto", "Colour", "Zoom in", "Before and after", "Strength", "Save", "Undo", "Format",
            "Left", "Colour from green to red (a)"} <= names, names  # fmt: skip
    assert re.fullmatch(r"Hint 1 of 1, [a-z ]+, at 60, 60", page.find(".marker").accessible_name)
    assert page.find("#status").aria_role == "status"
    assert page.find("#error").aria_role == "alert"

    page.run("document.activeElement.blur(); document.querySelector('.skip').focus()")
    visited = []
    for _ in range(60):
        visited.append(
            page.run("return document.activeElement.id || document.activeElement.className")
        )
        page.keys("TAB")
        if page.run("return document.activeElement === document.body"):
            break
    order = ["skip", "open", "menu-open", "viewer", "divider", "zoom-out", "undo", "hex",
             "setting-strength",
             "save", "compare-a"]  # fmt: skip
    assert [one for one in visited if one in order] == order
    # What has the focus shows it.
    page.find("#zoom-in").send_keys("")
    page.keys("TAB")
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_nothing_comes_from_elsewhere(page: Page, grey: Path) -> None:
    coloured(page, grey)
    loaded = page.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert len(loaded) > 15
    assert [one for one in loaded if not one.startswith((page.url, "blob:" + page.url))] == []


def test_the_page_computes_colours_as_the_device_does(page: Page) -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (1, 50, 3)).astype(np.uint8)
    ab = rng.uniform(-100, 100, (200, 2)).astype(np.float32)
    found, shown = page.run(
        """return import("/static/js/lab.js").then(({ rgbToLab, labToRgb }) => [
          arguments[0].map(rgbToLab),
          arguments[1].map((ab) => Boolean(labToRgb([60, ...ab]))),
        ]);""",
        rgb[0].tolist(), ab.tolist(),
    )  # fmt: skip
    assert np.abs(np.array(found) - rgb_to_lab(rgb)[0]).max() < 0.01
    assert shown == palette._shown(ab, 60.0).tolist()
    assert 10 < sum(shown) < 190

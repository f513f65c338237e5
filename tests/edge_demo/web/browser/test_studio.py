"""What a visitor of the studio does, in a real browser."""

from __future__ import annotations

import base64
import json
import re
import time
import urllib.request
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from edge_demo import __main__ as command
from edge_demo.camera.stream import MOST_VIEWERS
from edge_demo.colour.lab import lab_to_rgb, rgb_to_lab
from edge_demo.measure import metrics
from tests.videos import make_clip

pytestmark = pytest.mark.slow  # starts a browser and a server

if TYPE_CHECKING:
    from tests.edge_demo.web.browser.page import Page


def run(*arguments: object) -> None:
    assert command.main(["run", *map(str, arguments)]) == 0


def frames_of(path: Path) -> list[np.ndarray]:
    taken, found = cv2.VideoCapture(str(path)), []
    while (read := taken.read())[0]:
        found.append(np.asarray(read[1]))
    return found


def model_of(page: Page) -> str:
    return str(page.run("return document.querySelector('#steps .models').dataset.model"))


def tasks_of(page: Page) -> list[str]:
    """The tasks that are done, in order."""
    return list(
        page.run(
            "return [...document.querySelectorAll('#steps .models')].map((b) => b.dataset.task)"
        )
    )


def choose(page: Page, selector: str, text: str) -> None:
    """An entry of a list that opens."""
    page.run(
        """const list = document.querySelector(arguments[0]);
        list.value = arguments[1];
        list.dispatchEvent(new Event("change"));""",
        selector, text,
    )  # fmt: skip


def started(page: Page, path: Path) -> None:
    """A picture opened and worked on."""
    before = page.done
    page.open(path)
    page.result(before)


def split(page: Page) -> int:
    return int(page.find(".divider").get_attribute("aria-valuenow") or "")


# ------------------------------------------------------------------------------- the picture


def test_a_photograph_is_restored_and_looked_at(page: Page, portrait: Path, tmp_path: Path) -> None:
    page.shot("welcome")
    mirrored = np.asarray(cv2.imread(str(portrait)))[:, ::-1]  # which the server never saw
    started(page, written(tmp_path, "new.jpg", np.ascontiguousarray(mirrored)))
    assert page.text("#status").startswith("Done in ")
    assert "300 × 200" in page.text("#status")
    assert page.find("#tasks [value=auto]").is_selected() and tasks_of(page) == ["chroma"]
    # A quarter of the pixels had a colour of their own.
    assert page.pixel(150, 100) != page.pixel(150, 100, "left")
    page.shot("restored")

    assert split(page) == 50
    page.drag(page.middle(".divider"), page.middle(".left img", 0.8))
    assert split(page) == 80
    page.keys("ARROW_LEFT", "PAGE_DOWN")
    assert split(page) == 68
    page.keys("HOME")
    assert split(page) == 0
    assert page.find(".divider").accessible_name == "Before and after"

    def sees_the_original() -> bool:
        return not page.find(".layer.right").is_displayed()

    page.find("#viewer").send_keys("")
    assert not sees_the_original()
    for kind in ("keydown", "keyup"):
        page.run(
            "document.querySelector('#viewer').dispatchEvent("
            "new KeyboardEvent(arguments[0], { key: 'o', bubbles: true }))",
            kind,
        )
        assert sees_the_original() is (kind == "keydown")


def test_before_and_after_are_side_by_side(page: Page, portrait: Path) -> None:
    started(page, portrait)
    page.click("#beside")
    assert not page.find(".divider").is_displayed() and not page.find("#original").is_displayed()

    def spots() -> list[list[float]]:
        """Where the middle of the picture is in either half, and what is seen there."""
        return page.run(
            """return ["left", "right"].map((side) => {
              const { x, y, width, height } =
                document.querySelector(`.${side} img`).getBoundingClientRect();
              const [left, top] = [x + width / 2, y + height / 2];
              const seen = document.elementFromPoint(left, top);
              return [left, top, seen.closest(".layer").dataset.layer === side];
            });"""
        )

    left, right = spots()
    box = page.run("return document.querySelector('#viewer').clientWidth")
    assert left[2] and right[2]
    assert right[0] - left[0] == pytest.approx(box / 2, abs=1) and right[1] == left[1]
    page.shot("beside")
    # Both move together, and a place of either is the picture's.
    page.find("#viewer").send_keys(*"++")
    page.drag((round(right[0]), round(right[1])), (round(right[0]) + 30, round(right[1]) + 10))
    assert spots()[1][0] - spots()[0][0] == pytest.approx(box / 2, abs=1)
    page.click("#tasks [value=colorize]")
    page.result(1)
    page.click("#fit")
    x, y = page.place(60, 150)
    page.drag((x + round(box / 2), y))
    page.until("document.querySelector('.marker')")
    assert "at 60, 150" in page.find(".marker").accessible_name
    # On a tall screen one is below the other; it is remembered.
    page.visit_again((360, 740))
    started(page, portrait)
    (x, top, _), (other, bottom, _) = spots()
    assert x == pytest.approx(other, abs=1) and bottom > top + 100
    page.shot("beside_phone")


def test_the_picture_fills_the_screen_and_its_menu_is_the_browsers(
    page: Page, portrait: Path
) -> None:
    started(page, portrait)
    width = page.run("return document.querySelector('#stage').clientWidth")
    page.click("#full")
    page.until("document.fullscreenElement?.id === 'work'")
    assert page.run("return document.querySelector('#stage').clientWidth") >= 1270
    assert page.find("#full").get_attribute("aria-pressed") == "true"
    page.shot("full_screen")
    page.click("#full")
    page.until("!document.fullscreenElement")
    page.until(f"document.querySelector('#stage').clientWidth === {width}")
    # A right click on the result meets the result, which can so be saved or copied.
    x, y = page.middle(".right img", 0.75)
    sources = page.run(
        """const [x, y] = arguments;
        return [document.elementFromPoint(x, y).src, document.querySelector(".right img").src];""",
        x, y,
    )  # fmt: skip
    assert sources[0] == sources[1] != ""


def test_the_result_is_copied_and_its_size_is_told(page: Page, portrait: Path) -> None:
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"],
         "origin": page.url.rstrip("/")},
    )  # fmt: skip
    started(page, portrait)
    page.click("#copy")
    page.until("document.querySelector('#status').textContent === 'Copied.'")
    size = page.run(
        """const [item] = await navigator.clipboard.read();
        const bitmap = await createImageBitmap(await item.getType("image/png"));
        return [bitmap.width, bitmap.height];"""
    )
    assert size == [300, 200]

    def told() -> float:
        page.until("document.querySelector('#size').textContent")
        return float(re.search(r"([\d.]+) kB", page.text("#size"))[1])  # type: ignore[index]

    assert page.text("#size").startswith("The file has")
    assert told() == pytest.approx(page.save("#save").stat().st_size / 1e3, abs=1)
    choose(page, "#format", "jpeg")
    best = told()
    assert page.text("#size").startswith("The file will have about")
    assert best == pytest.approx(page.save("#save").stat().st_size / 1e3, rel=0.03)
    page.run("const q = document.querySelector('#quality'); q.value = 60; "
             "q.dispatchEvent(new Event('input'))")  # fmt: skip
    assert told() < 0.6 * best


def test_zoom_and_pan_by_pointer_and_keys(page: Page, portrait: Path) -> None:
    started(page, portrait)
    fitted = page.text("#zoom")
    page.find("#viewer").send_keys(*"+++")
    assert page.text("#zoom") != fitted
    left, top = page.place(100, 70)
    page.drag((left, top), (left + 30, top + 10))
    assert page.place(100, 70) == (left + 30, top + 10)
    page.keys("ARROW_RIGHT")
    assert page.place(100, 70) == (left - 30, top + 10)
    page.find("#viewer").send_keys("1")
    assert page.text("#zoom") in ("100 %", fitted)
    page.click("#find")
    page.until("parseInt(document.querySelector('#zoom').textContent) >= 600")
    page.shot("largest_change")
    page.click("#fit")
    assert page.text("#zoom") == fitted


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(page: Page, grey: Path, how: str) -> None:
    kind, field = ("ClipboardEvent", "clipboardData") if how == "paste" else (
        "DragEvent", "dataTransfer")  # fmt: skip
    page.run(
        """const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        const transfer = new DataTransfer();
        transfer.items.add(new File([bytes], "grey.png", { type: "image/png" }));
        const event = new window[arguments[1]](arguments[2],
          { [arguments[3]]: transfer, bubbles: true, cancelable: true });
        document.querySelector("#stage").dispatchEvent(event);""",
        base64.b64encode(grey.read_bytes()).decode(), kind, how, field,
    )  # fmt: skip
    page.result(0)
    # It is grey, and so it is coloured.
    assert tasks_of(page) == ["colorize"]


def test_an_image_is_dragged_out_of_another_page(page: Page, grey: Path) -> None:
    def drop(kind: str, content: str) -> None:
        page.run(
            """const transfer = new DataTransfer();
            transfer.setData(arguments[0], arguments[1]);
            document.querySelector("#stage").dispatchEvent(
              new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
            );""",
            kind, content,
        )  # fmt: skip

    drop("text/uri-list", "https://example.org/a.jpg")
    assert "Save it first" in page.until("document.querySelector('#error').textContent")
    # One whose address holds it.
    data = base64.b64encode(grey.read_bytes()).decode()
    drop("text/html", f'<meta charset="utf-8"><img src="data:image/png;base64,{data}">')
    page.result(0)
    assert page.text("#error") == "" and tasks_of(page) == ["colorize"]


# --------------------------------------------------------------- what a picture is, and its tasks

_STORED = {"420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420, "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
           "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444}  # fmt: skip


def written(folder: Path, name: str, bgr: np.ndarray, *params: int) -> Path:
    assert cv2.imwrite(str(folder / name), bgr, params)
    return folder / name


def ordinary(folder: Path) -> list[tuple[Path, list[str]]]:
    """Some thirty photographs, and what a person would have done to each."""
    from skimage import data

    found = []
    for name, rgb in (("portrait", data.astronaut()), ("cat", data.cat()), ("cup", data.coffee())):
        bgr = cv2.resize(
            np.ascontiguousarray(rgb[..., ::-1]), (180, 150), interpolation=cv2.INTER_AREA
        )
        grey = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        sepia = np.clip(grey[..., None] * np.array([0.62, 0.84, 1.0]) + 8, 0, 255).astype(np.uint8)
        dark = np.rint(255 * (bgr / 255.0 * 0.25) ** 1.6).astype(np.uint8)
        kinds = (
            ("", bgr, []), (" grey", grey, ["colorize"]), (" sepia", sepia, ["colorize"]),
            (" dark", dark, ["enhance"]),
        )  # fmt: skip
        for kind, picture, tasks in kinds:
            found.append((written(folder, f"{name}{kind}.png", picture), tasks))
            for stored, code in _STORED.items():
                if kind == " grey" and stored != "444":
                    continue
                params = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, code, cv2.IMWRITE_JPEG_QUALITY, 92)
                path = written(folder, f"{name}{kind} {stored}.jpg", picture, *params)
                found.append((path, tasks or ([] if stored == "444" else ["chroma"])))
        lossy = written(folder, f"{name}.webp", bgr, cv2.IMWRITE_WEBP_QUALITY, 85)
        found.append((lossy, ["chroma"]))
    return found


def test_every_ordinary_picture_gets_what_a_person_would_choose(page: Page, tmp_path: Path) -> None:
    pictures = ordinary(tmp_path)
    assert len(pictures) > 30
    wrong = []
    for path, tasks in pictures:
        page.open(path)
        page.until(
            f"document.querySelector('.left img').alt.includes('{path.name}') && "
            "document.querySelector('#progress').hidden"
        )
        if tasks_of(page) != tasks or page.text("#error"):
            wrong.append((path.name, tasks_of(page), page.text("#error")))
        assert page.find("#advice").is_displayed() is (tasks_of(page) == [])
        assert page.find("#save").is_enabled() is (tasks_of(page) != [])
    assert wrong == []


def test_what_needs_nothing_can_be_done_anyway(page: Page, portrait: Path, tmp_path: Path) -> None:
    picture = written(tmp_path, "full.png", np.asarray(cv2.imread(str(portrait))))
    page.open(picture)
    page.until("!document.querySelector('#advice').hidden")
    assert page.text("#advice-text").startswith(
        "Nothing needs to be restored: it has colours at full"
    )
    assert [one.text for one in page.all("#advice-tasks button")] == [
        "Rebuild chroma anyway", "Brighten anyway", "Colour anyway",
    ]  # fmt: skip
    assert page.done == 0 and not page.find("#save").is_enabled()
    page.shot("nothing_to_do")
    page.click("#advice-tasks [value=chroma]")
    page.result(0)
    assert not page.find("#advice").is_displayed()
    assert page.find("#tasks [value=chroma]").is_selected()
    run(picture, tmp_path / "cli.png", "--model", model_of(page), "--resample")
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    # And back: there is nothing that could be saved.
    page.click("#tasks [value=auto]")
    page.until("!document.querySelector('#advice').hidden")
    assert not page.find("#save").is_enabled() and not page.find(".layer.right").is_displayed()


def test_a_task_is_chosen_for_one_picture(page: Page, portrait: Path, grey: Path) -> None:
    started(page, portrait)
    page.click("#tasks [value=colorize]")
    page.result(1)
    assert tasks_of(page) == ["colorize"]
    # Another photograph is looked at anew.
    started(page, portrait)
    assert page.find("#tasks [value=auto]").is_selected() and tasks_of(page) == ["chroma"]
    page.click("#tasks [value=enhance]")
    page.settled()
    page.click("#tasks [value=auto]")
    page.settled()
    assert tasks_of(page) == ["chroma"]
    # What cannot be done cannot be chosen.
    started(page, grey)
    assert not page.find("#tasks [value=chroma]").is_enabled()


def test_tasks_are_done_one_after_the_other(page: Page, grey: Path, tmp_path: Path) -> None:
    dark = written(tmp_path, "dark.png", np.asarray(cv2.imread(str(grey), 0)) // 7)
    started(page, dark)
    assert tasks_of(page) == ["colorize"]
    page.click("#also [value=enhance]")
    page.result(1)
    assert tasks_of(page) == ["enhance", "colorize"]
    names = page.run("return [...document.querySelectorAll('#steps b')].map((b) => b.textContent)")
    assert all(re.fullmatch(r"(Brighten|Colour): [a-z ,]+", name) for name in names)
    run(dark, tmp_path / "cli.png", "--task", "enhance,colorize")
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    page.shot("chain")
    page.click("#also [value=enhance]")
    page.result(2)
    page.click("#history li:nth-child(2) button")
    page.shown()
    assert tasks_of(page) == ["enhance", "colorize"]


# ---------------------------------------------------------------------------------- the files


def test_what_is_saved_is_what_the_command_line_writes(
    page: Page, portrait: Path, tmp_path: Path
) -> None:
    started(page, portrait)
    for kind, name in (("png", "cli.png"), ("jpeg", "cli.jpg"), ("webp", "cli.webp")):
        choose(page, "#format", kind)
        saved = page.save("#save")
        run(portrait, tmp_path / name, "--model", model_of(page))
        assert saved.name == f"portrait.{model_of(page)}{Path(name).suffix}"
        assert saved.read_bytes() == (tmp_path / name).read_bytes()


def test_what_no_browser_shows_is_shown_all_the_same(
    page: Page, grey: Path, portrait: Path, tmp_path: Path
) -> None:
    Image = pytest.importorskip("PIL.Image")
    pytest.importorskip("pillow_heif").register_heif_opener()
    pytest.importorskip("pillow_jxl")
    picture = Image.open(grey).convert("RGB")
    for name in ("a.tif", "b.jxl", "c.heic", "d.avif"):
        picture.save(tmp_path / name)
        started(page, tmp_path / name)
        size = page.run("const i = document.querySelector('.left img');"
                        "return [i.naturalWidth, i.naturalHeight]")  # fmt: skip
        assert (size, tasks_of(page), page.text("#error")) == ([300, 200], ["colorize"], ""), name
        assert abs(page.pixel(150, 100, "left")[1] - picture.getpixel((150, 100))[1]) < 8
    page.shot("heic")
    run(tmp_path / "d.avif", tmp_path / "cli.png")
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    # It is shown after a reload, too.
    page.visit_again()
    page.click("#history li:last-child button")
    page.shown()
    assert page.pixel(150, 100, "left") == list(picture.getpixel((150, 100)))
    # 16 bits; and one of another kind that is damaged.
    deep = written(tmp_path, "deep.png", np.asarray(cv2.imread(str(portrait)), np.uint16) * 64)
    started(page, deep)
    assert tasks_of(page) == ["enhance"]
    (tmp_path / "cut.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:300])
    page.open(tmp_path / "cut.tif")
    assert "cut.tif" in page.until("document.querySelector('#error').textContent")
    assert all("422" in complaint for complaint in page.complaints())


def test_each_of_several_photographs_is_treated_by_what_it_is(
    page: Page, portrait: Path, grey: Path, tmp_path: Path
) -> None:
    bgr = np.asarray(cv2.imread(str(portrait)))
    full = written(tmp_path, "full.png", bgr)
    dark = written(tmp_path, "dark.png", bgr // 7)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(portrait.read_bytes()[:400])
    page.open(grey, portrait, full, dark, broken)
    page.result(0)
    assert page.text("#batch-text") == "5 photographs"
    page.click("#batch-run")
    page.until("document.querySelector('#batch-retry').checkVisibility()")
    assert page.text("#batch-text") == "5 photographs, 4 done, 1 failed"
    texts = page.run(
        "return [...document.querySelectorAll('#batch li span')].map((s) => s.textContent)"
    )
    assert texts[:4] == ["Colour", "Chroma", "Nothing to do", "Brighten"]
    assert "broken.jpg" in texts[4]
    page.shot("batch")
    with zipfile.ZipFile(page.save("#batch-save")) as archive:
        assert archive.testzip() is None
        names = ["001_grey.png", "002_portrait.png", "003_full.png", "004_dark.png"]
        assert archive.namelist() == names
        for path, name in zip((grey, portrait, dark), (*names[:2], names[3]), strict=True):
            run(path, tmp_path / "cli.png", "--overwrite")
            assert archive.read(name) == (tmp_path / "cli.png").read_bytes()
        assert archive.read(names[2]) == full.read_bytes()
    # One of them is turned to, and the list stays.
    page.click("#batch li:nth-child(4) button")
    page.until("document.querySelector('.left img').alt.includes('dark.png')")
    page.settled()
    assert tasks_of(page) == ["enhance"] and page.find("#batch").is_displayed()
    page.click("#batch-close")
    assert not page.find("#batch").is_displayed()
    # The broken one was refused again and again.
    assert all("422" in complaint for complaint in page.complaints())


def test_a_batch_is_cancelled_and_retried(page: Page, portrait: Path, grey: Path) -> None:
    page.open(portrait, grey, portrait)
    page.result(0)
    page.run(
        """const plain = window.fetch;
        window.fails = true;
        window.fetch = async (path, options) => {
          if (path !== "process") return plain(path, options);
          if (window.fails) return new Response('{"error": "too late"}', { status: 504 });
          return new Promise((_, reject) => {
            options.signal.addEventListener("abort", () => reject(options.signal.reason));
          });
        };
        window.plain = plain;"""
    )
    page.click("#batch-run")
    page.until("document.querySelector('#batch-retry').checkVisibility()")
    assert page.text("#batch-text") == "3 photographs, 3 failed"
    page.run("window.fails = false")
    page.click("#batch-retry")
    page.until("document.querySelector('#batch li').dataset.state === 'working'")
    page.click("#batch-cancel")
    page.until("document.querySelector('#batch li').dataset.state === 'cancelled'")
    assert page.find("#batch-run").is_displayed()
    page.run("window.fetch = window.plain")
    page.click("#batch-run")
    page.until("document.querySelector('#batch-save').checkVisibility()")
    assert page.text("#batch-text") == "3 photographs, 3 done"


def test_too_many_files_are_refused(page: Page, portrait: Path) -> None:
    page.open(*[portrait] * 201)
    line = page.until("document.querySelector('#error').textContent")
    assert line == "201 files, but at most 200 are taken at once."
    assert page.find("#welcome").is_displayed()


def test_files_that_are_refused_leave_what_is_there(
    page: Page, portrait: Path, tmp_path: Path
) -> None:
    started(page, portrait)
    data = portrait.read_bytes()
    files = {
        "large.jpg": (
            data + bytes(12_000_000),
            r"“large\.jpg” is 12 MB; at most 10 MB are taken\.",
        ),
        "broken.jpg": (data[:20] + bytes(400), r"“broken\.jpg” is damaged: .*"),
        "empty.png": (b"", r"“empty\.png” is empty\."),
        "notes.png": (
            b"not a picture",
            r"“notes\.png” is no JPEG, PNG, WebP, HEIC, AVIF, TIFF, JPEG XL, GIF or BMP picture\.",
        ),
    }
    wide = np.zeros((5000, 5000), np.uint8)
    files["wide.png"] = (
        cv2.imencode(".png", wide)[1].tobytes(),
        r"“wide\.png” has 25 megapixels; at most 24 megapixels are taken\.",
    )
    for name, (content, line) in files.items():
        (tmp_path / name).write_bytes(content)
        page.open(tmp_path / name)
        page.until(f"document.querySelector('#error').textContent.includes('{name}')")
        assert re.fullmatch(line, page.text("#error"))
    page.shot("refused")
    assert page.done == 1
    assert page.find("#save").is_enabled()


def test_after_a_timeout_it_is_tried_again(page: Page, portrait: Path) -> None:
    page.run(
        """const plain = window.fetch;
        window.fetch = async (path, options) => path === "process"
          ? new Response('{"error": "this took longer than 60 s"}', { status: 504 })
          : plain(path, options);
        window.plain = plain;"""
    )
    page.open(portrait)
    line = page.until("document.querySelector('#error').textContent")
    assert line.startswith("This took too long for the device.")
    # Nothing says that it works still.
    assert page.text("#status") == "" and not page.find("#progress").is_displayed()
    page.shot("try_again")
    # Who asks too often waits as long as the server says.
    page.run(
        """let refused = 0;
        window.fetch = async (path, options) => path === "process" && !refused++
          ? new Response('{"error": "too many"}', { status: 429, headers: { "Retry-After": "1" } })
          : window.plain(path, options);"""
    )
    page.click("#again")
    page.until("document.querySelector('#status').textContent.includes('trying again in 1 s')")
    page.result(0)
    assert page.text("#error") == "" and not page.find("#again").is_displayed()


def test_work_is_followed_and_cancelled(page: Page, portrait: Path) -> None:
    page.run(
        """const plain = window.fetch;
        window.fetch = async (path, options) => {
          if (path.startsWith("progress/")) {
            return new Response('{"working": true, "share": 0.425}', { status: 200 });
          }
          if (path !== "process") return plain(path, options);
          window.aborted = new Promise((done) => options.signal.addEventListener("abort", done));
          return new Promise((_, reject) => {
            options.signal.addEventListener("abort", () => reject(options.signal.reason));
          });
        };
        window.plain = plain;"""
    )
    page.open(portrait)
    page.until("document.querySelector('#status').textContent === 'Working… 42 %'")
    page.shot("working")
    texts = page.run(
        """return import("/static/js/work.js").then(({ shareText }) =>
          [[0, 9], [0.2, 4], [0.2, 10], [0.04, 10]].map((one) => shareText(...one)));"""
    )
    assert texts == ["Working…", "Working… 20 %", "Working… 20 %, about 40 s left",
                     "Working… 4 %, about 4 min left"]  # fmt: skip
    page.click("#cancel")
    page.run("return window.aborted")
    assert page.text("#status") == "Cancelled." and page.text("#error") == ""
    assert not page.find("#progress").is_displayed() and not page.find("#cancel").is_displayed()
    page.run("window.fetch = window.plain")
    page.click("#again")
    page.result(0)


def test_a_photograph_that_lies_on_its_side(page: Page, portrait: Path, tmp_path: Path) -> None:
    side = tmp_path / "side.jpg"
    data = portrait.read_bytes()
    # EXIF that tells nothing but orientation 6: to be turned to the right.
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    side.write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    started(page, side)
    page.click("#tasks [value=colorize]")
    page.result(1)
    assert "200 × 300" in page.text("#status")
    hint = hinted(page, 150, 40, 2)
    (found,) = hints(page)
    assert found == {"x": 150, "y": 40, "color": hint}
    page.result(2)
    # The command line keeps EXIF, the studio where it is asked to.
    (tmp_path / "hints.json").write_text(json.dumps({"hints": [found]}))
    run(side, tmp_path / "cli.jpg", "--model", model_of(page), "--hints", tmp_path / "hints.json")
    kept = (tmp_path / "cli.jpg").read_bytes()
    assert b"Exif" in kept
    choose(page, "#format", "jpeg")
    page.click("#keep-metadata")
    assert page.save("#save").read_bytes() == kept
    page.click("#keep-metadata")
    plain = page.save("#save").read_bytes()
    assert b"Exif" not in plain
    page.run("const q = document.querySelector('#quality'); q.value = 60; "
             "q.dispatchEvent(new Event('input'))")  # fmt: skip
    assert page.text("#quality-text") == "60"
    assert len(page.save("#save").read_bytes()) < len(plain)


# --------------------------------------------------------------------------------- the models


def test_another_model_is_chosen(page: Page, dark: Path) -> None:
    started(page, dark)
    first, pixel = model_of(page), page.pixel(150, 100)
    page.click("#steps summary")
    rows = page.all("#steps .purpose")
    words = [row.find_element("css selector", ".word").text for row in rows]
    assert len(set(words)) == len(rows) > 1
    assert page.text("#steps b") in words
    # Recipes are behind details.
    assert not page.all("#steps .row")
    page.shot("models")
    other = page.run(
        """const models = (await (await fetch("models")).json()).models;
        return models.find(({ task, usual, name }) =>
          task === "enhance" && usual && name !== arguments[0]);""",
        first,
    )
    page.click(f"#steps .purpose [value='{other['preset']}']")
    page.result(1)
    assert model_of(page) == other["name"] and page.pixel(150, 100) != pixel
    page.until("document.querySelector('#steps .facts').textContent.endsWith(' ms')")
    # It is asked for what it takes, and for nothing else.
    for option in ("strength", "fade"):
        there = page.run(f"return Boolean(document.querySelector('#setting-{option}'))")
        assert there is (option in other["takes"])
    assert not page.find("#hints-in").is_displayed()
    page.click("#steps .more summary")
    rows = page.all("#steps .row")
    assert all(re.search(r"[\d.]+ [KM]iB", row.text) for row in rows)
    page.shot("recipes")
    page.keys("ESCAPE")
    assert not page.all("#steps .purpose")


def test_strength_follows_the_slider(page: Page, grey: Path, tmp_path: Path) -> None:
    started(page, grey)
    vivid = page.pixel(150, 100)
    assert max(vivid) - min(vivid) > 4
    page.find("#setting-strength").send_keys(*["\ue012"] * 30)  # to the left
    page.result(1)
    plain = page.pixel(150, 100)
    assert max(plain) - min(plain) <= 1
    assert page.find("#setting-strength").get_attribute("aria-valuetext") == "0 %"
    run(grey, tmp_path / "cli.png", "--model", model_of(page), "--strength", 0)
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()


def test_a_model_is_asked_for_what_it_takes(page: Page) -> None:
    """Of every setting, whether a model that ships takes it or not."""
    found = page.run(
        """return import("/static/js/settings.js").then(({ Settings }) => {
          const root = document.querySelector("#setting-list");
          const told = [];
          const settings = new Settings(root, (often) => told.push([often, settings.values]));
          settings.taken = arguments[0];
          const shown = [...root.querySelectorAll("[id^=setting-]:not(p)")].map(({ id }) => id);
          const detail = root.querySelector("#setting-detail");
          detail.value = 0.25;
          detail.dispatchEvent(new Event("input"));
          settings.taken = ["strength"];
          return [shown, told, settings.values];
        });""",
        ["resample", "strength", "brightness", "fade", "detail", "render_size", "hints"],
    )
    names = ("strength", "brightness", "detail", "fade", "render_size")
    assert found == [[f"setting-{name}" for name in names], [[True, {"detail": 0.25}]], {}]


def test_brightness_is_set_by_halvings_and_doublings(page: Page) -> None:
    """And a variant of the history puts the slider back where it was."""
    found = page.run(
        """return import("/static/js/settings.js").then(({ Settings }) => {
          const settings = new Settings(document.querySelector("#setting-list"), () => {});
          const slider = () => document.querySelector("#setting-brightness");
          settings.taken = ["brightness"];
          const start = [slider().value, settings.values];
          slider().value = 1;
          slider().dispatchEvent(new Event("input"));
          const { values } = settings;
          settings.values = {};
          const cleared = slider().value;
          settings.values = values;
          return [...start, values, cleared, slider().value,
            slider().getAttribute("aria-valuetext")];
        });"""
    )
    assert found == ["0", {}, {"brightness": 2}, "0", "1", "+1.0"]


def test_a_dark_picture_is_made_as_bright_as_wanted(
    page: Page, portrait: Path, tmp_path: Path
) -> None:
    dark = written(tmp_path, "dark.png", np.asarray(cv2.imread(str(portrait))) // 7)
    started(page, dark)
    page.find("#setting-brightness").send_keys(*["\ue012"] * 10)  # to the left, a halving
    page.result(1)
    run(dark, tmp_path / "cli.png", "--model", model_of(page), "--brightness", 0.5)
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    texts = [one.text for one in page.all("#history button")]
    assert texts == ["Brighten\nbest, Brightness -1.0", "Brighten\nbest"]


def test_a_model_is_compared_with_its_float32(page: Page) -> None:
    """Where that is here; else with another, if there is one."""
    found = page.run(
        """return import("/static/js/compare.js").then(({ Compare }) => {
          const model = (name) => {
            const [recipe, preset] = [name.split(".").at(-1), name.slice(0, name.lastIndexOf("."))];
            return { name, task: "chroma", recipe, preset };
          };
          return arguments[0].map((names) => {
            const all = names.map(model);
            const compare = new Compare({ models: () => all });
            compare.offer(all[0]);
            return ["a", "b"].map((side) => document.querySelector(`#compare-${side}`).value);
          });
        });""",
        [["a-s.r1.int8", "b-s.r1.int8", "a-s.r1.float32"], ["a-s.r1.int8", "b-s.r1.int8"],
         ["a-s.r1.float32", "b-s.r1.int8", "a-s.r1.int8"], ["a-s.r1.int8"]],
    )  # fmt: skip
    assert found == [
        ["a-s.r1.float32", "a-s.r1.int8"],
        ["b-s.r1.int8", "a-s.r1.int8"],
        ["a-s.r1.float32", "a-s.r1.int8"],
        ["a-s.r1.int8", "a-s.r1.int8"],
    ]


def test_two_models_are_compared(page: Page, portrait: Path, tmp_path: Path) -> None:
    started(page, portrait)
    page.click("#compare summary")
    page.click("#compare-run")
    text = str(
        page.until("/^PSNR.*/.exec(document.querySelector('#compare-text').textContent)?.[0]")
    )
    names = [page.run(f"return document.querySelector('#compare-{side}').value") for side in "ab"]
    # Its float32 is not here, so it is another one.
    assert names[1] == model_of(page) and names[0] != names[1]
    pixels = []
    for name in names:
        run(portrait, tmp_path / f"{name}.png", "--model", name)
        pixels.append(np.asarray(cv2.imread(str(tmp_path / f"{name}.png")), np.uint8))
    assert text.startswith(f"PSNR {metrics.psnr(*pixels):.2f} dB")
    gain = int(re.search(r"shown (\d+) times", text)[1])  # type: ignore[index]
    page.shown()
    assert page.find("#views [value=difference]").is_selected()
    difference = [int(p[100, 150, c]) for p in pixels for c in (2, 1, 0)]
    expected = [128 + gain * (difference[i] - difference[i + 3]) for i in range(3)]
    assert page.pixel(150, 100, "over") == expected
    page.shot("difference")
    page.click("#views [value=pair]")
    page.until("document.querySelector('#chip-left').textContent !== 'Before'")
    shown = [page.text(f"#chip-{side}") for side in ("left", "right")]
    assert shown[0] != shown[1] and page.text("#pair-name") == ", ".join(shown)
    page.shown()
    assert page.pixel(150, 100, "left") == [int(pixels[0][100, 150, c]) for c in (2, 1, 0)]
    # Another task: what was compared is gone.
    page.click("#tasks [value=colorize]")
    page.result(1)
    assert not page.find("#views").is_displayed()
    assert page.text("#compare-text") == ""


def test_every_variant_is_kept_and_outlasts_the_visit(
    page: Page, portrait: Path, grey: Path, tmp_path: Path
) -> None:
    started(page, portrait)
    first = page.pixel(150, 100)
    started(page, grey)
    hint = hinted(page, 60, 150, 2)
    page.result(2)
    hinted_pixel = page.pixel(60, 150)
    page.find("#setting-strength").send_keys(*["\ue012"] * 10)  # to the left
    page.result(3)
    texts = [one.text for one in page.all("#history button")]
    assert texts == ["Colour\nbest, 50 %, 1 hint", "Colour\nbest, 1 hint", "Colour\nbest",
                     "Chroma\nbest"]  # fmt: skip
    page.shot("history")

    page.until("document.querySelector('#history-note').textContent.startsWith('Kept in this')")
    page.visit_again()
    assert page.find("#welcome").is_displayed()
    assert [one.text for one in page.all("#history button")] == texts
    page.shot("history_welcome")
    page.click("#history li:last-child button")
    page.until("document.querySelector('#status').textContent === 'Back to portrait.jpg.'")
    page.shown()
    assert page.pixel(150, 100) == first
    assert tasks_of(page) == ["chroma"]
    page.click("#history li:nth-child(2) button")
    page.shown()
    assert page.pixel(60, 150) == hinted_pixel
    assert hints(page) == [{"x": 60, "y": 150, "color": hint}]
    assert page.done == 0  # nothing was worked on again
    (tmp_path / "hints.json").write_text(json.dumps({"hints": hints(page)}))
    run(grey, tmp_path / "cli.png", "--model", model_of(page), "--hints", tmp_path / "hints.json")
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    # It goes on from there, also after it was kept.
    page.click("#hints-clear")
    page.result(0)

    page.click("#history-clear")
    page.driver.switch_to.alert.accept()
    page.until("!document.querySelector('#history button')")
    page.visit_again()
    assert not page.find("#history-box").is_displayed()


def test_what_is_kept_has_a_bound(page: Page, portrait: Path, grey: Path) -> None:
    """The oldest go first; and where the browser keeps nothing, the page says so."""
    started(page, portrait)
    found = page.run(
        """const { History } = await import("/static/js/history.js");
        const { load, toBlob, draw } = await import("/static/js/intake.js");
        const image = await load(document.querySelector(".right img").src);
        const blob = await toBlob(draw(image, 8).canvas);
        const picture = (id, size) => {
          const file = new File([blob], `${id}.png`);
          Object.defineProperty(file, "size", { value: size });
          return { id, file, shown: file, name: file.name, width: 8, height: 8, look: {} };
        };
        const job = (id, size) => ({ picture: picture(id, size), settings: {}, hints: [],
          models: [{ name: "a", task: "chroma", preset: "a", word: "a" }], reference: null,
          state: { main: "auto", also: [], models: new Map() }, quick: false });
        const history = new History({ back() {}, model() {} });
        const left = [];
        for (const [id, size] of [["a", 90e6], ["b", 90e6], ["c", 90e6], ["d", 250e6]]) {
          await history.add({ job: job(id, size), blob, url: URL.createObjectURL(blob), seconds: 1,
            cached: false, notes: [] });
          left.push([...document.querySelectorAll("#history img")].map(({ alt }) => alt).join());
        }
        IDBFactory.prototype.open = () => { throw new DOMException("full", "QuotaExceededError"); };
        const other = new History({ back() {}, model() {} });
        await other.add({ job: job("e", 1), blob, url: URL.createObjectURL(blob), seconds: 1,
          cached: false, notes: [] });
        return [left, document.querySelector("#history-note").textContent];"""
    )
    assert found[0] == ["a.png", "b.png,a.png", "c.png,b.png", "d.png"]
    assert found[1].startswith("This browser keeps nothing")


# ---------------------------------------------------------------------------------- the hints


def hinted(page: Page, x: int, y: int, swatch: int = 1) -> str:
    """A hint at a pixel, of one of the suggested colours; the colour."""
    page.click_picture(x, y)
    page.until("document.querySelector('#swatches button')")
    page.click(f"#swatches button:nth-child({swatch})")
    return str(page.run("return document.querySelector('#hex').value"))


def hints(page: Page) -> list[dict[str, object]]:
    found = json.loads(page.save("#hints-save").read_text())["hints"]
    return [dict(one) for one in found]


def test_a_hint_colours_the_picture(page: Page, grey: Path, tmp_path: Path) -> None:
    started(page, grey)
    page.click_picture(60, 150)
    page.until("document.querySelectorAll('#swatches button').length > 2")
    assert (
        page.find(".marker.fresh").accessible_name == "New point at 60, 150, without a colour yet"
    )
    assert page.done == 1  # a point without a colour changes nothing
    page.shot("palette")
    page.run(
        """const plain = window.fetch;
        window.sent = [];
        window.fetch = (path, options) => {
          if (path === "process") window.sent.push(options.body.get("image"));
          return plain(path, options);
        };"""
    )
    page.click("#swatches button:nth-child(3)")
    color = str(page.run("return document.querySelector('#hex').value"))
    page.result(1)
    # At once a small copy, and the whole at rest.
    assert page.run("return window.sent.map(({ name }) => name)") == ["preview.png", "grey.png"]
    size = page.run(
        "return createImageBitmap(window.sent[0]).then(({ width, height }) => [width, height])"
    )
    assert size == [256, 171]
    # Colours of the small copy and of the whole differ by little where it is smooth.
    wanted = [list(bytes.fromhex(color[1:]))]
    found = rgb_to_lab(np.array([[page.pixel(60, 150)], wanted], np.uint8))
    assert np.abs(found[0, 0, 1:] - found[1, 0, 1:]).max() < 6.0
    (hint,) = hints(page)
    assert hint == {"x": 60, "y": 150, "color": color}
    (tmp_path / "hints.json").write_text(json.dumps({"hints": [hint]}))
    run(grey, tmp_path / "cli.png", "--model", model_of(page), "--hints", tmp_path / "hints.json")
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    page.shot("hinted")


def test_points_are_moved_deleted_undone_and_redone(page: Page, grey: Path) -> None:
    started(page, grey)
    hinted(page, 60, 150)
    hinted(page, 220, 60, 2)
    two = hints(page)
    assert [(one["x"], one["y"]) for one in two] == [(60, 150), (220, 60)]
    page.drag(page.place(60, 150), page.place(75, 140), page.place(90, 130))
    moved = hints(page)
    assert [(one["x"], one["y"]) for one in moved] == [(90, 130), (220, 60)]
    page.find(".marker").send_keys("\ue014", "\ue014")  # two to the right
    assert hints(page)[0]["x"] == 92
    page.find(".marker").send_keys("\ue017")  # deleted
    assert hints(page) == two[1:]
    for _ in range(3):
        page.chord("CONTROL", "z")
    assert hints(page) == moved
    page.chord("CONTROL", "z")
    assert hints(page) == two
    page.chord("CONTROL", "SHIFT", "z")
    assert hints(page) == moved
    page.click("#undo")
    page.click("#undo")
    page.click("#undo")
    assert not page.find("#undo").is_enabled()
    assert not page.all(".marker")
    before = page.done
    page.click("#redo")
    page.result(before)
    page.click("#hints-clear")
    assert not page.all(".marker")


def test_any_colour_of_the_gamut_can_be_picked(page: Page, grey: Path) -> None:
    started(page, grey)
    page.click_picture(60, 150)
    page.until("document.querySelector('#swatches button')")
    shares = ((0.5, 0.5), (0.6, 0.5), (0.99, 0.01))  # ends outside of the gamut
    page.drag(*(page.middle("#picker", *share) for share in shares))
    color = page.run("return document.querySelector('#hex').value")
    (hint,) = hints(page)
    assert hint["color"] == color
    lightness, a, b = rgb_to_lab(np.array([[list(bytes.fromhex(color[1:]))]], np.uint8))[0, 0]
    assert a > 10.0 and b > 10.0
    more = lab_to_rgb(np.array([[[lightness, 1.1 * a, 1.1 * b]]], np.float32))
    assert more.min() < -0.5 or more.max() > 255.5  # there is no more of it
    page.click("#undo")  # the drag was one step
    assert not page.find("#undo").is_enabled()

    page.click_picture(60, 150)
    page.until("document.querySelector('#swatches button')")
    page.run("document.querySelector('#picker input').focus()")
    page.keys("ARROW_RIGHT", "ARROW_RIGHT")
    page.run("document.querySelector('#hex').select()")
    page.find("#hex").send_keys("#3060c0", "\ue007")
    (hint,) = hints(page)
    page.until("document.querySelector('#hex').value !== '#3060c0'")  # of this lightness
    # Which it says.
    assert page.text("#hex-note").startswith(f"#3060c0 became {hint['color']}: the point keeps its")
    _, a, b = rgb_to_lab(np.array([[list(bytes.fromhex(str(hint["color"])[1:]))]], np.uint8))[0, 0]
    assert b < -20.0


def test_hints_are_loaded_and_colours_borrowed(
    page: Page, grey: Path, portrait: Path, tmp_path: Path
) -> None:
    started(page, grey)
    (tmp_path / "a.json").write_text('{"hints": [{"x": 60, "y": 150, "color": "#C06030"}]}')
    page.find("#hints-file").send_keys(str(tmp_path / "a.json"))
    page.until("document.querySelectorAll('.marker').length === 1")
    assert hints(page) == [{"x": 60, "y": 150, "color": "#c06030"}]
    (tmp_path / "b.json").write_text('{"hints": [{"x": 300, "y": 150, "color": "#c06030"}]}')
    page.find("#hints-file").send_keys(str(tmp_path / "b.json"))
    line = page.until("document.querySelector('#error').textContent")
    assert line == "Hint 1 is not inside of this 300 × 200 picture."

    page.find("#borrow-file").send_keys(str(portrait))
    page.until("document.querySelectorAll('#borrowed-swatches button').length > 3")
    page.click_picture(200, 60)
    page.until("document.querySelector('#swatches button')")
    page.click("#borrowed-swatches button:nth-child(2)")
    two = hints(page)
    assert len(two) == 2
    # All of them, where they are likely.
    before = page.done
    page.click("#borrowed-all")
    page.result(before)
    (tmp_path / "c.json").write_text(json.dumps({"hints": two}))
    run(grey, tmp_path / "cli.png", "--model", model_of(page), "--hints", tmp_path / "c.json",
        "--reference", portrait)  # fmt: skip
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()
    page.shot("borrowed")
    before = page.done
    page.click("#borrowed-close")
    page.result(before)
    assert not page.find("#borrowed").is_displayed()


def test_a_network_sees_another_size(page: Page, portrait: Path, tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    assert cv2.imwrite(str(dark), cv2.imread(str(portrait)) // 8)
    page.open(dark)
    page.result(0)
    assert tasks_of(page) == ["enhance"]  # for it is dark
    sized = page.run(
        """const { models } = await (await fetch("models")).json();
        return models.find((one) => one.task === "enhance" && one.usual &&
          one.takes.includes("render_size"));"""
    )
    if model_of(page) != sized["name"]:
        page.click("#steps summary")
        page.click(f"#steps .purpose [value='{sized['preset']}']")
        page.result(1)
    before = page.done
    page.find("#setting-render_size").send_keys("2")  # 256 x 256
    page.result(before)
    run(dark, tmp_path / "cli.png", "--model", model_of(page), "--render-size", 256)
    assert page.save("#save").read_bytes() == (tmp_path / "cli.png").read_bytes()


def test_a_point_is_set_without_a_pointer(page: Page, grey: Path) -> None:
    started(page, grey)
    page.find("#point-add").send_keys("\ue007")
    page.until("document.querySelector('#swatches button')")
    assert page.run("return document.activeElement.dataset.hint") == "new"
    page.keys("ARROW_UP", "ARROW_LEFT")
    page.until("document.querySelector('#swatches button')")
    page.find("#swatches button").send_keys(" ")
    (hint,) = hints(page)
    assert (hint["x"], hint["y"]) == (149, 99)
    assert page.find("#palette").is_displayed()
    page.run("document.querySelector('#hex').focus()")
    page.keys("ESCAPE")
    assert not page.find("#palette").is_displayed()
    # The focus goes to the point, not to nowhere.
    assert page.run("return document.activeElement.className") == "marker"


# ---------------------------------------------------------------------------------- a video


def test_a_video_is_restored_and_saved(page: Page, grey: Path, tmp_path: Path) -> None:
    clip = make_clip(tmp_path, "clip.mp4", 8, (96, 128)).path
    assert "Videos up to 63 MB, 120 s and 1920 × 1080 pixels" in page.text("#limits-video")
    page.open(clip)
    page.until("document.querySelector('#video-run').checkVisibility()")
    page.until("document.querySelector('#progress').hidden")
    assert page.text("#video-name").startswith("clip.mp4 · 128 × 96 · ")
    assert [one.accessible_name for one in page.all("#video-tasks input")] == [
        "Chroma", "Brighten", "Colour",
    ]  # fmt: skip
    assert not page.find("#task-card").is_displayed()  # it is of photographs
    page.shot("video_ready")
    assert page.find("#video-model").accessible_name == "Model"
    first = page.run("return document.querySelector('#video-model').options[0].text")
    assert first == "The usual one"
    page.click("#video-run")
    page.until("document.querySelector('#video-save').checkVisibility()")
    assert page.text("#status").startswith("Done: ") and page.text("#error") == ""
    page.shot("video_done")
    saved = page.save("#video-save")
    assert saved.name == "clip.chroma.mp4"
    run(clip, tmp_path / "cli.mp4", "--crf", 18)
    assert saved.read_bytes() == (tmp_path / "cli.mp4").read_bytes()
    # By another model: what was made before is not on offer any more.
    page.run(
        "const list = document.querySelector('#video-model');"
        "list.value = 'chroma_residual-xs.r2.int8';"
        "list.dispatchEvent(new Event('change'));"
    )
    page.click("#video-run")
    page.until("document.querySelector('#video-save').checkVisibility()")
    run(clip, tmp_path / "fast.mp4", "--crf", 18, "--model", "chroma_residual-xs.r2.int8")
    assert page.save("#video-save").read_bytes() == (tmp_path / "fast.mp4").read_bytes()
    # A photograph takes its place.
    started(page, grey)
    assert page.find("#task-card").is_displayed() and not page.find("#video-card").is_displayed()


def test_a_video_is_followed_and_cancelled(page: Page, tmp_path: Path) -> None:
    clip = make_clip(tmp_path, "clip.mp4", 4, (96, 128)).path
    page.open(clip)
    page.until("document.querySelector('#video-run').checkVisibility()")
    page.run(
        """const plain = window.fetch;
        window.ended = [];
        window.fetch = async (path, options) => {
          if (options?.method === "DELETE") window.ended.push(path);
          else if (path.startsWith("progress/")) {
            const told = { working: true, share: 0.25, state: "working", error: null, notes: [] };
            return new Response(JSON.stringify(told));
          } else if (path.endsWith("/preview")) {
            return plain("sample/colorize");
          }
          return plain(path, options);
        };
        window.plain = plain;"""
    )
    page.click("#video-run")
    page.until("document.querySelector('#status').textContent.startsWith('Working… 25 %')")
    page.until("document.querySelector('#video-frame').naturalWidth > 0")
    page.shot("video_working")
    page.click("#cancel")
    page.until("window.ended.length === 1")
    assert page.text("#status") == "Cancelled." and page.find("#video-run").is_displayed()
    assert not page.find("#progress").is_displayed()
    # One that fails is told why; and one among photographs is to be opened by itself.
    page.run(
        """window.fetch = async (path, options) => path.startsWith("progress/")
          ? new Response('{"state": "failed", "error": "video: is cut", "share": 0, "notes": []}')
          : window.plain(path, options);"""
    )
    page.click("#video-run")
    page.until("document.querySelector('#error').textContent === 'video: is cut'")
    page.run("window.fetch = window.plain")
    page.open(clip, clip)
    line = page.until("document.querySelector('#error').textContent.includes('by itself')")
    assert line


# --------------------------------------------------------------------------------- the camera


def test_the_camera_is_looked_at(
    window: Page, chromium: tuple[str, str], tmp_path: Path, portrait: Path
) -> None:
    from tests.edge_demo.web.browser.conftest import served

    page = window
    page.visit()
    assert not page.find("#camera-toggle").is_displayed()  # this server has none
    make_clip(tmp_path, "camera.mp4", 4, (96, 128))
    home = page.url
    with served("--camera", str(tmp_path / "camera.mp4")) as page.url:
        page.visit()
        page.complaints()
        page.click("#camera-toggle")
        page.until("document.querySelector('#camera-picture').naturalWidth === 128")
        page.shot("camera")
        assert not page.find("#controls").is_displayed()  # none of them is of the camera
        saved = np.asarray(cv2.imread(str(page.save("#snapshot"))))
        assert saved.shape == (96, 128, 3) and saved.std() > 10
        assert page.find("#camera-model").get_property("value").startswith("enhance_")
        chosen = page.run(
            "const list = document.querySelector('#camera-model');"
            "list.value = [...list.options].find((one) => one.value.startsWith('chroma_')).value;"
            "list.dispatchEvent(new Event('change')); return list.value;"
        )
        page.until(
            "fetch('models').then((answer) => answer.json())"
            f".then(({{ camera }}) => camera.model === '{chosen}')"
        )
        page.click("#record")
        time.sleep(1)
        frames = frames_of(page.save("#record"))
        assert len(frames) > 5 and all(one.shape == (96, 128, 3) for one in frames)
        assert frames[-1].std() > 10
        page.click("#camera-toggle")
        assert page.find("#welcome").is_displayed()
        page.click("#camera-toggle")
        page.until("document.querySelector('#camera-picture').naturalWidth === 128")
        # One viewer too many is told why, and can try again.
        page.click("#camera-toggle")
        page.run("document.querySelector('#camera-picture').removeAttribute('src')")
        viewers = [urllib.request.urlopen(f"{page.url}camera") for _ in range(MOST_VIEWERS)]
        page.click("#camera-toggle")
        line = page.until("document.querySelector('#error').textContent")
        assert line.startswith("As many as can are watching the camera already.")
        for viewer in viewers:
            viewer.close()
        assert all("503" in complaint for complaint in page.complaints())
        page.click("#again")
        page.until("document.querySelector('#camera-picture').naturalWidth === 128")
        page.open(portrait)  # a photograph takes its place
        page.result(0)
        assert not page.find("#camera").is_displayed()
        page.driver.get("about:blank")
    page.url = home
    assert page.complaints() == []

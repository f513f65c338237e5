"""The texts of the page: every language has all of them, and there are none beside them."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path

import pytest

from edge_demo import web
from edge_demo.model import purposes

STATIC = Path(web.__file__).parent / "static"
LANGUAGES = {path.stem: json.loads(path.read_text()) for path in (STATIC / "texts").glob("*.json")}
ENGLISH = LANGUAGES["en"]
# Forms of a text that counts something, by language.
FORMS = {"en": {"one", "other"}, "de": {"one", "other"}, "es": {"one", "other"}, "zh": {"other"}}
# Names that are the same in every language.
NAMES = {"ChromaEdge", "Studio", "ChromaEdge Studio", "English", "Deutsch", "Español", "中文",
         "PNG", "JPEG", "WebP"}  # fmt: skip
# Words of the browser's own: keys, kinds of error, methods of requests.
WORDS = {"Escape", "Home", "End", "Delete", "Backspace", "Enter"}


def modules() -> dict[str, str]:
    """The page's modules without comments."""
    found = {}
    for path in sorted((STATIC / "js").glob("*.js")):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        found[path.name] = re.sub(r"(^|\s)//[^\n]*", r"\1", code)
    return found


def literals(code: str) -> list[str]:
    """Strings of a module, what is put into templates left out."""
    code = re.sub(r"/\^?[^/\n]*\\[^/\n]*/[a-z]*", "", code)  # regular expressions
    found = re.findall(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`', code)
    return [plain or re.sub(r"\$\{[^{}]*\}", "0", template) for plain, template in found]


class Reader(html.parser.HTMLParser):
    """Text of a page, attributes that are read to people, and the texts that elements name."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.named: set[str] = set()
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = "noscript" if tag == "noscript" else self.inside
        for name, value in attrs:
            if name in ("aria-label", "title", "placeholder", "alt", "aria-valuetext"):
                self.texts.append(value or "")
            if name in ("data-text", "data-label", "data-title", "data-alt"):
                self.named.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = "" if tag == "noscript" else self.inside

    def handle_data(self, data: str) -> None:
        if not self.inside:  # without scripts there is no language to choose
            self.texts.append(data)


@pytest.fixture
def page() -> Reader:
    reader = Reader()
    reader.feed((STATIC / "index.html").read_text())
    return reader


def forms(text: str | dict[str, str]) -> dict[str, str]:
    return text if isinstance(text, dict) else {"other": text}


def _words(text: str | dict[str, str]) -> str:
    return re.sub(r"\{.*?\}", "", forms(text)["other"])


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_there_are_four_languages_and_each_can_be_chosen() -> None:
    assert set(LANGUAGES) == set(FORMS)
    options = re.findall(r'<option value="(..)" lang="(..)">', (STATIC / "index.html").read_text())
    assert {value for value, lang in options if value == lang} == set(FORMS)


@pytest.mark.parametrize("language", sorted(FORMS))
def test_a_language_has_every_text_with_the_same_placeholders(language: str) -> None:
    texts = LANGUAGES[language]
    assert list(texts) == list(ENGLISH)
    for key, text in texts.items():
        wanted = placeholders(forms(ENGLISH[key])["other"])
        assert isinstance(text, dict) is isinstance(ENGLISH[key], dict), key
        if isinstance(text, dict):
            assert set(text) == FORMS[language], key
        for form in forms(text).values():
            assert form.strip(), key
            found = placeholders(form)
            # A form for one may write the number as a word.
            assert found == wanted or (isinstance(text, dict) and found | {"count"} == wanted), key


@pytest.mark.parametrize("language", sorted(set(FORMS) - {"en"}))
def test_a_language_is_translated(language: str) -> None:
    same = [
        key
        for key, text in LANGUAGES[language].items()
        if text == ENGLISH[key] and re.search(r"[a-z]{3}.* .*[a-z]{3}", _words(text))
    ]
    assert same == []


def test_what_models_are_for_is_said_in_every_language() -> None:
    for name, purpose in purposes.PURPOSES.items():
        assert ENGLISH[f"model.{name}.word"] == purpose.word
        assert ENGLISH[f"model.{name}.line"] == purpose.line
    known = {key.split(".")[1] for key in ENGLISH if key.startswith("model.")}
    assert known == set(purposes.PURPOSES)


def test_lines_of_the_server_are_those_that_it_says() -> None:
    device = STATIC.parents[1] / "device"
    said = "".join((device / name).read_text() for name in ("look.py", "plan.py"))
    for key in ENGLISH:
        if key.startswith("server: "):
            assert key.removeprefix("server: ") == ENGLISH[key]
            assert ENGLISH[key] in said


def test_the_page_names_texts_that_there_are_and_all_of_them(page: Reader) -> None:
    code = modules()
    named = page.named | {
        key for text in code.values() for key in re.findall(r'\b(?:t|Told)\(\s*"([^"]+)"', text)
    }
    assert named - set(ENGLISH) == set()
    strings = {string for text in code.values() for string in re.findall(r'"([^"\n]*)"', text)}
    patterns = [
        re.compile(re.sub(r"\\\$\\\{.*?\\\}", r"[\\w-]+", re.escape(template)))
        for text in code.values()
        for template in re.findall(r"`([a-z]+[.]\$\{[^`]*|\$\{[^`{}]+\}\.\w+)`", text)
    ]
    unused = [
        key
        for key in ENGLISH
        if key not in named | strings
        and not key.startswith("server: ")
        and not any(pattern.fullmatch(key) for pattern in patterns)
    ]
    assert unused == []


def test_no_text_stands_in_the_page_itself(page: Reader) -> None:
    seen = {text.strip() for text in page.texts}
    assert {text for text in seen if re.search(r"\w", text)} <= NAMES


@pytest.mark.parametrize("name", sorted(modules()))
def test_no_text_stands_in_a_module(name: str) -> None:
    found = [
        text
        for text in literals(modules()[name])
        if text not in ENGLISH
        and (re.search(r"[A-Za-z]{2,}[,.]? [A-Za-z]{2,}", text) or re.match(r"[A-Z][a-z]+\b", text))
        and text not in WORDS
        and not re.fullmatch(r"[A-Z][a-z]+(-[A-Z][a-z]+)+", text)  # a header
    ]
    assert found == []

"""The API is what ``openapi.json`` says, whatever it is asked; damaged pictures do it no harm."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from edge_demo.device import plan
from edge_demo.device.hints import MOST
from edge_demo.device.options import RENDER_SIZES
from edge_demo.pictures.containers import inspect
from edge_demo.web import app as web
from edge_demo.web.app import create_app
from edge_demo.web.limits import Limits
from edge_demo.web.work import TYPES
from tests.mutations import mutated

DESCRIPTION = json.loads((web.HERE / "openapi.json").read_text())
SCHEMAS = DESCRIPTION["components"]["schemas"]


def form(path: str) -> dict[str, Any]:
    content = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]
    return content["multipart/form-data"]["schema"]["properties"]


def test_every_route_is_described(make_studio: Any) -> None:
    rules = create_app(make_studio()).url_map.iter_rules()
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in rules
        for method in rule.methods or ()
        if rule.endpoint != "static" and method in ("GET", "POST", "DELETE")
    }
    assert routes == {
        (path, verb) for path, verbs in DESCRIPTION["paths"].items() for verb in verbs
    }


def test_numbers_and_names_are_the_codes(client: Any) -> None:
    limits, process = Limits(), form("/process")
    for text in ("auto", *plan.ORDER, ",".join(plan.ORDER)):
        assert re.fullmatch(process["mode"]["pattern"], text)
    assert not re.fullmatch(process["mode"]["pattern"], "sharpen")
    assert SCHEMAS["Models"]["properties"]["order"]["items"]["enum"] == list(plan.ORDER)
    assert re.compile(process["job"]["pattern"].strip("^$"), re.ASCII).fullmatch("a-b_c012")
    assert process["format"]["enum"] == list(TYPES)
    assert process["image"]["maxItems"] == limits.files
    assert SCHEMAS["Hints"]["properties"]["hints"]["maxItems"] == limits.hints == MOST
    size = process["render_size"]
    assert (size["minimum"], size["maximum"]) == RENDER_SIZES
    assert form("/palette")["k"]["maximum"] == form("/colors")["k"]["maximum"] == limits.colors
    taken = {
        name for model in client.get("/models").get_json()["models"] for name in model["takes"]
    }
    assert taken <= {*process, "palette"}


def test_damaged_pictures_are_refused_or_right(client: Any, pictures: dict[str, bytes]) -> None:
    """Never a fault; and what is answered is a whole picture of the size that was stated."""
    tasks_of = {"chroma": "chroma", "grey": "colorize", "dark": "enhance", "colour": "colorize"}
    refused = 0
    for name, manner, data in mutated(pictures, 56, seed=1):
        mode = tasks_of[name.partition(".")[0]]
        response = client.post("/process", data={"image": (io.BytesIO(data), name), "mode": mode})
        where = f"{name}, {manner}: {response.data[:100]!r}"
        if response.status_code == 200:
            info = inspect(response.data, "answer").info
            assert (str(info.width), str(info.height)) == (
                response.headers["X-Width"], response.headers["X-Height"],
            ), where  # fmt: skip
        else:
            refused += 1
            assert response.status_code in (413, 415, 422), where
            assert "\n" not in response.get_json()["error"], where
    assert 10 < refused < 56


@pytest.mark.slow
def test_whatever_the_description_allows(make_studio: Any, pictures: dict[str, bytes]) -> None:
    pytest.importorskip("schemathesis")
    from studies.web import examined

    client = create_app(make_studio()).test_client()
    found = examined(client, pictures, examples=12)
    assert found.failures == []
    assert set(found.calls) == {
        f"{verb.upper()} {path}" for path, verbs in DESCRIPTION["paths"].items() for verb in verbs
    }
    # It came through to the work, too.
    assert found.statuses["POST /process"].get(200, 0) > 0
    # Too large, and outside of the picture.
    for path in ("/look", "/preview", "/process", "/compare", "/palette", "/colors"):
        assert found.statuses[f"POST {path}"][413] > 0
    assert found.statuses["POST /palette"][422] > 0

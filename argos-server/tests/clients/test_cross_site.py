"""What pages of others can make a browser do that is signed in: nothing, also next door, where its cookie comes along."""

import json

import pytest

from gateway import Argos, host
from test_login import MIRA, PANEL, PASSWORD, VIEW, browser, post, sign_in, signed_in, with_page  # noqa: F401

BLANK = "<!doctype html><title>theirs</title><link rel=icon href='data:,'><body>"
CALLS = [
    ("auth/logout", {}),
    ("auth/login", {"username": "eve", "password": PASSWORD}),
    ("auth/password", {"current": PASSWORD, "new": "a password of somebody else"}),
    ("users", {"username": "mallory", "password": PASSWORD, "role": "admin"}),
]


@pytest.fixture(scope="module")
def panel(upstream, tmp_path_factory):
    """A panel at auth.example.test, and the hosts www.example.test (the same site) and evil.test (another one)."""
    upstream.page = BLANK
    other = ("hosts.create", {"domain": "evil.test", "target_group_id": 1, "https_redirect": False})
    eve = ("users.create", {"username": "eve", "password": PASSWORD, "role": "user"})
    calls = [*host(upstream.address, domain="www.example.test"), other, MIRA, eve]
    argos = with_page(Argos(tmp_path_factory.mktemp("argos"), calls, more=PANEL))
    argos.page = argos.page.replace("localhost", "auth.example.test")
    argos.call("settings.set", key="panel.public_url", value=argos.page.removesuffix("/login"))
    yield argos
    assert argos.stop() == 0, argos.log


@pytest.fixture
def page(panel, browser):
    page = browser.page()
    page.open(panel.page)
    sign_in(page)
    page.wait(f"{VIEW} == 'inside'")
    yield page
    # Still the same person, and nobody new.
    page.open(panel.page)
    page.wait(f"{VIEW} == 'inside'")
    assert page.run("fetch('/api/v1/auth/me').then(r => r.json()).then(me => me.username)") == "mira"
    people = page.run("fetch('/api/v1/users').then(r => r.json()).then(all => all.items.map(u => u.username))")
    assert people == ["mira", "eve"]


@pytest.mark.parametrize("theirs", ["www.example.test", "evil.test"])
@pytest.mark.parametrize("path, fields", CALLS, ids=[path for path, _ in CALLS])
def test_a_form_and_a_script_of_another_page_change_nothing(panel, page, theirs, path, fields):
    target = panel.page.removesuffix("/login") + f"/api/v1/{path}"
    page.open(f"http://{theirs}:{panel.http[1]}/page")
    # A script, as plainly as it may ask without a question before; then as JSON, which takes one that is not answered.
    for kind, mode in [("text/plain", "no-cors"), ("application/json", "cors")]:
        page.run(f"""fetch({json.dumps(target)}, {{
            method: "POST", mode: "{mode}", credentials: "include", headers: {{ "Content-Type": "{kind}" }},
            body: {json.dumps(json.dumps(fields))},
        }}).catch(() => null).then(() => null)""")
    # A form whose body reads as JSON.
    text = json.dumps(fields)[:-1] + (", " if fields else "") + '"x": "'
    page.run(f"""{{
        const form = document.createElement("form");
        Object.assign(form, {{ method: "post", action: {json.dumps(target)}, enctype: "text/plain" }});
        const input = document.createElement("input");
        Object.assign(input, {{ name: {json.dumps(text)}, value: '"}}' }});
        form.append(input);
        document.body.append(form);
        form.submit();
    }}""")
    page.wait(f"location.href == {json.dumps(target)} && document.readyState == 'complete'")
    assert json.loads(page.text())["code"] == "csrf"


@pytest.mark.parametrize("theirs", ["www.example.test", "evil.test"])
def test_the_page_stands_in_no_frame_and_is_read_by_nobody(panel, page, theirs):
    page.open(f"http://{theirs}:{panel.http[1]}/page")
    page.run(f"""new Promise(done => {{
        const frame = document.createElement("iframe");
        frame.onload = done;
        frame.src = {json.dumps(panel.page)};
        document.body.append(frame);
    }})""")
    assert any("frame" in text.lower() for text in page.complaints), page.complaints
    me = panel.page.replace("/login", "/api/v1/auth/me")
    read = f"fetch({json.dumps(me)}, {{ credentials: 'include' }}).then(r => r.text()).catch(() => 'refused')"
    assert page.run(read) == "refused"


def test_a_cookie_that_a_neighbour_planted_is_no_session(panel, page):
    page.open(f"http://www.example.test:{panel.http[1]}/page")
    planted = "A" * 43
    page.run(f"void (document.cookie = 'argos_session={planted}; domain=example.test; path=/')")
    page.open(panel.page)
    # Both come along; the good one counts. Signing in anew makes another one, never the planted one.
    assert signed_in(page) == 200
    assert post(page, "login", username="mira", password=PASSWORD)[0] == 200
    held = [c["value"] for c in page.call("Network.getAllCookies")["cookies"] if c["name"] == "argos_session"]
    assert len(held) == 2 and held.count(planted) == 1

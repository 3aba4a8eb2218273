"""Single sign-on in a browser, at a real provider (npm oidc-provider): in, as whom, with which role, and out again."""

import json
import os
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browser import Browser
from conftest import program
from gateway import BINARY, Log, environment, host
from test_login import MIRA, NOWHERE, PANEL, PASSWORD, VIEW, sign_in, sign_out, totp, with_page

# The package that scripts/setup-oidc has fetched.
MODULES = Path(BINARY).resolve().parent.parent / "oidc-provider" / "node_modules"
SECRET = "a word between: the two/of us"
ANN = {"email": "ann@shop.example", "email_verified": True, "name": "Ann Bee", "preferred_username": "ann", "groups": []}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("browser"))
    yield browser
    browser.close()


@pytest.fixture
def idp(tmp_path):
    """Starts a provider whose client is the panel of a gateway."""
    running = []

    def idp(argos, algorithm="RS256", method="client_secret_basic", **config):
        if not MODULES.exists():
            text = "oidc-provider is not there: run scripts/setup-oidc"
            assert not os.environ.get("CI"), text
            pytest.skip(text)
        provider = Provider(tmp_path, origin(argos), algorithm, method)
        running.append(provider)
        argos.call("settings.set", key="panel.public_url", value=origin(argos))
        secret = {} if method == "none" else {"client_secret": SECRET}
        argos.call(
            "auth.set_oidc_config", enabled=True, issuer_url=provider.issuer, client_id="argos",
            scopes="openid email profile groups", **secret, **config,
        )
        return provider

    yield idp
    for provider in running:
        provider.stop()


class Provider:
    """The running provider."""

    def __init__(self, folder: Path, panel: str, algorithm: str, method: str) -> None:
        self._accounts = folder / "accounts.json"
        self.tell(ann=ANN)
        command = [program("node"), str(Path(__file__).with_name("provider.mjs")), str(MODULES), str(self._accounts)]
        self._process = subprocess.Popen(
            [*command, panel, algorithm, method], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=environment(),
        )
        self.log = Log(self._process.stdout)
        self.issuer = self.log.wait(r"^http://\S+$")[0]

    def tell(self, **accounts) -> None:
        """Who there is, and what is told of them."""
        self._accounts.write_text(json.dumps(accounts))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        self.log.close()
        self._process.stdout.close()


@pytest.fixture
def panel(start):
    """A gateway whose panel listens."""

    def panel(*calls):
        return with_page(start([*host(NOWHERE), MIRA, *calls], more=PANEL))

    return panel


def origin(argos) -> str:
    parts = urlsplit(argos.page)
    return f"{parts.scheme}://{parts.netloc}"


def at_provider(page, name: str) -> None:
    """Signs in at the provider, and lets it tell Argos."""
    page.wait("document.querySelector('input[name=login]')")
    page.type("input[name=login]", name)
    page.type("input[name=password]", "any")
    page.enter()
    page.wait("document.querySelector('form[action*=interaction] button[autofocus]') && !document.querySelector('input[name=login]')")
    page.click("form[action*=interaction] button[autofocus]")


def by_provider(page, argos, name="ann", where="") -> None:
    """The whole way from the sign-in page and back to it."""
    page.open(argos.page + where)
    page.wait("provider.checkVisibility()")
    page.click("#provider")
    at_provider(page, name)
    page.wait(f"location.origin == '{origin(argos)}'")


def failed(page, words: str) -> None:
    page.wait("document.querySelector('#notice .bad')")
    assert words in page.text(), page.text()
    # Loading the page again is a new try.
    assert "error=" not in page.run("location.href")


def user(argos, name: str) -> dict | None:
    return next(iter(argos.call("users.list", username=name)["items"]), None)


def audited(argos, action: str) -> dict:
    rows = argos.call("logs.search", source="audit", limit=1000)["items"]
    return next(json.loads(row["raw"]) for row in rows if row["action"] == action)


def test_a_new_person_comes_in_when_that_is_wanted(panel, browser, idp):
    argos = panel()
    idp(argos)
    page = browser.page()
    by_provider(page, argos)
    failed(page, "no account for you")
    assert user(argos, "ann") is None
    row = audited(argos, "oidc_login_failed")
    assert (row["username"], row["detail"]["stage"], row["detail"]["error"]) == ("ann", "account", "no_account")
    assert row["source_ip"] == "127.0.0.1" and "HeadlessChrome" in row["user_agent"] and row["request_id"]
    argos.call("auth.set_oidc_config", auto_provision=True)
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'inside'")
    assert "Ann Bee" in page.text() and "by your sign-in provider" in page.text()
    made = user(argos, "ann")
    told = (made["email"], made["display_name"], made["role"], made["provider"], made["has_password"])
    assert told == ("ann@shop.example", "Ann Bee", "user", "oidc", False)
    # Such a person opens nothing of the panel.
    assert page.run("fetch('/api/v1/hosts').then(r => r.status)") == 403
    # What bound this browser to its sign-in is gone, and no script sees what is left.
    cookies = {cookie["name"]: cookie for cookie in page.call("Network.getAllCookies")["cookies"]}
    assert "argos_oidc" not in cookies and cookies["argos_session"]["httpOnly"]
    assert cookies["argos_session"]["sameSite"] == "Strict" and page.run("document.cookie") == ""
    # The second time the provider knows the browser already, and asks nothing.
    page.run("fetch('/api/v1/auth/logout', { method: 'POST' }).then(r => r.status)")
    page.open(argos.page)
    page.wait("provider.checkVisibility()")
    page.click("#provider")
    page.wait(f"location.origin == '{origin(argos)}' && {VIEW} == 'inside'")


def test_groups_give_the_role(panel, browser, idp):
    argos = panel()
    provider = idp(argos, auto_provision=True)
    argos.call("settings.set", key="panel.oidc_operator_groups", value="ops")
    argos.call("settings.set", key="panel.oidc_allowed_groups", value="staff")
    page = browser.page()
    by_provider(page, argos)
    failed(page, "not on the list")
    provider.tell(ann=ANN | {"groups": ["staff", "ops"]})
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'inside'")
    assert "Operator" in page.text()
    assert page.run("fetch('/api/v1/hosts').then(r => r.status)") == 200
    provider.tell(ann=ANN | {"groups": ["staff"]})
    later = browser.page()
    by_provider(later, argos)
    later.wait(f"{VIEW} == 'inside'")
    assert user(argos, "ann")["role"] == "user" and user(argos, "ann")["oidc_groups"] == ["staff"]
    # What began under the role that is lost has ended.
    assert page.run("fetch('/api/v1/hosts').then(r => r.status)") == 401


def test_out_again_at_both_ends(panel, browser, idp):
    argos = panel()
    provider = idp(argos, auto_provision=True)
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'inside'")
    page.click("#signout")
    page.wait(f"location.origin == '{provider.issuer}' && document.querySelector('button[name=logout]')")
    page.click("button[name=logout]")
    page.wait(f"location.href.startsWith('{argos.page}') && {VIEW} == 'signin'")
    assert page.run("fetch('/api/v1/auth/me').then(r => r.status)") == 401
    # The provider knows nobody any more.
    page.wait("provider.checkVisibility()")
    page.click("#provider")
    page.wait("document.querySelector('input[name=login]')")


def test_who_is_signed_in_attaches_an_identity(panel, browser, idp):
    argos = panel()
    idp(argos)
    page = browser.page()
    page.open(argos.page)
    sign_in(page)
    page.wait(f"{VIEW} == 'inside'")
    url = page.run("fetch('/api/v1/auth/oidc/bind', { method: 'POST' }).then(r => r.json()).then(r => r.url)")
    page.open(url)
    at_provider(page, "ann")
    page.wait(f"location.origin == '{origin(argos)}' && {VIEW} == 'inside'")
    assert "Mira Okonkwo" in page.text()
    assert audited(argos, "oidc_bound")["username"] == "mira"
    other = browser.page()
    by_provider(other, argos)
    other.wait(f"{VIEW} == 'inside'")
    assert "Administrator" in other.text() and user(argos, "mira")["email"] == "ann@shop.example"


def test_the_second_factor_of_this_place(panel, browser, idp):
    argos = panel()
    idp(argos, auto_provision=True)
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'inside'")
    made = page.run("fetch('/api/v1/auth/totp/setup', { method: 'POST' }).then(r => r.json())")
    send = f"""fetch('/api/v1/auth/totp/activate', {{
        method: 'POST', headers: {{ 'Content-Type': 'application/json' }}, body: '{{"code": "{totp(made["secret"])}"}}',
    }}).then(r => r.status)"""
    assert page.run(send) == 204
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'code'")
    assert page.run("location.href") == argos.page
    page.type("#digits", totp(made["secret"], 1))
    page.enter()
    page.wait(f"{VIEW} == 'inside'")
    assert "Ann Bee" in page.text()


@pytest.mark.parametrize(
    "algorithm, method",
    [("ES256", "client_secret_post"), ("ES384", "none"), ("PS256", "client_secret_basic"), ("EdDSA", "none")],
)
def test_every_kind_of_key_and_client(panel, browser, idp, algorithm, method):
    argos = panel()
    idp(argos, algorithm, method, auto_provision=True)
    page = browser.page()
    by_provider(page, argos)
    page.wait(f"{VIEW} == 'inside'")
    assert "Ann Bee" in page.text()


def ask(argos, path: str) -> tuple[int, dict]:
    """The status of a look, and the fields of the answer."""
    connection = HTTPConnection("127.0.0.1", urlsplit(argos.page).port, timeout=30)
    connection.request("GET", f"/api/v1/auth/oidc/{path}")
    answer = connection.getresponse()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


def test_answers_that_belong_to_no_sign_in(panel, idp):
    argos = panel()
    assert ask(argos, "login")[0] == 404 and ask(argos, "callback?state=x&code=y")[0] == 404
    provider = idp(argos)
    status, fields = ask(argos, "login?rd=/hosts")
    assert status == 302 and fields["location"].startswith(f"{provider.issuer}/auth?response_type=code&client_id=argos")
    kept = fields["set-cookie"]
    assert kept.startswith("argos_oidc=") and "Path=/api/v1/auth/oidc;" in kept and "HttpOnly; SameSite=Lax" in kept
    assert fields["cache-control"] == "no-store"
    # Providers add fields of their own, which nobody reads.
    for query in ["", "?state=x", "?state=x&code=y&session_state=z&scope=openid%20email", "?error=access_denied&hd=x"]:
        status, fields = ask(argos, f"callback{query}")
        assert (status, fields["location"]) == (302, "/login?error=state_mismatch"), query
        assert "argos_session" not in fields["set-cookie"]
    assert ask(argos, "callback?state=x&state=y")[0] == 422
    assert ask(argos, "login?unknown=x")[0] == 422


def test_without_the_provider_there_is_the_password(panel, browser, idp):
    argos = panel()
    provider = idp(argos)
    provider.stop()
    # The process that starts knows nothing of the provider yet.
    argos.call("auth.set_oidc_config", auto_provision=True)
    page = browser.page()
    page.open(argos.page)
    page.wait("provider.checkVisibility()")
    page.click("#provider")
    failed(page, "did not let you in")
    reason = audited(argos, "oidc_login_failed")["detail"]["reason"]
    assert "/.well-known/openid-configuration can't be reached: Connection refused" in reason
    sign_in(page, password=PASSWORD)
    page.wait(f"{VIEW} == 'inside'")
    sign_out(page)

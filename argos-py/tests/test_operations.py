"""The generated operations against a real folder: typed records go in and come out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from argos import Argos, ConflictError, InvalidError, NotFoundError, operations
from argos.operations import (
    BlockConfig,
    Host,
    NewGroup,
    NewTarget,
    PathConfig,
    RedirectConfig,
    Role,
    TlsMode,
    TokenRole,
    WafMode,
)

TARGETS = [NewTarget(host="127.0.0.1", port=3000)]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Argos]:
    with Argos.open(tmp_path / "data") as it:
        yield it


def make(argos: Argos, domain: str) -> Host:
    group = NewGroup(targets=TARGETS)
    return argos.hosts.create(domain=domain, tls_mode=TlsMode.NONE, target_group=group).value


def test_a_host_comes_back_as_a_record(opened: Argos) -> None:
    made = opened.hosts.create(domain="Shop.test", tls_mode=TlsMode.NONE, target_group=NewGroup(targets=TARGETS))
    assert made.generation == 1
    host = made.value
    assert (host.domain, host.tls_mode, host.enabled) == ("shop.test", TlsMode.NONE, True)
    assert isinstance(host.created_at, datetime) and host.created_at.tzinfo is not None
    assert opened.hosts.get(host.id) == host
    assert opened.hosts.toggle(host.id, False).value.enabled is False
    assert opened.hosts.delete(host.id).value is None
    with pytest.raises(NotFoundError):
        opened.hosts.get(host.id)


def test_an_omitted_argument_stays_and_none_clears(opened: Argos) -> None:
    host = make(opened, "shop.test")
    assert opened.hosts.update(host.id, max_body_bytes=5).value.max_body_bytes == 5
    assert opened.hosts.update(host.id, access_log=False).value.max_body_bytes == 5
    assert opened.hosts.update(host.id, max_body_bytes=None).value.max_body_bytes is None


def test_pages_follow_each_other(opened: Argos) -> None:
    for n in range(5):
        make(opened, f"{n}.test")
    page = opened.hosts.list(limit=2)
    assert [host.domain for host in page.items] == ["0.test", "1.test"]
    assert page.next_cursor is not None
    assert [len(each.items) for each in page.pages()] == [2, 2, 1]
    assert [host.domain for host in page] == [f"{n}.test" for n in range(5)]
    assert [host.domain for host in opened.hosts.list(q="3.")] == ["3.test"]


def test_rules_are_tagged_records(opened: Argos) -> None:
    rules = opened.rules(make(opened, "shop.test").id)
    first = rules.create(
        action=RedirectConfig(status_code=308, target="https://{host}{uri}"),
        matchers=[PathConfig(patterns=["/old/*"], negate=True)],
    ).value
    assert first.action == RedirectConfig(status_code=308, target="https://{host}{uri}")
    assert first.matchers == (PathConfig(patterns=("/old/*",), negate=True),)
    second = rules.create(action=BlockConfig()).value
    assert second.action == BlockConfig(status=403)
    ordered = rules.reorder(rule_ids=[second.id, first.id])
    assert [rule.id for rule in ordered.value.items] == [second.id, first.id]
    with pytest.raises(InvalidError) as refused:
        rules.create(action=BlockConfig(status=200))
    assert refused.value.fields[0].field == "action.config.status"


def test_security_settings_and_targets(opened: Argos) -> None:
    host = make(opened, "shop.test")
    security = opened.security(host.id)
    assert security.update(waf_enabled=True, waf_mode=WafMode.DETECT).value.waf_mode is WafMode.DETECT
    assert security.get().waf_enabled is True
    assert opened.settings.set("proxy.max_retries", "2").value.value == "2"
    changed = opened.settings.update({"proxy.max_retries": "3"}).value.items
    assert [(row.key, row.value) for row in changed] == [("proxy.max_retries", "3")]
    assert opened.settings.reset("proxy.max_retries").value is None
    assert opened.settings.get("proxy.max_retries").value != "3"
    targets = opened.targets(host.target_group_id)
    assert [(t.host, t.port) for t in targets.list()] == [("127.0.0.1", 3000)]


def test_times_go_in(opened: Argos) -> None:
    end = datetime.now(timezone.utc).replace(microsecond=0) + timedelta(days=1)
    token = opened.tokens.create("ci", role=TokenRole.VIEWER, expires_at=end).value
    assert token.expires_at == end and token.token.startswith("argos_pat_")
    assert [row.action for row in opened.logs.search(source="audit", from_="-1h")] == ["token_created"]


def test_every_operation_of_the_document_is_here(opened: Argos) -> None:
    paths = opened.system.openapi()["paths"]
    names = [op["operationId"] for item in paths.values() for op in item.values()]
    assert len(names) > 30
    for name in names:
        resource, verb = name.split(".")
        kind = "".join(word.title() for word in resource.split("_")) + "Resource"
        assert callable(getattr(getattr(operations, kind), verb)), name
    assert [role.value for role in Role] == ["user", "viewer", "operator", "admin"]


def test_a_change_takes_terms(opened: Argos) -> None:
    host = make(opened, "shop.test")
    assert host.etag is not None and host.etag == opened.hosts.get(host.id).etag
    tried = opened.hosts.update(host.id, access_log=False, dry_run=True)
    assert (tried.value.access_log, tried.generation) == (False, None)
    assert opened.hosts.get(host.id) == host
    done = opened.hosts.update(host.id, access_log=False, if_match=host.etag)
    assert done.value.etag == done.etag != host.etag
    with pytest.raises(ConflictError) as stale:
        opened.hosts.delete(host.id, if_match=host.etag)
    assert stale.value.code == "stale"
    rules = opened.rules(host.id)
    key = "one"
    first = rules.create(action=BlockConfig(), idempotency_key=key)
    assert rules.create(action=BlockConfig(), idempotency_key=key) == first
    second = rules.create(action=BlockConfig()).value
    listed = rules.list()
    assert [rule.etag for rule in listed.items] == [None, None]
    rules.reorder(rule_ids=[second.id, first.value.id], if_match=listed.etag)
    with pytest.raises(ConflictError):
        rules.reorder(rule_ids=[first.value.id, second.id], if_match=listed.etag)


def test_put_takes_every_field(opened: Argos) -> None:
    host = make(opened, "shop.test")
    target = opened.targets(host.target_group_id).list().items[0]
    done = opened.targets(host.target_group_id).replace(target.id, host="::1", port=1, weight=2, enabled=False)
    assert (done.value.host, done.value.port, done.value.weight, done.value.enabled) == ("::1", 1, 2, False)
    with pytest.raises(InvalidError) as refused:
        opened.call("targets.replace", {"target_group_id": host.target_group_id, "id": target.id, "port": 2})
    assert refused.value.code == "missing_field"

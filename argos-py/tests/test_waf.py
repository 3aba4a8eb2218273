"""Rules compile, faults have their place, attacks are stopped, plain requests pass."""

from __future__ import annotations

from typing import Any

import pytest

from argos import InvalidError, Waf
from argos.waf import Request

RULES = """
SecRule ARGS "@detectSQLi" "id:100001,phase:2,deny,status:403,log,msg:'SQL',severity:CRITICAL,tag:attack-sqli"
SecRule RESPONSE_STATUS "@streq 500" "id:100002,phase:3,deny,status:502,log"
"""
ATTACK: Request = {"id": "a", "method": "GET", "uri": "/?q=1%27%20OR%20%271%27%3D%271", "headers": [("Host", "shop.test")]}


def test_an_attack_is_stopped_and_a_plain_request_passes() -> None:
    waf = Waf(rules=RULES)
    assert waf.inspect(ATTACK) == {
        "id": "a",
        "interrupted": True,
        "status": 403,
        "phase": 2,
        "score_in": 0,
        "score_out": 0,
        "matched": [
            {"id": 100001, "phase": 2, "msg": "SQL", "severity": "CRITICAL", "tags": ["attack-sqli"], "data": ""}
        ],
    }
    passed = waf.inspect({"method": "GET", "uri": "/?q=shoes"})
    assert not passed["interrupted"] and passed["matched"] == [] and passed["id"] is None


def test_detecting_records_and_does_not_stop() -> None:
    found = Waf(rules=RULES, mode="detect").inspect(ATTACK)
    assert not found["interrupted"] and [rule["id"] for rule in found["matched"]] == [100001]


def test_bodies_and_answers_are_inspected() -> None:
    waf = Waf(rules=RULES)
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    post: Request = {"method": "POST", "uri": "/", "headers": form, "body": b"q=1' OR '1'='1"}
    assert waf.inspect(post)["status"] == 403
    answered: Request = {"method": "GET", "uri": "/", "response": {"status": 500, "body": b"\xff"}}
    assert waf.inspect(answered)["phase"] == 3


def test_every_fault_of_the_rules_has_its_place() -> None:
    with pytest.raises(InvalidError) as caught:
        Waf(rules='SecNothing\n\nSecRule ARGS "@rx (" "id:2,phase:2,deny"\n')
    assert caught.value.code == "waf.rules_broken"
    assert [(f.field, f.line) for f in caught.value.fields] == [("rules", 1), ("rules", 3)]
    assert all(f.column for f in caught.value.fields)


@pytest.mark.parametrize(
    ("options", "field"),
    [({}, "rules"), ({"rules": "", "paranoia": 5}, "paranoia"), ({"rules": "", "mood": "bad"}, "mood")],
)
def test_wrong_options_are_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Waf(**options)
    assert [f.field for f in caught.value.fields] == [field]


def test_a_misspelt_request_is_refused() -> None:
    with pytest.raises(InvalidError) as caught:
        Waf(rules=RULES).inspect({"method": "GET", "uri": "/", "heders": []})  # type: ignore[typeddict-unknown-key]
    assert [f.field for f in caught.value.fields] == ["heders"]

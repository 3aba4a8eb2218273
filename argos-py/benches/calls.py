"""What a call costs through the binding: the median of many, in microseconds.

Build with ``maturin develop --release`` first, then ``python argos-py/benches/calls.py``.
"""

import tempfile
from collections.abc import Callable
from statistics import median
from time import perf_counter_ns

from argos import Argos, Waf

RULES = 'SecRule ARGS "@detectSQLi" "id:100001,phase:2,deny,status:403,log"'
HEADERS = [("Host", "shop.test"), ("User-Agent", "Mozilla/5.0"), ("Accept", "*/*")]


def measure(
    name: str, work: Callable[[], object], times: int = 3000, before: Callable[[], object] = lambda: None
) -> None:
    taken = []
    for _ in range(times):
        before()
        begun = perf_counter_ns()
        work()
        taken.append(perf_counter_ns() - begun)
    print(f"{name}: {median(taken) / 1000:.1f} µs")


with tempfile.TemporaryDirectory() as folder, Argos.open(folder) as argos:
    for i in range(100):
        host = {"domain": f"host{i}.test", "tls_mode": "none"}
        argos.call("hosts.create", host | {"target_group": {"targets": [{"host": "127.0.0.1", "port": 3000}]}})
    assert len(argos.call("hosts.list").value["items"]) == 100
    measure("hosts.list of 100 hosts", lambda: argos.call("hosts.list"))
    measure("hosts.list of 100 hosts, typed", lambda: argos.hosts.list())
    # The first call after a change reads the database; those that follow are answered from memory.
    change = lambda: argos.call("hosts.toggle", {"id": 1, "enabled": not argos.hosts.get(1).enabled})
    measure("hosts.list of 100 hosts, first after a change", lambda: argos.call("hosts.list"), 300, change)
    measure("hosts.list of 100 hosts, typed, first after a change", lambda: argos.hosts.list(), 300, change)
    measure("hosts.get", lambda: argos.call("hosts.get", {"id": 1}))
    measure("system.version", lambda: argos.call("system.version"))

waf = Waf(rules=RULES)
measure("inspect with one rule", lambda: waf.inspect({"method": "GET", "uri": "/?q=shoes", "headers": HEADERS}))
post = {"method": "POST", "uri": "/", "headers": HEADERS, "body": b"x" * 65_536}
measure("inspect with one rule, body of 64 KiB", lambda: waf.inspect(post))

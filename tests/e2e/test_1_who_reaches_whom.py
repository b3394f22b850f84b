"""Which service can reach which, tested from inside the containers by service name and by address."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.platform import Platform
from tests.e2e.waiting import until

PORTS = {"postgres": 5432, "mock_saas": 8090, "lake": 4566, "prefect_server": 4200}
REACHES = {
    "postgres": {"mock_saas"},
    "mock_saas": {"postgres"},
    "lake": set(),
    "prefect_server": set(),
    "ingest": set(PORTS),
    "prefect_agent": set(PORTS),
}
"""What each container reaches besides itself."""

PROBE = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def is_reached(place):
    try:
        socket.create_connection(tuple(place), timeout=2).close()
    except OSError:
        return False
    return True

asked = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(asked)) as pool:
    print(json.dumps([place[0] for place, found in zip(asked, pool.map(is_reached, asked)) if found]))
"""
"""All at once: what cannot be reached takes two seconds to say so."""


@pytest.mark.parametrize("service", sorted(REACHES))
def test_a_container_reaches_what_it_needs_and_nothing_else(platform: Platform, service: str) -> None:
    by_name = [(name, port) for name, port in PORTS.items() if name != service]
    by_address = {address: name for name, _ in by_name for address in addresses(platform, name)}
    asked = [*by_name, *((address, PORTS[name]) for address, name in by_address.items())]

    done = platform.stack.compose("exec", "-T", service, "python3", "-c", PROBE, json.dumps(asked))
    reached = set(json.loads(done.stdout))

    assert {name for name in reached if name in PORTS} == REACHES[service]
    assert {by_address[host] for host in reached if host in by_address} == REACHES[service]


def test_query_reaches_nobody_and_answers_all_the_same(platform: Platform) -> None:
    asked = [(address, port) for name, port in PORTS.items() for address in [name, *addresses(platform, name)]]
    [first, *_] = until(lambda: platform.prefect.runs("full"), seconds=60, what="the first run")
    platform.prefect.ended(first.id)
    probe = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "python3", "query", "-c", PROBE, json.dumps(asked))
    query = ("run", "--rm", "-T", "--no-deps", "query", "--csv", "select 1 as n from MART.dim_date limit 1")
    with ThreadPoolExecutor() as pool:
        answer, reached = pool.map(lambda command: platform.stack.compose(*command).stdout, (query, probe))

    assert json.loads(reached) == []
    assert answer.split() == ["n", "1"]


def addresses(platform: Platform, service: str) -> list[str]:
    """Return the addresses of a service's container, one for each of its networks."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    return platform.stack.docker("inspect", "--format", form, *platform.stack.containers(service)).split()

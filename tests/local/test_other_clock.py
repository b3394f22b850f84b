"""The demo on a machine whose clock says another day: it depends on no date, and on no night of a clock's change."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.contracts.registry import ContractRegistry
from local.environment import clean_environment
from local.run_directory import temporary_directory
from orchestration.warehouse.duckdb.query import run_query

SOURCE = Path(__file__).with_name("other_clock.c")
COMPILER = shutil.which("cc") or shutil.which("gcc")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="libraries are preloaded in Linux's way"),
    pytest.mark.skipif(COMPILER is None, reason="there is no C compiler"),
]


@pytest.fixture(scope="module")
def library() -> Iterator[Path]:
    """The preloaded library, where Postgres' own user can read it."""
    assert COMPILER is not None
    with tempfile.TemporaryDirectory(prefix="other-clock-", dir=temporary_directory()) as folder:
        Path(folder).chmod(0o755)
        compiled = Path(folder) / "other_clock.so"
        subprocess.run([COMPILER, "-O1", "-shared", "-fPIC", "-o", compiled, SOURCE, "-ldl"], check=True)
        compiled.chmod(0o755)
        yield compiled


@pytest.mark.slow
def test_the_demo_in_the_night_in_which_clocks_go_forward(library: Path, tmp_path: Path) -> None:
    """At 01:00 UTC it is 03:00 in Berlin, and no longer 02:00."""
    begin = datetime(2027, 3, 28, 0, 59, 50, tzinfo=UTC)
    environment = clean_environment(
        {
            "LOCAL_STATE": str(tmp_path),
            "TZ": "Europe/Berlin",
            "LD_PRELOAD": str(library),
            "SHIFT_SECONDS": str(round((begin - datetime.now(UTC)).total_seconds())),
        }
    )
    command = [sys.executable, "-m", "local", "demo", "--scale", "0.02"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    streams = len(ContractRegistry.load().values())
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"After run 1: equal for {streams} of {streams}." in done.stdout
    published = tmp_path / "demo" / "warehouse" / "published" / "DP_MAILBLAZE_DEMO_DEV_DB.duckdb"
    by_the_database = "select cast(max(recorded_at) as date) from MART.fct_order_lines"
    by_the_provider = "select cast(max(received_at) as date) from MART.fct_email_events"
    seen = run_query(published, f"select ({by_the_database}), ({by_the_provider})", limit=None)
    # A small provider is quiet at night: its last event may be of the evening before.
    [(recorded, received)] = seen.rows
    assert recorded == date(2027, 3, 28)
    assert received in (date(2027, 3, 27), date(2027, 3, 28))

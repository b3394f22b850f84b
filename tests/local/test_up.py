"""`python -m local up`, as a person uses it: source the file it writes, stop it with Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.environment import clean_environment
from local.up import write_env_file

PATIENCE = 60.0
USE_THE_STACK = """
source "$1"
python - <<'PYTHON'
import os, boto3, httpx, psycopg2
orders = psycopg2.connect(os.environ["POSTGRES_DSN"])
with orders.cursor() as cursor:
    cursor.execute("select count(*) > 0 from orders")
    print("orders", cursor.fetchone()[0])
orders.close()
answer = httpx.get(
    os.environ["SAAS_BASE_URL"] + "/v1/campaigns", headers={"Authorization": "Bearer " + os.environ["SAAS_API_KEY"]}
)
print("campaigns", answer.status_code)
print("bucket", boto3.client("s3").head_bucket(Bucket=os.environ["RAW_BUCKET"])["ResponseMetadata"]["HTTPStatusCode"])
PYTHON
"""


@pytest.fixture
def stack(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """`up`, with its state in a directory of the test's own; an indirect parameter is BUSINESS_NOW."""
    command = [sys.executable, "-m", "local", "up", "--scale", "0.01"]
    now = {"BUSINESS_NOW": request.param} if hasattr(request, "param") else {}
    environment = {**clean_environment({"LOCAL_STATE": str(tmp_path), **now}), "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> str:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if words in line:
            return text
    pytest.fail(f"ended with {process.wait()} before {words!r}:\n{text}")


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["2028-02-29T23:58:00-05:00"], indirect=True)
def test_environment_file_leads_to_a_seeded_stack_whose_time_stands_at_now(
    stack: subprocess.Popen[str], tmp_path: Path
) -> None:
    words = read_until(stack, "Ctrl-C stops everything")

    env_file = tmp_path / "stack.env"
    used = subprocess.run(
        ["bash", "-c", USE_THE_STACK, "-", str(env_file)],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert used.stdout.splitlines() == ["orders True", "campaigns 200", "bucket 200"], used.stderr
    assert env_file.stat().st_mode & 0o777 == 0o600
    assert "The business's time stands at 2028-03-01T04:58:00Z." in words
    assert "export BUSINESS_NOW=2028-03-02T04:58:00Z" in words
    script = """
    BUSINESS_NOW=of-a-stack-before; source "$1"; echo $BUSINESS_NOW
    curl -sS -X POST -H "Authorization: Bearer $SAAS_ADMIN_KEY" -H "Content-Type: application/json" \
      -d '{"advance_seconds": 86400}' $SAAS_BASE_URL/admin/clock
    """
    used = subprocess.run(["bash", "-c", script, "-", str(env_file)], capture_output=True, text=True, check=True)
    variable, clock = used.stdout.splitlines()
    assert variable == "2028-03-01T04:58:00Z"
    assert json.loads(clock)["now"] == "2028-03-02T04:58:00.000000Z"


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stop_signal_ends_everything_in_one_line(
    stack: subprocess.Popen[str], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    read_until(stack, "Ctrl-C stops everything")
    family = psutil.Process(stack.pid).children(recursive=True)

    stack.send_signal(number)
    rest, _ = stack.communicate(timeout=PATIENCE)

    assert stack.returncode == code
    assert rest.endswith("\nStopped: every process that was started has ended.\n")
    assert "Traceback" not in rest
    assert not [process for process in family if process.is_running()]
    assert not (tmp_path / "stack.env").exists()


@pytest.mark.slow
def test_stop_while_starting_leaves_nothing(stack: subprocess.Popen[str]) -> None:
    read_until(stack, "Postgres")
    family = psutil.Process(stack.pid).children(recursive=True)

    stack.send_signal(signal.SIGINT)
    stack.communicate(timeout=PATIENCE)

    assert stack.returncode == 130
    assert len(family) > 3
    assert not [process for process in family if process.is_running()]


def test_environment_file_survives_any_value(tmp_path: Path) -> None:
    path = tmp_path / "stack.env"
    value = 'it\'s $HOME `date` "quoted" \\ and\nmore'

    write_env_file(path, {"TRICKY": value})

    shown = subprocess.run(
        ["bash", "-c", 'source "$1"; printf %s "$TRICKY"', "-", str(path)], capture_output=True, text=True, check=True
    )
    assert shown.stdout == value

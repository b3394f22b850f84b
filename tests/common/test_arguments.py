"""A password in an argument: refused, or taken out of the list of processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from socket import socket

import pytest

REPOSITORY = Path(__file__).parents[2]
PASSWORD = "hunter-2-of-mine"
COMMANDS = {
    "contract new": (["-m", "ingest", "contract", "new", "public.t", "--from-postgres"], "POSTGRES_DSN"),
    "activity": (["-m", "postgres.activity", "--dsn"], "POSTGRES_DSN"),
    "seed": (["-m", "postgres.seed", "--dsn"], "POSTGRES_DSN"),
    "setup": (["-m", "postgres.setup", "--admin-dsn"], "POSTGRES_ADMIN_DSN"),
}


def _environment(environment: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(REPOSITORY),
        "ENVIRONMENT": environment,
        "SHOP_OWNER_PASSWORD": "of-mine-1",
        "SHOP_INGEST_PASSWORD": "of-mine-2",
    }


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_password_in_an_argument_is_refused_outside_dev(command: str, tmp_path: Path) -> None:
    arguments, variable = COMMANDS[command]
    dsn = f"postgresql://u:{PASSWORD}@127.0.0.1:1/db"
    done = subprocess.run(
        [sys.executable, *arguments, dsn],
        env=_environment("prod"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 2
    assert (
        f"holds a password, which the list of processes shows to all. Change it: it was seen. Put it into {variable}"
        in done.stderr
    )
    assert PASSWORD not in done.stdout + done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is refused in dev too")
@pytest.mark.parametrize("form", ["postgresql://u:{}@127.0.0.1:{}/db", "host=127.0.0.1 user=u password={} port={}"])
def test_in_dev_a_password_in_an_argument_leaves_the_list_of_processes(form: str, tmp_path: Path) -> None:
    """The server accepts the connection and sends nothing, so that the command can be inspected while it waits."""
    with socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(60)
        arguments = COMMANDS["activity"][0]
        with subprocess.Popen(
            [sys.executable, *arguments, form.format(PASSWORD, server.getsockname()[1])],
            env=_environment("dev"),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            connection, _ = server.accept()
            shown = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            connection.close()
            out, err = process.communicate(timeout=60)

    assert b"--dsn" in shown
    assert b"*" * len(PASSWORD) in shown
    assert PASSWORD.encode() not in shown
    assert "warning: --dsn holds a password" in err
    assert PASSWORD not in out + err

"""Starts the page, or checks whether it renders.

python -m analytics [--host 127.0.0.1] [--port 8501] python -m analytics health [--port 8501]
"""

from __future__ import annotations

import argparse
import os
import sys
from http.client import HTTPConnection
from pathlib import Path
from tempfile import gettempdir
from time import time

_HERE = Path(__file__).parent
_HEALTH_SECONDS = 20
_RENDERED_AGAIN_SECONDS = 300


def serve(host: str, port: int) -> int:
    """Run until the page is stopped. Return the exit code. Streamlit's own settings are in `.streamlit/config.toml`."""
    from streamlit.web.cli import main

    # The first visitor need not wait for these imports.
    import analytics.app  # noqa: F401

    print(f"The page over the marts: http://localhost:{port}", flush=True)
    os.environ["STREAMLIT_LOGGER_LEVEL"] = os.environ.get("STREAMLIT_LOGGER_LEVEL", "warning")
    arguments = ["run", str(_HERE / "app.py"), "--server.address", host, "--server.port", str(port)]
    result = main(arguments, standalone_mode=False)
    return result if isinstance(result, int) else 0


def health(port: int, rendered: Path) -> int:
    """Return 0 if the server answers and the first page renders without an exception. Raises OSError if none answers.

    Rendering is expensive, so a page that rendered counts for the next five minutes. `rendered` keeps the time of it.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/_stcore/health")
    if connection.getresponse().status != 200:
        return 1
    if rendered.exists() and 0 <= time() - rendered.stat().st_mtime < _RENDERED_AGAIN_SECONDS:
        return 0
    from streamlit.testing.v1 import AppTest

    page = AppTest.from_file(str(_HERE / "app.py"), default_timeout=_HEALTH_SECONDS).run()
    if page.exception or not page.title:
        return 1
    rendered.touch()
    return 0


def main() -> int:
    """Run the command. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m analytics", description="The page over the marts.")
    parser.add_argument("command", nargs="?", choices=["serve", "health"], default="serve")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8501)
    given = parser.parse_args()
    if given.command == "serve":
        return serve(given.host, given.port)
    try:
        return health(given.port, Path(gettempdir()) / "analytics.rendered")
    except OSError as error:
        print(f"analytics: nothing answers on port {given.port}: {error.strerror}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

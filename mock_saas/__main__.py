"""``python -m mock_saas``: runs the mock e-mail provider."""

import argparse
import sys

from pydantic import ValidationError

from mock_saas.app import create_app
from mock_saas.server import listen, serve
from mock_saas.settings import Settings

EXIT_BAD_INPUT = 2


def main() -> int:
    """Runs the server; the exit code."""
    arguments = _arguments()
    try:
        settings = Settings(**({"access_log": arguments.access_log} if arguments.access_log else {}))
    except ValidationError as error:
        return _fail("the environment does not fit", _explain(error))
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        return _fail(f"cannot listen on {arguments.host}:{arguments.port}", f"{error}; choose another --host or --port")
    host, port = listener.getsockname()[:2]
    print(f"mock_saas listens on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    serve(create_app(settings), settings, listener)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mock_saas", description="The mock e-mail provider's API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8090, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--access-log", choices=("off", "plain", "json"), help="default: ACCESS_LOG, else off")
    parser.epilog = "Everything else is an environment variable: see mock_saas/settings.py."
    return parser.parse_args()


def _port(text: str) -> int:
    # The resolver would silently take a larger number modulo 65536.
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


def _explain(error: ValidationError) -> str:
    """What is wrong, per setting; never the value, which may be a key."""
    return "; ".join(
        _named(".".join(str(part) for part in each["loc"]).upper(), each["msg"].removeprefix("Value error, "))
        for each in error.errors(include_input=False, include_url=False)
    )


def _named(setting: str, message: str) -> str:
    return f"{setting}: {message}" if setting else message


def _fail(what: str, why: str) -> int:
    print(f"mock_saas: {what}: {why}", file=sys.stderr)
    return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())

"""``python -m mock_saas``: runs the mock e-mail provider."""

import argparse
import sys
from pathlib import Path
from typing import Any

from common.garbage import collect_seldom

collect_seldom()

from pydantic import ValidationError  # noqa: E402

from mock_saas.api.app import create_app, epoch_us  # noqa: E402
from mock_saas.api.server import listen, serve  # noqa: E402
from mock_saas.clock import ProviderClock  # noqa: E402
from mock_saas.settings import Settings  # noqa: E402
from mock_saas.state import StateError, StateFile  # noqa: E402

EXIT_BAD_INPUT = 2


def main() -> int:
    """Run the server. Return the exit code."""
    arguments = _arguments()
    try:
        settings = Settings(**_overrides(arguments))
    except ValidationError as error:
        return _fail("the environment does not fit", _explain(error))
    clock = ProviderClock.of(settings.business_now, settings.clock_offset_seconds)
    if arguments.state:
        try:
            settings, clock = StateFile(arguments.state).resume(settings, epoch_us(settings, clock))
        except StateError as error:
            return _fail("cannot go on", str(error))
    try:
        listener = listen(arguments.host, arguments.port)
    except OSError as error:
        return _fail(f"cannot listen on {arguments.host}:{arguments.port}", f"{error}; choose another --host or --port")
    host, port = listener.getsockname()[:2]
    print(f"mock_saas listens on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    serve(create_app(settings, clock), settings, listener)
    return 0


def _overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that the command line gives."""
    overrides: dict[str, Any] = {}
    if arguments.access_log:
        overrides["access_log"] = arguments.access_log
    if arguments.shop_scale is not None:
        for name in ("recipients", "skus"):
            overrides[name] = max(1, round(Settings.model_fields[name].default * arguments.shop_scale))
    return overrides


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mock_saas", description="The mock e-mail provider's API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8090, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--access-log", choices=("off", "plain", "json"), help="default: ACCESS_LOG, else off")
    parser.add_argument(
        "--shop-scale",
        type=_scale,
        help="recipients and skus of a shop that was seeded at this scale",
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FILE",
        help="file that keeps the beginning of history and the clock over restarts",
    )
    parser.epilog = "Everything else is an environment variable: see mock_saas/settings.py."
    return parser.parse_args()


def _port(text: str) -> int:
    # The resolver would silently take a larger number modulo 65536.
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale <= 1_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no scale: give a number above 0, at most 1000")
    return scale


def _explain(error: ValidationError) -> str:
    """Return the problem of each setting, but never its value, which may be a key."""
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

"""The connector's connection, whose one setting for two timeouts is taken apart."""

from __future__ import annotations

import logging
from typing import Any

from snowflake.connector import SnowflakeConnection

_NETWORK_LOG = "snowflake.connector.network"


class Connection(SnowflakeConnection):
    """A connection that gives up a request after `network_timeout` seconds, and not a statement.

    The connector takes `network_timeout` for both: a statement without a timeout of its own is cancelled after it,
    however well it does. Here a statement has the timeout that it is run with, and a request the network's.
    """

    def cmd_query(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Run a query; a request that gets no answer is tried again for `network_timeout` seconds."""
        return super().cmd_query(*args, **options | {"timeout": self.network_timeout})


def quiet_connector() -> None:
    """Keep the connector from logging, traceback and all, the very errors that it then raises."""
    logging.getLogger(_NETWORK_LOG).setLevel(logging.CRITICAL)

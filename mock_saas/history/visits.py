"""The visits that clicks lead to, as the shop's own web server sees them.

The provider may report a click late, twice, or in a malformed record. But the browser that follows the link visits the
shop at once, and once.
"""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, Field

from mock_saas.history.cells import CellFactory
from mock_saas.history.records import Timestamp
from mock_saas.history.rendering import Renderer
from mock_saas.timestamps import format_us


class Visit(BaseModel):
    """A visit to the shop by a link in a message."""

    at: Timestamp
    recipient: Annotated[str, Field(description="e-mail address of the visitor")]
    url: str


class VisitList:
    """All visits of a history that begins at ``epoch_us``, including those ahead of the provider's clock."""

    def __init__(self, cells: CellFactory, renderer: Renderer, epoch_us: int) -> None:
        self._cells = cells
        self._renderer = renderer
        self._epoch_us = epoch_us

    def between(self, from_us: int, until_us: int) -> Iterator[Visit]:
        """Yield the visits of a half-open span, in order."""
        from_us, cell_us = max(from_us, self._epoch_us), self._cells.cell_us
        for cell in range(from_us // cell_us, -(-until_us // cell_us)):
            for click in self._cells.clicks(cell):
                if from_us <= click.occurred_us < until_us:
                    yield Visit(
                        at=format_us(click.occurred_us),
                        recipient=self._renderer.recipient(click.recipient),
                        url=self._renderer.url(click),
                    )

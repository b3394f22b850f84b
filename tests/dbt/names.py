"""Names that a source's columns may have, and that SQL, dbt, Jinja or a driver could take for something else."""

from __future__ import annotations

HOSTILE_NAMES = (
    'we"ird', '"', 'x" from RAW.customers --', 'sku", (select max(email) from RAW.customers) as "y',
    "it's", "order", "Select", "a b", " blank ", "1st", "dot.ted", "a\nline", ";", "$$", "$1", "/*", "--",
    "?", ":p", "%s %", "%(p)s", "{{ env_var('HOME') }}", "{% endmacro %}", "{#", "}}", "[0]", "@stage", "#",
    "na\u00efve", "Stra\u00dfe", "\u65e5\u672c", "\u0645\u0631\u062d\u0628\u0627", "\U0001f980", "e\u0301", "x" * 63,
)  # fmt: skip
"""Shown in staging as they are."""

SHOWN_OTHERWISE = {
    "Product_Name": "source_source_Product_Name",
    "source_product_name": "source_product_name",
    "dbt_scd_id": "source_dbt_scd_id",
    "\\": "_",
    "\\'": "_'",
    "_'": "source__'",
}
"""What staging shows a column of products as whose name its model, or a snapshot of it, has already."""

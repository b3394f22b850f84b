"""JSON texts as hypothesis makes them: every spelling of a value that the grammar allows."""

from __future__ import annotations

import json

from hypothesis import strategies as st

space = st.text(" \t\r\n", max_size=3)
numbers = (
    st.integers(-(10**40), 10**40).map(str)
    | st.decimals(allow_nan=False, allow_infinity=False).map(lambda d: f"{d:E}" if d else "0.000")
    | st.sampled_from(["1e400", "-0", "0.1000000000000000055511151231257827", "1E-7"])
)
strings = st.text(st.characters(exclude_categories=["Cs"])).flatmap(
    lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False)])
) | st.sampled_from([r'"\/\b\f"', r'"\u0041\ud83d\uded2"', '"\u2028"'])


@st.composite
def spelt(draw: st.DrawFn, inner: st.SearchStrategy[str]) -> str:
    """Return a JSON array or object of `inner`, with whitespace wherever JSON allows it."""
    around = [draw(space) for _ in range(4)]
    if draw(st.booleans()):
        items = draw(st.lists(inner, max_size=3))
        return f"[{around[0]}{f'{around[1]},{around[2]}'.join(items)}{around[3]}]"
    pairs = draw(st.lists(st.tuples(strings, inner), max_size=3))
    members = [f"{key}{around[1]}:{around[2]}{value}" for key, value in pairs]
    return f"{{{around[0]}{f'{around[1]},{around[2]}'.join(members)}{around[3]}}}"


any_json = st.recursive(st.sampled_from(["null", "true", "false"]) | numbers | strings, spelt, max_leaves=6)

"""The judged effect of a trigger's code: never more than its real effect."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contracts.trigger_code import RowCode, Value, understood

MOVES = [
    "begin new.updated_at := now(); return new; end",
    "BEGIN NEW.updated_at = NOW(); RETURN NEW; END;",
    "begin new.updated_at := current_timestamp; return new; end;",
    "begin\n  new.updated_at:=transaction_timestamp ( ) ;\n return new;\nend",
    "begin new.updated_at := clock_timestamp(); return new; end",
    "begin new.updated_at := statement_timestamp(); return new; end",
    "begin new.updated_at := pg_catalog.now(); return new; end",
    'begin new."updated_at" := now(); return new; end',
    "begin -- what it is for: 'x'\n new.updated_at := now(); /* and /* more */ of it */ return new; end",
    "begin new.created_at := old.created_at; new.updated_at := now(); return new; end",
    "begin new.label := upper(new.label || ';'); new.updated_at := now(); return new; end",
    "begin new.updated_at := old.updated_at; new.updated_at := now(); return new; end",
]
DOES_NOT = [
    # set, but not whatever happens
    "begin if new.status is distinct from old.status then new.updated_at := now(); end if; return new; end",
    "begin if tg_op = 'UPDATE' then new.updated_at := now(); end if; return new; end",
    "begin case when new.a then new.updated_at := now(); else null; end case; return new; end",
    "begin while false loop new.updated_at := now(); end loop; return new; end",
    "begin return new; new.updated_at := now(); return new; end",
    "begin begin new.updated_at := now(); exception when others then null; end; return new; end",
    "begin new.updated_at := now(); return new; exception when others then return new; end",
    "declare t timestamptz := '2000-01-01'; begin new.updated_at := t; return new; end",
    "declare new record; begin new.updated_at := now(); return new; end",
    # set to something else
    "begin new.updated_at := coalesce(new.updated_at, now()); return new; end",
    "begin new.updated_at := now() - interval '1 day'; return new; end",
    "begin new.updated_at := now() at time zone 'utc'; return new; end",
    "begin new.updated_at := date_trunc('day', now()); return new; end",
    "begin new.updated_at := current_timestamp(0); return new; end",
    "begin new.updated_at := localtimestamp; return new; end",
    "begin new.updated_at := 'now'; return new; end",
    "begin new.updated_at := app.now(); return new; end",
    "begin new.updated_at := now; return new; end",
    'begin new.updated_at := "Now"(); return new; end',
    "begin new.updated_at := new.created_at; return new; end",
    "begin new.updated_at := now(); new.updated_at := old.updated_at; return new; end",
    "begin new.updated_at := now(); new := old; return new; end",
    "begin new.updated_at := now(); select * into new from t; return new; end",
    # another column, or none
    "begin new.updated_at_utc := now(); return new; end",
    'begin new."UPDATED_AT" := now(); return new; end',
    "begin old.updated_at := now(); return new; end",
    "begin news.updated_at := now(); return new; end",
    "begin new.updated_at.x := now(); return new; end",
    # only named
    "begin if new.updated_at is null then raise 'no'; end if; return new; end",
    "begin /* the client sets new.updated_at := now(); */ return new; end",
    "begin -- new.updated_at := now();\n return new; end",
    "begin /* /* */ new.updated_at := now(); */ return new; end",
    "begin new.label := 'new.updated_at := now();'; return new; end",
    "begin new.label := $x$; new.updated_at := now(); $x$; return new; end",
    "begin new.label := ''';new.updated_at := now();'; return new; end",
    r"begin new.label := E'\'; new.updated_at := now(); --'; return new; end",
    "begin perform new.updated_at; return new; end",
    "begin execute 'select 1'; new.updated_at := now(); return new; end",
    # another row, or none
    "begin new.updated_at := now(); return old; end",
    "begin new.updated_at := now(); return null; end",
    "begin new.updated_at := now(); end",
    "begin new.updated_at := now(); return new",
    "new.updated_at := now(); return new;",
    "#variable_conflict use_column\nbegin new.updated_at := now(); return new; end",
    "<<b>> begin new.updated_at := now(); return new; end",
    "begin return new; end",
    "begin end",
    "",
    "begin 'x",
    "begin /* new.updated_at := now(); return new; end",
]


@pytest.mark.parametrize("code", MOVES)
def test_code_that_sets_the_cursor_to_the_clock_whatever_happens_is_understood(code: str) -> None:
    found = understood(code)
    assert found is not None
    assert found.sets["updated_at"] is Value.CLOCK


@pytest.mark.parametrize("code", DOES_NOT)
def test_code_that_does_not_is_never_taken_for_it(code: str) -> None:
    found = understood(code)
    assert found is None or found.sets.get("updated_at") is not Value.CLOCK


def test_a_lone_exception_lets_no_row_pass() -> None:
    assert understood("begin raise exception '%; is append-only', tg_table_name using errcode = 'x'; end") == RowCode(
        refuses=True
    )
    for passing in (
        "begin raise notice 'x'; return new; end",
        "begin if new.a then raise exception 'x'; end if; return new; end",
        "begin raise exception 'x'; exception when others then return new; end",
    ):
        assert understood(passing) is None


def test_a_function_of_the_databases_own_that_is_called_like_the_clock_is_not_the_clock() -> None:
    for clock in ("now()", "clock_timestamp()"):
        found = understood(f"begin new.updated_at := {clock}; return new; end", shadowed=True)
        assert found == RowCode({"updated_at": Value.SHADOWED_CLOCK})
    for clock in ("pg_catalog.now()", "current_timestamp"):
        found = understood(f"begin new.updated_at := {clock}; return new; end", shadowed=True)
        assert found == RowCode({"updated_at": Value.CLOCK})


SETS_IT = "new.updated_at := now();"
PIECES = st.sampled_from(
    [
        SETS_IT, "new.updated_at", "now()", ":=", ";", "new", ".", "updated_at", "return new;", "return old;", "begin",
        "end", "end;", "if true then", "end if;", "--", "\n", "/*", "*/", "'", "''", '"', "$$", "$a$", "E'", "\\", "(",
        ")", "coalesce(", ",", "exception when others then", "null;", "declare", "x", " ",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12))
def test_whatever_stands_around_it_only_straight_code_is_understood(pieces: list[str]) -> None:
    """Understood code, without its comments and texts, contains only assignments to NEW."""
    code = f"begin {' '.join(pieces)} return new; end"
    found = understood(code)
    if found is not None:
        assert not any(f" {word} " in f" {_plain(code)} " for word in ("if", "exception", "declare", "null;", "old;"))
        assert (found.sets.get("updated_at") is Value.CLOCK) <= (SETS_IT.split()[0] in code)


def _plain(code: str) -> str:
    """Return the code without its texts, quoted names and comments, by an independent reader."""
    out, position = "", 0
    while position < len(code):
        rest = code[position:]
        if rest.startswith("--"):
            position += len(rest.partition("\n")[0])
        elif rest.startswith("/*"):
            depth, length = 0, 0
            while length < len(rest):
                step = {"/*": 1, "*/": -1}.get(rest[length : length + 2], 0)
                depth, length = depth + step, length + (2 if step else 1)
                if not depth:
                    break
            position += length
        elif rest[0] in "'\"":
            position += rest.index(rest[0], 1) + 1 if rest[0] in rest[1:] else len(rest)
        elif rest.startswith(("$$", "$a$")):
            tag = rest[: rest.index("$", 1) + 1]
            end = rest.find(tag, len(tag))
            position += end + len(tag) if end > 0 else len(rest)
        else:
            out, position = out + rest[0], position + 1
    return out

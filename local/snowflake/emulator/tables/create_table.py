"""CREATE TABLE, CREATE VIEW and DROP of both."""

from __future__ import annotations

from dataclasses import dataclass

from fakesnow import statement_type
from sqlglot import exp
from sqlglot.expressions import DataType

from local.snowflake.emulator.account.context import Context
from local.snowflake.emulator.account.doubts import Doubt
from local.snowflake.emulator.account.locks import LockMode
from local.snowflake.emulator.errors import SnowflakeError, already_exists, no_such_object, unsupported
from local.snowflake.emulator.sql.functions import variable
from local.snowflake.emulator.sql.lengths import checked
from local.snowflake.emulator.sql.relations import Column, ObjectName, Relation, quoted
from local.snowflake.emulator.sql.results import Result, status
from local.snowflake.emulator.sql.translate import generate, name_columns, upper_case
from local.snowflake.emulator.sql.types import declared_type, duckdb_type
from local.snowflake.emulator.tables.execute import describe, prepare, require_select, run


@dataclass
class _Options:
    transient: bool = False
    temporary: bool = False
    secure: bool = False
    copy_grants: bool = False


def create_table(context: Context, expression: exp.Create) -> Result:
    name, definitions, constraints = _target(context, expression)
    options = _options(expression)
    existing = context.session.temporary.get(name) if options.temporary else context.account.catalog.find(name)
    if done := _taken(context, expression, name, existing, "TABLE", temporary=options.temporary):
        return done
    columns = _columns(definitions)
    key = _primary_key(definitions, constraints)
    for column in columns:
        column.nullable &= column.name not in key
    relation = Relation(
        name, "TABLE", columns, context.role, transient=options.transient, temporary=options.temporary, primary_key=key,
    )  # fmt: skip
    if expression.expression is not None:
        _create_as(context, expression, relation, bool(definitions))
    else:
        lines = [_definition(definition, column) for definition, column in zip(definitions, columns, strict=True)]
        run(context, f"CREATE OR REPLACE {_kind(relation)} {relation.duckdb} ({', '.join(lines)})", wrote=True)
    _register(context, relation, existing, copy_grants=options.copy_grants)
    return status(f"Table {name.name} successfully created.")


def create_view(context: Context, expression: exp.Create) -> Result:
    name, definitions, _ = _target(context, expression)
    options = _options(expression)
    existing = context.session.temporary.get(name) if options.temporary else context.account.catalog.find(name)
    if done := _taken(context, expression, name, existing, "VIEW", temporary=options.temporary):
        return done
    query = expression.expression
    text = context.sql
    name_columns(query)
    query, names = prepare(context, query)
    require_select(context, names.references, set())
    if not options.temporary and any(reference.relation.temporary for reference in names.references):
        raise unsupported("a view over a temporary table")
    if any(reference.relation.name == name for reference in names.references):
        raise SnowflakeError(2121, "42P19", f"SQL compilation error:\nView definition for '{name}' is recursive.")
    if Doubt.VIEWS_ASK_AS_OWNER in context.account.doubts:
        query = query.transform(lambda node: _owner_if_role(node, context.role))
    sql = generate(query)
    described = describe(context, sql)
    columns = [Column(column.name, column.type) for column in described]
    if definitions:
        if len(definitions) != len(columns):
            raise _wrong_number(len(definitions), len(columns))
        for column, definition in zip(columns, definitions, strict=True):
            column.name = definition.this.name
            column.comment = _comment(definition)
    listed = ", ".join(quoted(column.name) for column in columns)
    relation = Relation(
        name, "VIEW", columns, context.role, temporary=options.temporary, secure=options.secure, text=text,
    )  # fmt: skip
    run(context, f"CREATE OR REPLACE {_kind(relation)} {relation.duckdb} ({listed}) AS {sql}", wrote=True)
    _register(context, relation, existing, copy_grants=options.copy_grants)
    return status(f"View {name.name} successfully created.")


def drop_relation(context: Context, parts: tuple[str, ...], kind: str, *, if_exists: bool) -> Result:
    name = context.session.resolve(parts, f"DROP {kind}")
    relation = context.find_relation(name)
    if relation is None:
        if if_exists:
            return status("Drop statement executed successfully (" + name.name + " already dropped).")
        raise no_such_object(kind.capitalize(), str(name))
    if relation.kind != kind:
        raise SnowflakeError(
            2203,
            "42601",
            f"SQL compilation error:\nObject found is of type '{relation.kind}', not specified type '{kind}'.",
        )
    context.require_relation(relation, "OWNERSHIP")
    context.lock(name, LockMode.DDL)
    run(context, f"DROP {kind} {relation.duckdb}", wrote=True)
    if relation.temporary:
        del context.session.temporary[name]
    else:
        context.account.catalog.remove(name)
        context.account.grants.forget_object(kind, str(name))
        context.account.loads.forget(name)
    return status(f"{name.name} successfully dropped.")


def _taken(
    context: Context, expression: exp.Create, name: ObjectName, existing: Relation | None, kind: str, *, temporary: bool
) -> Result | None:
    """Return a result if there is nothing to create. Raises SnowflakeError if the name is taken or may not be used."""
    if temporary:
        # It needs no CREATE privilege.
        context.require_schema(name.database, name.schema)
    else:
        context.require_create(kind, name.database, name.schema)
    context.lock(name, LockMode.DDL)
    if existing is None:
        if not temporary:
            context.account.catalog.check_free(name)
        return None
    if expression.args.get("exists"):
        return status(f"{name.name} already exists, statement succeeded.")
    if not expression.args.get("replace"):
        raise already_exists(str(name))
    if existing.kind != kind:
        raise SnowflakeError(
            2203, "42710", f"SQL compilation error:\nObject '{name}' already exists as {existing.kind}"
        )
    context.require_relation(existing, "OWNERSHIP")
    return None


def _create_as(context: Context, expression: exp.Create, relation: Relation, declared: bool) -> None:
    """Run CREATE TABLE ... AS, with the declared columns, or with those of the query."""
    context.require_warehouse()
    query = expression.expression
    name_columns(query)
    query, names = prepare(context, query)
    require_select(context, names.references, set())
    sql = generate(query)
    described = describe(context, sql)
    if declared:
        if len(described) != len(relation.columns):
            raise _wrong_number(len(relation.columns), len(described))
        listed = ", ".join(_as_declared(relation, column) for column in relation.columns)
        named = ", ".join(quoted(column.name) for column in relation.columns)
        sql = f"SELECT {listed} FROM ({sql}) AS _query({named})"
    else:
        relation.columns = [Column(column.name, column.type) for column in described]
    repeated = {column.name for column in relation.columns}
    if len(repeated) < len(relation.columns):
        raise SnowflakeError(2025, "42S21", "SQL compilation error:\nduplicate column name")
    required = [column for column in relation.columns if not column.nullable]
    temporary = any(reference.relation.temporary for reference in names.references)
    if required:
        lines = ", ".join(
            f"{quoted(column.name)} {_stored(column.type)}{'' if column.nullable else ' NOT NULL'}"
            for column in relation.columns
        )
        # Readers see one statement: the table appears together with its rows.
        run(context, f"CREATE OR REPLACE {_kind(relation)} {relation.duckdb} ({lines})", wrote=True)
        try:
            run(context, f"INSERT INTO {relation.duckdb} {sql}", wrote=True, uses_temporary=temporary)
        except SnowflakeError:
            run(context, f"DROP TABLE {relation.duckdb}", wrote=True)
            raise
    else:
        create = f"CREATE OR REPLACE {_kind(relation)} {relation.duckdb} AS {sql}"
        run(context, create, wrote=True, uses_temporary=temporary)


def _register(context: Context, relation: Relation, existing: Relation | None, *, copy_grants: bool) -> None:
    name = relation.name
    if relation.temporary:
        context.session.temporary[name] = relation
        return
    grants = context.account.grants
    kept = grants.on(relation.kind, str(name)) if existing is not None and copy_grants else []
    grants.forget_object(relation.kind, str(name))
    context.account.loads.forget(name)
    context.account.catalog.add(relation)
    grants.apply_future(relation.kind, name)
    for grant in kept:
        grants.add(grant)


def _target(context: Context, expression: exp.Create) -> tuple[ObjectName, list[exp.ColumnDef], list[exp.Expression]]:
    """Return the name, the column definitions and the table constraints."""
    schema = expression.this if isinstance(expression.this, exp.Schema) else None
    table = schema.this if schema is not None else expression.this
    upper_case(table)
    parts = tuple(part.name for part in table.parts)
    name = context.session.resolve(parts, f"CREATE {expression.args['kind']}")
    items = schema.expressions if schema is not None else []
    definitions = []
    for item in items:
        if isinstance(item, exp.Identifier):
            item = exp.ColumnDef(this=item)
        if isinstance(item, exp.ColumnDef):
            upper_case(item.this)
            if not item.this.quoted:
                item.this.set("this", item.this.name.upper())
            definitions.append(item)
    names = [definition.name for definition in definitions]
    if repeated := next((column for column in names if names.count(column) > 1), None):
        raise SnowflakeError(2025, "42S21", f"SQL compilation error:\nduplicate column name '{repeated}'")
    return name, definitions, [item for item in items if not isinstance(item, exp.ColumnDef | exp.Identifier)]


def _options(expression: exp.Create) -> _Options:
    options = _Options()
    properties = expression.args.get("properties")
    for item in properties.expressions if properties is not None else []:
        if isinstance(item, exp.TransientProperty):
            options.transient = True
        elif isinstance(item, exp.TemporaryProperty):
            options.temporary = True
        elif isinstance(item, exp.SecureProperty):
            options.secure = True
        elif isinstance(item, exp.CopyGrantsProperty):
            options.copy_grants = True
        else:
            raise unsupported(f"CREATE with {item.sql('snowflake') or type(item).__name__}")
    return options


_IGNORED = (exp.PrimaryKeyColumnConstraint, exp.UniqueColumnConstraint, exp.NotNullColumnConstraint)


def _columns(definitions: list[exp.ColumnDef]) -> list[Column]:
    columns = []
    for definition in definitions:
        if definition.kind is None:
            columns.append(Column(definition.name, "VARCHAR(16777216)", comment=_comment(definition)))
            continue
        nullable = True
        for constraint in definition.constraints:
            kind = constraint.kind
            if isinstance(kind, exp.NotNullColumnConstraint):
                nullable = bool(kind.args.get("allow_null"))
            elif isinstance(kind, exp.PrimaryKeyColumnConstraint):
                nullable = False
            elif not isinstance(kind, (*_IGNORED, exp.CommentColumnConstraint)):
                raise unsupported(f"column constraint {constraint.sql('snowflake')}")
        columns.append(Column(definition.name, declared_type(definition.kind), nullable, _comment(definition)))
    return columns


def _primary_key(definitions: list[exp.ColumnDef], constraints: list[exp.Expression]) -> tuple[str, ...]:
    """Return the columns of the primary key.

    It is recorded and makes them not null, but is not enforced, as in Snowflake.
    """
    inline = [
        definition.name
        for definition in definitions
        if any(isinstance(constraint.kind, exp.PrimaryKeyColumnConstraint) for constraint in definition.constraints)
    ]
    for constraint in constraints:
        found = constraint if isinstance(constraint, exp.PrimaryKey) else constraint.find(exp.PrimaryKey)
        if found is None and not constraint.find(exp.UniqueColumnConstraint, exp.ForeignKey):
            raise unsupported(f"table constraint {constraint.sql('snowflake')}")
        if found is not None:
            inline += [
                upper_case(column.copy()).name.upper() if not _quoted(column) else column.name
                for column in found.expressions
            ]
    return tuple(inline)


def _quoted(node: exp.Expression) -> bool:
    identifier = node if isinstance(node, exp.Identifier) else node.find(exp.Identifier)
    return bool(identifier is not None and identifier.quoted)


def _definition(definition: exp.ColumnDef, column: Column) -> str:
    if not isinstance(definition.kind, DataType):
        raise unsupported("a column without a type")
    line = f"{quoted(column.name)} {duckdb_type(definition.kind).sql('duckdb')}"
    return line if column.nullable else f"{line} NOT NULL"


def _as_declared(relation: Relation, column: Column) -> str:
    value = checked(relation, column.name, exp.column(exp.to_identifier(column.name, quoted=True)))
    return f"CAST({value.sql('duckdb')} AS {_stored(column.type)}) AS {quoted(column.name)}"


def _stored(printed: str) -> str:
    return duckdb_type(DataType.build(printed, dialect="snowflake")).sql("duckdb")


def _comment(definition: exp.ColumnDef) -> str | None:
    for constraint in definition.constraints:
        if isinstance(constraint.kind, exp.CommentColumnConstraint):
            return str(constraint.kind.this.name)
    return None


def _kind(relation: Relation) -> str:
    return f"TEMPORARY {relation.kind}" if relation.temporary else relation.kind


def _wrong_number(wanted: int, found: int) -> SnowflakeError:
    return SnowflakeError(
        2057,
        "42601",
        f"SQL compilation error:\nInvalid column definition list: {wanted} columns for a query of {found}",
    )


DDL = statement_type.DDL


def _owner_if_role(node: exp.Expression, owner: str) -> exp.Expression:
    """Replace CURRENT_ROLE() by the view's owner."""
    if isinstance(node, exp.Anonymous) and node.expressions and node.expressions[0].name == variable("role"):
        return exp.Literal.string(owner)
    return node

"""Tables, views and what dbt does with them."""

from __future__ import annotations

from tests.local.snowflake.conftest import Client, Connect


def types(client: Client, relation: str) -> dict[str, str]:
    return {name: type_ for name, type_, *_ in client.run(f"DESCRIBE TABLE {relation}")}


def test_merge_updates_inserts_and_deletes(client: Client) -> None:
    client.run("CREATE OR REPLACE TABLE TARGET AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, 'c') AS V (ID, NAME)")
    client.run("CREATE OR REPLACE TEMPORARY TABLE SOURCE AS SELECT 1 AS ID, 'A' AS NAME UNION ALL SELECT 9, 'n'")
    merged = (
        "MERGE INTO TARGET AS DBT_INTERNAL_DEST USING SOURCE AS DBT_INTERNAL_SOURCE "
        "ON DBT_INTERNAL_SOURCE.ID = DBT_INTERNAL_DEST.ID "
        "WHEN MATCHED AND DBT_INTERNAL_SOURCE.NAME = 'gone' THEN DELETE "
        'WHEN MATCHED THEN UPDATE SET "NAME" = DBT_INTERNAL_SOURCE."NAME" '
        'WHEN NOT MATCHED THEN INSERT ("ID", "NAME") VALUES ("ID", "NAME")'
    )
    assert client.run(merged) == [(1, 1, 0)]
    assert client.run("SELECT * FROM TARGET ORDER BY ID") == [(1, "A"), (2, "b"), (3, "c"), (9, "n")]

    client.run("INSERT INTO SOURCE VALUES (1, 'twice')")
    assert client.errno(merged) == 100090


def test_a_temporary_table_is_its_sessions_own_and_hides_the_table_of_its_name(
    connect: Connect, client: Client, database: str
) -> None:
    other = connect(database=database, schema="RAW")
    client.run("CREATE OR REPLACE TABLE SHADOWED AS SELECT 'permanent' AS A")
    client.run(f"CREATE OR REPLACE TEMPORARY TABLE {database}.RAW.SHADOWED AS (SELECT 'temporary' AS A)")
    client.run("CREATE OR REPLACE TEMPORARY VIEW OVER_IT AS SELECT A || '!' AS A FROM SHADOWED")

    assert client.value(f"SELECT SHADOWED.A FROM {database}.RAW.SHADOWED") == "temporary"
    assert client.value("SELECT A FROM OVER_IT") == "temporary!"
    assert other.value("SELECT A FROM SHADOWED") == "permanent"
    assert other.errno("SELECT A FROM OVER_IT") == 2003
    client.run("DROP VIEW OVER_IT")
    client.run("DROP TABLE SHADOWED")
    assert client.value("SELECT A FROM SHADOWED") == "permanent"


def test_comments_clustering_and_kinds_are_kept(client: Client) -> None:
    client.run("CREATE OR REPLACE TRANSIENT TABLE CLUSTERED AS (SELECT 1 AS ID, 'x' AS NAME)")
    client.run("ALTER TABLE CLUSTERED CLUSTER BY (ID)")
    client.run("COMMENT ON TABLE CLUSTERED IS $$it's a table$$")
    client.run('ALTER TABLE CLUSTERED ALTER "ID" COMMENT $$the key$$, "NAME" COMMENT $$$$')
    client.run('CREATE OR REPLACE VIEW COMMENTED ("ID" COMMENT $$the same$$) AS (SELECT ID FROM CLUSTERED)')
    client.run("COMMENT ON VIEW COMMENTED IS $$seen$$")

    [row] = client.run("SHOW OBJECTS STARTS WITH 'CLUSTERED' LIMIT 1")
    assert (row[1], row[4], row[6], row[5]) == ("CLUSTERED", "TABLE", "LINEAR(ID)", "it's a table")
    assert client.run(
        "SELECT TABLE_NAME, COMMENT FROM INFORMATION_SCHEMA.COLUMNS WHERE COLUMN_NAME = 'ID' AND TABLE_NAME IN "
        "('CLUSTERED', 'COMMENTED') ORDER BY 1"
    ) == [("CLUSTERED", "the key"), ("COMMENTED", "the same")]
    assert client.run(
        "SELECT TABLE_TYPE, IS_TRANSIENT, CLUSTERING_KEY, AUTO_CLUSTERING_ON, COMMENT FROM INFORMATION_SCHEMA.TABLES "
        "WHERE TABLE_NAME IN ('CLUSTERED', 'COMMENTED') ORDER BY 1"
    ) == [("BASE TABLE", "YES", "LINEAR(ID)", "YES", "it's a table"), ("VIEW", None, None, "NO", "seen")]


def test_columns_are_added_and_widened_and_nothing_else(client: Client) -> None:
    client.run("CREATE OR REPLACE TABLE WIDENED (A NUMBER(10,2), B VARCHAR(5), C INT)")
    client.run("INSERT INTO WIDENED VALUES (1.25, 'b', 3)")
    client.run("ALTER TABLE WIDENED ADD COLUMN IF NOT EXISTS C INT, D TIMESTAMP_TZ")
    client.run("ALTER TABLE WIDENED ALTER COLUMN A SET DATA TYPE NUMBER(20,2)")
    client.run('ALTER TABLE WIDENED ALTER "B" SET DATA TYPE VARCHAR(50)')

    assert types(client, "WIDENED") == {
        "A": "NUMBER(20,2)", "B": "VARCHAR(50)", "C": "NUMBER(38,0)", "D": "TIMESTAMP_TZ(9)"
    }  # fmt: skip
    for change in ("A SET DATA TYPE NUMBER(20,3)", "B SET DATA TYPE VARCHAR(5)", "C SET DATA TYPE VARCHAR"):
        assert client.errno(f"ALTER TABLE WIDENED ALTER COLUMN {change}") == 2108
    assert client.errno("ALTER TABLE WIDENED ADD COLUMN C INT") == 1430
    assert client.errno("ALTER TABLE WIDENED ADD COLUMN E INT NOT NULL") == 2
    assert client.errno("ALTER TABLE WIDENED ADD COLUMN E NUMBR") == 1003


def test_a_table_of_declared_columns_from_a_query(client: Client) -> None:
    client.run(
        "CREATE OR REPLACE TRANSIENT TABLE DECLARED (ID INT NOT NULL, PRICE NUMBER(8,2)) AS (SELECT 1 AS X, 1.005 AS Y)"
    )
    assert types(client, "DECLARED") == {"ID": "NUMBER(38,0)", "PRICE": "NUMBER(8,2)"}
    assert client.errno("CREATE TABLE REFUSED (ID INT NOT NULL) AS (SELECT NULL::INT AS X)") == 100072
    assert client.errno("SELECT * FROM REFUSED") == 2003
    assert client.errno("CREATE TABLE DECLARED (A INT)") == 2002
    assert client.errno("CREATE OR REPLACE VIEW DECLARED AS SELECT 1 AS A") == 2203


def test_a_text_that_is_too_long_for_its_column_is_refused(client: Client) -> None:
    client.run("CREATE OR REPLACE TABLE SHORT (ID INT, NAME VARCHAR(3))")
    client.run("INSERT INTO SHORT VALUES (1, 'abc'), (2, NULL)")
    for statement in (
        "INSERT INTO SHORT VALUES (3, 'abcd')",
        "INSERT INTO SHORT (NAME) SELECT 'abc' || ID FROM SHORT",
        "UPDATE SHORT SET NAME = 'abcd' WHERE ID = 1",
        "MERGE INTO SHORT T USING (SELECT 9 AS ID, 'abcd' AS NAME) S ON S.ID = T.ID "
        "WHEN NOT MATCHED THEN INSERT (ID, NAME) VALUES (S.ID, S.NAME)",
        "CREATE TABLE SHORTER (NAME VARCHAR(2)) AS SELECT NAME FROM SHORT",
    ):
        assert client.errno(statement) == 100078, statement
    assert client.run("SELECT * FROM SHORT ORDER BY ID") == [(1, "abc"), (2, None)]
    assert client.value("SELECT 'abcd'::VARCHAR(3)") == "abc"  # a cast cuts


def test_copied_grants_stay_and_others_go_with_a_table(client: Client, database: str) -> None:
    client.run("CREATE ROLE IF NOT EXISTS BROWSER")
    client.run("CREATE OR REPLACE TABLE GRANTED AS SELECT 1 AS A")
    client.run("GRANT SELECT ON TABLE GRANTED TO ROLE BROWSER")

    def held() -> list[tuple[str, str]]:
        return [(row[1], row[5]) for row in client.run(f"SHOW GRANTS ON {database}.RAW.GRANTED")]

    client.run("CREATE OR REPLACE TABLE GRANTED COPY GRANTS AS SELECT 2 AS A")
    assert held() == [("OWNERSHIP", "ACCOUNTADMIN"), ("SELECT", "BROWSER")]
    client.run("CREATE OR REPLACE TABLE GRANTED AS SELECT 2 AS A")
    assert held() == [("OWNERSHIP", "ACCOUNTADMIN")]


def test_functions_of_which_there_are_none_are_shown_empty(client: Client, database: str) -> None:
    assert client.run(f"SHOW USER FUNCTIONS IN {database}.RAW") == []


def test_dbts_catalog_is_answered(client: Client, database: str) -> None:
    client.run("CREATE OR REPLACE TABLE CATALOGUED (ID INT)")
    assert client.run(
        'WITH TABLES AS (SELECT TABLE_SCHEMA AS "table_schema", TABLE_NAME AS "table_name", '
        "TO_VARCHAR(CONVERT_TIMEZONE('UTC', LAST_ALTERED), 'yyyy-mm-dd HH24:MI'||'UTC') AS \"altered\" "
        f"FROM {database}.INFORMATION_SCHEMA.TABLES WHERE (\"table_schema\" ILIKE 'raw')), "
        'COLUMNS AS (SELECT TABLE_SCHEMA AS "table_schema", TABLE_NAME AS "table_name", COLUMN_NAME AS "column_name" '
        f"FROM {database}.INFORMATION_SCHEMA.COLUMNS) "
        'SELECT "column_name", LENGTH("altered") FROM TABLES JOIN COLUMNS USING ("table_schema", "table_name") '
        "WHERE \"table_name\" = 'CATALOGUED'"
    ) == [("ID", 19)]


def test_a_schema_that_is_not_there_has_the_number_that_dbt_knows(client: Client, database: str) -> None:
    assert client.errno(f"SHOW OBJECTS IN {database}.NOWHERE LIMIT 10") == 2043
    assert client.run(f"SELECT COUNT(*) FROM {database}.INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME = 'RAW'") == [
        (1,)
    ]

"""PostgreSQL's own catalog: psql's commands, and what Npgsql, Power BI, pgjdbc, psqlODBC, DBeaver and SQLAlchemy ask."""

import re
import shutil
import subprocess
import threading

import psycopg
import pytest

from conftest import DEADLINE_SEC, sql
from test_serve_cli import served


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    state = tmp_path_factory.mktemp("catalog") / "state"
    sql(state, "CREATE SCHEMA IF NOT EXISTS gold")
    sql(state, "CREATE SCHEMA IF NOT EXISTS silver")
    sql(state, "CREATE TABLE gold.sales (id INT, name STRING, price DECIMAL(10,2), at TIMESTAMP, tags ARRAY<STRING>)")
    sql(state, "CREATE VIEW gold.v AS SELECT id FROM gold.sales")
    sql(state, "CREATE TABLE silver.x (a BIGINT)")
    with served("serve", "--project", state.parent, "--state", state, "--pg", 0, "--web", 0, "--insecure-local") as at:
        yield at["postgres"].split(":")


@pytest.fixture
def client(address):
    host, port = address
    with psycopg.connect(host=host, port=int(port), user="reader", dbname="main", connect_timeout=10, autocommit=True) as c:
        yield c


COLUMNS = [["id", "integer"], ["name", "text"], ["price", "numeric(10,2)"], ["at", "timestamp with time zone"], ["tags", "text[]"]]
# command -> the first fields of its rows
PSQL = {
    r"\d": [["gold", "sales", "table"], ["gold", "v", "view"], ["silver", "x", "table"]],
    r"\dt": [["gold", "sales", "table"], ["silver", "x", "table"]],
    r"\dv": [["gold", "v", "view"]],
    r"\dt gold.*": [["gold", "sales", "table"]],
    r"\dn": [["default"], ["gold"], ["silver"]],
    r"\l": [["main", "reader", "UTF8"]],
    r"\du": [["reader"]],
    r"\d gold.sales": COLUMNS,
    r"\d sales": COLUMNS,
    r"\d+ sales": COLUMNS,
    r"\d v": [["id", "integer"]],
    r"\di": [],
    r"\df": [],
    r"\dp": [["gold", "sales", "table"], ["gold", "v", "view"], ["silver", "x", "table"]],
    r"\dx": [],
}


@pytest.mark.skipif(not shutil.which("psql"), reason="psql is not here")
@pytest.mark.parametrize("command", PSQL)
def test_psql(command, address):
    host, port = address
    words = ["psql", "-X", "-A", "-t", "-h", host, "-p", port, "-U", "reader", "-d", "main", "-c", command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert done.returncode == 0 and "ERROR" not in done.stderr, done.stderr
    rows = [line.split("|") for line in done.stdout.splitlines() if "|" in line and not re.match(r"[A-Z][a-z ]+:", line)]
    rows = [[field for field in row if field] if command.startswith(r"\du") else row for row in rows]
    expected = PSQL[command]
    assert [row[: len(want)] for row, want in zip(rows, expected)] == expected and len(rows) == len(expected), done.stdout


def test_psql_says_what_is_not_there(address):
    host, port = address
    done = subprocess.run(["psql", "-X", "-h", host, "-p", port, "-U", "reader", "-d", "main", "-c", r"\d nothing"], capture_output=True, text=True, timeout=DEADLINE_SEC)
    assert 'Did not find any relation named "nothing"' in done.stderr


# name -> query, as the client sends it
QUERIES = {
"npgsql version":"SELECT version()",
"npgsql types":"""SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid
FROM (
    SELECT
        typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind,
        elemtyp.oid AS elemtypoid, elemtyp.typname AS elemtypname, elemcls.relkind AS elemrelkind,
        CASE WHEN elemproc.proname='array_recv' THEN 'a' ELSE elemtyp.typtype END AS elemtyptype, typ.typcategory
    FROM (
        SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid,
            CASE WHEN proc.proname='array_recv' THEN 'a' ELSE typ.typtype END AS typtype,
            CASE
                WHEN proc.proname='array_recv' THEN typ.typelem
                WHEN typ.typtype='r' THEN rngsubtype
                WHEN typ.typtype='m' THEN (SELECT rngtypid FROM pg_range WHERE rngmultitypid = typ.oid)
                WHEN typ.typtype='d' THEN typ.typbasetype
            END AS elemtypoid, typ.typcategory
        FROM pg_type AS typ
        LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
        LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive
        LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)
    ) AS typ
    LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemtypoid
    LEFT JOIN pg_class AS elemcls ON (elemcls.oid = elemtyp.typrelid)
    LEFT JOIN pg_proc AS elemproc ON elemproc.oid = elemtyp.typreceive
) AS t
JOIN pg_namespace AS ns ON (ns.oid = typnamespace)
WHERE
    typtype IN ('b', 'r', 'm', 'e', 'd') OR
    (typtype = 'c' AND relkind='c') OR
    (typtype = 'p' AND typname IN ('record', 'void')) OR
    (typtype = 'a' AND (
        elemtyptype IN ('b', 'r', 'm', 'e', 'd') OR
        (elemtyptype = 'p' AND elemtypname IN ('record', 'void')) OR
        (elemtyptype = 'c' AND elemrelkind='c')
    ))
ORDER BY CASE
       WHEN typtype IN ('b', 'e', 'p') THEN 0
       WHEN typtype = 'c' THEN 1
       WHEN typtype = 'r' THEN 2
       WHEN typtype = 'm' THEN 3
       WHEN typtype = 'd' AND elemtyptype <> 'a' THEN 4
       WHEN typtype = 'a' THEN 5
       WHEN typtype = 'd' AND elemtyptype = 'a' THEN 6
END""",
"npgsql composite":"""-- Load field definitions for (free-standing) composite types
SELECT typ.oid, att.attname, att.atttypid
FROM pg_type AS typ
JOIN pg_namespace AS ns ON (ns.oid = typ.typnamespace)
JOIN pg_class AS cls ON (cls.oid = typ.typrelid)
JOIN pg_attribute AS att ON (att.attrelid = typ.typrelid)
WHERE
  (typ.typtype = 'c' AND cls.relkind='c') AND
  attnum > 0 AND     -- Don't load system attributes
  NOT attisdropped
ORDER BY typ.oid, att.attnum""",
"npgsql enum":"""SELECT pg_type.oid, enumlabel FROM pg_enum JOIN pg_type ON pg_type.oid=enumtypid ORDER BY oid, enumsortorder""",
"powerbi tables":"""select TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE from INFORMATION_SCHEMA.tables where TABLE_SCHEMA not in ('information_schema', 'pg_catalog') order by TABLE_SCHEMA, TABLE_NAME""",
"powerbi charset":"select character_set_name from INFORMATION_SCHEMA.character_sets",
"powerbi columns":"""select COLUMN_NAME, ORDINAL_POSITION, IS_NULLABLE, case when (data_type like '%unsigned%') then DATA_TYPE || ' unsigned' else DATA_TYPE end as DATA_TYPE from INFORMATION_SCHEMA.columns where TABLE_SCHEMA = 'gold' and TABLE_NAME = 'sales' order by TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION""",
"powerbi fk":"""select pkcol.COLUMN_NAME as PK_COLUMN_NAME, fkcol.TABLE_SCHEMA AS FK_TABLE_SCHEMA, fkcol.TABLE_NAME AS FK_TABLE_NAME, fkcol.COLUMN_NAME as FK_COLUMN_NAME, fkcol.ORDINAL_POSITION as ORDINAL, fkcon.CONSTRAINT_SCHEMA || '_' || fkcol.TABLE_NAME || '_' || 'sales' || '_' || fkcon.CONSTRAINT_NAME as FK_NAME
from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name from INFORMATION_SCHEMA.referential_constraints) fkcon
inner join INFORMATION_SCHEMA.key_column_usage fkcol on fkcon.CONSTRAINT_SCHEMA = fkcol.CONSTRAINT_SCHEMA and fkcon.CONSTRAINT_NAME = fkcol.CONSTRAINT_NAME
inner join INFORMATION_SCHEMA.key_column_usage pkcol on fkcon.UNIQUE_CONSTRAINT_SCHEMA = pkcol.CONSTRAINT_SCHEMA and fkcon.UNIQUE_CONSTRAINT_NAME = pkcol.CONSTRAINT_NAME
where pkcol.TABLE_SCHEMA = 'gold' and pkcol.TABLE_NAME = 'sales' and pkcol.ORDINAL_POSITION = fkcol.ORDINAL_POSITION order by FK_NAME, fkcol.ORDINAL_POSITION""",
"powerbi indexes":"""select i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME as INDEX_NAME, ii.COLUMN_NAME, ii.ORDINAL_POSITION, case when i.CONSTRAINT_TYPE = 'PRIMARY KEY' then 'Y' else 'N' end as PRIMARY_KEY
from INFORMATION_SCHEMA.table_constraints i inner join INFORMATION_SCHEMA.key_column_usage ii on i.CONSTRAINT_SCHEMA = ii.CONSTRAINT_SCHEMA and i.CONSTRAINT_NAME = ii.CONSTRAINT_NAME and i.TABLE_SCHEMA = ii.TABLE_SCHEMA and i.TABLE_NAME = ii.TABLE_NAME
where i.TABLE_SCHEMA = 'gold' and i.TABLE_NAME = 'sales' and i.CONSTRAINT_TYPE in ('PRIMARY KEY', 'UNIQUE')
order by i.CONSTRAINT_SCHEMA || '_' || i.CONSTRAINT_NAME, ii.TABLE_SCHEMA, ii.TABLE_NAME, ii.ORDINAL_POSITION""",
"pgjdbc getTables":"""SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME,  CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'  WHEN true THEN CASE  WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TABLE'   WHEN 'v' THEN 'SYSTEM VIEW'   WHEN 'i' THEN 'SYSTEM INDEX'   ELSE NULL   END  WHEN n.nspname = 'pg_toast' THEN CASE c.relkind   WHEN 'r' THEN 'SYSTEM TOAST TABLE'   WHEN 'i' THEN 'SYSTEM TOAST INDEX'   ELSE NULL   END  ELSE CASE c.relkind   WHEN 'r' THEN 'TEMPORARY TABLE'   WHEN 'p' THEN 'TEMPORARY TABLE'   ELSE NULL   END  END  WHEN false THEN CASE c.relkind  WHEN 'r' THEN 'TABLE'  WHEN 'p' THEN 'PARTITIONED TABLE'  WHEN 'i' THEN 'INDEX'  WHEN 'v' THEN 'VIEW'  ELSE NULL  END  ELSE NULL  END  AS TABLE_TYPE, d.description AS REMARKS,  '' as TYPE_CAT, '' as TYPE_SCHEM, '' as TYPE_NAME, '' AS SELF_REFERENCING_COL_NAME, '' AS REF_GENERATION  FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c  LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0  and d.classoid = 'pg_class'::regclass)  WHERE c.relnamespace = n.oid  AND n.nspname LIKE 'gold' AND c.relname LIKE '%' AND (false  OR ( c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' )  OR ( c.relkind = 'v' AND n.nspname <> 'pg_catalog' AND n.nspname <> 'information_schema' ) )  ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME""",
"pgjdbc getColumns":"""SELECT * FROM (SELECT current_database() AS current_database, n.nspname,c.relname,a.attname,a.atttypid,a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,dsc.description,t.typbasetype,t.typtype  FROM pg_catalog.pg_namespace n  JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid)  JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid)  JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid)  LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum)  LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid)  LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class')  LEFT JOIN pg_catalog.pg_namespace dn ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog')  WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped  AND n.nspname LIKE 'gold' AND c.relname LIKE 'sales') c WHERE true  ORDER BY nspname,c.relname,attnum""",
"pgjdbc getPrimaryKeys":"""SELECT result.TABLE_CAT, result.TABLE_SCHEM, result.TABLE_NAME, result.COLUMN_NAME, result.KEY_SEQ, result.PK_NAME FROM (SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, ct.relname AS TABLE_NAME, a.attname AS COLUMN_NAME, (information_schema._pg_expandarray(i.indkey)).n AS KEY_SEQ, ci.relname AS PK_NAME, information_schema._pg_expandarray(i.indkey) AS KEYS, a.attnum AS A_ATTNUM FROM pg_catalog.pg_class ct JOIN pg_catalog.pg_attribute a ON (ct.oid = a.attrelid) JOIN pg_catalog.pg_namespace n ON (ct.relnamespace = n.oid) JOIN pg_catalog.pg_index i ON ( a.attrelid = i.indrelid) JOIN pg_catalog.pg_class ci ON (ci.oid = i.indexrelid) WHERE true AND n.nspname = 'gold' AND ct.relname = 'sales' AND i.indisprimary ) result where result.A_ATTNUM = (result.KEYS).x ORDER BY result.table_name, result.pk_name, result.key_seq""",
"pgjdbc getSchemas":"""SELECT nspname AS TABLE_SCHEM, current_database() AS TABLE_CATALOG FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) AND (nspname !~ '^pg_toast_temp_' OR nspname = replace((pg_catalog.current_schemas(true))[1], 'pg_temp_', 'pg_toast_temp_')) ORDER BY TABLE_SCHEM""",
"pgjdbc type":"""SELECT n.nspname = ANY(current_schemas(true)), n.nspname, t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON t.typnamespace = n.oid WHERE t.oid = 1700""",
"psqlodbc tables":"""select relname, nspname, relkind from pg_catalog.pg_class c, pg_catalog.pg_namespace n where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1') and n.oid = relnamespace order by nspname, relname""",
"psqlodbc columns":"""select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules, c.relkind, c.oid, pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, 0, attidentity from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace and c.oid = 'gold.sales'::regclass) inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid) inner join pg_catalog.pg_type t on t.oid = a.atttypid) left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum order by n.nspname, c.relname, attnum""",
"dbeaver db":"SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datname='main'",
"dbeaver ns":"SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname",
"dbeaver types":"""SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C')""",
"dbeaver tables":"""SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,  pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace=(SELECT oid FROM pg_namespace WHERE nspname='gold') AND c.relkind not in ('i','I','c')""",
"dbeaver columns":"""SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.oid='gold.sales'::regclass ORDER BY a.attnum""",
"dbeaver session":"SELECT current_schema(),session_user",
"sqlalchemy has":"""SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace WHERE pg_catalog.pg_class.relname = 'sales' AND pg_catalog.pg_class.relkind = ANY (ARRAY['r', 'p', 'f', 'v', 'm']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid) AND pg_catalog.pg_namespace.nspname != 'pg_catalog'""",
}

# what must be among the rows, or how many there are
EXPECTED = {
    "npgsql types": [("pg_catalog", 1700, "numeric", "b", False, None), ("pg_catalog", 25, "text", "b", False, None)],
    "npgsql composite": 0,
    "npgsql enum": 0,
    "powerbi tables": [("gold", "sales", "BASE TABLE"), ("gold", "v", "VIEW"), ("silver", "x", "BASE TABLE")],
    "powerbi charset": [("UTF8",)],
    "powerbi columns": [("id", 1, "YES", "integer"), ("price", 3, "YES", "numeric"), ("tags", 5, "YES", "ARRAY")],
    "powerbi fk": 0,
    "powerbi indexes": 0,
    "pgjdbc getTables": 2,
    "pgjdbc getColumns": 5,
    "pgjdbc getPrimaryKeys": 0,
    "pgjdbc getSchemas": [("gold", "main"), ("silver", "main")],
    "pgjdbc type": [(1, "pg_catalog", "numeric")],
    "psqlodbc tables": [("sales", "gold", "r"), ("v", "gold", "v"), ("x", "silver", "r")],
    "psqlodbc columns": 5,
    "dbeaver db": 1,
    "dbeaver tables": 2,
    "dbeaver columns": 5,
    "sqlalchemy has": [("sales",)],
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_clients_query(name, client):
    rows = client.execute(QUERIES[name]).fetchall()
    expected = EXPECTED.get(name, [])
    if isinstance(expected, int):
        assert len(rows) == expected
    else:
        assert set(expected) <= set(rows), rows


def test_parameters_and_binary(client):
    query = "SELECT relname, oid FROM pg_class WHERE relname = %s AND relkind = ANY(%s)"
    found = client.execute(query, ("sales", ["r", "v"])).fetchone()
    assert found == client.cursor(binary=True).execute(query, ("sales", ["r", "v"])).fetchone()
    assert client.execute("SELECT 'gold.sales'::regclass::oid FROM pg_namespace LIMIT 1").fetchone() == (found[1],)


def test_what_a_statement_makes_is_seen_at_once(client):
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'gold' ORDER BY 1"
    assert client.execute(tables).fetchall() == [("sales",)]
    client.execute("CREATE TABLE gold.later (a INT)")
    assert client.execute(tables).fetchall() == [("later",), ("sales",)]
    client.execute("DROP TABLE gold.later")
    assert client.execute(tables).fetchall() == [("sales",)]


def test_the_catalog_is_read_only_and_says_what_it_lacks(client):
    with pytest.raises(psycopg.Error, match="does not answer this here"):
        client.execute("SELECT * FROM pg_catalog.pg_no_such_relation")
    with pytest.raises(psycopg.Error):
        client.execute("DELETE FROM pg_catalog.pg_class")
    assert client.execute("SELECT count(*) FROM gold.sales").fetchone() == (0,)


def test_a_users_column_may_begin_as_the_catalogs_relations_do(client):
    client.execute("CREATE TABLE gold.pg_orders (pg_id INT, amount INT)")
    try:
        client.execute("INSERT INTO gold.pg_orders VALUES (1, 2), (2, 3)")
        assert client.execute("SELECT amount FROM gold.pg_orders WHERE pg_id > 1 ORDER BY pg_id").fetchall() == [(3,)]
        assert client.execute("SELECT o.pg_id FROM pg_orders o WHERE o.amount = 2").fetchall() == [(1,)]
    finally:
        client.execute("DROP TABLE gold.pg_orders")


def test_ilike_does_not_count_case_and_like_does(client):
    names = "SELECT relname FROM pg_catalog.pg_class WHERE relname {} ORDER BY 1"
    assert client.execute(names.format("ILIKE 'SAL%'")).fetchall() == [("sales",)]
    assert client.execute(names.format("~~* 'S_LES'")).fetchall() == [("sales",)]
    assert client.execute(names.format("LIKE 'SAL%'")).fetchall() == []


def test_the_catalog_reaches_no_file_and_can_be_canceled(client, tmp_path):
    for text in (f"ATTACH DATABASE '{tmp_path}/x.db' AS pg_catalog", "SELECT * FROM pragma_database_list, pg_catalog.pg_class"):
        with pytest.raises(psycopg.Error):
            client.execute(text)
    assert list(tmp_path.iterdir()) == []
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r, pg_catalog.pg_class"
    timer = threading.Timer(0.3, client.cancel)
    timer.start()
    with pytest.raises(psycopg.errors.QueryCanceled):
        client.execute(endless)
    timer.join()
    assert client.execute("SELECT count(*) FROM pg_catalog.pg_database").fetchone() == (1,)

"""VARIANT columns of tables of ours: made, written and rewritten through `paystreak sql`, read by delta-spark, and the other way."""

import json

import delta_tables
import pytest
from conftest import sql

JSONS = ['{"a":1,"b":[1,2.5,"x",null,true],"c":{"d":"2024"}}', "null", "12.5", '"12"', "12345678901234567890123", "-129", "[]", "{}",
         json.dumps({f"k{i}": "é" * i for i in range(300)}, ensure_ascii=False, sort_keys=True, separators=(",", ":"))]


@pytest.fixture(scope="module")
def spark(tmp_path_factory):
    session = delta_tables.spark_session(tmp_path_factory.mktemp("warehouse"))
    if not session:
        pytest.skip("no Delta jars: scripts/deps test brings them")
    yield session
    session.stop()


@pytest.fixture
def state(tmp_path):
    where = tmp_path / "state"
    values = ", ".join(f"({i}, parse_json('{text}'))" for i, text in enumerate(JSONS))
    sql(where, f"CREATE SCHEMA gold; CREATE TABLE gold.t (id INT, v VARIANT); INSERT INTO gold.t VALUES (100, NULL), {values}")
    return where


def folder(state):
    return state / "lake" / "main" / "gold" / "t"


def spark_rows(spark, state):
    return {r[0]: (r[1], r[2]) for r in spark.sql(f"SELECT id, to_json(v), v IS NULL FROM delta.`{folder(state)}`").collect()}


def test_spark_reads_what_was_parsed(spark, state):
    got = spark_rows(spark, state)
    assert got.pop(100) == (None, True)
    assert {i: text for i, (text, is_null) in got.items()} == dict(enumerate(JSONS))
    assert not any(is_null for _, is_null in got.values())  # a value that is null is a value
    protocol = next(json.loads(line)["protocol"] for line in (folder(state) / "_delta_log" / f"{0:020}.json").read_text().splitlines() if "protocol" in line)
    assert protocol == {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["variantType"], "writerFeatures": ["appendOnly", "invariants", "variantType"]}
    types = {r[0]: r[1] for r in spark.sql(f"SELECT id, schema_of_variant(v) FROM delta.`{folder(state)}` WHERE id IN (0, 2, 4, 5)").collect()}
    assert types == {0: "OBJECT<a: BIGINT, b: ARRAY<VARIANT>, c: OBJECT<d: STRING>>", 2: "DECIMAL(3,1)", 4: "DECIMAL(23,0)", 5: "BIGINT"}
    assert spark.sql(f"SELECT variant_get(v, '$.b[1]', 'double') FROM delta.`{folder(state)}` WHERE id = 0").collect()[0][0] == 2.5


def test_our_sql_reads_them(state):
    got = {r["id"]: r["v"] for r in sql(state, "SELECT id, v FROM gold.t")}
    assert got[0] == json.loads(JSONS[0]) or got[0] == JSONS[0]
    assert sql(state, "SELECT id FROM gold.t WHERE v IS NULL") == [{"id": 100}]
    assert sql(state, "SELECT variant_get(v, '$.c.d', 'int') AS d, v:b[2]::string AS b FROM gold.t WHERE id = 0") == [{"d": 2024, "b": "x"}]


def test_rows_are_rewritten(spark, state):
    sql(state, "UPDATE gold.t SET v = parse_json('[7]') WHERE id = 5; DELETE FROM gold.t WHERE id = 1")
    sql(state, "MERGE INTO gold.t USING (SELECT 6 AS id, parse_json('6') AS v UNION ALL SELECT 200, parse_json('{\"n\":1}')) AS s ON t.id = s.id "
               "WHEN MATCHED THEN UPDATE SET t.v = s.v WHEN NOT MATCHED THEN INSERT *; OPTIMIZE gold.t")
    expected = dict(enumerate(JSONS)) | {5: "[7]", 6: "6", 200: '{"n":1}', 100: None}
    del expected[1]
    assert {i: text for i, (text, _) in spark_rows(spark, state).items()} == expected


def test_both_write_one_table(spark, state):
    spark.sql(f"INSERT INTO delta.`{folder(state)}` SELECT 300, parse_json('{{\"from\":\"spark\"}}')")
    sql(state, "INSERT INTO gold.t SELECT 301, parse_json('{\"from\":\"here\"}')")
    got = spark_rows(spark, state)
    assert got[300] == ('{"from":"spark"}', False) and got[301] == ('{"from":"here"}', False) and len(got) == len(JSONS) + 3
    assert sql(state, "SELECT v:from::string AS f FROM gold.t WHERE id >= 300 ORDER BY id") == [{"f": "spark"}, {"f": "here"}]


def test_a_check_beside_a_variant_is_kept(state):
    sql(state, "CREATE TABLE gold.c (v VARIANT, n INT NOT NULL)")
    sql(state, "INSERT INTO gold.c VALUES (parse_json('1'), 1)")
    with pytest.raises(Exception):
        sql(state, "INSERT INTO gold.c VALUES (parse_json('2'), NULL)")
    assert sql(state, "SELECT count(*) AS n FROM gold.c") == [{"n": 1}]

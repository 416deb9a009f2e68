"""DELETE, UPDATE, MERGE, TRUNCATE, OPTIMIZE, VACUUM, RESTORE through `paystreak sql`, read by delta-rs."""

import json
import subprocess

import pytest
from deltalake import DeltaTable

from conftest import DEADLINE_SEC, environment, lake_rows, program, sql


@pytest.fixture
def state(tmp_path):
    where = tmp_path / "state"
    rows = "VALUES (1, 'a', 10, named_struct('x', 1, 'y', 'p')), (2, 'b', 20, named_struct('x', 2, 'y', 'q')), (3, NULL, 30, NULL)"
    sql(where, f"CREATE SCHEMA gold; CREATE TABLE gold.t (id INT, v STRING, n BIGINT, st STRUCT<x: INT, y: STRING>); INSERT INTO gold.t {rows}")
    return where


def rows(state, columns=("id", "v", "n")):
    return sorted(lake_rows(state, "gold.t", columns))


def refused(state, text):
    done = subprocess.run([str(program()), "sql", "--state", str(state), text], capture_output=True, text=True, timeout=DEADLINE_SEC, env=environment({}))
    assert done.returncode == 1, done.stdout
    return done.stderr


def last(state):
    return DeltaTable(str(state / "lake" / "main" / "gold" / "t")).history(1)[0]


def test_delete_takes_what_the_condition_holds_for(state):
    assert sql(state, "DELETE FROM gold.t AS d WHERE d.v = 'a' OR d.v = 'zz'") == [{"num_affected_rows": 1}]
    assert rows(state) == [(2, "b", 20), (3, None, 30)]
    assert last(state)["operation"] == "DELETE"
    assert sql(state, "DELETE FROM gold.t WHERE id IN (SELECT max(id) FROM gold.t)") == [{"num_affected_rows": 1}]
    assert sql(state, "DELETE FROM gold.t WHERE EXISTS (SELECT 1 FROM gold.t AS o WHERE o.id = t.id + 100)") == [{"num_affected_rows": 0}]
    assert sql(state, "DELETE FROM gold.t") == [{"num_affected_rows": 1}]
    assert rows(state) == []


def test_update_sets_columns_and_fields(state):
    assert sql(state, "UPDATE gold.t AS u SET u.v = upper(u.v) || '!', st.x = u.n + 1, n = DEFAULT WHERE u.n BETWEEN 15 AND 25") == [{"num_affected_rows": 1}]
    assert rows(state, ("id", "v", "n", "st")) == [(1, "a", 10, {"x": 1, "y": "p"}), (2, "B!", None, {"x": 21, "y": "q"}), (3, None, 30, None)]
    # A value is cast to its column; both sides of an assignment see the old row.
    sql(state, "UPDATE gold.t SET n = id, id = n WHERE id = 1")
    assert (10, "a", 1) in rows(state)
    assert "`nope`" in refused(state, "DELETE FROM gold.t WHERE nope = 1") and "'nope'" in refused(state, "UPDATE gold.t SET nope = 1")
    assert "aggregates" in refused(state, "UPDATE gold.t SET id = sum(n)")


def test_merge_sees_both_sides_where_spark_does(state):
    sql(state, "CREATE TABLE gold.s AS SELECT * FROM VALUES (2, 'two', 200L), (9, 'nine', 900L), (8, NULL, 1L) AS s(id, v, n)")
    merge = """
        MERGE INTO gold.t USING (SELECT * FROM gold.s) AS src ON t.id = src.id
        WHEN MATCHED AND src.n > 100 THEN UPDATE SET v = src.v, n = t.n + src.n
        WHEN NOT MATCHED AND v IS NOT NULL THEN INSERT (id, v, n) VALUES (id, upper(v), n)
        WHEN NOT MATCHED BY SOURCE AND n > 20 THEN DELETE"""
    assert sql(state, merge) == [{"num_affected_rows": 3, "num_updated_rows": 1, "num_deleted_rows": 1, "num_inserted_rows": 1}]
    assert rows(state) == [(1, "a", 10), (2, "two", 220), (9, "NINE", 900)]
    metrics = last(state)["operationMetrics"]
    assert last(state)["operation"] == "MERGE" and int(metrics["numTargetRowsInserted"]) == 1
    twice = "MERGE INTO gold.t USING (SELECT * FROM VALUES (1, 'x'), (1, 'y') AS d(id, v)) d ON t.id = d.id WHEN MATCHED THEN UPDATE SET v = d.v"
    assert "DELTA_MULTIPLE_SOURCE_ROW_MATCHING_TARGET_ROW_IN_MERGE" in refused(state, twice)
    sql(state, "MERGE WITH SCHEMA EVOLUTION INTO gold.t USING (SELECT 1 AS id, 'm' AS extra) e ON t.id = e.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
    assert (1, "a", 10, "m") in rows(state, ("id", "v", "n", "extra"))


def test_upkeep_of_a_table(state):
    for i in range(4, 12):
        sql(state, f"INSERT INTO gold.t VALUES ({i}, 'x', {i}, NULL)")
    before = DeltaTable(str(state / "lake" / "main" / "gold" / "t"))
    metrics = json.loads(sql(state, "OPTIMIZE gold.t ZORDER BY (id)")[0]["metrics"])
    after = DeltaTable(str(state / "lake" / "main" / "gold" / "t"))
    assert len(after.file_uris()) == metrics["numFilesAdded"] == 1 and metrics["numFilesRemoved"] == len(before.file_uris()) == 9
    restored = sql(state, "RESTORE TABLE gold.t TO VERSION AS OF 1")
    assert restored[0]["num_restored_files"] == 1 and rows(state) == [(1, "a", 10), (2, "b", 20), (3, None, 30)]
    sql(state, "TRUNCATE TABLE gold.t")
    assert rows(state) == [] and sql(state, "VACUUM gold.t DRY RUN") == []
    assert "retention" in refused(state, "VACUUM gold.t RETAIN 0 HOURS").lower()
    gone = sql(state, "SET spark.databricks.delta.retentionDurationCheck.enabled = false; VACUUM gold.t RETAIN 0 HOURS")
    assert gone[-1]["path"].endswith("/gold/t") and not list((state / "lake" / "main" / "gold" / "t").glob("*.parquet"))
    assert "partition columns" in refused(state, "OPTIMIZE gold.t WHERE length(v) > 1")


def describe(state):
    return [tuple(row.values())[:2] for row in sql(state, "DESCRIBE gold.t")]


def test_alter_changes_columns_and_rules(state):
    sql(state, "ALTER TABLE gold.t ADD COLUMNS (w DOUBLE COMMENT 'weight', st.z DATE)")
    sql(state, "ALTER TABLE gold.t ADD COLUMN k STRING FIRST")
    assert [name for name, _ in describe(state)] == ["k", "id", "v", "n", "st", "w"] and "z:date" in dict(describe(state))["st"]
    assert "columnMapping" in refused(state, "ALTER TABLE gold.t DROP COLUMN w")
    sql(state, "ALTER TABLE gold.t SET TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'my.note' = 'x')")
    sql(state, "ALTER TABLE gold.t RENAME COLUMN v TO label; ALTER TABLE gold.t DROP COLUMN w; ALTER TABLE gold.t ALTER COLUMN label COMMENT 'what it is'")
    assert [name for name, _ in describe(state)] == ["k", "id", "label", "n", "st"]
    assert sql(state, "SELECT id, label FROM gold.t ORDER BY id")[:2] == [{"id": 1, "label": "a"}, {"id": 2, "label": "b"}]
    sql(state, "ALTER TABLE gold.t ADD CONSTRAINT positive CHECK (id > 0 AND n < 1000)")
    assert "positive" in refused(state, "INSERT INTO gold.t (id, n) VALUES (-1, 1)")
    assert "NULL" in refused(state, "ALTER TABLE gold.t ALTER COLUMN label SET NOT NULL")
    sql(state, "ALTER TABLE gold.t DROP CONSTRAINT positive; INSERT INTO gold.t (id, n) VALUES (-1, 1)")
    sql(state, "COMMENT ON TABLE gold.t IS 'all of it'")
    assert sql(state, "DESCRIBE DETAIL gold.t")[0]["description"] == "all of it"
    sql(state, "ALTER TABLE gold.t UNSET TBLPROPERTIES ('my.note')")
    assert "my.note" in refused(state, "ALTER TABLE gold.t UNSET TBLPROPERTIES ('my.note')")
    assert "RENAME" in refused(state, "ALTER TABLE gold.t RENAME TO gold.u")


def test_columns_that_fill_themselves(tmp_path):
    state = tmp_path / "state"
    sql(state, "CREATE SCHEMA gold; CREATE TABLE gold.t (id BIGINT GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 5), at TIMESTAMP NOT NULL, "
               "day DATE GENERATED ALWAYS AS (CAST(at AS DATE)), kind STRING DEFAULT 'new')")
    sql(state, "INSERT INTO gold.t (at) VALUES (TIMESTAMP '2024-02-03 04:05:06'), (TIMESTAMP '2024-02-04 00:00:00')")
    sql(state, "INSERT INTO gold.t (at, kind) VALUES (TIMESTAMP '2024-03-01 00:00:00', 'old')")
    got = sql(state, "SELECT id, CAST(day AS STRING) AS day, kind FROM gold.t ORDER BY day")
    assert [(row["day"], row["kind"]) for row in got] == [("2024-02-03", "new"), ("2024-02-04", "new"), ("2024-03-01", "old")]
    assert len({row["id"] for row in got}) == 3 and all(row["id"] % 5 == 0 and row["id"] >= 10 for row in got)
    assert "at" in refused(state, "INSERT INTO gold.t (kind) VALUES ('x')")


def test_insert_replaces_what_it_is_told_to(tmp_path):
    state = tmp_path / "state"
    sql(state, "CREATE SCHEMA gold; CREATE TABLE gold.t (id INT, day DATE) PARTITIONED BY (day)")
    sql(state, "INSERT INTO gold.t VALUES (1, DATE '2024-01-01'), (2, DATE '2024-01-02'), (3, DATE '2024-01-03')")

    def ids():
        return sorted(row[0] for row in lake_rows(state, "gold.t", ("id",)))

    sql(state, "INSERT INTO gold.t REPLACE WHERE day >= DATE '2024-01-02' SELECT 20, DATE '2024-01-02'")
    assert ids() == [1, 20]
    assert "DELTA_REPLACE_WHERE_MISMATCH" in refused(state, "INSERT INTO gold.t REPLACE WHERE day = DATE '2024-01-02' SELECT 30, DATE '2024-01-05'")
    assert ids() == [1, 20]
    sql(state, "SET spark.sql.sources.partitionOverwriteMode = dynamic; INSERT OVERWRITE gold.t SELECT 10, DATE '2024-01-01'")
    assert ids() == [10, 20]
    sql(state, "INSERT OVERWRITE gold.t SELECT 7, DATE '2024-01-07'")
    assert ids() == [7]

-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Bronze
-- MAGIC The capture of the event hub writes the raw events as a Delta table. This notebook gives the table its name,
-- MAGIC checks it and keeps a record of what it holds.

-- COMMAND ----------

CREATE SCHEMA IF NOT EXISTS main.bronze;
CREATE SCHEMA IF NOT EXISTS main.silver;
CREATE SCHEMA IF NOT EXISTS main.gold;

-- COMMAND ----------

CREATE TABLE IF NOT EXISTS main.bronze.sales_events
USING DELTA
LOCATION 'abfss://bronze@paystreakretail.dfs.core.windows.net/sales_events';

-- COMMAND ----------

-- DBTITLE 1,No event is captured twice
SELECT assert_true(count(*) = 0, 'an event of the hub is captured twice') AS captured_once
FROM (
  SELECT topic, partition, offset
  FROM main.bronze.sales_events
  GROUP BY topic, partition, offset
  HAVING count(*) > 1
);

-- COMMAND ----------

-- DBTITLE 1,Record what is there
CREATE TABLE IF NOT EXISTS main.bronze.capture_counts (
  checked_at TIMESTAMP,
  topic STRING,
  partition INT,
  events BIGINT,
  first_offset BIGINT,
  last_offset BIGINT,
  last_enqueued_time TIMESTAMP
);

INSERT INTO main.bronze.capture_counts
SELECT
  current_timestamp() AS checked_at,
  topic,
  partition,
  count(*) AS events,
  min(offset) AS first_offset,
  max(offset) AS last_offset,
  max(enqueuedTime) AS last_enqueued_time
FROM main.bronze.sales_events
GROUP BY topic, partition;

-- COMMAND ----------

SELECT topic, partition, events, first_offset, last_offset
FROM main.bronze.capture_counts
WHERE checked_at = (SELECT max(checked_at) FROM main.bronze.capture_counts)
ORDER BY topic, partition;

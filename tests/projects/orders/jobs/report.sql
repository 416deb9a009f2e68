-- Databricks notebook source
CREATE OR REPLACE VIEW main.mart.unpaid AS
SELECT order_id, depot, total FROM main.mart.order_status WHERE status = 'open';

-- COMMAND ----------

SELECT depot, count(*) AS orders, sum(total) AS total FROM main.mart.unpaid GROUP BY depot ORDER BY depot;

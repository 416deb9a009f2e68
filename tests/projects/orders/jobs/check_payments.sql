-- Databricks notebook source
CREATE TABLE IF NOT EXISTS main.ops.payments_raw USING DELTA LOCATION 'abfss://raw@ordersdata.dfs.core.windows.net/payments';

-- COMMAND ----------

SELECT count(*) AS payments FROM main.ops.payments_raw;

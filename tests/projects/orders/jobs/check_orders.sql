-- Databricks notebook source
CREATE TABLE IF NOT EXISTS main.ops.orders_raw USING DELTA LOCATION 'abfss://raw@ordersdata.dfs.core.windows.net/orders';

-- COMMAND ----------

SELECT count(*) AS orders FROM main.ops.orders_raw;

-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Gold: sales
-- MAGIC Business views that the dashboard and Power BI read.

-- COMMAND ----------

CREATE OR REPLACE VIEW main.gold.sales_totals AS
SELECT
  sum(sales_amount) AS sales_amount,
  sum(quantity) AS quantity,
  count(DISTINCT order_number) AS orders,
  count(*) AS order_lines,
  count(DISTINCT customer_key) AS customers,
  round(sum(sales_amount) / count(DISTINCT order_number), 2) AS average_order
FROM main.gold.fact_sales;

-- COMMAND ----------

CREATE OR REPLACE VIEW main.gold.sales_by_product AS
SELECT
  p.product_key,
  p.product_name,
  p.category,
  p.subcategory,
  p.product_line,
  sum(f.sales_amount) AS sales_amount,
  sum(f.quantity) AS quantity,
  sum(f.sales_amount - f.quantity * p.cost) AS margin,
  CASE
    WHEN sum(f.sales_amount) > 50000 THEN 'High'
    WHEN sum(f.sales_amount) >= 10000 THEN 'Middle'
    ELSE 'Low'
  END AS segment
FROM main.gold.fact_sales f
JOIN main.gold.dim_products p ON f.product_key = p.product_key
GROUP BY p.product_key, p.product_name, p.category, p.subcategory, p.product_line;

-- COMMAND ----------

CREATE OR REPLACE VIEW main.gold.sales_running_total AS
SELECT
  month,
  sales_amount,
  sum(sales_amount) OVER (ORDER BY month) AS running_total,
  sales_amount - lag(sales_amount) OVER (ORDER BY month) AS change
FROM main.gold.sales_by_month;

-- COMMAND ----------

SELECT * FROM main.gold.sales_totals;

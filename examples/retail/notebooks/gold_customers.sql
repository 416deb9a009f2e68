-- Databricks notebook source
-- MAGIC %md
-- MAGIC # Gold: customers
-- MAGIC How long, how often and how much each customer buys.

-- COMMAND ----------

CREATE OR REPLACE VIEW main.gold.customer_report AS
WITH bought AS (
  SELECT
    customer_key,
    sum(sales_amount) AS sales_amount,
    count(DISTINCT order_number) AS orders,
    min(order_date) AS first_order_date,
    max(order_date) AS last_order_date
  FROM main.gold.fact_sales
  WHERE customer_key IS NOT NULL
  GROUP BY customer_key
)
SELECT
  c.customer_key,
  c.customer_number,
  concat_ws(' ', c.first_name, c.last_name) AS customer_name,
  c.country,
  c.gender,
  CASE
    WHEN c.birthdate IS NULL THEN 'n/a'
    WHEN year(b.last_order_date) - year(c.birthdate) < 30 THEN 'Under 30'
    WHEN year(b.last_order_date) - year(c.birthdate) < 50 THEN '30-49'
    ELSE '50 and above'
  END AS age_group,
  b.sales_amount,
  b.orders,
  b.first_order_date,
  b.last_order_date,
  CASE
    WHEN datediff(b.last_order_date, b.first_order_date) >= 365 AND b.sales_amount > 5000 THEN 'VIP'
    WHEN datediff(b.last_order_date, b.first_order_date) >= 365 THEN 'Regular'
    ELSE 'New'
  END AS segment
FROM bought b
JOIN main.gold.dim_customers c ON b.customer_key = c.customer_key;

-- COMMAND ----------

CREATE OR REPLACE VIEW main.gold.customer_segments AS
SELECT segment, age_group, count(*) AS customers, sum(sales_amount) AS sales_amount
FROM main.gold.customer_report
GROUP BY segment, age_group;

-- COMMAND ----------

SELECT * FROM main.gold.customer_segments ORDER BY sales_amount DESC;

CREATE OR REFRESH MATERIALIZED VIEW gold.sales_by_month
COMMENT 'Sales of each month; order lines without a valid order date are left out'
AS
SELECT
  CAST(date_trunc('MONTH', order_date) AS DATE) AS month,
  sum(sales_amount) AS sales_amount,
  sum(quantity) AS quantity,
  count(DISTINCT order_number) AS orders,
  count(DISTINCT customer_key) AS customers
FROM gold.fact_sales
WHERE order_date IS NOT NULL
GROUP BY CAST(date_trunc('MONTH', order_date) AS DATE);

CREATE OR REFRESH MATERIALIZED VIEW gold.sales_by_country
COMMENT 'Sales of each country'
AS
SELECT
  coalesce(c.country, 'n/a') AS country,
  sum(f.sales_amount) AS sales_amount,
  sum(f.quantity) AS quantity,
  count(DISTINCT f.order_number) AS orders,
  count(DISTINCT f.customer_key) AS customers
FROM gold.fact_sales f
LEFT JOIN gold.dim_customers c ON f.customer_key = c.customer_key
GROUP BY coalesce(c.country, 'n/a');

CREATE OR REFRESH MATERIALIZED VIEW gold.sales_by_category
COMMENT 'Sales of each category and subcategory'
AS
SELECT
  coalesce(p.category, 'n/a') AS category,
  coalesce(p.subcategory, 'n/a') AS subcategory,
  sum(f.sales_amount) AS sales_amount,
  sum(f.quantity) AS quantity,
  count(DISTINCT f.order_number) AS orders
FROM gold.fact_sales f
LEFT JOIN gold.dim_products p ON f.product_key = p.product_key
GROUP BY coalesce(p.category, 'n/a'), coalesce(p.subcategory, 'n/a');

CREATE OR REFRESH MATERIALIZED VIEW gold.top_customers
COMMENT 'The hundred customers who bought most'
AS
SELECT rank, customer_key, customer_name, country, sales_amount, orders, last_order_date
FROM (
  SELECT
    row_number() OVER (ORDER BY sum(f.sales_amount) DESC, c.customer_key) AS rank,
    c.customer_key,
    concat_ws(' ', c.first_name, c.last_name) AS customer_name,
    c.country,
    sum(f.sales_amount) AS sales_amount,
    count(DISTINCT f.order_number) AS orders,
    max(f.order_date) AS last_order_date
  FROM gold.fact_sales f
  JOIN gold.dim_customers c ON f.customer_key = c.customer_key
  GROUP BY c.customer_key, c.first_name, c.last_name, c.country
)
WHERE rank <= 100;

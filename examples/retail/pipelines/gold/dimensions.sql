CREATE OR REFRESH MATERIALIZED VIEW gold.dim_customers (
  CONSTRAINT has_key EXPECT (customer_key IS NOT NULL) ON VIOLATION FAIL UPDATE
)
COMMENT 'Customers; the gender is that of the CRM, of the ERP where the CRM does not know it'
AS
SELECT
  row_number() OVER (ORDER BY c.customer_id) AS customer_key,
  c.customer_id,
  c.customer_number,
  c.first_name,
  c.last_name,
  coalesce(l.country, 'n/a') AS country,
  c.marital_status,
  CASE WHEN c.gender <> 'n/a' THEN c.gender ELSE coalesce(b.gender, 'n/a') END AS gender,
  b.birthdate,
  c.create_date
FROM silver.customers c
LEFT JOIN silver.birthdays b ON c.customer_number = b.customer_number
LEFT JOIN silver.countries l ON c.customer_number = l.customer_number;

CREATE OR REFRESH MATERIALIZED VIEW gold.dim_products (
  CONSTRAINT has_key EXPECT (product_key IS NOT NULL) ON VIOLATION FAIL UPDATE
)
COMMENT 'Products as they are sold now'
AS
SELECT
  row_number() OVER (ORDER BY p.start_date, p.product_number) AS product_key,
  p.product_id,
  p.product_number,
  p.product_name,
  p.category_id,
  c.category,
  c.subcategory,
  c.maintenance,
  p.cost,
  p.product_line,
  p.start_date
FROM silver.products p
LEFT JOIN silver.categories c ON p.category_id = c.category_id
WHERE p.end_date IS NULL;

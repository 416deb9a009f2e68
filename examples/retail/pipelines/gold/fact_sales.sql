CREATE OR REFRESH MATERIALIZED VIEW gold.fact_sales (
  CONSTRAINT known_product EXPECT (product_key IS NOT NULL),
  CONSTRAINT known_customer EXPECT (customer_key IS NOT NULL)
)
COMMENT 'One row per order line; a key is null while its dimension does not hold the product or customer'
AS
SELECT
  s.order_number,
  p.product_key,
  c.customer_key,
  s.order_date,
  s.shipping_date,
  s.due_date,
  s.sales_amount,
  s.quantity,
  s.price
FROM silver.sales_enriched s
LEFT JOIN gold.dim_products p ON s.product_number = p.product_number
LEFT JOIN gold.dim_customers c ON s.customer_id = c.customer_id;

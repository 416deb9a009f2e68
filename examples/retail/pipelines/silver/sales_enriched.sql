-- Where stream and batch meet: each order line once, with the customer and the product as they landed last.
CREATE OR REFRESH MATERIALIZED VIEW silver.sales_enriched
COMMENT 'One row per order line, joined with the landed customers and products'
AS
SELECT
  s.order_number,
  s.product_number,
  s.customer_id,
  s.order_date,
  s.shipping_date,
  s.due_date,
  s.sales_amount,
  s.quantity,
  s.price,
  c.customer_number,
  c.first_name,
  c.last_name,
  p.product_id,
  p.product_name,
  p.category_id,
  p.product_line,
  p.cost,
  s.sent_at
FROM (
  -- An event that was sent again is the same order line: the first one counts.
  SELECT
    *,
    row_number() OVER (
      PARTITION BY order_number, product_number
      ORDER BY event_partition, event_offset
    ) AS arrival
  FROM silver.sales
) s
LEFT JOIN silver.customers c ON s.customer_id = c.customer_id
LEFT JOIN silver.products p ON s.product_number = p.product_number AND p.end_date IS NULL
WHERE s.arrival = 1;

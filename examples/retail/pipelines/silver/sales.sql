-- Sales lines out of the captured events: flattened, typed and mended, each event once.
CREATE OR REFRESH STREAMING TABLE silver.sales (
  CONSTRAINT known_origin EXPECT (event_partition IS NOT NULL AND event_offset IS NOT NULL) ON VIOLATION FAIL UPDATE,
  CONSTRAINT readable_line EXPECT (order_number IS NOT NULL AND product_number IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT valid_order_date EXPECT (order_date IS NOT NULL),
  CONSTRAINT sales_as_sent EXPECT (NOT sales_mended),
  CONSTRAINT price_as_sent EXPECT (NOT price_mended)
)
COMMENT 'One row per captured sales event; dates are real days or null, amounts agree with quantity and price'
AS
SELECT
  sls_ord_num AS order_number,
  sls_prd_key AS product_number,
  sls_cust_id AS customer_id,
  CASE
    WHEN sls_order_dt RLIKE '^[0-9]{8}$'
    THEN try_cast(concat(substring(sls_order_dt, 1, 4), '-', substring(sls_order_dt, 5, 2), '-', substring(sls_order_dt, 7, 2)) AS DATE)
  END AS order_date,
  CASE
    WHEN sls_ship_dt RLIKE '^[0-9]{8}$'
    THEN try_cast(concat(substring(sls_ship_dt, 1, 4), '-', substring(sls_ship_dt, 5, 2), '-', substring(sls_ship_dt, 7, 2)) AS DATE)
  END AS shipping_date,
  CASE
    WHEN sls_due_dt RLIKE '^[0-9]{8}$'
    THEN try_cast(concat(substring(sls_due_dt, 1, 4), '-', substring(sls_due_dt, 5, 2), '-', substring(sls_due_dt, 7, 2)) AS DATE)
  END AS due_date,
  CASE
    WHEN sls_sales IS NULL OR sls_sales <= 0 OR sls_sales <> sls_quantity * abs(sls_price)
    THEN sls_quantity * abs(sls_price)
    ELSE sls_sales
  END AS sales_amount,
  sls_quantity AS quantity,
  CASE
    WHEN sls_price IS NULL OR sls_price = 0
    THEN CAST(abs(sls_sales / nullif(sls_quantity, 0)) AS BIGINT)
    ELSE abs(sls_price)
  END AS price,
  coalesce(sls_sales IS NULL OR sls_sales <= 0 OR sls_sales <> sls_quantity * abs(sls_price), false) AS sales_mended,
  sls_price IS NULL OR sls_price <= 0 AS price_mended,
  event_partition,
  event_offset,
  sent_at
FROM (
  SELECT
    event.order.sls_ord_num,
    event.order.sls_prd_key,
    event.order.sls_cust_id,
    CAST(event.order.sls_order_dt AS STRING) AS sls_order_dt,
    CAST(event.order.sls_ship_dt AS STRING) AS sls_ship_dt,
    CAST(event.order.sls_due_dt AS STRING) AS sls_due_dt,
    CAST(event.order.sls_sales AS BIGINT) AS sls_sales,
    CAST(event.order.sls_quantity AS BIGINT) AS sls_quantity,
    CAST(event.order.sls_price AS BIGINT) AS sls_price,
    event_partition,
    event_offset,
    sent_at
  FROM (
    SELECT
      from_json(
        CAST(body AS STRING),
        'order STRUCT<sls_ord_num: STRING, sls_prd_key: STRING, sls_cust_id: INT, sls_order_dt: BIGINT, sls_ship_dt: BIGINT, sls_due_dt: BIGINT, sls_sales: INT, sls_quantity: INT, sls_price: INT>'
      ) AS event,
      partition AS event_partition,
      offset AS event_offset,
      enqueuedTime AS sent_at
    FROM STREAM(bronze.sales_events)
  )
);

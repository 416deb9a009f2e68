-- Products of the CRM with their history, and the categories of the ERP.
CREATE OR REFRESH STREAMING TABLE silver.crm_products (
  CONSTRAINT whole_row EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_product_id EXPECT (product_id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT known_cost EXPECT (cost > 0),
  CONSTRAINT ends_after_start EXPECT (source_end_date IS NULL OR source_end_date >= start_date)
)
COMMENT 'Products as they landed, one row per landed row'
AS
SELECT
  try_cast(prd_id AS INT) AS product_id,
  prd_key AS source_key,
  replace(substring(prd_key, 1, 5), '-', '_') AS category_id,
  substring(prd_key, 7) AS product_number,
  prd_nm AS product_name,
  coalesce(try_cast(prd_cost AS INT), 0) AS cost,
  CASE upper(trim(prd_line))
    WHEN 'M' THEN 'Mountain'
    WHEN 'R' THEN 'Road'
    WHEN 'S' THEN 'Other Sales'
    WHEN 'T' THEN 'Touring'
    ELSE 'n/a'
  END AS product_line,
  try_cast(prd_start_dt AS DATE) AS start_date,
  try_cast(prd_end_dt AS DATE) AS source_end_date,
  landed_at,
  _rescued_data
FROM STREAM read_files(
  '${landing}/crm_products/',
  format => 'csv',
  header => true,
  schema => 'prd_id STRING, prd_key STRING, prd_nm STRING, prd_cost STRING, prd_line STRING, prd_start_dt STRING, prd_end_dt STRING, landed_at STRING, run_id STRING',
  rescuedDataColumn => '_rescued_data'
);

CREATE OR REFRESH MATERIALIZED VIEW silver.products
COMMENT 'The latest row of each product version; a version ends the day before the next one starts'
AS
SELECT
  product_id,
  category_id,
  product_number,
  product_name,
  cost,
  product_line,
  start_date,
  date_sub(lead(start_date) OVER (PARTITION BY source_key ORDER BY start_date, product_id), 1) AS end_date
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY product_id
      ORDER BY landed_at DESC, start_date DESC
    ) AS newest
  FROM silver.crm_products
)
WHERE newest = 1;

CREATE OR REFRESH STREAMING TABLE silver.erp_categories (
  CONSTRAINT whole_row EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_category_id EXPECT (category_id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT known_maintenance EXPECT (maintenance IN ('Yes', 'No'))
)
COMMENT 'Categories as they landed'
AS
SELECT
  nullif(trim(ID), '') AS category_id,
  trim(CAT) AS category,
  trim(SUBCAT) AS subcategory,
  trim(MAINTENANCE) AS maintenance,
  landed_at,
  _rescued_data
FROM STREAM read_files(
  '${landing}/erp_categories/',
  format => 'csv',
  header => true,
  schema => 'ID STRING, CAT STRING, SUBCAT STRING, MAINTENANCE STRING, landed_at STRING, run_id STRING',
  rescuedDataColumn => '_rescued_data'
);

CREATE OR REFRESH MATERIALIZED VIEW silver.categories
COMMENT 'The latest row of each category'
AS
SELECT category_id, category, subcategory, maintenance
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY category_id
      ORDER BY landed_at DESC, category, subcategory
    ) AS newest
  FROM silver.erp_categories
)
WHERE newest = 1;

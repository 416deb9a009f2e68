-- Customers of the CRM, with birthdays and countries of the ERP.
-- Every file that lands adds rows to the streaming tables; the views beside them keep the latest of each key.
CREATE OR REFRESH STREAMING TABLE silver.crm_customers (
  CONSTRAINT whole_row EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_customer_id EXPECT (customer_id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT known_gender EXPECT (gender <> 'n/a'),
  CONSTRAINT known_marital_status EXPECT (marital_status <> 'n/a')
)
COMMENT 'Customers as they landed, one row per landed row'
AS
SELECT
  try_cast(cst_id AS INT) AS customer_id,
  trim(cst_key) AS customer_number,
  nullif(trim(cst_firstname), '') AS first_name,
  nullif(trim(cst_lastname), '') AS last_name,
  CASE upper(trim(cst_marital_status))
    WHEN 'S' THEN 'Single'
    WHEN 'M' THEN 'Married'
    ELSE 'n/a'
  END AS marital_status,
  CASE
    WHEN upper(trim(cst_gndr)) IN ('F', 'FEMALE') THEN 'Female'
    WHEN upper(trim(cst_gndr)) IN ('M', 'MALE') THEN 'Male'
    ELSE 'n/a'
  END AS gender,
  try_cast(cst_create_date AS DATE) AS create_date,
  landed_at,
  run_id,
  _rescued_data
FROM STREAM read_files(
  '${landing}/crm_customers/',
  format => 'csv',
  header => true,
  schema => 'cst_id STRING, cst_key STRING, cst_firstname STRING, cst_lastname STRING, cst_marital_status STRING, cst_gndr STRING, cst_create_date STRING, landed_at STRING, run_id STRING',
  rescuedDataColumn => '_rescued_data'
);

CREATE OR REFRESH MATERIALIZED VIEW silver.customers
COMMENT 'The latest row of each customer'
AS
SELECT customer_id, customer_number, first_name, last_name, marital_status, gender, create_date, landed_at
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY customer_id
      ORDER BY create_date DESC, landed_at DESC, customer_number
    ) AS newest
  FROM silver.crm_customers
)
WHERE newest = 1;

CREATE OR REFRESH STREAMING TABLE silver.erp_birthdays (
  CONSTRAINT whole_row EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_customer_number EXPECT (customer_number IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT born_already EXPECT (birthdate IS NULL OR birthdate <= current_date())
)
COMMENT 'Birthdays and genders as they landed'
AS
SELECT
  nullif(regexp_replace(trim(CID), '^NAS', ''), '') AS customer_number,
  try_cast(BDATE AS DATE) AS birthdate,
  CASE
    WHEN upper(trim(GEN)) IN ('F', 'FEMALE') THEN 'Female'
    WHEN upper(trim(GEN)) IN ('M', 'MALE') THEN 'Male'
    ELSE 'n/a'
  END AS gender,
  landed_at,
  _rescued_data
FROM STREAM read_files(
  '${landing}/erp_birthdays/',
  format => 'csv',
  header => true,
  schema => 'CID STRING, BDATE STRING, GEN STRING, landed_at STRING, run_id STRING',
  rescuedDataColumn => '_rescued_data'
);

CREATE OR REFRESH MATERIALIZED VIEW silver.birthdays
COMMENT 'The latest birthday of each customer; one in the future is unknown'
AS
SELECT
  customer_number,
  CASE WHEN birthdate <= current_date() THEN birthdate END AS birthdate,
  gender
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY customer_number
      ORDER BY landed_at DESC, birthdate, gender
    ) AS newest
  FROM silver.erp_birthdays
)
WHERE newest = 1;

CREATE OR REFRESH STREAMING TABLE silver.erp_countries (
  CONSTRAINT whole_row EXPECT (_rescued_data IS NULL) ON VIOLATION DROP ROW,
  CONSTRAINT has_customer_number EXPECT (customer_number IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT known_country EXPECT (country <> 'n/a')
)
COMMENT 'Countries as they landed'
AS
SELECT
  nullif(regexp_replace(trim(CID), '-', ''), '') AS customer_number,
  CASE
    WHEN upper(trim(CNTRY)) = 'DE' THEN 'Germany'
    WHEN upper(trim(CNTRY)) IN ('US', 'USA') THEN 'United States'
    ELSE coalesce(nullif(trim(CNTRY), ''), 'n/a')
  END AS country,
  landed_at,
  _rescued_data
FROM STREAM read_files(
  '${landing}/erp_countries/',
  format => 'csv',
  header => true,
  schema => 'CID STRING, CNTRY STRING, landed_at STRING, run_id STRING',
  rescuedDataColumn => '_rescued_data'
);

CREATE OR REFRESH MATERIALIZED VIEW silver.countries
COMMENT 'The latest country of each customer'
AS
SELECT customer_number, country
FROM (
  SELECT
    *,
    row_number() OVER (
      PARTITION BY customer_number
      ORDER BY landed_at DESC, country
    ) AS newest
  FROM silver.erp_countries
)
WHERE newest = 1;

CREATE OR REFRESH STREAMING TABLE depots_landed (
  CONSTRAINT coded EXPECT (code IS NOT NULL) ON VIOLATION DROP ROW
) AS
SELECT code, title, city, stamp
FROM STREAM read_files(
  '${dropzone}/depots/',
  format => 'csv',
  header => true,
  schema => 'code STRING, title STRING, city STRING, stamp STRING'
);

CREATE OR REFRESH MATERIALIZED VIEW depots AS
WITH ranked AS (
  SELECT code, title, city, row_number() OVER (PARTITION BY code ORDER BY stamp DESC) AS nth
  FROM depots_landed
)
SELECT code, title, city FROM ranked WHERE nth = 1;

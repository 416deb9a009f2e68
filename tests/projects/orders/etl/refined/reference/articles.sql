CREATE OR REFRESH STREAMING TABLE articles_landed AS
SELECT code, title, CAST(weight_kg AS DOUBLE) AS weight_kg, stamp
FROM STREAM read_files(
  '${dropzone}/articles/',
  format => 'csv',
  header => true,
  schema => 'code STRING, title STRING, weight_kg STRING, stamp STRING'
);

CREATE OR REFRESH MATERIALIZED VIEW articles AS
SELECT code, max(title) AS title, max(weight_kg) AS weight_kg
FROM articles_landed
GROUP BY code;

CREATE OR REFRESH STREAMING TABLE main.refined.placed (
  CONSTRAINT whole EXPECT (id IS NOT NULL) ON VIOLATION DROP ROW,
  CONSTRAINT domestic EXPECT (country IS NOT NULL)
) AS
SELECT
  e.id,
  CAST(e.placed_at AS TIMESTAMP) AS placed_at,
  e.depot,
  upper(trim(e.article)) AS article,
  e.pieces,
  e.price,
  e.pieces * e.price AS total,
  e.gift,
  lower(e.buyer.mail) AS mail,
  e.buyer.country AS country
FROM (
  SELECT from_json(
    CAST(body AS STRING),
    'id STRING, placed_at STRING, depot STRING, article STRING, pieces INT, price DOUBLE, gift BOOLEAN, buyer STRUCT<mail: STRING, country: STRING>'
  ) AS e
  FROM STREAM(main.ops.orders_raw)
);

CREATE OR REFRESH STREAMING TABLE main.refined.paid (
  CONSTRAINT not_void EXPECT (amount > 0) ON VIOLATION DROP ROW
) AS
SELECT p.`order` AS order_id, p.amount, p.method
FROM (
  SELECT from_json(CAST(body AS STRING), '`order` STRING, amount DOUBLE, method STRING') AS p
  FROM STREAM(main.ops.payments_raw)
);

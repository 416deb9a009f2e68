CREATE OR REFRESH MATERIALIZED VIEW order_status AS
SELECT
  o.id AS order_id,
  o.placed_at,
  coalesce(d.title, 'unknown depot') AS depot,
  a.title AS article,
  o.pieces * a.weight_kg AS weight_kg,
  o.total,
  p.method,
  CASE WHEN p.order_id IS NULL THEN 'open' ELSE 'paid' END AS status
FROM main.refined.placed o
LEFT JOIN main.refined.depots d ON d.code = o.depot
LEFT JOIN main.refined.articles a ON a.code = o.article
LEFT JOIN main.refined.paid p ON p.order_id = o.id;

CREATE OR REFRESH MATERIALIZED VIEW depot_revenue AS
SELECT
  depot,
  count(*) AS orders,
  count_if(status = 'open') AS open_orders,
  sum(total) AS total,
  sum(CASE WHEN status = 'paid' THEN total ELSE 0 END) AS paid
FROM order_status
GROUP BY depot;

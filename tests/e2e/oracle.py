"""The gold tables and the dirt of the retail project, computed from its CSV files in plain DuckDB.

It is independent of the pipelines on purpose: the cleaning rules are written here a second time, as one
batch over the six files. `gold` returns what the gold tables must hold, `expectations` how many rows each
expectation of the pipelines must have passed and failed, both as the pipelines' tables spell names.

    python oracle.py FOLDER     prints the counts
"""

import sys
from pathlib import Path

import duckdb

COLUMNS = {
    "dim_customers": "customer_key customer_id customer_number first_name last_name country marital_status "
    "gender birthdate create_date",
    "dim_products": "product_key product_id product_number product_name category_id category subcategory "
    "maintenance cost product_line start_date",
    "fact_sales": "order_number product_key customer_key order_date shipping_date due_date sales_amount "
    "quantity price",
    "sales_by_month": "month sales_amount quantity orders customers",
    "sales_by_country": "country sales_amount quantity orders customers",
    "sales_by_category": "category subcategory sales_amount quantity orders",
    "top_customers": "rank customer_key customer_name country sales_amount orders last_order_date",
}
COLUMNS = {name: tuple(columns.split()) for name, columns in COLUMNS.items()}

FILES = {
    "raw_customers": "source_crm/cust_info.csv",
    "raw_products": "source_crm/prd_info.csv",
    "raw_sales": "source_crm/sales_details.csv",
    "raw_birthdays": "source_erp/CUST_AZ12.csv",
    "raw_countries": "source_erp/LOC_A101.csv",
    "raw_categories": "source_erp/PX_CAT_G1V2.csv",
}

# Each table reads those above it.
TABLES = """
-- A date is valid if it has 8 digits and is a real day.
create macro day8(t) as if(regexp_full_match(t, '\\d{8}'), try_strptime(t, '%Y%m%d')::date, null);
create macro sex(t) as case left(upper(trim(t)), 1) when 'M' then 'Male' when 'F' then 'Female' else 'n/a' end;

create table customers as
  select cst_id::int as id, cst_key as number, nullif(trim(cst_firstname), '') as first_name,
    nullif(trim(cst_lastname), '') as last_name,
    case cst_marital_status when 'S' then 'Single' when 'M' then 'Married' else 'n/a' end as marital_status,
    sex(cst_gndr) as gender, cst_create_date::date as created
  from raw_customers where cst_id is not null
  qualify row_number() over (partition by cst_id order by cst_create_date desc nulls last) = 1;

create table versions as
  select prd_id::int as id, prd_key, replace(prd_key[1:5], '-', '_') as category_id, prd_key[7:] as number,
    prd_nm as name, coalesce(prd_cost::int, 0) as cost,
    case trim(prd_line) when 'M' then 'Mountain' when 'R' then 'Road' when 'S' then 'Other Sales'
      when 'T' then 'Touring' else 'n/a' end as line,
    prd_start_dt::date as started,
    lead(prd_start_dt::date) over (partition by prd_key order by prd_start_dt::date) - 1 as ended
  from raw_products;

-- 'unlike' is null where the price is null: nothing to compare with.
create table sales as
  select *, q * abs(p) as qp, (s <> q * abs(p)) as unlike
  from (select *, sls_sales::int as s, sls_quantity::int as q, sls_price::int as p from raw_sales);

create table lines as
  select sls_ord_num as order_number, sls_prd_key as product_number, sls_cust_id::int as customer_id,
    day8(sls_order_dt) as order_date, day8(sls_ship_dt) as shipping_date, day8(sls_due_dt) as due_date,
    if(s is null or s <= 0 or unlike, qp, s) as sales_amount, q as quantity,
    abs(if(p is null or p = 0, trunc(s / nullif(q, 0))::int, p)) as price
  from sales;

create table dim_customers as
  select row_number() over (order by c.id) as customer_key, c.id as customer_id, c.number as customer_number,
    c.first_name, c.last_name,
    case when trim(l.CNTRY) = 'DE' then 'Germany' when trim(l.CNTRY) in ('US', 'USA') then 'United States'
      when coalesce(trim(l.CNTRY), '') = '' then 'n/a' else trim(l.CNTRY) end as country,
    c.marital_status, if(c.gender = 'n/a', sex(b.GEN), c.gender) as gender,
    if(b.BDATE::date > current_date, null, b.BDATE::date) as birthdate, c.created as create_date
  from customers c
  left join raw_birthdays b on c.number = if(starts_with(b.CID, 'NAS'), b.CID[4:], b.CID)
  left join raw_countries l on c.number = replace(l.CID, '-', '');

create table dim_products as
  select row_number() over (order by v.started, v.number) as product_key, v.id as product_id,
    v.number as product_number, v.name as product_name, v.category_id, k.CAT as category, k.SUBCAT as subcategory,
    k.MAINTENANCE as maintenance, v.cost, v.line as product_line, v.started as start_date
  from versions v left join raw_categories k on k.ID = v.category_id where v.ended is null;

create table fact_sales as
  select l.order_number, p.product_key, c.customer_key, l.order_date, l.shipping_date, l.due_date,
    l.sales_amount, l.quantity, l.price
  from lines l left join dim_products p using (product_number) left join dim_customers c using (customer_id);

create table sales_by_month as
  select date_trunc('month', order_date)::date as month, sum(sales_amount) as sales_amount,
    sum(quantity) as quantity, count(distinct order_number) as orders, count(distinct customer_key) as customers
  from fact_sales where order_date is not null group by all;

create table sales_by_country as
  select coalesce(country, 'n/a') as country, sum(sales_amount) as sales_amount, sum(quantity) as quantity,
    count(distinct order_number) as orders, count(distinct customer_key) as customers
  from fact_sales left join dim_customers using (customer_key) group by all;

create table sales_by_category as
  select coalesce(category, 'n/a') as category, coalesce(subcategory, 'n/a') as subcategory,
    sum(sales_amount) as sales_amount, sum(quantity) as quantity, count(distinct order_number) as orders
  from fact_sales left join dim_products using (product_key) group by all;

create table top_customers as
  select row_number() over (order by sum(sales_amount) desc, customer_key) as rank, customer_key,
    concat_ws(' ', first_name, last_name) as customer_name, country, sum(sales_amount) as sales_amount,
    count(distinct order_number) as orders, max(order_date) as last_order_date
  from fact_sales join dim_customers using (customer_key)
  group by customer_key, first_name, last_name, country
  qualify rank <= 100;
"""

# dataset, expectation, the raw rows it sees, which of them fail it.
EXPECTATIONS = (
    ("silver.sales", "known_origin", "sales", "false"),
    ("silver.sales", "readable_line", "sales", "sls_ord_num is null or sls_prd_key is null"),
    ("silver.sales", "valid_order_date", "sales", "day8(sls_order_dt) is null"),
    ("silver.sales", "sales_as_sent", "sales", "s is null or s <= 0 or coalesce(unlike, false)"),
    ("silver.sales", "price_as_sent", "sales", "p is null or p <= 0"),
    ("silver.crm_customers", "whole_row", "raw_customers", "false"),
    ("silver.crm_customers", "has_customer_id", "raw_customers", "cst_id is null"),
    ("silver.crm_customers", "known_gender", "raw_customers", "sex(cst_gndr) = 'n/a'"),
    (
        "silver.crm_customers",
        "known_marital_status",
        "raw_customers",
        "coalesce(trim(cst_marital_status) not in ('S', 'M'), true)",
    ),
    ("silver.crm_products", "whole_row", "raw_products", "false"),
    ("silver.crm_products", "has_product_id", "raw_products", "prd_id is null"),
    ("silver.crm_products", "known_cost", "raw_products", "prd_cost is null or prd_cost::int <= 0"),
    ("silver.crm_products", "ends_after_start", "raw_products", "prd_end_dt::date < prd_start_dt::date"),
    ("silver.erp_birthdays", "whole_row", "raw_birthdays", "false"),
    ("silver.erp_birthdays", "has_customer_number", "raw_birthdays", "CID is null"),
    ("silver.erp_birthdays", "born_already", "raw_birthdays", "BDATE::date > current_date"),
    ("silver.erp_countries", "whole_row", "raw_countries", "false"),
    ("silver.erp_countries", "has_customer_number", "raw_countries", "CID is null"),
    ("silver.erp_countries", "known_country", "raw_countries", "coalesce(trim(CNTRY), '') = ''"),
    ("silver.erp_categories", "whole_row", "raw_categories", "false"),
    ("silver.erp_categories", "has_category_id", "raw_categories", "ID is null"),
    ("silver.erp_categories", "known_maintenance", "raw_categories", "MAINTENANCE not in ('Yes', 'No')"),
)


def _database(folder, sales):
    db = duckdb.connect()
    for table, path in FILES.items():
        file = sales if sales and table == "raw_sales" else Path(folder) / path
        db.execute(
            f"create table {table} as select * from read_csv(?, header = true, all_varchar = true, nullstr = '', "
            "delim = ',', quote = '\"', escape = '\"')",
            [str(file)],
        )
    db.execute(TABLES)
    return db


def gold(folder, sales=None):
    """{table: its rows as tuples in the order of COLUMNS, sorted}; `sales` replaces the file of sales lines."""
    db = _database(folder, sales)
    return {
        name: sort_rows(db.execute(f"select {', '.join(columns)} from {name}").fetchall())
        for name, columns in COLUMNS.items()
    }


def expectations(folder, sales=None):
    """{(dataset, expectation): (rows that pass, rows that fail)}; a row that another one drops counts too."""
    db = _database(folder, sales)
    counts = {}
    for dataset, name, source, fails in EXPECTATIONS:
        row = f"select count(*) filter (not ({fails}) or ({fails}) is null), count(*) filter ({fails}) from {source}"
        counts[dataset, name] = db.execute(row).fetchone()
    return counts


def sort_rows(rows):
    """Rows in an order that does not depend on their types; null first."""
    return sorted((tuple(row) for row in rows), key=lambda row: [(v is not None, str(v)) for v in row])


def differences(expected, actual, limit=5):
    """What rows are missing or too many, as text; empty if the two hold the same rows equally often."""
    from collections import Counter

    want, have = Counter(map(tuple, expected)), Counter(map(tuple, actual))
    missing, extra = want - have, have - want
    lines = [f"missing {row}" for row in list(missing)[:limit]] + [f"too many {row}" for row in list(extra)[:limit]]
    if lines:
        lines.insert(0, f"{sum(missing.values())} rows missing, {sum(extra.values())} too many")
    return "\n".join(lines)


if __name__ == "__main__":
    for table, rows in gold(sys.argv[1]).items():
        print(f"{table}: {len(rows)} rows")
    for (dataset, name), (passed, failed) in expectations(sys.argv[1]).items():
        print(f"{dataset}.{name}: {passed} pass, {failed} fail")

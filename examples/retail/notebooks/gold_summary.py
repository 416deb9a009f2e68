# Databricks notebook source
# MAGIC %md
# MAGIC # Gold: summary
# MAGIC The figures of the day as text, made with the DataFrame API.

# COMMAND ----------

from pyspark.sql import functions as F

fact = spark.table("main.gold.fact_sales")
customers = spark.table("main.gold.dim_customers").select("customer_key", "country")

# COMMAND ----------

totals = fact.groupBy().agg(
    F.sum("sales_amount").alias("sales_amount"),
    F.count("order_number").alias("order_lines"),
    F.countDistinct("order_number").alias("orders"),
).toPandas()
print(totals.to_string(index=False))

# COMMAND ----------

by_country = (
    fact.join(customers, on="customer_key", how="left")
    .groupBy("country")
    .agg(F.sum("sales_amount").alias("sales_amount"), F.countDistinct("order_number").alias("orders"))
    .orderBy(F.col("sales_amount").desc())
    .toPandas()
)
print(by_country.to_string(index=False))

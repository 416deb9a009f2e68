-- Databricks notebook source
CREATE TABLE IF NOT EXISTS main.notes.marks (mark STRING)

-- COMMAND ----------

INSERT INTO main.notes.marks VALUES (:mark)

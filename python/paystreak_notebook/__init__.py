"""The notebook runner: cells of a Databricks notebook, with spark and dbutils, in this process."""

"""A plain Python file as a task: it makes its session itself and takes its parameters from the command line."""

import os
import sys

from pyspark.sql import SparkSession

if __name__ == "__main__":
    spark = SparkSession.builder.getOrCreate()
    mark = " ".join([os.path.basename(__file__), *sys.argv[1:]])
    spark.sql("INSERT INTO main.notes.marks VALUES (:mark)", args={"mark": mark})

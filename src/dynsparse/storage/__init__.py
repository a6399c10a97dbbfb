"""Files that are whole or not there, tables in Parquet and the seals of both."""

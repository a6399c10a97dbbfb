"""One function per published table, from Parquet alone."""

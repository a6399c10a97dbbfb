"""One function per published figure, from Parquet alone."""

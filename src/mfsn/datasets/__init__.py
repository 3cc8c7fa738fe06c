"""The pipeline's results for Python: tables, features with named dimensions, torch datasets."""

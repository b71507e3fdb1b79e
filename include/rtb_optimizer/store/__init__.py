"""What is remembered: the catalog in PostgreSQL, the objects in S3."""

"""The table in the formats that ad platforms read: one module a platform, each pure, bytes from a keyed table."""

"""Where the counting over the logs runs."""

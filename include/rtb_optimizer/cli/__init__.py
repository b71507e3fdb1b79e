"""The command line: `python -m rtb_optimizer`."""

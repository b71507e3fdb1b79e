"""`python -m rtb_optimizer`."""

from rtb_optimizer.cli.app import main

if __name__ == "__main__":
    main()

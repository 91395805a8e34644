"""The notebooks with another machine's arithmetic: `make arithmetic`."""

"""The laboratory: a network that answers while the reader drags its data."""

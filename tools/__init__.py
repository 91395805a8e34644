"""What make runs and nobody imports."""

"""How does the outcome depend on the numbers? Many parameter points, many runs of each, kept block by block."""

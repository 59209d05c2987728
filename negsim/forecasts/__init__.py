"""What comes next, and how good was it? Futures drawn from a posterior, simpler forecasters, scores, registration."""

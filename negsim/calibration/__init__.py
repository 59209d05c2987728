"""What do events say about the numbers? Priors, samplers, posteriors and the likelihood of a chronology."""

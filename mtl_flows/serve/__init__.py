"""The pages over a living store: a server that reads, and answers browsers and scripts."""

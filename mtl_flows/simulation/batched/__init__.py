"""One process evaluates a potential for many simulations at once; each simulation runs in a process of its own.

Simulations differ in material, size, temperature and age, and run by the same code as one that runs alone: only its
energies and forces come from elsewhere. Whoever asks while an evaluation is under way is in the next one, so that what
ends makes room at once.
"""

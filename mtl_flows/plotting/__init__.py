"""Figures: for each a function that gathers its data from documents or a store, and one that draws them."""

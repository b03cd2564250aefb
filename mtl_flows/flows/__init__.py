"""Flow Makers: a screening, the dynamics of a material, a round of a campaign."""

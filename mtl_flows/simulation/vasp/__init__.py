"""VASP through atomate2 Makers: inputs, runs under custodian, and what they leave."""

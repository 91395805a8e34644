"""Averages of functions of Gaussian variables.

- `closed_forms`: activations whose averages are known, and how they are recognised.
- `averages`: quadrature for all others.
- `kinks`: where an activation has kinks, at which quadrature has to stop.
- `hermite`: coefficients in Hermite polynomials.
"""

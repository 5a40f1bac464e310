"""Inspections: checklists, random draws, visits on the spot and from afar, joint inspections."""

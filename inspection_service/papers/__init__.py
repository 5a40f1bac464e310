"""What a party brings to its case: statements, proof of mending and of payment; evidence once an officer of the case accepts it."""

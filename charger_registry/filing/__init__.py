"""The filing (备案) of sites: from the operator's draft to the accepted file, and what is owed on it afterwards."""

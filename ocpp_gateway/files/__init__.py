"""Files of stations and for stations: diagnostics and logs as evidence, firmware."""

"""Files over FTP, for stations that know nothing else."""

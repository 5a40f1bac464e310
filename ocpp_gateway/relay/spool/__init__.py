"""What the relay has passed on, on local disk until it is in the database: a queue in files between two processes.

One process, a gateway worker, appends records at one end and makes them durable in groups; another reads at the other end and
removes what is stored. A place is the number of bytes written before it since the spool began; each file is named by the place
at which it begins. The folder's lock is held by whoever writes, so that it is known what was left behind.
"""

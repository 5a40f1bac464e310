"""What makes a running suite of the services: the only place that imports them all."""

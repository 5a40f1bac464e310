"""Publishing: what is filed and what stations say become what is published."""

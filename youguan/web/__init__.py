"""What every service's pages and APIs share."""

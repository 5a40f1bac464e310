"""What filings need and how long things may take, each from a day on."""

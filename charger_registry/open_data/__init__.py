"""What is given away: OCPI, CSV, Excel, GeoJSON and the public API, all made from one projection of what is filed and said."""

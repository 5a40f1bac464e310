"""The divisions of a county: their codes and names (区划代码), and the boundaries that points are held against."""

"""Who builds, who owns, who manages, who maintains every site; people; imports; the public map."""

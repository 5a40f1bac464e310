"""Whether a site operates, by its files: one answer for its file as others are told it, the public picture and who is silent."""

# The last file of each site that counts or has lapsed, newest first; one that is decided takes the place of those before it.
COUNTING = "('accepted', 'in_operation', 'suspended', 'lapsed')"
# Of such a file `f`: why its site does not operate; NULL: it does. One that lapsed leaves its site as it was, begun or not.
STANDING = """CASE WHEN f.state = 'suspended' THEN 'suspended'
    WHEN f.state = 'accepted' OR f.state = 'lapsed' AND f.started_on IS NULL THEN 'not_begun' END"""


def standing_of(site: str) -> str:
    """Return the expression for why a site (an expression for its id) does not operate; NULL: it does, as one without a file."""
    return f"""(
    SELECT {STANDING} FROM registry.filing f WHERE f.site_id = {site} AND f.state IN {COUNTING}
    ORDER BY f.decided_at DESC LIMIT 1
)"""

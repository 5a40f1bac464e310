"""Sites that may have been filed twice: proposed by what they have in common, merged or told apart by somebody, never silently."""

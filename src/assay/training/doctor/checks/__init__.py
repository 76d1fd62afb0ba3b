"""One module a check. Enters: a Patient. Leaves: findings."""

"""Users, organizations, memberships and invitations: who may act for whom."""

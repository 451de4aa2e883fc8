"""Opening by two officers: who has to approve before the key store releases a key."""

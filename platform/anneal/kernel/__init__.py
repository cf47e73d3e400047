"""What every app stands on: scopes, errors, ids, clock, outbox, events, storage, audit."""

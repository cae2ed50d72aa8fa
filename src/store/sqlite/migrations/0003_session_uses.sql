-- When sessions were last used, apart from the sessions themselves: every session in use is written once a minute, and a session is
-- large and lies anywhere in its table. Without a row, sso_sessions.seen_at counts.
CREATE TABLE sso_uses (
    hash    BLOB PRIMARY KEY NOT NULL REFERENCES sso_sessions (hash) ON DELETE CASCADE,
    seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

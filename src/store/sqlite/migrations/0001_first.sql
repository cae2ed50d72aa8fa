-- Times are milliseconds since 1970-01-01 UTC. Sealed values come last in a row: what stands before them is read without their pages.

CREATE TABLE grants (
    id                TEXT PRIMARY KEY NOT NULL,
    client_id         TEXT NOT NULL,
    segment           TEXT NOT NULL,
    tenant_id         TEXT NOT NULL,
    object_id         TEXT NOT NULL,
    scope             TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('healthy', 'waiting', 'needs_reauth')),
    reason            TEXT,
    problem           TEXT,
    version           INTEGER NOT NULL,
    connected_at      INTEGER NOT NULL,
    last_refresh_at   INTEGER,
    client_changed_at INTEGER,
    refresh           BLOB NOT NULL,
    previous          BLOB
) STRICT;

CREATE TABLE access_tokens (
    grant_id    TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    audience    TEXT NOT NULL CHECK (audience IN ('outlook', 'graph')),
    obtained_at INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    scope       TEXT NOT NULL,
    sealed      BLOB NOT NULL,
    PRIMARY KEY (grant_id, audience)
) STRICT;

-- The key is the address in lower case.
CREATE TABLE mailboxes (
    key          TEXT PRIMARY KEY NOT NULL,
    address      TEXT NOT NULL,
    signed_in_as TEXT NOT NULL,
    shared       INTEGER NOT NULL,
    grant_id     TEXT UNIQUE REFERENCES grants (id) ON DELETE SET NULL,
    connected_at INTEGER NOT NULL
) STRICT;

CREATE TABLE directories (
    tenant_id    TEXT PRIMARY KEY NOT NULL,
    connected_by TEXT NOT NULL,
    grant_id     TEXT UNIQUE REFERENCES grants (id) ON DELETE SET NULL,
    connected_at INTEGER NOT NULL,
    last_sync_at INTEGER
) STRICT;

CREATE TABLE tickets (
    hash       BLOB PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('mailbox', 'directory')),
    wishes     TEXT NOT NULL,
    made_by    TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE flows (
    state      BLOB PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('mailbox', 'directory')),
    browser    BLOB NOT NULL,
    ticket     BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL
) STRICT;

CREATE INDEX flows_by_ticket ON flows (ticket);
CREATE INDEX flows_by_end ON flows (expires_at);

-- Numbers are never given twice, so that a page of the log cannot repeat a line.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    origin  TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail  TEXT NOT NULL
) STRICT;

-- A lease that was given back has no holder; its row stays, so that its token only grows.
CREATE TABLE leases (
    name       TEXT PRIMARY KEY NOT NULL,
    holder     TEXT,
    token      INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

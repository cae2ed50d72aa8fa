-- Single sign-on. Times and sealed values as in 0001.

CREATE TABLE sso_switches (
    kind    TEXT PRIMARY KEY NOT NULL CHECK (kind IN ('user', 'customer')),
    enabled INTEGER NOT NULL
) STRICT;

-- Client records. The generation grows when a sign-in that began before must not end with the record as it is now.
CREATE TABLE sso_connections (
    id          TEXT PRIMARY KEY NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('user', 'customer')),
    enabled     INTEGER NOT NULL,
    version     INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    tried_at    INTEGER,
    problem     TEXT,
    details     TEXT NOT NULL,
    secret      BLOB NOT NULL,
    secret_next BLOB
) STRICT;

-- The key is the canonical address in lower case; unique over both kinds. Several people may have none.
CREATE TABLE people (
    id         TEXT PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('user', 'customer')),
    email_key  TEXT UNIQUE,
    email      TEXT,
    name       TEXT,
    is_admin   INTEGER NOT NULL,
    created_by TEXT NOT NULL CHECK (created_by IN ('sso', 'directory', 'admin')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE identities (
    issuer    TEXT NOT NULL,
    subject   TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_by_person ON identities (person_id);

-- Entra's own key of a person: one account has several subjects (one for each app registration) and is one person.
CREATE TABLE entra_accounts (
    tenant_id TEXT NOT NULL,
    object_id TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (tenant_id, object_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX entra_accounts_by_person ON entra_accounts (person_id);

CREATE TABLE conflicts (
    id            TEXT PRIMARY KEY NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'denied')),
    person_id     TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL,
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    tenant_id     TEXT,
    object_id     TEXT,
    email         TEXT NOT NULL,
    name          TEXT,
    reason        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (issuer, subject, person_id)
) STRICT;

CREATE TABLE sso_flows (
    state      BLOB PRIMARY KEY NOT NULL,
    browser    BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    sealed     BLOB NOT NULL
) STRICT;

CREATE INDEX sso_flows_by_end ON sso_flows (expires_at);
CREATE INDEX sso_flows_by_browser ON sso_flows (browser, expires_at);

CREATE TABLE sso_sessions (
    hash          BLOB PRIMARY KEY NOT NULL,
    person_id     TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    connection_id TEXT NOT NULL,
    kind          TEXT NOT NULL CHECK (kind IN ('user', 'customer')),
    issuer        TEXT NOT NULL,
    subject       TEXT NOT NULL,
    sid           TEXT,
    apps          INTEGER NOT NULL,
    is_admin      INTEGER NOT NULL,
    groups        TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    seen_at       INTEGER NOT NULL,
    hints         BLOB
) STRICT;

CREATE INDEX sso_sessions_by_person ON sso_sessions (person_id);
CREATE INDEX sso_sessions_by_sid ON sso_sessions (sid) WHERE sid IS NOT NULL;

-- Logout tokens that were taken once: each counts once.
CREATE TABLE sso_logout_tokens (
    hash       BLOB PRIMARY KEY NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One-time links to the administration pages, and the sessions that they open.
CREATE TABLE admin_passes (
    hash       BLOB PRIMARY KEY NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('link', 'session')),
    made_by    TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

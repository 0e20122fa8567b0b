-- Times are whole milliseconds since 1970, UTC. STRICT: a column holds what it says.

CREATE TABLE calls (
    id          INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    direction   TEXT    NOT NULL,             -- incoming, outgoing, internal
    party       TEXT    NOT NULL,             -- known, withheld, extension, unreadable
    raw         TEXT    NOT NULL,             -- what stands behind that kind; empty when withheld
    number      TEXT,                         -- E.164 of a known party
    name        TEXT    NOT NULL,
    extension   TEXT,
    answered_at INTEGER,
    answered_by TEXT,                         -- an extension
    ended_at    INTEGER,
    outcome     TEXT,                         -- null while the call runs
    reason      TEXT,
    during      INTEGER,
    short       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX calls_by_time ON calls (at, id);
CREATE INDEX calls_by_number ON calls (number, at, id);
CREATE INDEX calls_running ON calls (id) WHERE outcome IS NULL;

-- The line itself was down.
CREATE TABLE outages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    from_at INTEGER NOT NULL,
    to_at   INTEGER NOT NULL,
    what    TEXT    NOT NULL,
    UNIQUE (from_at, what)
) STRICT;

CREATE TABLE people (
    code       TEXT PRIMARY KEY,
    password   TEXT    NOT NULL,              -- PHC string (argon2id)
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Only the SHA-256 of what the browser or the program holds.
CREATE TABLE sessions (
    hash       BLOB PRIMARY KEY,
    person     TEXT    NOT NULL REFERENCES people (code) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person, created_at);

CREATE TABLE tokens (
    hash       BLOB PRIMARY KEY,
    person     TEXT    NOT NULL REFERENCES people (code) ON DELETE CASCADE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_person ON tokens (person, created_at);

-- alive: when the process last wrote; last_call: the greatest call id ever given.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

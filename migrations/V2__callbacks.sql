-- The ledger. `data` is the whole entry as JSON; the columns are what is looked for.
CREATE TABLE callbacks (
    id        INTEGER PRIMARY KEY,
    version   INTEGER NOT NULL,
    number    TEXT,                           -- E.164 of a known party
    is_open   INTEGER NOT NULL,
    closed_at INTEGER,
    data      TEXT    NOT NULL
) STRICT;
CREATE INDEX callbacks_by_number ON callbacks (number);
CREATE INDEX callbacks_by_state ON callbacks (is_open, closed_at);

ALTER TABLE calls ADD COLUMN callback INTEGER;
